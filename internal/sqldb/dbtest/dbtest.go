// Package dbtest gives each test a database of its own: a SQLite file in the
// test's folder, or a PostgreSQL database cloned from a migrated template.
//
// PostgreSQL is reached by the URL in the environment variable
// MDM_TEST_POSTGRES_DSN. Without it, its tests are skipped with a word, or
// fail where CI=true.
package dbtest

import (
	"os"
	"testing"
	"time"

	"ringfence/internal/sqldb"
)

// Env names the variable with the URL of a PostgreSQL cluster whose user may
// make databases.
const Env = "MDM_TEST_POSTGRES_DSN"

// Now is the clock of the databases that this package opens. It stands still.
func Now() time.Time { return time.Date(2026, time.January, 2, 3, 4, 5, 6000, time.UTC) }

// Each runs a sub-test per dialect, named "sqlite" and "postgres", each with a
// fresh, migrated database that is closed and dropped when it ends.
func Each(t *testing.T, run func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	EachDSN(t, func(t *testing.T, dsn string) { run(t, Open(t, dsn)) })
}

// EachDSN is Each for tests that open the database themselves.
func EachDSN(t *testing.T, run func(t *testing.T, dsn string)) {
	t.Helper()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) { run(t, DSN(t, d)) })
	}
}

// Two opens one PostgreSQL database twice, as two servers would.
func Two(t *testing.T, run func(t *testing.T, a, b *sqldb.DB)) {
	t.Helper()
	t.Run(string(sqldb.Postgres), func(t *testing.T) {
		dsn := DSN(t, sqldb.Postgres)
		run(t, Open(t, dsn), Open(t, dsn))
	})
}

// DSN names a fresh, migrated database.
func DSN(tb testing.TB, d sqldb.Dialect) string {
	tb.Helper()
	if d == sqldb.SQLite {
		return sqlite(tb)
	}
	cluster := os.Getenv(Env)
	switch {
	case cluster != "":
		return clone(tb, cluster)
	case os.Getenv("CI") == "true":
		tb.Fatalf("%s is not set, and a run under CI must not leave PostgreSQL out", Env)
	default:
		tb.Skipf("%s is not set: not tested on PostgreSQL", Env)
	}
	return ""
}

// Open opens a database and closes it when the test ends.
func Open(tb testing.TB, dsn string) *sqldb.DB {
	tb.Helper()
	db, err := sqldb.Open(tb.Context(), sqldb.Config{DSN: dsn, Now: Now})
	if err != nil {
		tb.Fatalf("open database: %v", err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close database: %v", err)
		}
	})
	return db
}
