package sqldb_test

import (
	"errors"
	"sync"
	"testing"

	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// TestDeadlockIsRetried makes two servers wait for each other: one is chosen to
// give way, runs again, and both succeed.
func TestDeadlockIsRetried(t *testing.T) {
	dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
		withThings(t, a)
		exec(t, a, `INSERT INTO things (name, data, big, enabled) VALUES ('x', '', 0, true), ('y', '', 0, true)`)
		var both sync.WaitGroup
		both.Add(2)
		var mu sync.Mutex
		runs := 0
		cross := func(db *sqldb.DB, first, second string) error {
			met := false
			return db.Write(t.Context(), func(tx *sqldb.Tx) error {
				mu.Lock()
				runs++
				mu.Unlock()
				const bump = `UPDATE things SET big = big + 1 WHERE name = ?`
				if _, err := tx.Exec(bump, first); err != nil {
					return err
				}
				if !met {
					met = true
					both.Done()
					both.Wait()
				}
				// What fn makes of the error does not matter.
				if _, err := tx.Exec(bump, second); err != nil {
					return errors.New("it did not work")
				}
				return nil
			})
		}
		var wg sync.WaitGroup
		var errA, errB error
		wg.Go(func() { errA = cross(a, "x", "y") })
		wg.Go(func() { errB = cross(b, "y", "x") })
		wg.Wait()
		if err := errors.Join(errA, errB); err != nil || runs < 3 {
			t.Errorf("%d runs, %v: want a deadlock, a retry, and success", runs, err)
		}
		var sum int64
		if err := a.Read(t.Context()).Raw("SELECT SUM(big) FROM things").Row().Scan(&sum); err != nil || sum != 4 {
			t.Errorf("sum %d, %v: want each change once, 4 in all", sum, err)
		}
	})
}

// TestSwallowedErrorIsNoSuccess: PostgreSQL answers COMMIT of a failed
// transaction with a rollback, and Write must not call that durable.
func TestSwallowedErrorIsNoSuccess(t *testing.T) {
	db := dbtest.Open(t, dbtest.DSN(t, sqldb.Postgres))
	withThings(t, db)
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		err := insert(tx, "a")
		_ = insert(tx, "a")
		return err
	})
	if fault.KindOf(err) != fault.Internal || err == nil || len(names(t, db)) != 0 {
		t.Errorf("got %v, stored %q: want an error and nothing stored", err, names(t, db))
	}
}

func TestPostgresTexts(t *testing.T) {
	db := dbtest.Open(t, dbtest.DSN(t, sqldb.Postgres))
	withThings(t, db)
	for _, name := range []string{"nul \x00", "broken \xff"} {
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, name) })
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: got %v, want an Invalid fault", name, err)
		}
	}
}

// TestStartAtOnce: several servers open one empty database.
func TestStartAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("opens several databases")
	}
	dsn := dbtest.DSN(t, sqldb.Postgres)
	db := dbtest.Open(t, dsn)
	exec(t, db, `DROP SCHEMA public CASCADE`)
	exec(t, db, `CREATE SCHEMA public`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := sqldb.Open(t.Context(), sqldb.Config{DSN: dsn, Now: dbtest.Now, MaxConns: 1})
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var n int64
	if err := db.Read(t.Context()).Table("audit_entries").Count(&n).Error; err != nil {
		t.Error(err)
	}
}
