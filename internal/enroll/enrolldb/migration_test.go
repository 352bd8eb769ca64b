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

// beforeRoles is the last schema whose administrators have no role, and
// beforeForgetting the last whose tokens keep their users.
const (
	beforeRoles      = 6
	beforeForgetting = 10
)

// olderAdministrator is one of that schema.
const olderAdministrator = `INSERT INTO enroll_administrators (serial, name, key_hash, created_at, created_by, expires_at)
VALUES ('c1', 'alice', %s, 7, 'server', 9)`

// older makes a database of an older schema, with what the statement puts in: a
// hash stands for %s.
func older(t *testing.T, d sqldb.Dialect, version int64, statement string) string {
	t.Helper()
	dsn := dbtest.DSN(t, d)
	dbtest.Remove(t, dsn)
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
	files, err := fs.Sub(migrations.Files, folder)
	must(t, err)
	p, err := goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true))
	must(t, err)
	_, err = p.UpTo(t.Context(), version)
	must(t, err)
	run(strings.ReplaceAll(statement, "%s", hash))
	return dsn
}

// TestOlderAdministrators: who could do everything still can, and nobody takes
// more by a change of the table.
func TestOlderAdministrators(t *testing.T) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			db := dbtest.Open(t, older(t, d, beforeRoles, olderAdministrator))
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

// olderPurge is a device that was purged when tokens kept their users.
const olderPurge = `INSERT INTO enroll_tokens (id, lookup, secret_hash, description, ownership, mode, group_name, user_name,
	max_uses, uses, created_at, created_by, expires_at, request_key, request_hash)
VALUES ('t1', '000000000000', %s, '', 'personal', 'work-profile', 'sales', 'maria', 1, 1, 1, 'server', 9, 'k', %s);
INSERT INTO enroll_devices (id, version, created_at, epoch, state, ownership, mode, group_name, user_name, token_id,
	platform, model, os_version, enrolled_at, ended_at, serial, expires_at, deleted_at, deleted_by, purged_at)
VALUES ('d1', 4, 1, 1, 'left', 'personal', 'work-profile', 'sales', '', 't1', 'android', '', '', 1, 2, 'c1', 9, 2, 'server', 2);
INSERT INTO enroll_endings (device_id, epoch, cause, reason, ended_at, settled_at) VALUES ('d1', 1, 'left', '', 2, 2);`

func TestOlderPurge(t *testing.T) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			s := enrolldb.New(dbtest.Open(t, older(t, d, beforeForgetting, olderPurge)))
			got, err := s.Forgettable(t.Context(), noon, "", 9)
			must(t, err)
			if diff := cmp.Diff([]string{"t1"}, got); diff != "" {
				t.Errorf("forgettable (-want +got):\n%s", diff)
			}
		})
	}
}
