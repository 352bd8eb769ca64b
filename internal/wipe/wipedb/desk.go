package wipedb

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"gorm.io/gorm"

	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// tries bounds how often a decision is made anew because a device changed one
// of its orders meanwhile.
const tries = 5

// Decide is as wipe.Desks says.
func (s *Store) Decide(ctx context.Context, m wipe.Matter, decide func(wipe.Desk) (wipe.Booking, error)) (wipe.Booking, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return wipe.Booking{}, ctx.Err()
	}
	for try := 1; ; try++ {
		d := decision{matter: m, decide: decide}
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error { return s.decide(tx, &d) })
		if d.booking.Lease != nil {
			s.leases.forget()
		}
		switch {
		case err == nil:
			return d.booking, nil
		case d.refusal != nil:
			return wipe.Booking{}, d.refusal
		case !errors.Is(err, wipe.ErrMoved) || try == tries:
			return wipe.Booking{}, err
		}
	}
}

// decision is one decision on its way. What is not its matter is made anew each
// time the transaction runs.
type decision struct {
	matter  wipe.Matter
	decide  func(wipe.Desk) (wipe.Booking, error)
	booking wipe.Booking
	refusal error // the decision's own
}

func (s *Store) decide(tx *sqldb.Tx, d *decision) error {
	d.booking, d.refusal = wipe.Booking{}, nil
	if err := s.govern(tx); err != nil {
		return err
	}
	desk, err := desk(tx.Gorm(), d.matter)
	if err != nil {
		return err
	}
	if d.booking, err = d.decide(desk); err != nil {
		d.booking, d.refusal = wipe.Booking{}, err
		return err
	}
	return s.book(tx, d.matter, &d.booking)
}

// govern gives this transaction the one row without which nobody decides. SQLite
// has one writer anyway.
func (s *Store) govern(tx *sqldb.Tx) error {
	if s.db.Exclusive() {
		return nil
	}
	var id int64
	return tx.QueryRow(`SELECT id FROM wipe_breaker WHERE id = 1 FOR UPDATE`, nil, &id)
}

// book saves what was decided, the request first: an order needs one.
func (s *Store) book(tx *sqldb.Tx, m wipe.Matter, b *wipe.Booking) error {
	if b.Request != nil {
		if err := saveRequest(tx.Gorm(), *b.Request); err != nil {
			return err
		}
	}
	if b.Limits != nil {
		if err := saveLimits(tx.Gorm(), *b.Limits); err != nil {
			return err
		}
	}
	if b.Breaker != nil {
		if err := saveBreaker(tx.Gorm(), *b.Breaker); err != nil {
			return err
		}
	}
	if b.Lease != nil {
		if err := saveLease(tx.Gorm(), *b.Lease); err != nil {
			return err
		}
	}
	if b.Alert != "" {
		if err := saveAlert(tx, b.Alert, m.Now); err != nil {
			return err
		}
	}
	for _, e := range b.Entries {
		if err := tx.Record(e); err != nil {
			return err
		}
	}
	if err := s.create(tx, b.Orders); err != nil {
		return err
	}
	return save(tx, b.Changes)
}

// How many rows, or values, one statement names: it has room for some ten
// thousand values, and an order is made of fifty.
const (
	ordersPerStatement = 200
	valuesPerStatement = 500
)

// create saves new orders and gives them their sequence.
func (s *Store) create(tx *sqldb.Tx, orders []wipe.Change) error {
	if s.ordered != nil {
		for _, c := range orders {
			s.ordered.add(c.Order.Device)
		}
	}
	if err := number(tx, orders); err != nil {
		return err
	}
	for part := range slices.Chunk(orders, ordersPerStatement) {
		rows := make([]orderRow, len(part))
		for i, c := range part {
			rows[i] = toRow(c.Order)
		}
		if err := tx.Gorm().Create(&rows).Error; err != nil {
			return err
		}
	}
	for _, c := range orders {
		if err := tx.Record(c.Entry); err != nil {
			return err
		}
	}
	return nil
}

