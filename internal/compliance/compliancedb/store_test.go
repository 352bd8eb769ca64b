package compliancedb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/compliance"
	"ringfence/internal/compliance/compliancedb"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 7000, time.UTC)

// each runs a test against a store on every dialect.
func each(t *testing.T, run func(t *testing.T, s *compliancedb.Store, db *sqldb.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) { run(t, compliancedb.New(db), db) })
}

func entry(detail string) audit.Entry { return audit.Server("compliance.test", "test/1", detail) }

// recorded gives the details of the record, in order.
func recorded(t *testing.T, db *sqldb.DB) []string {
	t.Helper()
	var details []string
	if err := db.Read(t.Context()).Raw("SELECT detail FROM audit_entries ORDER BY sequence").Scan(&details).Error; err != nil {
		t.Fatal(err)
	}
	return details
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Errorf("got error %v, want a fault of kind %v", err, kind)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fullSpec() compliance.Spec {
	return compliance.Spec{
		Description: `'; DROP TABLE compliance_policies; -- ? "\ é ` + "\n\x00",
		Pins: []compliance.PinRule{{
			Scope: compliance.PinWorkProfile, Quality: 4, Complexity: 2, MinimumLength: 6, HistoryLength: 3,
			ExpiresAfterDays: 90, FailuresBeforeRemoval: 10, InactivityLockSeconds: 60,
		}},
		TrustedRoots: []compliance.TrustedRoot{{Name: "corp", CertificatePEM: "pem"}},
		Certificates: []compliance.CertificateProfile{{
			Alias: "wifi", CommonName: "{{user}}", Organization: "o", SANDNSNames: []string{"a"}, SANEmailAddresses: []string{"b"},
			SANURIs: []string{"c"}, KeyType: 1, ValidityDays: 90, ExtendedKeyUsages: []compliance.ExtendedKeyUsage{1, 3}, RenewalThresholdPercent: 30,
		}},
		VPNs: []compliance.VPNRule{{
			Name: "corp", ProviderPackage: "com.example.vpn", Servers: []compliance.VPNServer{{Address: "one", Description: "d"}, {Address: "two"}},
			CertificateAlias: "wifi", AlwaysOn: true, Lockdown: true, AllowedPackages: []string{"a.a"}, DeniedPackages: []string{"b.b"},
			ProviderSettings: map[string]string{"k": "v"},
		}},
		Assignments: []compliance.Assignment{{Kind: compliance.TargetAll}, {Kind: compliance.TargetUser, Name: "bob", Exclude: true}},
	}
}

func policy(name string, revision uint64) compliance.Policy {
	return compliance.Policy{
		Name: name, Revision: revision, Spec: fullSpec(), CreatedAt: t0, RevisedAt: t0.Add(time.Duration(revision) * time.Hour), RevisedBy: "admin:ann",
	}
}

func TestPolicies(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, db *sqldb.DB) {
		ctx := t.Context()
		generation := func(want uint64) {
			t.Helper()
			if got, err := s.Marks(ctx); err != nil || got.Generation != want {
				t.Errorf("marks = %+v, %v, want generation %d", got, err, want)
			}
		}
		_, _, err := s.Policy(ctx, "a", 0)
		wantKind(t, err, fault.NotFound)
		generation(0)
		ok(t, s.Add(ctx, policy("b", 1), entry("b1")))
		ok(t, s.Add(ctx, policy("a", 1), entry("a1")))
		ok(t, s.Add(ctx, policy("a", 2), entry("a2")))
		generation(3)
		for _, moved := range []uint64{1, 2, 4} {
			if err := s.Add(ctx, policy("a", moved), entry("moved")); !errors.Is(err, compliance.ErrRevisionMoved) {
				t.Errorf("revision %d after 2: %v", moved, err)
			}
		}
		live, g, err := s.Live(ctx)
		if diff := cmp.Diff([]compliance.Policy{policy("a", 2), policy("b", 1)}, live); diff != "" || err != nil || g != 3 {
			t.Errorf("live at %d, %v (-want +got):\n%s", g, err, diff)
		}
		old, deleted, err := s.Policy(ctx, "a", 1)
		if diff := cmp.Diff(policy("a", 1), old); diff != "" || deleted || err != nil {
			t.Errorf("old revision, deleted %v, %v (-want +got):\n%s", deleted, err, diff)
		}
		if err := s.Delete(ctx, "a", 1, entry("moved")); !errors.Is(err, compliance.ErrRevisionMoved) {
			t.Errorf("delete of an old revision: %v", err)
		}
		ok(t, s.Delete(ctx, "a", 2, entry("a deleted")))
		if err := s.Delete(ctx, "a", 2, entry("moved")); !errors.Is(err, compliance.ErrRevisionMoved) {
			t.Errorf("delete again: %v", err)
		}
		if _, deleted, err := s.Policy(ctx, "a", 0); err != nil || !deleted {
			t.Errorf("latest of a deleted policy: deleted %v, %v", deleted, err)
		}
		page, err := s.LivePage(ctx, "", 10)
		if err != nil || len(page) != 1 || page[0].Name != "b" {
			t.Errorf("live after delete = %+v, %v", page, err)
		}
		ok(t, s.Add(ctx, policy("a", 3), entry("a3")))
		generation(5)
		if diff := cmp.Diff([]string{"b1", "a1", "a2", "a deleted", "a3"}, recorded(t, db)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

func TestPolicyPages(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		want := []string{"a", "a-1", "a1", "b", "b-x"}
		for _, i := range []int{3, 0, 4, 2, 1} {
			ok(t, s.Add(t.Context(), policy(want[i], 1), entry("")))
		}
		var got []string
		for after := ""; ; {
			page, err := s.LivePage(t.Context(), after, 2)
			ok(t, err)
			if len(page) == 0 {
				break
			}
			for _, p := range page {
				got = append(got, p.Name)
			}
			after = got[len(got)-1]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
	})
}

// TestRevisionsNeverChange: not even a mistake in the program rewrites one.
func TestRevisionsNeverChange(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, db *sqldb.DB) {
		ok(t, s.Add(t.Context(), policy("a", 1), entry("")))
		for _, text := range []string{
			"UPDATE compliance_policy_revisions SET spec = 'x'", "DELETE FROM compliance_policy_revisions",
		} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(text)
				return err
			})
			if err == nil {
				t.Errorf("%s: no error", text)
			}
		}
	})
}

