package transmitdb

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/transmit"
)

// maxWebhooks is how many webhooks there may be.
const maxWebhooks = 100

// Stream gives a stream. Error: transmit.ErrNoStream.
func (s *Store) Stream(ctx context.Context, id string) (transmit.Stream, error) {
	var rows []streamRow
	if err := s.db.Read(ctx).Where("id = ?", id).Find(&rows).Error; err != nil {
		return transmit.Stream{}, sqldb.Fault(err)
	}
	if len(rows) == 0 {
		return transmit.Stream{}, transmit.ErrNoStream
	}
	return rows[0].stream()
}

// Streams gives every stream, or those of one client, oldest first.
func (s *Store) Streams(ctx context.Context, client string) ([]transmit.Stream, error) {
	q := s.db.Read(ctx).Order("created_at, id")
	if client != "" {
		q = q.Where("client_id = ?", client)
	}
	var rows []streamRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	all := make([]transmit.Stream, len(rows))
	for i := range rows {
		var err error
		if all[i], err = rows[i].stream(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// CreateStream keeps a new stream. Errors: transmit.ErrDuplicate,
// transmit.ErrTooMany.
func (s *Store) CreateStream(ctx context.Context, st transmit.Stream, e audit.Entry) error {
	row, err := rowOf(&st)
	if err != nil {
		return err
	}
	most := transmit.MaxStreams
	if st.ClientID == "" {
		most = maxWebhooks
	}
	return duplicate(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var others []streamRow
		if err := tx.Gorm().Select("delivery", "endpoint").Where("client_id = ?", st.ClientID).Find(&others).Error; err != nil {
			return err
		}
		for _, o := range others {
			if o.Delivery == row.Delivery && o.Endpoint == row.Endpoint {
				return transmit.ErrDuplicate
			}
		}
		if len(others) >= most {
			return transmit.ErrTooMany
		}
		if err := tx.Gorm().Create(&row).Error; err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO transmit_fares (stream_id) VALUES (?)`, st.ID); err != nil {
			return err
		}
		return tx.Record(e)
	}))
}

// duplicate says of a broken unique key which it is: there is one that a caller
// can break.
func duplicate(err error) error {
	if err != nil && fault.KindOf(err) == fault.Conflict && fault.ReasonOf(err) == "" {
		return transmit.ErrDuplicate.WithCause(err)
	}
	return err
}

const (
	resetSQL = `UPDATE transmit_fares SET failures = 0, failing_since = NULL WHERE stream_id = ?`
	dropSQL  = `DELETE FROM transmit_outbox WHERE stream_id = ? AND dead_at IS NULL AND event <> ?`
)

// SaveStream keeps a stream whose version is one more than the stored one's, and
// lets what failed be tried at once. Error: transmit.ErrMoved.
func (s *Store) SaveStream(ctx context.Context, st transmit.Stream, items []transmit.Item, e audit.Entry) error {
	row, err := rowOf(&st)
	if err != nil {
		return err
	}
	return duplicate(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res := tx.Gorm().Model(&streamRow{}).Where("id = ? AND version = ?", st.ID, int64(st.Version-1)).
			Select("*").Omit("id", "client_id", "client_name", "created_at", "verified_at").Updates(&row)
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return transmit.ErrMoved
		}
		if _, err := tx.Exec(resetSQL, st.ID); err != nil {
			return err
		}
		if st.Status == transmit.Disabled {
			if _, err := tx.Exec(dropSQL, st.ID, string(transmit.StreamUpdated)); err != nil {
				return err
			}
		}
		for i := range items {
			if err := add(tx, &items[i]); err != nil {
				return err
			}
		}
		return tx.Record(e)
	}))
}

// DeleteStream drops a stream and all that waits for it. Error:
// transmit.ErrMoved.
func (s *Store) DeleteStream(ctx context.Context, id string, version uint64, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(`DELETE FROM transmit_streams WHERE id = ? AND version = ?`, id, int64(version))
		if err != nil {
			return err
		}
		if n == 0 {
			return transmit.ErrMoved
		}
		return tx.Record(e)
	})
}

// Rules gives what a stream says of subjects.
func (s *Store) Rules(ctx context.Context, stream string) ([]transmit.Rule, error) {
	var rows []ruleRow
	if err := s.db.Read(ctx).Where("stream_id = ?", stream).Order("number").Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	all := make([]transmit.Rule, len(rows))
	for i, r := range rows {
		all[i] = r.rule()
	}
	return all, nil
}

const (
	bumpSQL   = `UPDATE transmit_streams SET version = version + 1, updated_at = ? WHERE id = ? AND version = ?`
	unruleSQL = `DELETE FROM transmit_rules WHERE stream_id = ? AND device_id = ? AND user_name = ? AND tenant = ?`
	lastSQL   = `SELECT COUNT(*), COALESCE(MAX(number), 0) FROM transmit_rules WHERE stream_id = ?`
)

// SetRules changes rules of a stream. Errors: transmit.ErrMoved,
// transmit.ErrTooMany.
func (s *Store) SetRules(ctx context.Context, st transmit.Stream, drop []transmit.Subject, keep *transmit.Rule, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(bumpSQL, max(tx.Now().UnixMicro(), st.CreatedAt.UnixMicro()), st.ID, int64(st.Version))
		if err != nil {
			return err
		}
		if n == 0 {
			return transmit.ErrMoved
		}
		for _, d := range drop {
			if _, err := tx.Exec(unruleSQL, st.ID, string(d.Device), d.User, d.Tenant); err != nil {
				return err
			}
		}
		if keep == nil {
			return tx.Record(e)
		}
		var count, last int64
		if err := tx.QueryRow(lastSQL, []any{st.ID}, &count, &last); err != nil {
			return err
		}
		if count >= transmit.MaxSubjects {
			return transmit.ErrTooMany
		}
		row := ruleRow{
			StreamID: st.ID, DeviceID: string(keep.Subject.Device), UserName: keep.Subject.User, Tenant: keep.Subject.Tenant,
			LeftOut: flag(keep.Out), Number: last + 1,
		}
		if err := tx.Gorm().Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
			return err
		}
		return tx.Record(e)
	})
}

const verifySQL = `UPDATE transmit_streams SET verified_at = ?
WHERE id = ? AND status <> 'disabled' AND (verified_at IS NULL OR verified_at <= ?)`

// Verify keeps a verification that the receiver asked for. Errors:
// transmit.ErrTooSoon, also where the stream is gone or disabled.
func (s *Store) Verify(ctx context.Context, i transmit.Item, notSince time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(verifySQL, i.CreatedAt.UnixMicro(), i.Stream, notSince.UnixMicro())
		if err != nil {
			return err
		}
		if n == 0 {
			return transmit.ErrTooSoon
		}
		return add(tx, &i)
	})
}