// number gives each order the next sequence of its device, and the devices to
// this transaction alone until it ends, in an order of their own: two that need
// the same devices wait for each other and not crosswise.
func number(tx *sqldb.Tx, orders []wipe.Change) error {
	count := make(map[device.ID]int64)
	for _, c := range orders {
		count[c.Order.Device]++
	}
	ids := make([]device.ID, 0, len(count))
	for id := range count {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	next := make(map[device.ID]int64, len(ids))
	for part := range slices.Chunk(ids, valuesPerStatement) {
		var rows []struct {
			DeviceID     device.ID
			LastSequence int64
		}
		var values []any
		for _, id := range part {
			values = append(values, string(id), count[id])
		}
		err := tx.Gorm().Raw(`INSERT INTO wipe_devices (device_id, last_sequence) VALUES (?, ?)`+strings.Repeat(`, (?, ?)`, len(part)-1)+`
ON CONFLICT (device_id) DO UPDATE SET last_sequence = wipe_devices.last_sequence + excluded.last_sequence
RETURNING device_id, last_sequence`, values...).Scan(&rows).Error
		if err != nil {
			return err
		}
		for _, r := range rows {
			next[r.DeviceID] = r.LastSequence - count[r.DeviceID] + 1
		}
	}
	for i := range orders {
		o := &orders[i].Order
		o.Sequence = uint64(next[o.Device])
		next[o.Device]++
	}
	return nil
}

// Survey is as wipe.Desks says.
func (s *Store) Survey(ctx context.Context, m wipe.Matter) (wipe.Desk, error) {
	d, err := desk(s.db.Read(ctx), m)
	return d, sqldb.Fault(err)
}

// desk lays out what the matter asks for.
func desk(db *gorm.DB, m wipe.Matter) (wipe.Desk, error) {
	var d wipe.Desk
	var errs [10]error
	d.Limits, errs[0] = limitsOf(db)
	d.Breaker, errs[1] = breakerOf(db)
	d.Leases, errs[2] = leasesOf(db)
	if !m.Now.IsZero() {
		d.Spent, errs[3] = spentOf(db, m, d.Limits, d.Breaker)
	}
	if !m.Now.IsZero() && m.Person != "" {
		d.Alerted, errs[4] = alerted(db, m)
	}
	if m.Key != "" {
		d.Repeated, errs[5] = requestOf(db.Where("actor = ? AND request_key = ?", m.By, m.Key), db)
	}
	if m.Key != "" && m.Person != "" {
		d.Asked, errs[9] = askedBy(db, m)
	}
	if m.Request != "" {
		d.Request, errs[6] = requestOf(db.Where("id = ?", string(m.Request)), db)
	}
	if m.User != "" {
		d.Standing, errs[7] = requestOf(standing(db).Where("user_name = ?", m.User), db)
	}
	d.Orders, errs[8] = ordersOn(db, m)
	return d, errors.Join(errs[:]...)
}

// ordersOn gives the orders that the matter asks for, each once.
func ordersOn(db *gorm.DB, m wipe.Matter) ([]wipe.Order, error) {
	var rows []orderRow
	add := func(q *gorm.DB) error {
		var part []orderRow
		err := q.Find(&part).Error
		rows = append(rows, part...)
		return err
	}
	for part := range slices.Chunk(m.Devices, valuesPerStatement) {
		if err := add(db.Where("settled_at IS NULL AND device_id IN ?", part)); err != nil {
			return nil, err
		}
	}
	if m.OrdersOf != "" {
		if err := add(db.Where("settled_at IS NULL AND request_id = ?", string(m.OrdersOf))); err != nil {
			return nil, err
		}
	}
	if m.Paused {
		if err := add(paused(db)); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(rows, func(a, b orderRow) int {
		return cmp.Or(cmp.Compare(a.DeviceID, b.DeviceID), cmp.Compare(a.Sequence, b.Sequence))
	})
	rows = slices.CompactFunc(rows, func(a, b orderRow) bool { return a.ID == b.ID })
	return toOrders(rows)
}
