package compliancedb_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/compliance"
	"ringfence/internal/compliance/compliancedb"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func wantMarks(t *testing.T, s *compliancedb.Store, want compliance.Marks) {
	t.Helper()
	got, err := s.Marks(t.Context())
	ok(t, err)
	_, seen, err := s.State(t.Context(), "phone-0001")
	ok(t, err)
	if got != want || seen != want {
		t.Errorf("marks = %+v, with a state %+v; want %+v", got, seen, want)
	}
}

func TestRevokeRecalls(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		ctx := t.Context()
		for i, serial := range []string{"1a", "2a", "3a"} {
			ok(t, s.Record(ctx, certificate(serial, "phone-0001", 1, uint64(i+1)), entry("")))
		}
		st, _ := save(t, s, state("phone-0001", 1, 0, t0))
		r := compliance.Revocation{At: t0, Reason: "lost"}
		for _, serial := range []string{"2a", "2a", "1a"} {
			_, err := s.Revoke(ctx, serial, r, entry("revoked"))
			ok(t, err)
		}
		key := certificate("", "phone-0001", 1, 0).Key
		want := []compliance.Recall{{Number: 1, Key: key, Serial: "2a", At: t0}, {Number: 2, Key: key, Serial: "1a", At: t0}}
		for after := range want {
			got, err := s.Recalls(ctx, uint64(after))
			if diff := cmp.Diff(want[after:], got); diff != "" || err != nil {
				t.Errorf("recalls after %d, %v (-want +got):\n%s", after, err, diff)
			}
		}
		wantMarks(t, s, compliance.Marks{Recalls: 2})
		// The newest certificate of the key is good; the key is not.
		if got, err := s.Latest(ctx, key); err != nil || got.Revocation == nil {
			t.Errorf("latest of a recalled key = %+v, %v", got, err)
		}
		due, err := s.Due(ctx, compliance.Due{Until: t0.AddDate(-1, 0, 0), Generation: 1, Limit: 10})
		if diff := cmp.Diff([]device.ID{"phone-0001"}, due); diff != "" || err != nil {
			t.Errorf("due, %v (-want +got):\n%s", err, diff)
		}
		st.Generation = 0
		wantState(t, s, st)
		ok(t, s.EndEpoch(ctx, "phone-0001", 1, r, entry("ended")))
		if got, err := s.Recalls(ctx, 0); err != nil || len(got) != 0 {
			t.Errorf("recalls of an ended epoch = %v, %v", got, err)
		}
		wantMarks(t, s, compliance.Marks{Recalls: 2})
	})
}

// TestRecallsAppearInOrder: whoever has seen a number has seen those before it,
// whatever goes on at the same time.
func TestRecallsAppearInOrder(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		const devices = 20
		for i := range devices {
			id := device.ID(fmt.Sprintf("phone-%04d", i))
			ok(t, s.Record(t.Context(), certificate(fmt.Sprintf("%da", i), id, 1, 1), entry("")))
			save(t, s, state(id, 1, 0, t0))
		}
		stop := make(chan struct{})
		var watching, writing sync.WaitGroup
		watching.Go(func() {
			seen := uint64(0)
			for done := false; !done; {
				select {
				case <-stop:
					done = true
				default:
				}
				more, err := s.Recalls(context.Background(), seen)
				if err != nil {
					t.Error(err)
					return
				}
				for _, r := range more {
					if seen++; r.Number != seen {
						t.Errorf("recall %d appeared where %d was next", r.Number, seen)
						return
					}
				}
			}
			if seen != devices {
				t.Errorf("%d recalls of %d", seen, devices)
			}
		})
		for i := range devices {
			id := device.ID(fmt.Sprintf("phone-%04d", i))
			writing.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = s.Revoke(context.Background(), fmt.Sprintf("%da", i), compliance.Revocation{At: t0}, entry(""))
				} else {
					w := compliance.Write{State: state(id, 1, 1, t0), Retirement: &compliance.Retirement{At: t0, EndOthers: true, Recall: true, Actor: entry("")}}
					_, err = s.SaveAll(context.Background(), []compliance.Write{w})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		writing.Wait()
		close(stop)
		watching.Wait()
	})
}

