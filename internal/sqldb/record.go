package sqldb

import (
	"fmt"
	"slices"

	"ringfence/internal/audit"
	"ringfence/internal/audit/ledger"
	"ringfence/internal/fault"
)

// headSQL reads the log's right edge. On PostgreSQL whoever reads it keeps it
// until the transaction ends; on SQLite there is one writer.
var headSQL = map[Dialect]string{
	SQLite:   `SELECT size, peaks FROM audit_log WHERE id = 1`,
	Postgres: `SELECT size, peaks FROM audit_log WHERE id = 1 FOR UPDATE`,
}

const (
	entrySQL = `INSERT INTO audit_entries
(sequence, recorded_at, actor, action, target, detail, request_id, peer, credential)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	hashesSQL = `INSERT INTO audit_hashes (sequence, hashes) VALUES (?, ?)`
	growSQL   = `UPDATE audit_log SET size = ?, peaks = ? WHERE id = 1`
	// appendSQL is all three, as PostgreSQL can.
	appendSQL = `WITH entry AS (` + entrySQL + `), stored AS (` + hashesSQL + `) ` + growSQL
	// entriesPerRow bounds a row of hashes: there are about two an entry.
	entriesPerRow = 500
)

var errUnsigned = fault.New(fault.Internal, "", "an entry of the record says neither who nor what")

// Record appends the entry that explains the change, just before the
// transaction commits. The log gives its sequence, the transaction its time.
// It must say who did what: the entries of several Writes are stored together,
// and one that cannot be stored must not undo the others.
func (tx *Tx) Record(e audit.Entry) error {
	if err := tx.link.ready(); err != nil {
		return Fault(err)
	}
	e.Time = tx.now
	if e = ledger.Storable(e); e.Actor == "" || e.Action == "" {
		return errUnsigned
	}
	tx.entries = append(tx.entries, e)
	return nil
}

// appendEntries stores entries and their hashes.
func (tx *Tx) appendEntries(entries []audit.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	tree, err := tx.tree()
	if err != nil {
		return err
	}
	for some := range slices.Chunk(entries, entriesPerRow) {
		for i := range some {
			e := &some[i]
			e.Sequence = tree.Size() + 1 + uint64(i)
		}
		if err := tx.appendSome(tree, some); err != nil {
			return err
		}
	}
	return nil
}

// appendSome stores entries that have their sequences, their hashes, and the
// right edge they lead to. On PostgreSQL the last entry takes all of it along in
// one statement, because others wait for each round trip.
func (tx *Tx) appendSome(tree *ledger.Tree, entries []audit.Entry) error {
	last := len(entries) - 1
	for _, e := range entries[:last] {
		if _, err := tx.Exec(entrySQL, values(e)...); err != nil {
			return err
		}
	}
	var hashes []byte
	for _, e := range entries {
		hashes = append(hashes, ledger.Bytes(tree.Append(ledger.Leaf(e)))...)
	}
	rest := []any{int64(entries[0].Sequence), hashes, int64(tree.Size()), tree.Peaks()}
	if tx.oneStatement {
		_, err := tx.Exec(appendSQL, append(values(entries[last]), rest...)...)
		return err
	}
	if _, err := tx.Exec(entrySQL, values(entries[last])...); err != nil {
		return err
	}
	if _, err := tx.Exec(hashesSQL, rest[:2]...); err != nil {
		return err
	}
	_, err := tx.Exec(growSQL, rest[2:]...)
	return err
}

// values gives the columns of entrySQL.
func values(e audit.Entry) []any {
	return []any{
		int64(e.Sequence), e.Time.UnixMicro(),
		e.Actor, e.Action, e.Target, e.Detail, e.RequestID, e.Peer, e.Credential,
	}
}

// tree reads the log's right edge.
func (tx *Tx) tree() (*ledger.Tree, error) {
	var size uint64
	var peaks []byte
	if err := tx.QueryRow(tx.headSQL, nil, &size, &peaks); err != nil {
		return nil, err
	}
	tree, err := ledger.ParseTree(size, peaks)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return tree, nil
}

// hash adds entries to the tree and stores the hashes that come with them.
func (tx *Tx) hash(tree *ledger.Tree, entries []audit.Entry) error {
	var hashes []byte
	for _, e := range entries {
		hashes = append(hashes, ledger.Bytes(tree.Append(ledger.Leaf(e)))...)
	}
	_, err := tx.Exec(hashesSQL, int64(entries[0].Sequence), hashes)
	return err
}

func (tx *Tx) grow(tree *ledger.Tree) error {
	_, err := tx.Exec(growSQL, int64(tree.Size()), tree.Peaks())
	return err
}