// TestPolicyRace: of many who make the same next revision one wins.
func TestPolicyRace(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		for revision := uint64(1); revision <= 2; revision++ {
			errs := make([]error, 8)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { errs[i] = s.Add(context.Background(), policy("a", revision), entry("")) })
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else if !errors.Is(err, compliance.ErrRevisionMoved) {
					t.Error(err)
				}
			}
			if won != 1 {
				t.Errorf("revision %d was made %d times", revision, won)
			}
		}
	})
}

func state(id device.ID, epoch device.Epoch, version uint64, at time.Time) compliance.State {
	return compliance.State{
		Device: id, Epoch: epoch, Version: version, Generation: 1, Group: "sales", RetireAt: at.Add(2 * time.Hour),
		Report: compliance.Report{
			ObservedAt: at,
			Posture: compliance.Posture{
				OSVersion: "16", SecurityPatchLevel: "2026-02-05",
				Locks:             []compliance.LockState{{Scope: 1, Set: true, Quality: 4, Complexity: 2, Length: 256, ChangedAt: t0}, {Scope: 2}},
				Certificates:      []compliance.InstalledCertificate{{Alias: "wifi", Serial: "1a", NotAfter: t0.AddDate(1, 0, 0)}},
				TrustedRootSHA256: []string{strings.Repeat("a", 64)},
				VPNs:              []compliance.VPNState{{Name: "corp", AlwaysOn: true}},
				WorkApps:          []compliance.WorkApp{{Package: "com.example.mail", Version: "4 é'", UnsyncedChanges: 1<<32 - 1}, {Package: "com.example.notes"}},
			},
			AppliedRevision: strings.Repeat("b", 64),
			Results:         []compliance.SettingResult{{Setting: "pin.device", Status: compliance.Failed, Detail: "no\x00' ?"}},
		},
		Verdict: compliance.Verdict{
			Standing: compliance.NonCompliant, EvaluatedAt: at, EvidenceAt: at, Since: t0, ChangesAt: at.Add(time.Hour),
			Findings: []compliance.Finding{{
				Rule: "r", Expected: "e", Actual: "a", EvidenceAge: time.Minute, Since: t0, Remedy: "m", GraceUntil: at.Add(time.Hour),
			}},
		},
	}
}

// save stores a state made from its version and gives it as it is then.
func save(t *testing.T, s *compliancedb.Store, st compliance.State, entries ...audit.Entry) (compliance.State, bool) {
	t.Helper()
	saved, err := s.Save(t.Context(), compliance.Write{State: st, Entries: entries})
	ok(t, err)
	st.Version++
	return st, saved
}

