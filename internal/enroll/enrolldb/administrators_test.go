package enrolldb_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func administrator(n int) enroll.Administrator {
	return enroll.Administrator{
		Serial: issued(n).Serial, Key: issued(n).Key,
		Appointment: enroll.Appointment{Name: "alice", Role: identity.Operator, Person: "a.smith"},
		CreatedAt:   noon.Add(time.Duration(n) * time.Second), CreatedBy: "server", ExpiresAt: noon.Add(time.Hour),
	}
}

func TestAdministrators(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		want := []enroll.Administrator{administrator(1), administrator(2)}
		want[1].Groups = []string{"hr", "sales"}
		for _, n := range []int{1, 0} {
			must(t, s.CreateAdministrator(t.Context(), want[n], entry("enroll.admin.create")))
		}
		before := dump(t, db)
		sameKey := administrator(3)
		sameKey.Key = want[0].Key
		if err := s.CreateAdministrator(t.Context(), sameKey, entry("enroll.admin.create")); !errors.Is(err, enroll.ErrKeyReused) {
			t.Errorf("the same key: %v", err)
		}
		if _, err := s.RevokeAdministrator(t.Context(), "c9", noon, entry("enroll.admin.revoke")); !errors.Is(err, enroll.ErrNoCertificate) {
			t.Errorf("revoke none: %v", err)
		}
		if _, err := s.Administrator(t.Context(), "c9"); !errors.Is(err, enroll.ErrNoCertificate) {
			t.Errorf("none: %v", err)
		}
		if diff := cmp.Diff(before, dump(t, db)); diff != "" {
			t.Errorf("left behind:\n%s", diff)
		}

		want[1].RevokedAt = noon.Add(time.Minute)
		for _, when := range []time.Duration{time.Minute, time.Hour} {
			got, err := s.RevokeAdministrator(t.Context(), want[1].Serial, noon.Add(when), entry("enroll.admin.revoke"))
			must(t, err)
			if diff := cmp.Diff(want[1], got); diff != "" {
				t.Errorf("revoked (-want +got):\n%s", diff)
			}
		}
		got, err := s.ListAdministrators(t.Context())
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
		one, err := s.Administrator(t.Context(), want[0].Serial)
		must(t, err)
		if diff := cmp.Diff(want[0], one); diff != "" {
			t.Errorf("one (-want +got):\n%s", diff)
		}
		if n := len(dump(t, db)["audit_entries"]); n != 3 {
			t.Errorf("%d entries, want two creations and one revocation", n)
		}
	})
}
