package enrolldb_test

import (
	"database/sql"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"ringfence/internal/enroll"
	"ringfence/internal/enroll/enrolldb"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/migrations"
)

// beforeRoles is the last schema whose administrators have no role.
const beforeRoles = 6

// olderAdministrator is one of that schema.
const olderAdministrator = `INSERT INTO enroll_administrators (serial, name, key_hash, created_at, created_by, expires_at)
VALUES ('c1', 'alice', %s, 7, 'server', 9)`

// older makes a database of the schema before roles, with one administrator.
func older(t *testing.T, d sqldb.Dialect) string {
	t.Helper()
	dsn := dbtest.DSN(t, d)
	driver, name, dialect, folder, hash := "sqlite", strings.TrimPrefix(dsn, "sqlite:"), goose.DialectSQLite3, migrations.SQLite, "zeroblob(32)"
	if d == sqldb.Postgres {
		driver, name, dialect, folder, hash = "pgx", dsn, goose.DialectPostgres, migrations.Postgres, `decode(repeat('00', 32), 'hex')`
	}
	pool, err := sql.Open(driver, name)
	must(t, err)
	defer func() { must(t, pool.Close()) }()
	run := func(text string) {
		_, err := pool.ExecContext(t.Context(), text)
		must(t, err)
	}
	if d == sqldb.Postgres {
		run(`DROP SCHEMA public CASCADE`)
		run(`CREATE SCHEMA public`)
	}
	files, err := fs.Sub(migrations.Files, folder)
	must(t, err)
	p, err := goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true))
	must(t, err)
	_, err = p.UpTo(t.Context(), beforeRoles)
	must(t, err)
	run(strings.Replace(olderAdministrator, "%s", hash, 1))
	return dsn
}

// TestOlderAdministrators: who could do everything still can, and nobody takes
// more by a change of the table.
func TestOlderAdministrators(t *testing.T) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			db := dbtest.Open(t, older(t, d))
			s := enrolldb.New(db)
			want := []enroll.Administrator{{
				Serial: "c1", Appointment: enroll.Appointment{Name: "alice", Role: identity.Owner, Person: "alice"},
				CreatedAt: time.UnixMicro(7).UTC(), CreatedBy: "server", ExpiresAt: time.UnixMicro(9).UTC(),
			}}
			got, err := s.ListAdministrators(t.Context())
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("administrators (-want +got):\n%s", diff)
			}
			nobody := administrator(2)
			nobody.Person = ""
			if err := s.CreateAdministrator(t.Context(), nobody, entry("enroll.admin.create")); err == nil {
				t.Error("made an administrator who is nobody")
			}
			must(t, s.CreateAdministrator(t.Context(), administrator(3), entry("enroll.admin.create")))
			for _, change := range []string{
				"role = 'owner'", "person = 'b'", "name = 'b'", "group_names = 'x'", "created_at = 1", "serial = 'x'", "role = 'root'",
			} {
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					_, err := tx.Exec("UPDATE enroll_administrators SET " + change + " WHERE serial = 'c3'")
					return err
				})
				if err == nil {
					t.Errorf("a credential is changed: %s", change)
				}
			}
		})
	}
}
