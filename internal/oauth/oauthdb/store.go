// Package oauthdb keeps OAuth clients in SQLite or PostgreSQL. It is the only one
// that touches the tables whose names begin with oauth_.
package oauthdb

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/oauth"
	"ringfence/internal/sqldb"
)

// Store is the door of package oauth.
type Store struct{ db *sqldb.DB }

var _ oauth.Store = (*Store)(nil)

// New makes a Store on an open database.
func New(db *sqldb.DB) *Store { return &Store{db: db} }

// CreateClient implements [oauth.Store].
func (s *Store) CreateClient(ctx context.Context, c oauth.Client, e audit.Entry) (stored oauth.Client, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := s.alone(tx); err != nil {
			return err
		}
		var first clientRow
		switch err := tx.Gorm().Where("request_key = ?", c.RequestKey).Take(&first).Error; {
		case err == nil:
			stored = first.client()
			return nil
		case !errors.Is(err, gorm.ErrRecordNotFound):
			return sqldb.Fault(err)
		}
		if err := room(tx, c.Name); err != nil {
			return err
		}
		row := toRow(c)
		if err := tx.Gorm().Create(&row).Error; err != nil {
			return sqldb.Fault(err)
		}
		stored = row.client()
		return tx.Record(e)
	})
	return stored, err
}

// alone keeps others from adding clients until the transaction ends, so that they
// can be counted. SQLite has one writer.
func (s *Store) alone(tx *sqldb.Tx) error {
	if s.db.Dialect() != sqldb.Postgres {
		return nil
	}
	_, err := tx.Exec("LOCK TABLE oauth_clients IN SHARE ROW EXCLUSIVE MODE")
	return err
}

// room says why there is no room for a client of a name.
func room(tx *sqldb.Tx, name string) error {
	var same, all int64
	err := tx.QueryRow(`SELECT COUNT(CASE WHEN name = ? THEN 1 END), COUNT(*) FROM oauth_clients WHERE revoked_at IS NULL`,
		[]any{name}, &same, &all)
	switch {
	case err != nil:
		return err
	case same > 0:
		return oauth.ErrClientExists
	case all >= oauth.MaxClients:
		return oauth.ErrTooManyClients
	default:
		return nil
	}
}

// Client implements [oauth.Store].
func (s *Store) Client(ctx context.Context, id string) (oauth.Client, error) {
	var row clientRow
	if err := s.db.Read(ctx).Where("id = ?", id).Take(&row).Error; err != nil {
		return oauth.Client{}, missing(err)
	}
	return row.client(), nil
}

// missing puts the room's own fault in the place of the database's "no such
// record".
func missing(err error) error {
	err = sqldb.Fault(err)
	if fault.KindOf(err) == fault.NotFound {
		return oauth.ErrNoClient
	}
	return err
}

// ListClients implements [oauth.Store].
func (s *Store) ListClients(ctx context.Context, q oauth.ClientQuery) ([]oauth.Client, error) {
	find := s.db.Read(ctx).Order("created_at, id").Limit(q.Limit)
	if !q.Revoked {
		find = find.Where("revoked_at IS NULL")
	}
	if q.After != "" {
		find = find.Where("(created_at, id) > (SELECT created_at, id FROM oauth_clients WHERE id = ?)", q.After)
	}
	var rows []clientRow
	if err := find.Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	all := make([]oauth.Client, len(rows))
	for i, r := range rows {
		all[i] = r.client()
	}
	return all, nil
}

// RevokeClient implements [oauth.Store].
func (s *Store) RevokeClient(ctx context.Context, id string, at time.Time, e audit.Entry) (c oauth.Client, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec("UPDATE oauth_clients SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", sqldb.Micros(at), id)
		if err != nil {
			return err
		}
		var row clientRow
		if err := tx.Gorm().Where("id = ?", id).Take(&row).Error; err != nil {
			return missing(err)
		}
		c = row.client()
		if n == 0 {
			return nil // it was before
		}
		return tx.Record(e)
	})
	return c, err
}
