package accessdb_test

import (
	"database/sql"
	"io/fs"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"ringfence/internal/access"
	"ringfence/internal/access/accessdb"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/migrations"
)

// beforeAccess is the last schema without it.
const beforeAccess = 14

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
	_, err = p.UpTo(t.Context(), beforeAccess)
	ok(t, err)
	_, err = pool.ExecContext(t.Context(), "INSERT INTO compliance_policies (name, revision, live) VALUES ('pin', 1, 1)")
	ok(t, err)
	return dsn
}

// TestMigration: a database of the last release keeps what it has, and lets
// everybody in until there is a policy.
func TestMigration(t *testing.T) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			db := dbtest.Open(t, older(t, d))
			var kept string
			ok(t, db.Read(t.Context()).Raw("SELECT name FROM compliance_policies").Scan(&kept).Error)
			same(t, "kept", "pin", kept)
			s := accessdb.New(db)
			stored, err := s.Current(t.Context())
			ok(t, err)
			same(t, "begins with", access.Stored{}, stored)
			ok(t, s.SavePolicy(t.Context(), policy("a", 1), step(0, "")))
			stored, err = s.Current(t.Context())
			ok(t, err)
			same(t, "goes on with", access.Stored{Policies: []access.Policy{policy("a", 1)}, Generation: 1}, stored)
		})
	}
}