func TestRetirement(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, db *sqldb.DB) {
		ctx := t.Context()
		record := func(serial, alias string, id device.ID, epoch device.Epoch) {
			t.Helper()
			c := certificate(serial, id, epoch, 1)
			c.Key.Alias, c.Key.SHA256 = alias, sha256.Sum256([]byte(serial))
			ok(t, s.Record(ctx, c, entry("issued")))
		}
		record("1a", "wifi", "phone-0001", 1)
		record("2a", "wifi", "phone-0001", 1)
		record("3a", "mail", "phone-0001", 1)
		record("4a", "mail", "phone-0002", 1)
		record("5a", "mail", "phone-0001", 2)
		write := func(version uint64, at time.Time, r compliance.Retirement) compliance.Write {
			r.At, r.Actor = at, audit.Entry{Actor: "server"}
			return compliance.Write{State: state("phone-0001", 1, version, at), Retirement: &r}
		}
		serials := func() map[string]string {
			t.Helper()
			all, err := s.Issued(ctx, compliance.CertificateQuery{Limit: 10})
			ok(t, err)
			got := map[string]string{}
			for _, c := range all {
				if c.Revocation != nil {
					got[c.Serial] = fmt.Sprintf("%d %s", c.Revocation.Code, c.Revocation.Reason)
				}
			}
			return got
		}
		superseded := write(0, t0, compliance.Retirement{Installed: []compliance.InstalledCertificate{{Alias: "wifi", Serial: "2a"}}})
		saved, err := s.Save(ctx, superseded)
		want := map[string]string{"1a": "4 a newer one is installed"}
		if diff := cmp.Diff(want, serials()); diff != "" || err != nil || !saved {
			t.Errorf("saved %v, %v, revoked (-want +got):\n%s", saved, err, diff)
		}
		// What is not stored ends nothing.
		stale := write(0, t0, compliance.Retirement{EndOthers: true})
		if saved, err := s.SaveAll(ctx, []compliance.Write{stale}); err != nil || saved[0] || !cmp.Equal(want, serials()) {
			t.Errorf("stale: saved %v, %v, revoked %v", saved, err, serials())
		}
		unasked := write(1, t0.Add(time.Second), compliance.Retirement{EndOthers: true, Asked: []string{"wifi"}, Recall: true})
		if saved, err := s.SaveAll(ctx, []compliance.Write{unasked}); err != nil || !saved[0] {
			t.Errorf("saved %v, %v", saved, err)
		}
		want["3a"] = "5 no policy asks for it any longer"
		if diff := cmp.Diff(want, serials()); diff != "" {
			t.Errorf("revoked (-want +got):\n%s", diff)
		}
		// Those that had expired are left alone.
		late := write(2, t0.AddDate(1, 0, 0), compliance.Retirement{EndOthers: true})
		if saved, err := s.Save(ctx, late); err != nil || !saved || !cmp.Equal(want, serials()) {
			t.Errorf("late: saved %v, %v, revoked %v", saved, err, serials())
		}
		recalls, err := s.Recalls(ctx, 0)
		if err != nil || len(recalls) != 1 || recalls[0].Serial != "3a" || recalls[0].Key.Alias != "mail" {
			t.Errorf("recalls = %+v, %v", recalls, err)
		}
		if _, n, err := s.ListInfo(ctx); err != nil || n != 2 {
			t.Errorf("%d revocations, %v", n, err)
		}
		details := recorded(t, db)[5:]
		if diff := cmp.Diff([]string{"wifi: a newer one is installed", "mail: no policy asks for it any longer"}, details); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestRecordIsBounded: whatever is issued at the same time.
func TestRecordIsBounded(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		var wg sync.WaitGroup
		errs := make([]error, 2*compliance.MaxLiveCertificates)
		for i := range errs {
			wg.Go(func() {
				errs[i] = s.Record(context.Background(), certificate(fmt.Sprintf("%da", i), "phone-0001", 1, uint64(i+1)), entry(""))
			})
		}
		wg.Wait()
		recorded := 0
		for _, err := range errs {
			if err == nil {
				recorded++
			} else if !errors.Is(err, compliance.ErrTooManyCertificates) {
				t.Error(err)
			}
		}
		if recorded != compliance.MaxLiveCertificates {
			t.Errorf("%d certificates were recorded", recorded)
		}
		ok(t, s.Record(t.Context(), certificate("ff", "phone-0002", 1, 1), entry("")))
		ok(t, s.Record(t.Context(), certificate("fe", "phone-0001", 2, 1), entry("")))
		later := certificate("fd", "phone-0001", 1, 99)
		later.NotBefore, later.NotAfter = later.NotAfter, later.NotAfter.AddDate(0, 3, 0)
		ok(t, s.Record(t.Context(), later, entry("")))
	})
}

// TestAnotherServerSeesARecall: with the one look it takes for a check-in.
func TestAnotherServerSeesARecall(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		here, there := compliancedb.New(a), compliancedb.New(b)
		ok(t, here.Record(t.Context(), certificate("1a", "phone-0001", 1, 1), entry("")))
		_, err := here.Revoke(t.Context(), "1a", compliance.Revocation{At: t0}, entry(""))
		ok(t, err)
		wantMarks(t, there, compliance.Marks{Recalls: 1})
	})
}
