package compliancedb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/compliance"
	"ringfence/internal/compliance/compliancedb"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

func TestErase(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, db *sqldb.DB) {
		ctx := t.Context()
		ids := []device.ID{"phone-0001", "phone-0001", "phone-0001", "phone-0002"}
		for i, id := range ids {
			c := certificate(fmt.Sprintf("%da", i+1), id, device.Epoch(i+1), 1)
			c.Subject = "CN=maria@example.com"
			ok(t, s.Record(ctx, c, entry("")))
		}
		_, err := s.Revoke(ctx, "1a", compliance.Revocation{At: t0, Reason: "Maria lost it"}, entry(""))
		ok(t, err)
		r := compliance.Revocation{At: t0.Add(time.Hour), Code: compliance.CodeCessationOfOperation, Reason: "Maria left"}
		ok(t, s.EndEpoch(ctx, "phone-0001", 2, r, entry("ended")))
		ok(t, s.EndEpoch(ctx, "phone-0002", 4, r, entry("ended")))
		save(t, s, state("phone-0001", 2, 0, t0)) // came in behind the end
		wantKind(t, s.Erase(ctx, "phone-0001", 3, entry("too early")), fault.Conflict)
		wantKind(t, s.Erase(ctx, "phone-0009", 1, entry("nobody")), fault.Conflict)
		list, err := s.Revoked(ctx, t0)
		ok(t, err)
		for range 2 {
			ok(t, s.Erase(ctx, "phone-0001", 2, entry("erased")))
		}

		wantState(t, s, compliance.State{Device: "phone-0001"})
		for i, gone := range []bool{true, true, false, false} {
			got, err := s.Certificate(ctx, fmt.Sprintf("%da", i+1))
			ok(t, err)
			want := certificate(got.Serial, ids[i], device.Epoch(i+1), 1)
			want.Subject, want.Revocation = "CN=maria@example.com", got.Revocation
			if i != 2 {
				want.Group = ""
			}
			if gone {
				want.Subject, want.Chain, want.Profile = "", nil, [32]byte{}
			}
			if diff := cmp.Diff(want, got, ignoreSequence); diff != "" {
				t.Errorf("certificate %d (-want +got):\n%s", i+1, diff)
			}
			if got.Revocation != nil && (got.Revocation.Reason == "") != gone {
				t.Errorf("certificate %d was revoked because %q", i+1, got.Revocation.Reason)
			}
		}
		if after, err := s.Revoked(ctx, t0); err != nil || cmp.Diff(list, after) != "" {
			t.Errorf("the revocation list is another, %v (-want +got):\n%s", err, cmp.Diff(list, after))
		}
		if n := strings.Count(strings.Join(recorded(t, db), " "), "erased"); n != 1 {
			t.Errorf("%d entries explain it", n)
		}
		if page, err := s.Issued(ctx, compliance.CertificateQuery{Limit: 9}); err != nil || len(page) != 4 {
			t.Errorf("listed: %d, %v", len(page), err)
		}
	})
}

// TestEraseNothing: a device that never had anything, and whose end is known.
func TestEraseNothing(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, db *sqldb.DB) {
		ok(t, s.EndEpoch(t.Context(), "phone-0001", 1, compliance.Revocation{At: t0}, entry("ended")))
		ok(t, s.Erase(t.Context(), "phone-0001", 1, entry("erased")))
		if diff := cmp.Diff([]string{"ended"}, recorded(t, db)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestDueOfEndedEpochs: a report that came in behind the end is due at once.
func TestDueOfEndedEpochs(t *testing.T) {
	each(t, func(t *testing.T, s *compliancedb.Store, _ *sqldb.DB) {
		for i := range 3 {
			id := device.ID(fmt.Sprintf("phone-000%d", i))
			ok(t, s.EndEpoch(t.Context(), id, device.Epoch(i), compliance.Revocation{At: t0}, entry("")))
			st := state(id, 1, 0, t0)
			st.RetireAt, st.Verdict.ChangesAt = time.Time{}, time.Time{}
			save(t, s, st)
		}
		got, err := s.Due(t.Context(), compliance.Due{Until: t0, Generation: 1, Limit: 10})
		if diff := cmp.Diff([]device.ID{"phone-0001", "phone-0002"}, got); diff != "" || err != nil {
			t.Errorf("due, %v (-want +got):\n%s", err, diff)
		}
	})
}
