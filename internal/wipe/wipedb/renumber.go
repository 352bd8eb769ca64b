package wipedb

import (
	"context"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// Renumber is as wipe.Orders says.
func (s *Store) Renumber(ctx context.Context, o wipe.Order, e audit.Entry) (wipe.Order, error) {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		if o.Sequence, err = lock(tx, o.Device); err != nil {
			return err
		}
		n, err := tx.Exec(`UPDATE wipe_orders SET sequence = ?, version = ? WHERE id = ? AND version = ?`,
			int64(o.Sequence), int64(o.Version), string(o.ID), int64(o.Version-1))
		if err != nil {
			return err
		}
		if n != 1 {
			return wipe.ErrMoved
		}
		return tx.Record(e)
	})
	return o, err
}

// Acted is as wipe.Orders says.
func (s *Store) Acted(ctx context.Context, id device.ID) (uint64, error) {
	var acted uint64
	err := s.db.Read(ctx).Model(&orderRow{}).Select("COALESCE(max(sequence), 0)").
		Where("device_id = ? AND acknowledged_at IS NOT NULL AND lease_number IS NULL", string(id)).Scan(&acted).Error
	return acted, sqldb.Fault(err)
}
