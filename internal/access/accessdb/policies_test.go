package accessdb_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/access/accessdb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// TestPolicies: revisions are kept, numbers go on after a deletion, and each
// change raises the generation with its entry.
func TestPolicies(t *testing.T) {
	each(t, func(t *testing.T, s *accessdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		_, _, err := s.Policy(ctx, "a", 0)
		wants(t, "before", err, access.ErrNoPolicy)
		ok(t, s.SavePolicy(ctx, policy("a", 1), step(0, "a1")))
		ok(t, s.SavePolicy(ctx, policy("b", 1), step(1, "b1")))
		ok(t, s.SavePolicy(ctx, policy("a", 2), step(2, "a2")))
		ok(t, s.DeletePolicy(ctx, "b", step(3, "b gone")))
		wants(t, "deleted twice", s.DeletePolicy(ctx, "b", step(4, "no")), access.ErrNoPolicy)
		wants(t, "never was", s.DeletePolicy(ctx, "c", step(4, "no")), access.ErrNoPolicy)
		wants(t, "from an older generation", s.SavePolicy(ctx, policy("a", 3), step(3, "no")), access.ErrMoved)
		wants(t, "from one to come", s.SavePolicy(ctx, policy("a", 3), step(5, "no")), access.ErrMoved)
		wants(t, "from the last there can be", s.SavePolicy(ctx, policy("a", 3), step(math.MaxUint64, "no")), access.ErrMoved)

		for _, want := range []struct {
			name     string
			revision uint64
			got      access.Policy
			deleted  bool
		}{
			{"a", 0, policy("a", 2), false}, {"a", 1, policy("a", 1), false}, {"a", 2, policy("a", 2), false},
			{"b", 0, policy("b", 1), true}, {"b", 1, policy("b", 1), true},
		} {
			p, deleted, err := s.Policy(ctx, want.name, want.revision)
			ok(t, err)
			same(t, "policy", want.got, p)
			same(t, "deleted", want.deleted, deleted)
		}
		for _, revision := range []uint64{3, math.MaxUint64} {
			_, _, err = s.Policy(ctx, "a", revision)
			wants(t, "a revision to come", err, access.ErrNoPolicy)
		}
		ok(t, s.SavePolicy(ctx, policy("b", 2), step(4, "b2")))
		page, err := s.ListPolicies(ctx, "", 1)
		ok(t, err)
		same(t, "first page", []access.Policy{policy("a", 2)}, page)
		page, err = s.ListPolicies(ctx, "a", 9)
		ok(t, err)
		same(t, "second page", []access.Policy{policy("b", 2)}, page)
		same(t, "recorded", []string{"a1", "b1", "a2", "b gone", "b2"}, recorded(t, db))
	})
}

// TestAsOf: what was in force at each time can be had.
func TestAsOf(t *testing.T) {
	each(t, func(t *testing.T, s *accessdb.Store, _ *sqldb.DB) {
		ctx := t.Context()
		ok(t, s.SaveLocation(ctx, location("hq", 1), step(0, "")))
		ok(t, s.SavePolicy(ctx, policy("a", 1), step(1, "")))
		ok(t, s.SavePolicy(ctx, policy("a", 2), step(2, "")))
		ok(t, s.SaveLocation(ctx, location("hq", 2), step(3, "")))
		ok(t, s.DeletePolicy(ctx, "a", step(4, "")))
		ok(t, s.DeleteLocation(ctx, "hq", step(5, "")))
		hq, hq2 := []access.StoredLocation{location("hq", 1)}, []access.StoredLocation{location("hq", 2)}
		all := []access.Stored{
			{},
			{Generation: 1, Locations: hq},
			{Generation: 2, Locations: hq, Policies: []access.Policy{policy("a", 1)}},
			{Generation: 3, Locations: hq, Policies: []access.Policy{policy("a", 2)}},
			{Generation: 4, Locations: hq2, Policies: []access.Policy{policy("a", 2)}},
			{Generation: 5, Locations: hq2},
			{Generation: 6},
		}
		for n, want := range all {
			at := t0.Add(time.Duration(n) * time.Minute)
			got, err := s.AsOf(ctx, at)
			ok(t, err)
			same(t, fmt.Sprint("as of generation ", n), want, got)
			if got, err = s.AsOf(ctx, at.Add(time.Minute-time.Microsecond)); err != nil || got.Generation != want.Generation {
				t.Errorf("just before generation %d: %d, %v", n+1, got.Generation, err)
			}
		}
		got, err := s.Current(ctx)
		ok(t, err)
		same(t, "current", all[6], got)
	})
}

