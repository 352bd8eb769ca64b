// Package auditdb reads the record and the log that it is, and signs the log's
// heads. Entries are written with the changes that they explain, by each
// transaction.
package auditdb

import (
	"context"
	"math"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
)

// Store reads entries from the database.
type Store struct{ db *sqldb.DB }

// New makes a Store.
func New(db *sqldb.DB) *Store { return &Store{db: db} }

// Entries gives what q asks for; none is an empty list.
func (s *Store) Entries(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	find := s.db.Read(ctx).Order("sequence DESC").Limit(q.Size)
	if q.Before > 0 {
		find = find.Where("sequence < ?", int64(min(q.Before, math.MaxInt64)))
	}
	if q.Target != "" {
		find = find.Where("target = ?", q.Target)
	}
	if q.Actor != "" {
		find = find.Where("actor = ?", q.Actor)
	}
	var rows []row
	if err := find.Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	entries := make([]audit.Entry, len(rows))
	for i, r := range rows {
		entries[i] = r.entry()
	}
	return entries, nil
}
