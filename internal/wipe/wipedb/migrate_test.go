package wipedb

import (
	"database/sql"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
	"ringfence/migrations"
)

// beforeRequests is the last schema without requests, as it was released.
const beforeRequests = 6

// release is a schema as it was released, and what an installation of it has.
type release struct {
	version int64
	rows    func(sqldb.Dialect) []string
	columns string // of its orders
}

// oldColumns are those that every order kept.
const oldColumns = `id, device_id, epoch, sequence, scope, packages, state, reason, created_by, created_at, not_after, changed_at,
acknowledged_at, settled_at, not_now_count, outcome, version, refusals, refusal,
commitment_at, commitment_packages, commitment_files, commitment_bytes, commitment_keys, commitment_certificates,
commitment_key, commitment_digest,
receipt_finished_at, receipt_packages, receipt_files, receipt_bytes, receipt_keys, receipt_certificates`

// older makes a database of that release, and gives its name and what it holds.
func older(t *testing.T, d sqldb.Dialect, r release) (dsn string, orders, proofs [][]any) {
	t.Helper()
	dsn = dbtest.DSN(t, d)
	dbtest.Remove(t, dsn)
	driver, name, dialect, folder := "sqlite", strings.TrimPrefix(dsn, "sqlite:"), goose.DialectSQLite3, migrations.SQLite
	if d == sqldb.Postgres {
		driver, name, dialect, folder = "pgx", dsn, goose.DialectPostgres, migrations.Postgres
	}
	pool, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}()
	must := func(statements ...string) {
		t.Helper()
		for _, text := range statements {
			if _, err := pool.ExecContext(t.Context(), text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
	}
	files, err := fs.Sub(migrations.Files, folder)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), r.version); err != nil {
		t.Fatal(err)
	}
	must(r.rows(d)...)
	return dsn, dump(t, pool, `SELECT `+r.columns+` FROM wipe_orders ORDER BY id`), dump(t, pool, `SELECT * FROM wipe_proofs ORDER BY order_id, kind`)
}

// oldRows makes what an installation of that release would have: orders whose
// device is as it was, has enrolled anew, and is not known at all.
func oldRows(d sqldb.Dialect) []string {
	bytes := inBytes(d)
	hash := bytes(strings.Repeat("ab", 32))
	rows := []string{`INSERT INTO enroll_tokens (id, lookup, secret_hash, description, ownership, mode, group_name, user_name,
max_uses, created_at, created_by, expires_at, request_key, request_hash)
VALUES ('token', 'lookup-token', ` + hash + `, '', 'company', 'work-profile', 'sales', '', 9, 1, 'admin:alice', 2, 'key', ` + hash + `)`}
	for i, id := range []string{"device-one", "device-two"} {
		rows = append(rows, fmt.Sprintf(`INSERT INTO enroll_devices (id, version, created_at, epoch, state, ownership, mode, group_name,
user_name, token_id, platform, model, os_version, enrolled_at, serial, expires_at)
VALUES ('%s', 1, 1, %d, 'enrolled', 'company', 'work-profile', 'sales', '', 'token', 'android', '', '', 1, 'serial', 9)`, id, 3+i))
	}
	const commit = `state = 'acknowledged', acknowledged_at = 5, version = 2, commitment_at = 4, commitment_packages = 'com.a com.b',
commitment_files = 1, commitment_bytes = 2, commitment_keys = 3, commitment_certificates = 4, commitment_key = `
	const receipt = `state = 'done', version = 3, receipt_finished_at = 7, receipt_packages = 'com.a', receipt_files = 9,
receipt_bytes = 8, receipt_keys = 7, receipt_certificates = 6`
	promise := commit + bytes("0102") + `, commitment_digest = ` + hash
	for i, o := range []struct {
		device, scope string
		then          []string
	}{
		{"device-one", "work-profile", nil},
		{"device-one", "app-data", []string{`state = 'delivered', version = 2, not_now_count = 2`}},
		{"device-one", "app-data", []string{`state = 'acknowledged', acknowledged_at = 5, version = 2`}},
		{"device-one", "app-data", []string{`state = 'acknowledged', acknowledged_at = 5, version = 2`, "receipt", receipt + `, settled_at = 8`}},
		{"device-one", "work-profile", []string{"commitment", promise}},
		{"device-two", "work-profile", []string{"commitment", promise, "receipt", receipt}},
		{"device-two", "work-profile", []string{"commitment", promise, "receipt", receipt + `, settled_at = 8`}},
		{"device-two", "work-profile", []string{`state = 'cancelled', outcome = 'found', settled_at = 8, version = 2`}},
		{"device-gone", "work-profile", []string{`state = 'expired', outcome = 'late', settled_at = 8, version = 2, refusals = 2, refusal = 'no'`}},
		{"device-gone", "work-profile", []string{"commitment", promise, `state = 'failed', outcome = 'broken', settled_at = 8, version = 3`}},
	} {
		packages := ""
		if o.scope == "app-data" {
			packages = "com.a"
		}
		rows = append(rows,
			fmt.Sprintf(`INSERT INTO wipe_devices VALUES ('%s', %d) ON CONFLICT (device_id) DO UPDATE SET last_sequence = excluded.last_sequence`, o.device, i+1),
			fmt.Sprintf(`INSERT INTO wipe_orders (id, device_id, epoch, sequence, scope, packages, state, reason, created_by, request_key,
request_digest, created_at, not_after, changed_at, not_now_count, outcome, version)
VALUES ('order-%04d', '%s', 3, %d, '%s', '%s', 'pending', 'lost', 'admin:alice', 'key-%d', '%064d', %d, 9000, 3, 0, '', 1)`,
				i, o.device, i+1, o.scope, packages, i, i, 100+i))
		for _, then := range o.then {
			if then == "commitment" || then == "receipt" {
				rows = append(rows, fmt.Sprintf(`INSERT INTO wipe_proofs (order_id, kind, content, signature, chain)
VALUES ('order-%04d', '%s', %s, %s, %s)`, i, then, bytes("01"), bytes("02"), bytes("03")))
				continue
			}
			rows = append(rows, fmt.Sprintf(`UPDATE wipe_orders SET %s WHERE id = 'order-%04d'`, then, i))
		}
	}
	return rows
}

