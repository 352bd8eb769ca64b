package auditdb

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ringfence/internal/audit"
	"ringfence/internal/audit/ledger"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// unlock takes the triggers away, as an intruder with the database would.
func unlock(t *testing.T, db *sqldb.DB) {
	t.Helper()
	statements := []string{
		`ALTER TABLE audit_entries DISABLE TRIGGER ALL`, `ALTER TABLE audit_hashes DISABLE TRIGGER ALL`,
		`ALTER TABLE audit_heads DISABLE TRIGGER ALL`, `ALTER TABLE audit_log DISABLE TRIGGER ALL`,
	}
	if db.Dialect() == sqldb.SQLite {
		statements = []string{
			`DROP TRIGGER audit_entries_no_update`, `DROP TRIGGER audit_entries_no_delete`,
			`DROP TRIGGER audit_hashes_no_update`, `DROP TRIGGER audit_hashes_no_delete`,
			`DROP TRIGGER audit_heads_no_update`, `DROP TRIGGER audit_heads_no_delete`,
			`DROP TRIGGER audit_log_grows`, `DROP TRIGGER audit_log_stays`,
		}
	}
	run(t, db, statements...)
}

func run(t *testing.T, db *sqldb.DB, statements ...string) {
	t.Helper()
	for _, text := range statements {
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(text); return err })
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

const forged = `INSERT INTO audit_entries (sequence, recorded_at, actor, action, target, detail, request_id)
VALUES (%d, 1, 'admin:mallory', 'wipe.cancel', 'device/one', 'forged', '')`

