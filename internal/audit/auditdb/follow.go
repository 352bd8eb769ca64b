package auditdb

import (
	"context"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
)

// followWindow bounds how much of the record one Following looks through, in
// entries.
const followWindow = 100_000

// Size is the number of entries of the record, which is the sequence of the
// last one.
func (s *Store) Size(ctx context.Context) (uint64, error) {
	return logSize(s.db.Read(ctx))
}

// Following gives the entries after a sequence whose action is one of actions, or
// with nil actions every one, oldest first, at most most of them; and the sequence up to which they are all
// there are, from where to go on. That sequence is below after only where the
// record is shorter than that. What is given stays as it is: entries become
// visible in the order of their sequences, none between two others later.
func (s *Store) Following(ctx context.Context, after uint64, actions []string, most int) ([]audit.Entry, uint64, error) {
	size, err := s.Size(ctx)
	if err != nil {
		return nil, 0, err
	}
	if size <= after {
		return nil, size, nil
	}
	upTo := after + min(size-after, followWindow)
	var rows []row
	q := s.db.Read(ctx).Where("sequence > ? AND sequence <= ?", int64(after), int64(upTo))
	if actions != nil {
		q = q.Where("action IN ?", actions)
	}
	err = q.Order("sequence").Limit(most).Find(&rows).Error
	if err != nil {
		return nil, 0, sqldb.Fault(err)
	}
	if len(rows) == most {
		upTo = uint64(rows[most-1].Sequence)
	}
	entries := make([]audit.Entry, len(rows))
	for i, r := range rows {
		entries[i] = r.entry()
	}
	return entries, upTo, nil
}
