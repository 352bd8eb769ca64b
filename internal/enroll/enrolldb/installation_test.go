package enrolldb_test

import (
	"testing"

	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestAdopt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := enrolldb.New(db)
		mine, other := enroll.Digest{1}, enroll.Digest{2}
		if owner, err := s.Owner(t.Context()); err != nil || !owner.IsZero() {
			t.Errorf("a new database is %x's, %v", owner, err)
		}
		for _, root := range []enroll.Digest{mine, other, mine} {
			if owner, err := s.Adopt(t.Context(), root, entry("enroll.installation")); err != nil || owner != mine {
				t.Errorf("adopted by %x, it is %x's, %v", root, owner, err)
			}
		}
		if owner, err := s.Owner(t.Context()); err != nil || owner != mine {
			t.Errorf("afterwards it is %x's, %v", owner, err)
		}
		if n := len(dump(t, db)["audit_entries"]); n != 1 {
			t.Errorf("%d entries, want one", n)
		}
	})
}

// TestAdoptAtOnce: of several installations that come at once, one is first.
func TestAdoptAtOnce(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		type outcome struct {
			owner enroll.Digest
			err   error
		}
		outcomes := make(chan outcome, 2)
		for i, db := range []*sqldb.DB{a, b} {
			go func() {
				owner, err := enrolldb.New(db).Adopt(t.Context(), enroll.Digest{byte(i + 1)}, entry("enroll.installation"))
				outcomes <- outcome{owner, err}
			}()
		}
		one, two := <-outcomes, <-outcomes
		if one.err != nil || two.err != nil || one.owner != two.owner || one.owner.IsZero() {
			t.Errorf("adopted: %+v and %+v", one, two)
		}
	})
}
