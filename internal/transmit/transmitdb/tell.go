package transmitdb

import (
	"context"
	"maps"
	"slices"

	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/transmit"
)

// Cursor gives the sequence up to which the record was told; false before the
// first time.
func (s *Store) Cursor(ctx context.Context) (uint64, bool, error) {
	var at int64
	found := false
	err := s.db.QueryRows(ctx, `SELECT sequence FROM transmit_cursor WHERE id = 1`, nil, []any{&at}, func() error {
		found = true
		return nil
	})
	return uint64(at), found, err
}

// Begin sets the first cursor. One that is there stays as it is.
func (s *Store) Begin(ctx context.Context, at uint64) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO transmit_cursor (id, sequence) VALUES (1, ?) ON CONFLICT (id) DO NOTHING`, int64(at))
		return err
	})
}

// toldRow is what was told of a device, as it is stored.
type toldRow struct {
	DeviceID  string `gorm:"primaryKey"`
	Compliant int64  // 0 or 1, as the next
	HighRisk  int64
	UserName  string
}

// TableName names the table.
func (toldRow) TableName() string { return "transmit_told" }

// Told gives what was last told of devices.
func (s *Store) Told(ctx context.Context, ids []device.ID) (map[device.ID]transmit.Told, error) {
	var rows []toldRow
	if err := s.db.Read(ctx).Where("device_id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	all := make(map[device.ID]transmit.Told, len(rows))
	for _, r := range rows {
		all[device.ID(r.DeviceID)] = transmit.Told{Compliant: r.Compliant == 1, HighRisk: r.HighRisk == 1, User: r.UserName}
	}
	return all, nil
}

const (
	stepSQL = `UPDATE transmit_cursor SET sequence = ? WHERE id = 1 AND sequence = ?`
	toldSQL = `INSERT INTO transmit_told (device_id, compliant, high_risk, user_name) VALUES (?, ?, ?, ?)
ON CONFLICT (device_id) DO UPDATE SET compliant = excluded.compliant, high_risk = excluded.high_risk, user_name = excluded.user_name`
	forgetSQL = `DELETE FROM transmit_told WHERE device_id = ?`
	// itemSQL leaves out what is for a stream that is gone or disabled, and
	// what is there already. A disabled one is told of that.
	itemSQL = `INSERT INTO transmit_outbox (stream_id, jti, event, device_id, subject, claims, sequence, created_at)
SELECT id, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT)
FROM transmit_streams WHERE id = ? AND (status <> 'disabled' OR ? = '` + string(transmit.StreamUpdated) + `')
ON CONFLICT (stream_id, jti) DO NOTHING`
)

// Tell moves the cursor and keeps what is told with it; false where the cursor
// is elsewhere.
func (s *Store) Tell(ctx context.Context, t transmit.Telling) (bool, error) {
	var moved bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(stepSQL, int64(t.To), int64(t.From))
		if moved = n == 1; err != nil || !moved {
			return err
		}
		for _, id := range t.Forget {
			if _, err := tx.Exec(forgetSQL, string(id)); err != nil {
				return err
			}
		}
		// In one order, so that two servers do not wait for each other.
		for _, id := range slices.Sorted(maps.Keys(t.Told)) {
			told := t.Told[id]
			if _, err := tx.Exec(toldSQL, string(id), flag(told.Compliant), flag(told.HighRisk), told.User); err != nil {
				return err
			}
		}
		for i := range t.Items {
			if err := add(tx, &t.Items[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return moved && err == nil, err
}

func add(tx *sqldb.Tx, i *transmit.Item) error {
	_, err := tx.Exec(itemSQL, i.JTI, string(i.Type), string(i.Device), string(i.Subject), string(i.Claims),
		int64(i.Sequence), i.CreatedAt.UnixMicro(), i.Stream, string(i.Type))
	return err
}
