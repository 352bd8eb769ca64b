// Package notifydb keeps how far each channel of package notify has told the
// record. A cursor explains nothing and changes nothing that people decide, so
// its moves are not recorded: each would be an entry to follow in turn.
package notifydb

import (
	"context"

	"ringfence/internal/notify"
	"ringfence/internal/sqldb"
)

// Store keeps cursors in the database.
type Store struct{ db *sqldb.DB }

// New makes a Store.
func New(db *sqldb.DB) *Store { return &Store{db: db} }

// row is a cursor as it is stored. Times are microseconds since 1970, UTC.
type row struct {
	Channel      string `gorm:"primaryKey"`
	Sequence     int64
	ClaimedBy    *string
	ClaimedUntil *int64
}

// TableName names the table.
func (row) TableName() string { return "notify_cursors" }

// Cursor gives the sequence up to which a channel has told; false where the
// channel is new.
func (s *Store) Cursor(ctx context.Context, channel string) (uint64, bool, error) {
	var rows []row
	if err := s.db.Read(ctx).Where("channel = ?", channel).Find(&rows).Error; err != nil || len(rows) == 0 {
		return 0, false, sqldb.Fault(err)
	}
	return uint64(rows[0].Sequence), true, nil
}

// Begin makes the cursor of a new channel. One that is there already stays as
// it is.
func (s *Store) Begin(ctx context.Context, channel string, at uint64) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO notify_cursors (channel, sequence) VALUES (?, ?) ON CONFLICT (channel) DO NOTHING`,
			channel, int64(at))
		return err
	})
}

const moveSQL = `UPDATE notify_cursors SET sequence = ?, claimed_by = ?, claimed_until = ?
WHERE channel = ? AND sequence = ? AND (claimed_by IS NULL OR claimed_by = ? OR claimed_until <= ?)`

// Move moves a cursor, and says whether it did: see [notify.Move].
func (s *Store) Move(ctx context.Context, m notify.Move) (bool, error) {
	var holder *string
	var until *int64
	if !m.Until.IsZero() {
		at := m.Until.UnixMicro()
		holder, until = &m.Holder, &at
	}
	var moved bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(moveSQL, int64(m.To), holder, until, m.Channel, int64(m.From), m.Holder, m.Now.UnixMicro())
		moved = n == 1
		return err
	})
	return moved && err == nil, err
}
