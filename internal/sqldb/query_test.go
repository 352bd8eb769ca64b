package sqldb_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

func TestQueryRow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		withThings(t, db)
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return errors.Join(insert(tx, "one"), insert(tx, "two")) }); err != nil {
			t.Fatal(err)
		}
		const text = "SELECT name, big FROM things WHERE name = ? AND enabled = ?"
		var crew sync.WaitGroup
		for range 8 {
			crew.Go(func() {
				for _, want := range []string{"one", "two"} {
					var name string
					var big int64
					if err := db.QueryRow(t.Context(), text, []any{want, true}, &name, &big); err != nil || name != want || big != 1 {
						t.Errorf("%q, %d, %v; want %q", name, big, err, want)
					}
				}
			})
		}
		crew.Wait()
		var all []string
		var name string
		err := db.QueryRows(t.Context(), "SELECT name FROM things WHERE enabled = ? ORDER BY name", []any{true}, []any{&name}, func() error {
			all = append(all, name)
			return nil
		})
		if diff := cmp.Diff([]string{"one", "two"}, all); diff != "" || err != nil {
			t.Errorf("rows (-want +got):\n%s%v", diff, err)
		}
		enough := errors.New("enough")
		if err := db.QueryRows(t.Context(), text, []any{"one", true}, []any{&name, new(int64)}, func() error { return enough }); !errors.Is(err, enough) {
			t.Errorf("whoever has enough: %v", err)
		}
		var none string
		if err := db.QueryRow(t.Context(), text, []any{"three", true}, &none, new(int64)); fault.KindOf(err) != fault.NotFound {
			t.Errorf("no row: %v", err)
		}
		if err := db.QueryRow(t.Context(), "SELECT nothing FROM nowhere", nil, &none); err == nil || fault.KindOf(err) != fault.Internal {
			t.Errorf("no table: %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.QueryRow(gone, text, []any{"one", true}, &none, new(int64)); !errors.Is(err, context.Canceled) {
			t.Errorf("whoever has gone: %v", err)
		}
	})
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.FixedZone("east", 3600))
	if diff := cmp.Diff(at.UTC(), sqldb.FromMicros(sqldb.Micros(at))); diff != "" {
		t.Error(diff)
	}
	for _, want := range []time.Time{at.UTC(), {}} {
		if diff := cmp.Diff(want, sqldb.FromNullMicros(sqldb.NullMicros(want))); diff != "" {
			t.Error(diff)
		}
	}
}
