package directorydb

import (
	"context"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/directory"
	"ringfence/internal/sqldb"
)

// CreateToken implements [directory.Tokens].
func (s *Store) CreateToken(ctx context.Context, t directory.Token, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		row := tokenRow{
			ID: t.ID, Name: t.Name, Lookup: t.Lookup, SecretHash: t.Secret[:],
			CreatedAt: sqldb.Micros(t.CreatedAt), CreatedBy: t.CreatedBy,
		}
		if err := tx.Gorm().Create(&row).Error; err != nil {
			return taken(err, directory.ErrTokenExists)
		}
		return tx.Record(e)
	})
}

// TokenByLookup implements [directory.Tokens].
func (s *Store) TokenByLookup(ctx context.Context, lookup string) (directory.Token, error) {
	var row tokenRow
	if err := s.db.Read(ctx).Where("lookup = ?", lookup).Take(&row).Error; err != nil {
		return directory.Token{}, missing(err, directory.ErrNoToken)
	}
	return row.token(), nil
}

// ListTokens implements [directory.Tokens].
func (s *Store) ListTokens(ctx context.Context) ([]directory.Token, error) {
	var rows []tokenRow
	if err := s.db.Read(ctx).Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	all := make([]directory.Token, len(rows))
	for i, r := range rows {
		all[i] = r.token()
	}
	return all, nil
}

// RevokeToken implements [directory.Tokens].
func (s *Store) RevokeToken(ctx context.Context, name string, at time.Time, e audit.Entry) (t directory.Token, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var row tokenRow
		if err := tx.Gorm().Where("name = ? AND revoked_at IS NULL", name).Take(&row).Error; err != nil {
			return missing(err, directory.ErrNoToken)
		}
		n, err := tx.Exec("UPDATE directory_tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", sqldb.Micros(at), row.ID)
		switch {
		case err != nil:
			return err
		case n == 0:
			return directory.ErrNoToken // another was faster
		}
		row.RevokedAt = new(sqldb.Micros(at))
		t = row.token()
		return tx.Record(e)
	})
	return t, err
}