func wantState(t *testing.T, s *compliancedb.Store, want compliance.State) {
	t.Helper()
	got, _, err := s.State(t.Context(), want.Device)
	ok(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored state (-want +got):\n%s", diff)
	}
}

func TestReports(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, db *sqldb.DB) {
		wantState(t, s, compliance.State{Device: "phone-0001"})
		first, saved := save(t, s, state("phone-0001", 1, 0, t0), entry("one"))
		if !saved {
			t.Fatal("the first report was not stored")
		}
		wantState(t, s, first)
		second, _ := save(t, s, state("phone-0001", 1, 1, t0.Add(time.Second)))
		wantState(t, s, second)
		refused := map[string]compliance.State{
			"of a version that was": state("phone-0001", 1, 1, t0.Add(time.Hour)),
			"of no version":         state("phone-0001", 1, 0, t0.Add(time.Hour)),
			"that is older":         state("phone-0001", 1, 2, t0),
			"of a version to come":  state("phone-0001", 1, 3, t0.Add(time.Hour)),
		}
		for name, st := range refused {
			if _, saved := save(t, s, st, entry("refused")); saved {
				t.Errorf("a report %s was stored", name)
			}
		}
		wantState(t, s, second)
		// The next epoch replaces whatever its clock says; the last never comes back.
		next, saved := save(t, s, state("phone-0001", 2, 2, t0.Add(-time.Hour)))
		if !saved {
			t.Error("the report of the next epoch was not stored")
		}
		wantState(t, s, next)
		if _, saved := save(t, s, state("phone-0001", 1, 3, t0.Add(time.Hour)), entry("refused")); saved {
			t.Error("a report of the last epoch was stored")
		}
		wantState(t, s, next)
		if diff := cmp.Diff([]string{"one"}, recorded(t, db)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

func TestSaveAll(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, db *sqldb.DB) {
		a, _ := save(t, s, state("phone-000a", 1, 0, t0))
		newer := state("phone-000b", 1, 0, t0)
		stale := state("phone-000a", 1, 0, t0.Add(time.Hour))
		saved, err := s.SaveAll(t.Context(), []compliance.Write{
			{State: stale, Entries: []audit.Entry{entry("stale")}}, {State: newer, Entries: []audit.Entry{entry("x"), entry("y")}},
		})
		if diff := cmp.Diff([]bool{false, true}, saved); diff != "" || err != nil {
			t.Errorf("saved, %v (-want +got):\n%s", err, diff)
		}
		wantState(t, s, a)
		newer.Version = 1
		wantState(t, s, newer)
		if diff := cmp.Diff([]string{"x", "y"}, recorded(t, db)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestNewestReportStays: many writers of one device, each trying until its
// report is stored or is the older one.
func TestNewestReportStays(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		const writers = 12
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				at := t0.Add(time.Duration(i) * time.Second)
				for {
					old, _, err := s.State(context.Background(), "phone-0001")
					if err != nil {
						t.Error(err)
						return
					}
					if old.Version > 0 && at.Before(old.Report.ObservedAt) {
						return
					}
					saved, err := s.Save(context.Background(), compliance.Write{State: state("phone-0001", 1, old.Version, at)})
					if err != nil {
						t.Error(err)
					}
					if err != nil || saved {
						return
					}
				}
			})
		}
		wg.Wait()
		got, _, err := s.State(t.Context(), "phone-0001")
		ok(t, err)
		if want := t0.Add((writers - 1) * time.Second); !got.Report.ObservedAt.Equal(want) {
			t.Errorf("stored look = %v, want %v", got.Report.ObservedAt, want)
		}
	})
}

func TestDue(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		for i, change := range []func(*compliance.State){
			func(st *compliance.State) { st.Verdict.ChangesAt = t0 },
			func(st *compliance.State) { st.Verdict.ChangesAt = t0.Add(time.Microsecond) },
			func(st *compliance.State) { st.Verdict.ChangesAt = time.Time{} },
			func(st *compliance.State) { st.Verdict.ChangesAt, st.Generation = time.Time{}, 0 },
			func(st *compliance.State) { st.RetireAt = t0.Add(time.Microsecond) },
			func(st *compliance.State) { st.RetireAt = t0 },
		} {
			st := state(device.ID(fmt.Sprintf("phone-%04d", i)), 1, 0, t0)
			st.RetireAt = time.Time{}
			change(&st)
			save(t, s, st)
		}
		all, err := s.Due(t.Context(), compliance.Due{Until: t0, Generation: 1, Limit: 10})
		if diff := cmp.Diff([]device.ID{"phone-0000", "phone-0003", "phone-0005"}, all); diff != "" || err != nil {
			t.Errorf("due, %v (-want +got):\n%s", err, diff)
		}
		rest, err := s.Due(t.Context(), compliance.Due{Until: t0, Generation: 1, After: "phone-0000", Limit: 1})
		if diff := cmp.Diff([]device.ID{"phone-0003"}, rest); diff != "" || err != nil {
			t.Errorf("due after the first, %v (-want +got):\n%s", err, diff)
		}
	})
}