// forget takes the last entries away as if they had never been.
func forget(t *testing.T, db *sqldb.DB, edge ledger.Tree) {
	t.Helper()
	size := int64(edge.Size())
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE audit_log SET size = ?, peaks = ?, legacy = 0`, size, edge.Peaks())
		for _, table := range []string{"audit_entries WHERE sequence", "audit_hashes WHERE sequence", "audit_heads WHERE size"} {
			_, deleted := tx.Exec(`DELETE FROM `+table+` > ?`, size)
			err = errors.Join(err, deleted)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// edge is the log's right edge as the database has it.
func edge(t *testing.T, db *sqldb.DB) ledger.Tree {
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
	return *tree
}

// TestTampering: whatever is done to the rows of entries, the entries are not
// those that were signed.
func TestTampering(t *testing.T) {
	for name, statements := range map[string][]string{
		"edited":           {`UPDATE audit_entries SET detail = 'nothing to see' WHERE sequence = 4`},
		"edited in time":   {`UPDATE audit_entries SET recorded_at = recorded_at + 1 WHERE sequence = 10`},
		"actor":            {`UPDATE audit_entries SET actor = 'admin:bob' WHERE sequence = 1`},
		"peer":             {`UPDATE audit_entries SET peer = '192.0.2.1' WHERE sequence = 1`},
		"credential":       {`UPDATE audit_entries SET credential = 'a1' WHERE sequence = 1`},
		"deleted":          {`DELETE FROM audit_entries WHERE sequence = 5`},
		"deleted the last": {`DELETE FROM audit_entries WHERE sequence = 10`},
		"deleted, closed": {
			`DELETE FROM audit_entries WHERE sequence = 9`, `UPDATE audit_entries SET sequence = 9 WHERE sequence = 10`,
		},
		"swapped": {
			`UPDATE audit_entries SET sequence = 1000 WHERE sequence = 3`,
			`UPDATE audit_entries SET sequence = 3 WHERE sequence = 4`,
			`UPDATE audit_entries SET sequence = 4 WHERE sequence = 1000`,
		},
		"inserted": {
			`UPDATE audit_entries SET sequence = 11 WHERE sequence = 10`, fmt.Sprintf(forged, 10),
		},
		"deleted all": {`DELETE FROM audit_entries`},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
				k := newKey(t)
				s := k.on(t, db)
				fill(t, db, 10)
				k.head(t, s)
				unlock(t, db)
				run(t, db, statements...)
				if err := verify(t.Context(), db, k.head(t, s)); !errors.Is(err, ledger.ErrChanged) {
					t.Errorf("got %v, want ErrChanged", err)
				}
			})
		})
	}
}

// TestAddedBehindTheLog: a row after the last is in no tree, and what is written
// next cannot take its place.
func TestAddedBehindTheLog(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		db := dbtest.Open(t, dsn)
		k := newKey(t)
		fill(t, db, 3)
		run(t, db, fmt.Sprintf(forged, 4))
		head := k.head(t, k.on(t, db))
		if err := verify(t.Context(), db, head); err != nil || head.Size != 3 {
			t.Errorf("the log has %d entries, %v: want the 3 that were recorded", head.Size, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = dbtest.Open(t, dsn)
		if again := k.head(t, k.on(t, db)); again != head {
			t.Errorf("a server that starts takes the row into the log: %d entries", again.Size)
		}
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.Record(otherEntry) })
		if err == nil {
			t.Error("an entry was recorded in place of the one that was slipped in")
		}
	})
}

// TestRewound: a database that has forgotten is found out by whoever remembers,
// and a server that remembers signs nothing more.
func TestRewound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		k := newKey(t)
		old, young := k.on(t, db), k.on(t, db)
		fill(t, db, 5)
		before := edge(t, db)
		k.head(t, old)
		fill(t, db, 5)
		remembered := k.head(t, old)
		unlock(t, db)
		forget(t, db, before)
		head := k.head(t, young)
		if err := verify(t.Context(), db, head, remembered); !errors.Is(err, ledger.ErrRewound) {
			t.Errorf("rewound: got %v, want ErrRewound", err)
		}
		if _, err := old.Head(t.Context()); !errors.Is(err, ErrBroken) {
			t.Errorf("a server that signed more: got %v, want ErrBroken", err)
		}
		// Forked: another history of the same length, and longer.
		fill(t, db, 4)
		record(t, db, otherEntry)
		fill(t, db, 3)
		head = k.head(t, young)
		if err := verify(t.Context(), db, head, remembered); !errors.Is(err, ledger.ErrForked) {
			t.Errorf("forked: got %v, want ErrForked", err)
		}
		proof, err := New(db).Consistency(t.Context(), remembered.Size, head.Size)
		if err != nil {
			t.Fatal(err)
		}
		if err := ledger.CheckContinues(remembered, head, proof); !errors.Is(err, ledger.ErrForked) {
			t.Errorf("forked, by proof: got %v, want ErrForked", err)
		}
		if _, err := old.Head(t.Context()); !errors.Is(err, ErrBroken) {
			t.Errorf("a server that signed another: got %v, want ErrBroken", err)
		}
	})
}

// TestHashesTampered: a server signs nothing over hashes that are not those it
// signed before.
func TestHashesTampered(t *testing.T) {
	for _, statement := range []string{
		`UPDATE audit_hashes SET hashes = (SELECT hashes FROM audit_hashes WHERE sequence = 1) WHERE sequence = 3`,
		`DELETE FROM audit_hashes`,
		`UPDATE audit_heads SET size = 99`,
		`UPDATE audit_heads SET note = 'nothing'`,
	} {
		t.Run(strings.Fields(statement)[0], func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
				k := newKey(t)
				fill(t, db, 3)
				k.head(t, k.on(t, db))
				unlock(t, db)
				run(t, db, statement)
				if _, err := k.on(t, db).Head(t.Context()); !errors.Is(err, ErrBroken) {
					t.Errorf("%s: got %v, want ErrBroken", statement, err)
				}
			})
		})
	}
}

// TestAppendOnly: as long as the triggers are there, a mistake changes nothing.
func TestAppendOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		k := newKey(t)
		fill(t, db, 3)
		k.head(t, k.on(t, db))
		for _, text := range []string{
			`UPDATE audit_hashes SET sequence = 9`, `DELETE FROM audit_hashes`,
			`UPDATE audit_heads SET size = 9`, `DELETE FROM audit_heads`,
			`UPDATE audit_log SET size = 2`, `DELETE FROM audit_log`,
		} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(text); return err })
			if err == nil {
				t.Errorf("%s: done", text)
			}
		}
	})
}

var otherEntry = audit.Server("test.other", "", "another history")
