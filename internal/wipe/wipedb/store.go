// Package wipedb keeps wipe orders, what asked for them, and what bounds them, in
// SQLite or PostgreSQL.
//
// Whoever decides holds one row of the database, so that of all servers one
// decides at a time and what it has counted stays so. What a device reports
// needs no such row: an order's version guards it, and a decision that finds an
// order moved is made anew. The database itself refuses an order that no
// executed request, no lease and, for a registration, no policy explains, and a request that is executed without
// the second person it needs.
package wipedb

import (
	"context"
	"time"

	"gorm.io/gorm"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// Store is a wipe.Store. It is safe for concurrent use.
type Store struct {
	db      *sqldb.DB
	ordered *ordered // nil where other processes write too
	leases  *leaseCache
	// turn is held by the one of this process who decides: the others wait here
	// and not on a connection.
	turn chan struct{}
}

var _ wipe.Store = (*Store)(nil)

// Option changes how a Store works.
type Option func(*Store)

// WithClock lets the Store remember the leases for a short time where other
// processes write too. Without a clock it asks the database each time then.
func WithClock(now func() time.Time) Option {
	return func(s *Store) { s.leases.now = now }
}

// New makes the store on an open database.
func New(db *sqldb.DB, options ...Option) *Store {
	s := &Store{db: db, leases: &leaseCache{exact: db.Exclusive()}, turn: make(chan struct{}, 1)}
	if db.Exclusive() {
		s.ordered = new(ordered)
	}
	for _, o := range options {
		o(s)
	}
	return s
}

// Save is as wipe.Orders says.
func (s *Store) Save(ctx context.Context, changes ...wipe.Change) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return save(tx, changes) })
}

func save(tx *sqldb.Tx, changes []wipe.Change) error {
	for _, c := range changes {
		if c.Proof != nil { // first: the database wants to see it
			if err := tx.Gorm().Create(new(toProof(c))).Error; err != nil {
				return moved(err)
			}
		}
		row := toRow(c.Order)
		// Prepared, because each phone that is given an order comes by here.
		n, err := tx.Exec(changeSQL, row.changes()...)
		if err != nil {
			return err
		}
		if n != 1 {
			return wipe.ErrMoved
		}
		if err := tx.Record(c.Entry); err != nil {
			return err
		}
	}
	return nil
}

// Order is as wipe.Orders says.
func (s *Store) Order(ctx context.Context, id wipe.ID) (wipe.Order, error) {
	return one(s.db.Read(ctx).Where("id = ?", string(id)))
}

// Unsettled is as wipe.Orders says.
func (s *Store) Unsettled(ctx context.Context, id device.ID, epoch device.Epoch) ([]wipe.Order, error) {
	if s.ordered != nil {
		if none, err := s.ordered.none(ctx, s.db, id); none || err != nil {
			return nil, err
		}
	}
	// Most have none, and to find that is most of what looks cost.
	var n int
	if err := s.db.QueryRow(ctx, countUnsettledSQL, []any{string(id), int64(epoch)}, &n); err != nil || n == 0 {
		return nil, err
	}
	return unsettled(s.db.Read(ctx), id, epoch)
}

const countUnsettledSQL = "SELECT COUNT(*) FROM wipe_orders WHERE device_id = ? AND epoch = ? AND settled_at IS NULL"

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
	if q.Request != "" {
		db = db.Where("request_id = ?", string(q.Request))
	}
	if q.Groups != nil {
		db = db.Where("group_name IN ?", q.Groups) // of none: nothing
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

// Released is as wipe.Backlog says.
func (s *Store) Released(ctx context.Context, from, to time.Time) ([]device.ID, error) {
	var ids []device.ID
	err := s.db.Read(ctx).Model(&orderRow{}).Distinct("device_id").
		Where("settled_at IS NULL AND held_until > ? AND held_until <= ? OR counted_at > ? AND counted_at <= ? AND settled_at IS NULL AND held_until IS NULL",
			from.UnixMicro(), to.UnixMicro(), from.UnixMicro(), to.UnixMicro()).
		Order("device_id").Find(&ids).Error
	return ids, sqldb.Fault(err)
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
