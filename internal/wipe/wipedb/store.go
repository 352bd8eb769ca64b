// Package wipedb keeps wipe orders in SQLite or PostgreSQL.
package wipedb

import (
	"context"
	"time"

	"gorm.io/gorm"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// Store is a wipe.Store. It is safe for concurrent use.
type Store struct {
	db      *sqldb.DB
	ordered *ordered // nil where other processes write too
}

var _ wipe.Store = (*Store)(nil)

// New makes the store on an open database.
func New(db *sqldb.DB) *Store {
	s := &Store{db: db}
	if db.Exclusive() {
		s.ordered = new(ordered)
	}
	return s
}

// errRepeated undoes a transaction that found its order saved already.
var errRepeated = fault.New(fault.Conflict, "ORDER_REPEATED", "the order exists")

// Create is as wipe.Orders says.
func (s *Store) Create(ctx context.Context, o wipe.Order, e audit.Entry) (wipe.Order, error) {
	if s.ordered != nil {
		s.ordered.add(o.Device)
	}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var err error
		if o.Sequence, err = lock(tx, o.Device); err != nil {
			return err
		}
		if err := admit(tx, o); err != nil {
			return err
		}
		row := toRow(o)
		if err := tx.Gorm().Create(&row).Error; err != nil {
			return err
		}
		return tx.Record(e)
	})
	switch {
	case err == nil:
		return o, nil
	case fault.KindOf(err) == fault.Conflict:
		return s.repeated(ctx, o, err)
	default:
		return wipe.Order{}, err
	}
}

// lock gives the device's next sequence, and the device to this transaction
// alone until it ends.
func lock(tx *sqldb.Tx, id device.ID) (sequence uint64, err error) {
	err = tx.QueryRow(`INSERT INTO wipe_devices (device_id, last_sequence) VALUES (?, 1)
ON CONFLICT (device_id) DO UPDATE SET last_sequence = wipe_devices.last_sequence + 1
RETURNING last_sequence`, []any{string(id)}, &sequence)
	return sequence, err
}

// admit decides inside the transaction: what it reads cannot change before
// the order is saved, except that others may end.
func admit(tx *sqldb.Tx, o wipe.Order) error {
	var known int64
	err := tx.Gorm().Model(&orderRow{}).Where("created_by = ? AND request_key = ?", o.CreatedBy, o.RequestKey).Count(&known).Error
	if err != nil {
		return err
	}
	if known > 0 {
		return errRepeated
	}
	others, err := unsettled(tx.Gorm(), o.Device, o.Epoch)
	if err != nil {
		return err
	}
	return wipe.Admit(o, others, o.CreatedAt)
}

// repeated answers for a request key that somebody else saved first.
func (s *Store) repeated(ctx context.Context, o wipe.Order, conflict error) (wipe.Order, error) {
	first, err := s.ByKey(ctx, o.CreatedBy, o.RequestKey)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return wipe.Order{}, conflict
	case err != nil:
		return wipe.Order{}, err
	case first.RequestDigest != o.RequestDigest:
		return wipe.Order{}, wipe.ErrKeyReused
	}
	return first, nil
}

// Save is as wipe.Orders says.
func (s *Store) Save(ctx context.Context, changes ...wipe.Change) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, c := range changes {
			if c.Proof != nil { // first: the database wants to see it
				if err := tx.Gorm().Create(new(toProof(c))).Error; err != nil {
					return moved(err)
				}
			}
			row := toRow(c.Order)
			res := tx.Gorm().Model(&orderRow{}).Select(changing).
				Where("id = ? AND version = ?", row.ID, row.Version-1).Updates(&row)
			if res.Error != nil {
				return res.Error
			}
			if res.RowsAffected != 1 {
				return wipe.ErrMoved
			}
			if err := tx.Record(c.Entry); err != nil {
				return err
			}
		}
		return nil
	})
}

// Order is as wipe.Orders says.
func (s *Store) Order(ctx context.Context, id wipe.ID) (wipe.Order, error) {
	return one(s.db.Read(ctx).Where("id = ?", string(id)))
}

// ByKey is as wipe.Orders says.
func (s *Store) ByKey(ctx context.Context, createdBy, key string) (wipe.Order, error) {
	return one(s.db.Read(ctx).Where("created_by = ? AND request_key = ?", createdBy, key))
}

// Unsettled is as wipe.Orders says.
func (s *Store) Unsettled(ctx context.Context, id device.ID, epoch device.Epoch) ([]wipe.Order, error) {
	if s.ordered != nil {
		if none, err := s.ordered.none(ctx, s.db, id); none || err != nil {
			return nil, err
		}
	}
	return unsettled(s.db.Read(ctx), id, epoch)
}

func unsettled(db *gorm.DB, id device.ID, epoch device.Epoch) ([]wipe.Order, error) {
	return many(db.Where("device_id = ? AND epoch = ? AND settled_at IS NULL", string(id), int64(epoch)).Order("sequence"))
}

// List is as wipe.Orders says.
func (s *Store) List(ctx context.Context, q wipe.Query) ([]wipe.Order, error) {
	db := s.db.Read(ctx).Order("created_at DESC, id DESC").Limit(q.Limit)
	if q.Device != "" {
		db = db.Where("device_id = ?", string(q.Device))
	}
	if q.State != "" {
		db = db.Where("state = ?", string(q.State))
	}
	if q.After != (wipe.Cursor{}) {
		db = db.Where("(created_at, id) < (?, ?)", q.After.CreatedAt.UnixMicro(), string(q.After.ID))
	}
	return many(db)
}

// Overdue is as wipe.Backlog says.
func (s *Store) Overdue(ctx context.Context, now time.Time, limit int) ([]wipe.Order, error) {
	return many(s.db.Read(ctx).
		Where("settled_at IS NULL AND state IN ? AND not_after < ?",
			[]string{string(wipe.Pending), string(wipe.Delivered)}, now.UnixMicro()).
		Order("not_after, id").Limit(limit))
}

// Unended is as wipe.Backlog says.
func (s *Store) Unended(ctx context.Context, limit int) ([]wipe.Order, error) {
	return many(s.db.Read(ctx).Where("settled_at IS NULL AND state = ?", string(wipe.Done)).
		Order("not_after, id").Limit(limit))
}

// After is as wipe.Backlog says.
func (s *Store) After(ctx context.Context, id wipe.ID, limit int) ([]wipe.Order, error) {
	return many(s.db.Read(ctx).Where("settled_at IS NULL AND id > ?", string(id)).Order("id").Limit(limit))
}

func one(db *gorm.DB) (wipe.Order, error) {
	var r orderRow
	err := sqldb.Fault(db.Take(&r).Error)
	switch {
	case err == nil:
		return r.order()
	case fault.KindOf(err) == fault.NotFound:
		return wipe.Order{}, wipe.ErrUnknown
	default:
		return wipe.Order{}, err
	}
}

func many(db *gorm.DB) ([]wipe.Order, error) {
	var rows []orderRow
	if err := db.Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	return toOrders(rows)
}
