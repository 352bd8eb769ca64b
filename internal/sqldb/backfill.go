package sqldb

import (
	"context"
	"fmt"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
)

// backfill takes the entries that are older than the log into it, once in a
// database's life: what is inserted behind the log's back later stays outside.
// A crash between two batches loses nothing, and servers that start at once
// take turns at the log's row.
func (db *DB) backfill(ctx context.Context) error {
	for {
		left := false
		err := db.Write(ctx, func(tx *Tx) error {
			var err error
			left, err = tx.takeIn()
			return err
		})
		if err != nil {
			return fmt.Errorf("take older entries into the audit log: %w", err)
		}
		if !left {
			return nil
		}
	}
}

// takeIn takes the next batch and reports whether there may be another.
func (tx *Tx) takeIn() (bool, error) {
	var size, legacy int64
	if err := tx.QueryRow(`SELECT size, legacy FROM audit_log WHERE id = 1`, nil, &size, &legacy); err != nil || size >= legacy {
		return false, err
	}
	tree, err := tx.tree() // another server may have been faster
	if err != nil {
		return false, err
	}
	var rows []struct {
		Sequence, RecordedAt                     int64
		Actor, Action, Target, Detail, RequestID string
	}
	err = tx.Gorm().Table("audit_entries").Order("sequence").Limit(entriesPerRow).
		Where("sequence > ? AND sequence <= ?", int64(tree.Size()), legacy).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return false, err
	}
	entries := make([]audit.Entry, len(rows))
	for i, r := range rows {
		want := tree.Size() + 1 + uint64(i)
		if uint64(r.Sequence) != want {
			return false, fault.New(fault.Refused, "AUDIT_GAP", "the record has no entry %d: it was changed before it became a log", want)
		}
		entries[i] = audit.Entry{
			Sequence: want, Time: time.UnixMicro(r.RecordedAt).UTC(),
			Actor: r.Actor, Action: r.Action, Target: r.Target, Detail: r.Detail, RequestID: r.RequestID,
		}
	}
	if err := tx.hash(tree, entries); err != nil {
		return false, err
	}
	return true, tx.grow(tree)
}