func TestForget(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		st, _ := save(t, s, state("phone-0001", 2, 0, t0))
		ok(t, s.Forget(t.Context(), "phone-0001", 1))
		wantState(t, s, st)
		ok(t, s.Forget(t.Context(), "phone-0001", 2))
		wantState(t, s, compliance.State{Device: "phone-0001"})
	})
}

// TestAnotherServerSeesAChange: what one server writes, the next look of
// another sees.
func TestAnotherServerSeesAChange(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		ctx, here, there := t.Context(), compliancedb.New(a), compliancedb.New(b)
		ok(t, here.Add(ctx, policy("a", 1), entry("")))
		if _, m, err := there.State(ctx, "phone-0001"); err != nil || m.Generation != 1 {
			t.Errorf("marks there = %+v, %v", m, err)
		}
		st, _ := save(t, here, state("phone-0001", 1, 0, t0))
		wantState(t, there, st)
		if _, saved := save(t, there, state("phone-0001", 1, 0, t0.Add(time.Hour))); saved {
			t.Error("the other server stored a state made from none")
		}
		if _, saved := save(t, there, state("phone-0001", 1, 1, t0.Add(time.Hour))); !saved {
			t.Error("the other server could not store the next state")
		}
	})
}

// TestServersAgree: two servers on one database. Neither trusts what it
// remembers, so that what one changes holds at the other at once.
func TestServersAgree(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		now := t0
		server := func(db *sqldb.DB) *compliance.Service {
			s := compliancedb.New(db)
			return compliance.New(compliance.Config{
				Policies: s, Reports: s, Certificates: s, Revocations: s, Bell: deaf{},
				Now: func() time.Time { return now }, Cache: db.Exclusive(),
			})
		}
		here, there := server(a), server(b)
		phone := identity.Caller{Kind: identity.Device, Device: "phone-0001", Epoch: 1, Mode: device.WorkProfile}
		spec := compliance.Spec{
			Pins:        []compliance.PinRule{{Scope: compliance.PinDevice, MinimumLength: 6}},
			Assignments: []compliance.Assignment{{Kind: compliance.TargetAll}},
		}
		revision := ""
		for _, length := range []uint32{6, 8} {
			spec.Pins[0].MinimumLength = length
			_, _, err := here.ApplyPolicy(t.Context(), compliance.Application{Name: "pin", Spec: spec})
			ok(t, err)
			desired, err := there.Desired(t.Context(), phone)
			ok(t, err)
			if desired.Revision == "" || desired.Revision == revision {
				t.Errorf("revision there is still %q", desired.Revision)
			}
			revision = desired.Revision
		}
		report := compliance.Report{ObservedAt: now, AppliedRevision: revision}
		report.Posture.Locks = []compliance.LockState{{Scope: compliance.PinDevice, Set: true, Length: 8}}
		for i, s := range []*compliance.Service{here, there, here} {
			now = t0.Add(time.Duration(i) * time.Minute)
			report.ObservedAt = now
			answer, err := s.CheckIn(t.Context(), phone, report)
			ok(t, err)
			if answer.Verdict.Standing != compliance.Compliant || !answer.Verdict.Since.Equal(t0) {
				t.Errorf("answer %d = %+v", i, answer)
			}
		}
		// Older than what the other server has heard.
		report.ObservedAt, report.Posture.Locks[0].Length = t0.Add(time.Second), 4
		answer, err := there.CheckIn(t.Context(), phone, report)
		ok(t, err)
		if answer.Verdict.Standing != compliance.Compliant || !answer.Verdict.EvidenceAt.Equal(now) {
			t.Errorf("answer to an older report = %+v", answer)
		}
		details := recorded(t, a)
		if diff := cmp.Diff([]string{"revision 1", "revision 2", "unknown to compliant"}, details); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

type deaf struct{}

func (deaf) Ring(device.ID) {}
func (deaf) RingAll()       {}
