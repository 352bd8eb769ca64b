package enrolldb_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// gone stores that a device left and its record was deleted and purged.
func gone(t *testing.T, s *enrolldb.Store, d enroll.Device) {
	t.Helper()
	for _, step := range []func(enroll.Device) enroll.Change{
		deletion,
		func(d enroll.Device) enroll.Change {
			c := leaving(t, d)
			c.Ending.TokenID = d.TokenID
			return c
		},
		func(d enroll.Device) enroll.Change { return purge(t, d) },
	} {
		c := step(d)
		must(t, s.Save(t.Context(), c))
		d = c.Device
	}
}

func TestForgettable(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		var tokens []enroll.Token
		for n := range 5 {
			k := token(n)
			k.MaxUses, k.ExpiresAt = 2, noon.Add(24*time.Hour)
			if n == 4 {
				k.User = ""
			}
			tokens = append(tokens, given(t, s, k))
			for phone := range 2 {
				d := joined(t, s, join(10*n+phone, k, ""))
				if n != 1 || phone == 0 { // of token 1 one is there
					gone(t, s, d)
				}
			}
		}
		one := token(9)
		gone(t, s, joined(t, s, join(99, given(t, s, one), ""))) // good for two more
		want := []string{tokens[0].ID, tokens[2].ID, tokens[3].ID}
		check := func(what string, now time.Time, after string, limit int, want []string) {
			t.Helper()
			got, err := s.Forgettable(t.Context(), now, after, limit)
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		check("all", noon, "", 9, want)
		check("first two", noon, "", 2, want[:2])
		check("the rest", noon, want[1], 9, want[2:])
		check("after the last one expired", one.ExpiresAt, want[2], 9, []string{one.ID})

		for range 2 {
			must(t, s.ForgetToken(t.Context(), want[0], entry("enroll.token.forget")))
		}
		must(t, s.ForgetToken(t.Context(), "token-unknown", entry("enroll.token.forget")))
		after := tokens[0]
		after.User, after.Description, after.Request, after.Uses = "", "", enroll.Digest{}, 2
		got, err := s.Token(t.Context(), want[0])
		must(t, err)
		if diff := cmp.Diff(after, got); diff != "" {
			t.Errorf("forgotten (-want +got):\n%s", diff)
		}
		check("after one was forgotten", noon, "", 9, want[1:])
		n := 0
		for _, row := range dump(t, db)["audit_entries"] {
			if row["action"] == "enroll.token.forget" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d entries explain it", n)
		}
	})
}

// TestPurgeTakesTheReasons: of the purged device, and of no other.
func TestPurgeTakesTheReasons(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		k := given(t, s, token(1))
		other := joined(t, s, join(1, k, ""))
		must(t, s.Save(t.Context(), leaving(t, other)))
		gone(t, s, joined(t, s, join(2, k, "")))
		var reasons []any
		for _, row := range dump(t, db)["enroll_endings"] {
			reasons = append(reasons, row["reason"])
		}
		if diff := cmp.Diff([]any{"the device left", ""}, reasons); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
	})
}
