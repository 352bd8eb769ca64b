package transmitdb

import (
	"context"
	"slices"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
	"ringfence/internal/transmit"
)

const (
	// dueWhere are the first items of their devices that wait. What is about the
	// stream has no device, and an order of its own.
	dueWhere = `stream_id = ? AND dead_at IS NULL AND (next_at IS NULL OR next_at <= ?) AND NOT EXISTS (
SELECT 1 FROM transmit_outbox earlier WHERE earlier.stream_id = transmit_outbox.stream_id
AND earlier.device_id = transmit_outbox.device_id AND earlier.dead_at IS NULL AND earlier.number < transmit_outbox.number)`
	controlWhere = `stream_id = ? AND dead_at IS NULL AND (next_at IS NULL OR next_at <= ?) AND event = ?`
	waiting      = `stream_id = ? AND dead_at IS NULL`
)

// Due gives what may be tried by now.
func (s *Store) Due(ctx context.Context, stream string, q transmit.DueQuery) ([]transmit.Item, error) {
	find := s.db.Read(ctx).Order("number").Limit(q.Most)
	if q.OnlyControl {
		find = find.Where(controlWhere, stream, q.Now.UnixMicro(), string(transmit.StreamUpdated))
	} else {
		find = find.Where(dueWhere, stream, q.Now.UnixMicro())
	}
	var rows []itemRow
	if err := find.Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	return items(rows), nil
}

// Waiting gives what waits for a stream, oldest first.
func (s *Store) Waiting(ctx context.Context, stream string, q transmit.WaitingQuery) ([]transmit.Item, error) {
	find := s.db.Read(ctx).Where(waiting, stream).Order("number").Limit(q.Most)
	if q.OnlyControl {
		find = find.Where("event = ?", string(transmit.StreamUpdated))
	}
	var rows []itemRow
	if err := find.Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	return items(rows), nil
}

const (
	takenSQL = `DELETE FROM transmit_outbox WHERE number = ? AND stream_id = ?`
	deadSQL  = `UPDATE transmit_outbox SET dead_at = ?, reason = ?, tries = ?, failed_at = ?, next_at = NULL WHERE number = ? AND stream_id = ?`
	againSQL = `UPDATE transmit_outbox SET reason = ?, tries = ?, failed_at = ?, next_at = ? WHERE number = ? AND stream_id = ?`
	fareSQL  = `UPDATE transmit_fares SET failures = ?, failing_since = ?, last_error = ?, delivered_at = ? WHERE stream_id = ?`
)

// Settle keeps what came of tries, and how the stream fares.
func (s *Store) Settle(ctx context.Context, stream string, results []transmit.Result, f transmit.Fare) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for i := range results {
			if err := settle(tx, stream, &results[i]); err != nil {
				return err
			}
		}
		_, err := tx.Exec(fareSQL, f.Failures, at(f.FailingSince), f.LastError, at(f.DeliveredAt), stream)
		return err
	})
}

func settle(tx *sqldb.Tx, stream string, r *transmit.Result) error {
	var err error
	switch {
	case r.Taken:
		_, err = tx.Exec(takenSQL, int64(r.Number), stream)
	case r.Dead:
		_, err = tx.Exec(deadSQL, tx.Now().UnixMicro(), r.Reason, r.Tries, at(r.FailedAt), int64(r.Number), stream)
	default:
		_, err = tx.Exec(againSQL, r.Reason, r.Tries, at(r.FailedAt), at(r.NextAt), int64(r.Number), stream)
	}
	return err
}

const (
	ackSQL    = `DELETE FROM transmit_outbox WHERE stream_id = ? AND jti = ? AND dead_at IS NULL`
	refuseSQL = `UPDATE transmit_outbox SET dead_at = ?, reason = ? WHERE stream_id = ? AND jti = ? AND dead_at IS NULL`
	pollSQL   = `UPDATE transmit_fares SET delivered_at = ? WHERE stream_id = ?`
)

// Acknowledge drops what the receiver has, and puts aside what it refuses.
func (s *Store) Acknowledge(ctx context.Context, stream string, have []string, refused map[string]string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, jti := range have {
			if _, err := tx.Exec(ackSQL, stream, jti); err != nil {
				return err
			}
		}
		for jti, reason := range refused {
			if _, err := tx.Exec(refuseSQL, tx.Now().UnixMicro(), reason, stream, jti); err != nil {
				return err
			}
		}
		_, err := tx.Exec(pollSQL, tx.Now().UnixMicro(), stream)
		return err
	})
}

const claimSQL = `UPDATE transmit_fares SET claimed_by = ?, claimed_until = ?
WHERE stream_id = ? AND (claimed_by IS NULL OR claimed_by = ? OR claimed_until <= ?)`

