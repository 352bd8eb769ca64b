package enrolldb

import (
	"context"
	"maps"
	"slices"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/sqldb"
)

// Unsettled implements [enroll.Enrolments].
func (s *Store) Unsettled(ctx context.Context, after enroll.Ending, limit int) ([]enroll.Ending, error) {
	var rows []endingRow
	err := s.db.Read(ctx).Where("settled_at IS NULL").
		Where("(device_id, epoch) > (?, ?)", string(after.Device), int64(after.Epoch)).
		Order("device_id, epoch").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	endings := make([]enroll.Ending, len(rows))
	for i, r := range rows {
		endings[i] = r.ending()
	}
	return endings, nil
}

// MarkSettled implements [enroll.Enrolments]. It takes no entry: the ending has
// its own, and what was done to settle it has, too.
func (s *Store) MarkSettled(ctx context.Context, id device.ID, epoch device.Epoch, at time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec("UPDATE enroll_endings SET settled_at = ? WHERE device_id = ? AND epoch = ? AND settled_at IS NULL",
			sqldb.Micros(at), string(id), uint64(epoch))
		return err
	})
}

// seenChunk is how many devices share a transaction: a fleet's worth at once
// would keep everyone else from writing.
const seenChunk = 250

// SaveSeen implements [enroll.Enrolments]. All servers take the devices in the
// same order, so that none waits for one that waits for it.
func (s *Store) SaveSeen(ctx context.Context, seen map[device.ID]time.Time) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(seen)), seenChunk) {
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			for _, id := range ids {
				at := sqldb.Micros(seen[id])
				_, err := tx.Exec("UPDATE enroll_devices SET last_seen_at = ? WHERE id = ? AND (last_seen_at IS NULL OR last_seen_at < ?)",
					at, string(id), at)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
