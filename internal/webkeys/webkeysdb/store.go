// Package webkeysdb keeps signing keys in SQLite or PostgreSQL. It is the only
// one that touches the tables whose names begin with webkeys_.
package webkeysdb

import (
	"context"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
	"ringfence/internal/webkeys"
)

// Store is the door of package webkeys.
type Store struct{ db *sqldb.DB }

var _ webkeys.Store = (*Store)(nil)

// New makes a Store on an open database.
func New(db *sqldb.DB) *Store { return &Store{db: db} }

type keyRow struct {
	ID        string
	Algorithm string
	Number    int64
	SealedKey []byte
	CreatedAt int64 `gorm:"autoCreateTime:false"`
	SignsFrom int64
}

// TableName names the table.
func (keyRow) TableName() string { return "webkeys_keys" }

func (r keyRow) key() webkeys.Stored {
	return webkeys.Stored{
		ID: r.ID, Algorithm: webkeys.Algorithm(r.Algorithm), Number: uint64(r.Number), Sealed: r.SealedKey,
		CreatedAt: sqldb.FromMicros(r.CreatedAt), SignsFrom: sqldb.FromMicros(r.SignsFrom),
	}
}

// Keys implements [webkeys.Store].
func (s *Store) Keys(ctx context.Context) ([]webkeys.Stored, error) {
	var rows []keyRow
	if err := s.db.Read(ctx).Order("algorithm, number").Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	all := make([]webkeys.Stored, len(rows))
	for i, r := range rows {
		all[i] = r.key()
	}
	return all, nil
}

// addKey takes the number, or leaves it to who has it.
const addKey = `INSERT INTO webkeys_keys (id, algorithm, number, sealed_key, created_at, signs_from)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (algorithm, number) DO NOTHING`

// AddKey implements [webkeys.Store].
func (s *Store) AddKey(ctx context.Context, k webkeys.Stored, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(addKey, k.ID, string(k.Algorithm), int64(k.Number), k.Sealed,
			sqldb.Micros(k.CreatedAt), sqldb.Micros(k.SignsFrom))
		switch {
		case err != nil:
			return err
		case n == 0:
			return webkeys.ErrNumberTaken
		}
		return tx.Record(e)
	})
}

// RemoveKey implements [webkeys.Store].
func (s *Store) RemoveKey(ctx context.Context, id string, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec("DELETE FROM webkeys_keys WHERE id = ?", id)
		if err != nil || n == 0 {
			return err
		}
		return tx.Record(e)
	})
}