// Claim makes the holder the one that hands over; false while another does.
func (s *Store) Claim(ctx context.Context, stream string, c transmit.Claim) (bool, error) {
	var mine bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(claimSQL, c.Holder, c.Until.UnixMicro(), stream, c.Holder, c.Now.UnixMicro())
		mine = n == 1
		return err
	})
	return mine && err == nil, err
}

// Release gives up the holder's claim.
func (s *Store) Release(ctx context.Context, stream, holder string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE transmit_fares SET claimed_by = NULL, claimed_until = NULL WHERE stream_id = ? AND claimed_by = ?`, stream, holder)
		return err
	})
}

// CountWaiting counts what waits for a stream, up to most.
func (s *Store) CountWaiting(ctx context.Context, stream string, most int) (int, error) {
	var n int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 AS one FROM transmit_outbox WHERE stream_id = ? AND dead_at IS NULL LIMIT ?) waiting`,
		[]any{stream, most}, &n)
	return n, err
}

// Dead gives what was put aside, after a number, oldest first.
func (s *Store) Dead(ctx context.Context, stream string, after uint64, most int) ([]transmit.Letter, error) {
	var rows []itemRow
	err := s.db.Read(ctx).Where("stream_id = ? AND dead_at IS NOT NULL AND number > ?", stream, int64(after)).
		Order("number").Limit(most).Find(&rows).Error
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all := make([]transmit.Letter, len(rows))
	for i := range rows {
		all[i] = transmit.Letter{Item: rows[i].item(), At: timeOf(rows[i].DeadAt), Reason: rows[i].Reason}
	}
	return all, nil
}

// chunk is how many values stand in one statement.
const chunk = 500

// Revive lets what was put aside wait again, as if it had never failed.
func (s *Store) Revive(ctx context.Context, stream string, jtis []string, e audit.Entry) (int, error) {
	var n int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n = 0
		sets := [][]string{nil}
		if len(jtis) > 0 {
			sets = slices.Collect(slices.Chunk(jtis, chunk))
		}
		for _, set := range sets {
			q := tx.Gorm().Model(&itemRow{}).Where("stream_id = ? AND dead_at IS NOT NULL", stream)
			if set != nil {
				q = q.Where("jti IN ?", set)
			}
			res := q.Updates(map[string]any{"dead_at": nil, "next_at": nil, "failed_at": nil, "tries": 0, "reason": ""})
			if res.Error != nil {
				return res.Error
			}
			n += res.RowsAffected
		}
		if n == 0 {
			return nil
		}
		return tx.Record(e)
	})
	return int(n), err
}

// Fare gives how a stream fares. Error: transmit.ErrNoStream.
func (s *Store) Fare(ctx context.Context, stream string) (transmit.Fare, error) {
	var rows []fareRow
	if err := s.db.Read(ctx).Where("stream_id = ?", stream).Find(&rows).Error; err != nil {
		return transmit.Fare{}, sqldb.Fault(err)
	}
	if len(rows) == 0 {
		return transmit.Fare{}, transmit.ErrNoStream
	}
	return rows[0].fare(), nil
}

const countsSQL = `SELECT stream_id, SUM(CASE WHEN dead_at IS NULL THEN 1 ELSE 0 END), SUM(CASE WHEN dead_at IS NULL THEN 0 ELSE 1 END),
MIN(CASE WHEN dead_at IS NULL THEN created_at END) FROM transmit_outbox GROUP BY stream_id`

// Fares gives how every stream fares, and what waits for it.
func (s *Store) Fares(ctx context.Context) (map[string]transmit.Health, error) {
	var rows []fareRow
	if err := s.db.Read(ctx).Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	all := make(map[string]transmit.Health, len(rows))
	for _, r := range rows {
		all[r.StreamID] = transmit.Health{Fare: r.fare()}
	}
	var id string
	var pending, dead int
	var oldest *int64
	err := s.db.QueryRows(ctx, countsSQL, nil, []any{&id, &pending, &dead, &oldest}, func() error {
		h := all[id]
		h.Pending, h.Dead, h.Oldest = pending, dead, timeOf(oldest)
		all[id] = h
		return nil
	})
	return all, err
}

const burySQL = `DELETE FROM transmit_outbox WHERE number IN (
SELECT number FROM transmit_outbox WHERE dead_at IS NOT NULL AND dead_at < ? ORDER BY dead_at LIMIT ?)`

// Bury drops what was put aside before a time, at most so many.
func (s *Store) Bury(ctx context.Context, before time.Time, most int) (int, error) {
	var n int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var err error
		n, err = tx.Exec(burySQL, before.UnixMicro(), most)
		return err
	})
	return int(n), err
}
