package appprotectdb_test

import (
	"database/sql"
	"io/fs"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/migrations"
)

// beforeAppProtection is the last schema without it.
const beforeAppProtection = 13

// older makes a database of that schema with something in it.
func older(t *testing.T, d sqldb.Dialect) string {
	t.Helper()
	dsn := dbtest.DSN(t, d)
	dbtest.Remove(t, dsn)
	driver, name, dialect, folder := "sqlite", strings.TrimPrefix(dsn, "sqlite:"), goose.DialectSQLite3, migrations.SQLite
	if d == sqldb.Postgres {
		driver, name, dialect, folder = "pgx", dsn, goose.DialectPostgres, migrations.Postgres
	}
	pool, err := sql.Open(driver, name)
	ok(t, err)
	defer func() { ok(t, pool.Close()) }()
	files, err := fs.Sub(migrations.Files, folder)
	ok(t, err)
	p, err := goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true))
	ok(t, err)
	_, err = p.UpTo(t.Context(), beforeAppProtection)
	ok(t, err)
	_, err = pool.ExecContext(t.Context(), "INSERT INTO compliance_policies (name, revision, live) VALUES ('pin', 1, 1)")
	ok(t, err)
	return dsn
}

// TestMigration: a database of the last release keeps what it has, and begins to
// protect apps with nothing.
func TestMigration(t *testing.T) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			db := dbtest.Open(t, older(t, d))
			if db.Version() <= beforeAppProtection {
				t.Fatalf("schema %d", db.Version())
			}
			var kept string
			ok(t, db.Read(t.Context()).Raw("SELECT name FROM compliance_policies").Scan(&kept).Error)
			same(t, "kept", "pin", kept)
			s := appprotectdb.New(db)
			policies, apps, generation, err := s.Current(t.Context())
			if len(policies) != 0 || len(apps) != 0 || generation != 0 || err != nil {
				t.Errorf("begins with %v, %v at generation %d, %v", policies, apps, generation, err)
			}
			r := opened(t, s, 1, "ada")
			saved(t, s, state(r, 1))
			ok(t, s.SavePolicy(t.Context(), policy(t, "mail", 1), entry("")))
			wantRegistration(t, s, r)
			wantState(t, s, state(r, 1))
			wantGeneration(t, s, 1)
		})
	}
}
