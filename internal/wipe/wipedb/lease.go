package wipedb

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// leaseRow is one row of wipe_leases. Spans are nanoseconds.
type leaseRow struct {
	GroupName string `gorm:"column:group_name;primaryKey"`
	Number    int64  `gorm:"column:number"`
	LockAfter int64  `gorm:"column:lock_after"`
	WipeAfter int64  `gorm:"column:wipe_after"`
	SetAt     int64  `gorm:"column:set_at"`
	SetBy     string `gorm:"column:set_by"`
}

// TableName names the table for gorm.
func (leaseRow) TableName() string { return "wipe_leases" }

// Leases is as wipe.Desks says.
func (s *Store) Leases(ctx context.Context) ([]wipe.GroupLease, error) {
	return s.leases.get(ctx, func(ctx context.Context) ([]wipe.GroupLease, error) {
		leases, err := leasesOf(s.db.Read(ctx))
		return leases, sqldb.Fault(err)
	})
}

func leasesOf(db *gorm.DB) ([]wipe.GroupLease, error) {
	var rows []leaseRow
	if err := db.Order("group_name").Find(&rows).Error; err != nil {
		return nil, err
	}
	var leases []wipe.GroupLease
	for _, r := range rows {
		leases = append(leases, wipe.GroupLease{
			Group: r.GroupName,
			Lease: wipe.Lease{Number: uint64(r.Number), Lock: time.Duration(r.LockAfter), Wipe: time.Duration(r.WipeAfter)},
			SetAt: sqldb.FromMicros(r.SetAt), SetBy: r.SetBy,
		})
	}
	return leases, nil
}

func saveLease(db *gorm.DB, l wipe.GroupLease) error {
	row := leaseRow{
		GroupName: l.Group, Number: int64(l.Number), LockAfter: int64(l.Lock), WipeAfter: int64(l.Wipe),
		SetAt: l.SetAt.UnixMicro(), SetBy: l.SetBy,
	}
	return db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "group_name"}}, UpdateAll: true}).Create(&row).Error
}

// holderRow is one row of wipe_lease_holders. Spans are nanoseconds.
type holderRow struct {
	DeviceID    string `gorm:"column:device_id;primaryKey"`
	Epoch       int64  `gorm:"column:epoch;primaryKey;autoIncrement:false"`
	LeaseNumber int64  `gorm:"column:lease_number;primaryKey;autoIncrement:false"`
	LeaseLock   int64  `gorm:"column:lease_lock"`
	LeaseWipe   int64  `gorm:"column:lease_wipe"`
	OrderID     string `gorm:"column:order_id"`
	Sequence    int64  `gorm:"column:sequence"`
	FetchedAt   int64  `gorm:"column:fetched_at"`
}

// TableName names the table for gorm.
func (holderRow) TableName() string { return "wipe_lease_holders" }

func toHolderRow(h wipe.LeaseHolder) holderRow {
	return holderRow{
		DeviceID: string(h.Device), Epoch: int64(h.Epoch),
		LeaseNumber: int64(h.Lease.Number), LeaseLock: int64(h.Lease.Lock), LeaseWipe: int64(h.Lease.Wipe),
		OrderID: string(h.Order), Sequence: int64(h.Sequence), FetchedAt: h.FetchedAt.UnixMicro(),
	}
}

func (r holderRow) holder() wipe.LeaseHolder {
	return wipe.LeaseHolder{
		Enrollment: wipe.Enrollment{Device: device.ID(r.DeviceID), Epoch: device.Epoch(r.Epoch)},
		Lease:      wipe.Lease{Number: uint64(r.LeaseNumber), Lock: time.Duration(r.LeaseLock), Wipe: time.Duration(r.LeaseWipe)},
		Order:      wipe.ID(r.OrderID), Sequence: uint64(r.Sequence), FetchedAt: sqldb.FromMicros(r.FetchedAt),
	}
}

// Holder is as wipe.LeaseHolders says. The sequence grows with each that an
// enrolment is given.
func (s *Store) Holder(ctx context.Context, e wipe.Enrollment) (wipe.LeaseHolder, error) {
	return oneHolder(holdersOf(s.db.Read(ctx), e).Order("sequence DESC"))
}

// Held is as wipe.LeaseHolders says.
func (s *Store) Held(ctx context.Context, e wipe.Enrollment, id wipe.ID) (wipe.LeaseHolder, error) {
	return oneHolder(holdersOf(s.db.Read(ctx), e).Where("order_id = ?", string(id)))
}

// held gives what the enrolment was given for one lease.
func held(db *gorm.DB, e wipe.Enrollment, lease uint64) (wipe.LeaseHolder, error) {
	return oneHolder(holdersOf(db, e).Where("lease_number = ?", int64(lease)))
}

// holdersOf narrows a query to what one enrolment was given.
func holdersOf(db *gorm.DB, e wipe.Enrollment) *gorm.DB {
	return db.Where("device_id = ? AND epoch = ?", string(e.Device), int64(e.Epoch))
}

// oneHolder gives the first that is found.
func oneHolder(found *gorm.DB) (wipe.LeaseHolder, error) {
	var r holderRow
	err := sqldb.Fault(found.Take(&r).Error)
	switch {
	case err == nil:
		return r.holder(), nil
	case fault.KindOf(err) == fault.NotFound:
		return wipe.LeaseHolder{}, wipe.ErrUnknown
	default:
		return wipe.LeaseHolder{}, err
	}
}

// errRepeated undoes a transaction that found done what it was to do.
var errRepeated = fault.New(fault.Conflict, "ORDER_REPEATED", "it is there already")

// Hold is as wipe.LeaseHolders says.
func (s *Store) Hold(ctx context.Context, h wipe.LeaseHolder, e audit.Entry) (wipe.LeaseHolder, error) {
	first, err := held(s.db.Read(ctx), h.Enrollment, h.Lease.Number)
	if !errors.Is(err, wipe.ErrUnknown) {
		return first, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var err error
		if h.Sequence, err = lock(tx, h.Device); err != nil {
			return err
		}
		// Whoever was faster has had the device's lock.
		first, err = held(tx.Gorm(), h.Enrollment, h.Lease.Number)
		switch {
		case err == nil:
			return errRepeated // its sequence goes back too
		case !errors.Is(err, wipe.ErrUnknown):
			return err
		}
		row := toHolderRow(h)
		if err := tx.Gorm().Create(&row).Error; err != nil {
			return err
		}
		return tx.Record(e)
	})
	switch {
	case err == nil:
		return h, nil
	case errors.Is(err, errRepeated):
		return first, nil
	default:
		return wipe.LeaseHolder{}, err
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

// Invoke is as wipe.LeaseHolders says.
func (s *Store) Invoke(ctx context.Context, o wipe.Order, e audit.Entry) (wipe.Order, error) {
	if s.ordered != nil {
		s.ordered.add(o.Device)
	}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		row := toRow(o)
		res := tx.Gorm().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoNothing: true}).Create(&row)
		switch {
		case res.Error != nil:
			return res.Error
		case res.RowsAffected == 0:
			return errRepeated
		}
		return tx.Record(e)
	})
	if err == nil {
		return o, nil
	}
	if fault.KindOf(err) == fault.Conflict {
		if first, err := s.Order(ctx, o.ID); err == nil {
			return first, nil
		}
	}
	return wipe.Order{}, err
}
