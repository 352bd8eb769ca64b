package appprotectdb_test

import (
	"math"
	"testing"
	"time"

	"ringfence/internal/appprotect"
	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

func TestStates(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		r := opened(t, s, 1, "ada")
		wantState(t, s, appprotect.State{ID: r.ID})
		silent := state(r, 1) // judged before it was ever heard of
		silent.Number, silent.Report, silent.ReportDigest, silent.HeardAt = 0, nil, appprotect.Digest{}, time.Time{}
		silent.Verdict.Findings, silent.Verdict.ChangesAt, silent.Verdict.EvidenceAt = nil, time.Time{}, time.Time{}
		saved(t, s, silent, entry("one"))
		wantState(t, s, silent)
		saved(t, s, state(r, 2), entry("two"), entry("three"))
		saved(t, s, state(r, 3))
		wantState(t, s, state(r, 3))
		before := dump(t, db)
		for _, version := range []uint64{0, 1, 2, 3, 5, math.MaxUint64} {
			if stored, err := s.SaveState(t.Context(), state(r, version), entry("no")); err != nil || stored {
				t.Errorf("version %d after 3: %v, %v", version, stored, err)
			}
		}
		late := state(next(r), 4)
		_, err := s.SaveState(t.Context(), late, entry("no"))
		wants(t, "an epoch to come", err, appprotect.ErrEnded)
		unchanged(t, "what was refused", db, before)

		second := next(r)
		ok(t, s.Open(t.Context(), opening(t, s, second, true)))
		_, err = s.SaveState(t.Context(), state(r, 4), entry("no"))
		wants(t, "the epoch before", err, appprotect.ErrEnded)
		wantState(t, s, appprotect.State{ID: r.ID})
		saved(t, s, state(second, 1))
		wantState(t, s, state(second, 1))
		same(t, "record", []string{
			"open registration-0001.1.1", "one", "two", "three", "displaced by registration-0001.2.2", "open registration-0001.2.2",
		}, recorded(t, db))
	})
}

// TestStateRefused: what could not be read back is not stored.
func TestStateRefused(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, db *sqldb.DB) {
		r := opened(t, s, 1, "ada")
		before := dump(t, db)
		for what, change := range map[string]func(*appprotect.State){
			"no verdict":      func(st *appprotect.State) { st.Verdict = apprules.Verdict{} },
			"no such verdict": func(st *appprotect.State) { st.Verdict.Standing = 5 },
			"no such action":  func(st *appprotect.State) { st.Verdict.Findings[0].Action = 4 },
			"no such lock":    func(st *appprotect.State) { st.Report.Lock = 99 },
			"no such patch":   func(st *appprotect.State) { st.Report.Patch = "yesterday" },
			"many changes":    func(st *appprotect.State) { st.Report.UnsyncedChanges = apprules.MaxUnsynced + 1 },
			"a great number":  func(st *appprotect.State) { st.Number = math.MaxInt64 + 1 },
			"a long verdict":  func(st *appprotect.State) { st.Verdict.Findings[0].Actual = string(make([]byte, 1<<20)) },
		} {
			st := state(r, 1)
			change(&st)
			_, err := s.SaveState(t.Context(), st, entry("no"))
			wantKind(t, what, err)
		}
		unchanged(t, "what was refused", db, before)
	})
}

func TestDue(t *testing.T) {
	each(t, func(t *testing.T, s *appprotectdb.Store, _ *sqldb.DB) {
		now, want := t0.Add(time.Hour), []device.ID{}
		for n, tt := range []struct {
			due    bool
			change func(*appprotect.State)
		}{
			{true, func(st *appprotect.State) { st.Verdict.ChangesAt = now.Add(-time.Microsecond) }},
			{true, func(st *appprotect.State) { st.Verdict.ChangesAt = now }},
			{false, func(st *appprotect.State) { st.Verdict.ChangesAt = now.Add(time.Microsecond) }},
			{false, func(st *appprotect.State) { st.Verdict.ChangesAt = time.Time{} }},
			{true, func(st *appprotect.State) { st.Verdict.ChangesAt, st.Generation = time.Time{}, 6 }},
			{true, func(st *appprotect.State) {
				st.Verdict.ChangesAt, st.Verdict.Standing = time.Time{}, apprules.StandingWipe
			}},
			{false, nil}, // never judged
			{false, func(st *appprotect.State) { st.Verdict.ChangesAt = now }}, // and over
		} {
			r := opened(t, s, n, "ada")
			if tt.change != nil {
				st := state(r, 1)
				tt.change(&st)
				saved(t, s, st)
			}
			if n == 7 {
				ok(t, s.Finish(t.Context(), finished(r, signedOut()), entry("")))
			}
			if tt.due {
				want = append(want, r.ID)
			}
		}
		got := []device.ID{}
		for due := (appprotect.Due{Now: now, Generation: 7, Limit: 3}); ; due.After = got[len(got)-1] {
			page, err := s.Due(t.Context(), due)
			ok(t, err)
			got = append(got, page...)
			if len(page) < due.Limit {
				break
			}
		}
		same(t, "due", want, got)
	})
}