func TestLocations(t *testing.T) {
	each(t, func(t *testing.T, s *accessdb.Store, _ *sqldb.DB) {
		ctx := t.Context()
		_, _, err := s.Location(ctx, "hq")
		wants(t, "before", err, access.ErrNoLocation)
		wants(t, "deleted before", s.DeleteLocation(ctx, "hq", step(0, "")), access.ErrNoLocation)
		ok(t, s.SaveLocation(ctx, location("hq", 1), step(0, "")))
		ok(t, s.SaveLocation(ctx, location("branch", 1), step(1, "")))
		ok(t, s.DeleteLocation(ctx, "hq", step(2, "")))
		l, deleted, err := s.Location(ctx, "hq")
		ok(t, err)
		same(t, "deleted", true, deleted)
		same(t, "location", location("hq", 1), l)
		ok(t, s.SaveLocation(ctx, location("hq", 2), step(3, "")))
		page, err := s.ListLocations(ctx, "branch", 5)
		ok(t, err)
		same(t, "page", []access.StoredLocation{location("hq", 2)}, page)
	})
}

// TestStepRace: of many who change something at once on two servers, one gets on
// for each generation, and the record has one entry for each.
func TestStepRace(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		stores := []*accessdb.Store{accessdb.New(a), accessdb.New(b)}
		for round := range uint64(8) {
			errs := make([]error, 4)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					errs[i] = stores[i%2].SavePolicy(t.Context(), policy(fmt.Sprint("p", round, i), 1), step(round, ""))
				})
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, access.ErrMoved):
					t.Errorf("heard %v", err)
				}
			}
			if won != 1 {
				t.Fatalf("%d won", won)
			}
		}
		if got := len(recorded(t, a)); got != 8 {
			t.Errorf("%d entries, want 8", got)
		}
	})
}

// TestDatabaseRefuses: a mistake in a program cannot change what was in force.
func TestDatabaseRefuses(t *testing.T) {
	each(t, func(t *testing.T, s *accessdb.Store, db *sqldb.DB) {
		ctx := t.Context()
		ok(t, s.SavePolicy(ctx, policy("a", 1), step(0, "")))
		ok(t, s.SaveLocation(ctx, location("hq", 1), step(1, "")))
		ok(t, s.DeleteLocation(ctx, "hq", step(2, "")))
		ok(t, s.SaveMoments(ctx, []access.Moment{{ID: id(1), At: t0, Device: phone(1)}}))
		const put = `INSERT INTO access_policies (name, revision, spec, created_at, revised_at, revised_by, since_generation) VALUES `
		for what, statement := range map[string]string{
			"a revision changed":        `UPDATE access_policies SET spec = '{}'`,
			"a revision ended in place": `UPDATE access_policies SET until_generation = since_generation`,
			"a revision lost":           `DELETE FROM access_policies`,
			"a second revision live":    put + `('a', 2, '{}', 1, 1, 'x', 3)`,
			"a revision left out":       put + `('a', 3, '{}', 1, 1, 'x', 3)`,
			"a revision of no change":   put + `('b', 1, '{}', 1, 1, 'x', 4)`,
			"an end taken back":         `UPDATE access_locations SET until_generation = NULL`,
			"a second end":              `UPDATE access_locations SET until_generation = 2`,
			"a location lost":           `DELETE FROM access_locations`,
			"a generation left out":     `INSERT INTO access_changes (generation, changed_at) VALUES (9, 1)`,
			"a generation again":        `INSERT INTO access_changes (generation, changed_at) VALUES (3, 1)`,
			"a generation changed":      `UPDATE access_changes SET changed_at = 1`,
			"a generation lost":         `DELETE FROM access_changes`,
			"the past changed":          `UPDATE access_moments SET content = NULL`,
			"the count lost":            `DELETE FROM access_samples_lost`,
			"a short digest":            `INSERT INTO access_samples (digest, content, decided, first_at, last_at) VALUES ('a', '{}', 1, 1, 1)`,
		} {
			err := db.Write(ctx, func(tx *sqldb.Tx) error { _, err := tx.Exec(statement); return err })
			said := func(text string) bool { return err != nil && strings.Contains(err.Error(), text) }
			if !said("constraint failed") && !said("SQLSTATE 23") && !said("SQLSTATE P0001") {
				t.Errorf("%s: %v, want a refusal by the schema", what, err)
			}
		}
	})
}

// TestDamage: what cannot be read back is an error that names the row.
func TestDamage(t *testing.T) {
	for name, spec := range map[string]string{
		"no JSON": "[{", "two": `{"v":1,"is":{"state":1}} {}`, "to come": `{"v":2,"is":{"state":1}}`,
		"unknown": `{"v":1,"is":{"state":1,"more":1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *accessdb.Store, db *sqldb.DB) {
				ok(t, s.SavePolicy(t.Context(), policy("a", 1), step(0, "")))
				ok(t, s.DeletePolicy(t.Context(), "a", step(1, "")))
				ok(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
					_, err := tx.Exec(`INSERT INTO access_policies (name, revision, spec, created_at, revised_at, revised_by, since_generation)
VALUES ('a', 2, ?, 1, 1, 'x', 2)`, spec)
					return err
				}))
				_, err := s.Current(t.Context())
				if err == nil || !strings.Contains(err.Error(), `access policy "a", revision 2`) {
					t.Errorf("read: %v", err)
				}
			})
		})
	}
}
