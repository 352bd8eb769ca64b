package sqldb_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"ringfence/internal/audit"
	"ringfence/internal/audit/auditdb"
	"ringfence/internal/audit/ledger"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/migrations"
)

// beforeTheLog is the last schema without the log.
const beforeTheLog = 4

// older makes a database of the schema before the log, with so many entries,
// and on PostgreSQL with gaps between them, as undone transactions left.
func older(t *testing.T, d sqldb.Dialect, n int) string {
	t.Helper()
	dsn := dbtest.DSN(t, d)
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
	must := func(text string) {
		if _, err := pool.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
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
	if _, err := p.UpTo(t.Context(), beforeTheLog); err != nil {
		t.Fatal(err)
	}
	const one = `INSERT INTO audit_entries (recorded_at, actor, action, target, detail, request_id) VALUES (7, 'server', 'old.thing', 'thing/%d', 'é', '')`
	pool.SetMaxOpenConns(1)
	must(`BEGIN`)
	for i := range n {
		must(fmt.Sprintf(one, i))
		if d == sqldb.Postgres && i%100 == 3 {
			must(`SELECT nextval('audit_entries_sequence_seq')`)
		}
	}
	must(`COMMIT`)
	return dsn
}

// wholeLog reads the entries and checks them against the log's own hashes.
func wholeLog(t *testing.T, db *sqldb.DB) uint64 {
	t.Helper()
	var size uint64
	var peaks []byte
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow(`SELECT size, peaks FROM audit_log`, nil, &size, &peaks)
	})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := ledger.ParseTree(size, peaks)
	if err != nil {
		t.Fatal(err)
	}
	c := ledger.NewChecker()
	for c.Size() < size {
		leaves, err := auditdb.New(db).Leaves(t.Context(), c.Size(), size, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, leaf := range leaves {
			if _, err := c.Add(leaf); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Done(ledger.Head{Size: size, Root: tree.Root()}); err != nil {
		t.Error(err)
	}
	return size
}

// TestBackfill: what was recorded before there was a log is taken into it, by
// one of the servers that start at once, and once.
func TestBackfill(t *testing.T) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			const entries = 1203
			dsn := older(t, d, entries)
			if d == sqldb.Postgres {
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() { wholeLog(t, dbtest.Open(t, dsn)) })
				}
				wg.Wait()
			}
			for again := range 2 {
				db := dbtest.Open(t, dsn)
				if got := wholeLog(t, db); got != uint64(entries+again) {
					t.Errorf("the log has %d entries, want %d", got, entries+again)
				}
				if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.Record(audit.Server("new.thing", "", "")) }); err != nil {
					t.Fatal(err)
				}
				if got := wholeLog(t, db); got != uint64(entries+again+1) {
					t.Errorf("the log has %d entries, want %d", got, entries+again+1)
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestBackfillGap: a record that lacks an entry is not made a log as if it were
// whole.
func TestBackfillGap(t *testing.T) {
	dsn := older(t, sqldb.SQLite, 5)
	pool, err := sql.Open("sqlite", strings.TrimPrefix(dsn, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`DROP TRIGGER audit_entries_no_delete`, `DELETE FROM audit_entries WHERE sequence = 3`} {
		if _, err := pool.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = sqldb.Open(t.Context(), sqldb.Config{DSN: dsn, Now: dbtest.Now})
	if err == nil || !strings.Contains(err.Error(), "has no entry 3") {
		t.Errorf("got %v, want a refusal", err)
	}
}

// TestRecordNeedsWords: an entry that says nothing fails its own Write alone.
func TestRecordNeedsWords(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		for _, e := range []audit.Entry{{Action: "a.b"}, {Actor: "server"}} {
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.Record(e) }); err == nil {
				t.Errorf("%v was recorded", e)
			}
		}
		if got := wholeLog(t, db); got != 0 {
			t.Errorf("the log has %d entries", got)
		}
	})
}
