package sqldb

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringfence/internal/audit"
)

// TestCheckpointer: what is committed is moved into the file beside the writer,
// once, also while somebody reads, and all of it is there afterwards.
func TestCheckpointer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	open := func() *DB {
		t.Helper()
		db, err := Open(t.Context(), Config{DSN: "sqlite:" + path, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	db := open()
	c, err := newCheckpointer(path, db.writes.(*writer).batches.Load)
	if err != nil {
		t.Fatal(err)
	}
	c.stop() // the turns are the test's
	<-c.stopped
	const rounds, each = 20, 10
	for range rounds {
		rows, err := db.reads.QueryContext(t.Context(), "SELECT sequence FROM audit_entries")
		if err != nil {
			t.Fatal(err)
		}
		rows.Next()
		for range each {
			e := audit.Entry{Actor: "test", Action: "test.write", Target: "test", Detail: strings.Repeat("x", 500)}
			if err := db.Write(t.Context(), func(tx *Tx) error { return tx.Record(e) }); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.turn(t.Context()); err != nil {
			t.Errorf("while somebody reads: %v", err)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // it reads an older state until now
			t.Fatal(err)
		}
		for c.seen != c.batches() { // the database's own may be at it
			if _, err := c.turn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if logged, err := c.turn(t.Context()); err != nil || logged != 0 {
			t.Errorf("%d pages where nothing was written, %v", logged, err)
		}
	}
	if err := c.pool.Close(); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open()
	var n int
	var whole string
	if err := db.reads.QueryRowContext(t.Context(), "SELECT count(*) FROM audit_entries").Scan(&n); err != nil || n != rounds*each {
		t.Errorf("%d entries, %v, want %d", n, err, rounds*each)
	}
	if err := db.reads.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&whole); err != nil || whole != "ok" {
		t.Errorf("the file is %s, %v", whole, err)
	}
}