// inBytes writes bytes as the dialect reads them.
func inBytes(d sqldb.Dialect) func(hex string) string {
	return func(hex string) string {
		if d == sqldb.Postgres {
			return `'\x` + hex + `'::bytea`
		}
		return "x'" + hex + "'"
	}
}

// dump reads all of a query.
func dump(t *testing.T, pool *sql.DB, query string) (all [][]any) {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestMigration: a database of the previous release keeps every order and every
// proof, and goes on with them.
func TestMigration(t *testing.T) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			r := release{beforeRequests, oldRows, oldColumns}
			dsn, orders, proofs := older(t, d, r)
			if len(orders) != 10 || len(proofs) != 7 {
				t.Fatalf("%d orders, %d proofs", len(orders), len(proofs))
			}
			goOn(t, New(newer(t, dsn, r, orders, proofs)))
		})
	}
}

// newer opens the database with this release, which migrates it, and looks whether
// all of it is there.
func newer(t *testing.T, dsn string, r release, orders, proofs [][]any) *sqldb.DB {
	t.Helper()
	db := dbtest.Open(t, dsn)
	pool, err := db.Read(t.Context()).DB()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(orders, dump(t, pool, `SELECT `+r.columns+` FROM wipe_orders ORDER BY id`)); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(proofs, dump(t, pool, `SELECT * FROM wipe_proofs ORDER BY order_id, kind`)); diff != "" {
		t.Errorf("proofs (-want +got):\n%s", diff)
	}
	if db.Dialect() == sqldb.SQLite {
		if broken := dump(t, pool, `PRAGMA foreign_key_check`); len(broken) != 0 {
			t.Errorf("broken references: %v", broken)
		}
		if whole := dump(t, pool, `PRAGMA integrity_check`); fmt.Sprint(whole) != "[[ok]]" {
			t.Errorf("integrity: %v", whole)
		}
	}
	return db
}

// goOn looks at the old orders through the store, and lets them end.
func goOn(t *testing.T, s *Store) {
	t.Helper()
	old, err := s.List(t.Context(), wipe.Query{Limit: 99})
	if err != nil || len(old) != 10 {
		t.Fatalf("%d orders, error %v", len(old), err)
	}
	slices.Reverse(old)
	for _, o := range old {
		group, ownership := "sales", device.Company
		if o.Device != "device-one" { // in another epoch by now, or not known
			group, ownership = "", ""
		}
		if o.Source != "" || o.Request != "" || o.Person != "" || o.Group != group || o.Ownership != ownership || o.Lease != nil || !o.HeldUntil.IsZero() {
			t.Errorf("an old order became %+v", o)
		}
	}
	// They count for everybody, and nobody pays for them.
	d, err := s.Survey(t.Context(), wipe.Matter{
		Now: time.UnixMicro(110), Person: "alice", Credential: "a1", Devices: []device.ID{"device-one"}, Paused: true,
	})
	if want := (wipe.Spent{OrganizationHour: 10, OrganizationDay: 10, Breaker: 10}); err != nil || d.Spent != want {
		t.Errorf("spent %+v, error %v; want %+v", d.Spent, err, want)
	}
	if diff := cmp.Diff([]wipe.ID{"order-0000", "order-0001", "order-0002", "order-0004"}, ids(d.Orders)); diff != "" {
		t.Errorf("unsettled (-want +got):\n%s", diff)
	}
	advance(t, s, old[0], wipe.Event{Kind: wipe.Cancel, Reason: "found"})
	advance(t, s, old[2], finish(wipe.Receipt{FinishedAt: monday}))
	advance(t, s, old[4], wipe.Event{Kind: wipe.End})
	advance(t, s, old[5], wipe.Event{Kind: wipe.End})
	if o := create(t, s, fresh(99, "device-one", wipe.OfWorkProfile())); o.Sequence != 6 {
		t.Errorf("the next order has sequence %d, want 6", o.Sequence)
	}
}
