package enrolldb

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"ringfence/internal/audit"
	"ringfence/internal/enroll"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// CreateToken implements [enroll.Tokens].
func (s *Store) CreateToken(ctx context.Context, t enroll.Token, e audit.Entry) (kept enroll.Token, created bool, err error) {
	row := tokenToRow(t)
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		unlessKnown := clause.OnConflict{Columns: []clause.Column{{Name: "request_key"}}, DoNothing: true}
		res := tx.Gorm().Clauses(unlessKnown).Create(new(row))
		if res.Error != nil {
			return res.Error
		}
		if created = res.RowsAffected == 1; created {
			kept = t
			return tx.Record(e)
		}
		var first tokenRow
		err := tx.Gorm().Where("request_key = ?", t.RequestKey).Take(&first).Error
		kept = first.token()
		return err
	})
	return kept, created, moved(err)
}

// moved makes a Conflict of the database's own the slice's ErrMoved.
func moved(err error) error {
	if fault.KindOf(err) == fault.Conflict && fault.ReasonOf(err) == "" {
		return enroll.ErrMoved.WithCause(err)
	}
	return err
}

// Token implements [enroll.Tokens].
func (s *Store) Token(ctx context.Context, id string) (enroll.Token, error) {
	return s.token(ctx, "SELECT "+tokenColumns+" FROM enroll_tokens WHERE id = ?", id)
}

// TokenByLookup implements [enroll.Tokens].
func (s *Store) TokenByLookup(ctx context.Context, lookup string) (enroll.Token, error) {
	return s.token(ctx, "SELECT "+tokenColumns+" FROM enroll_tokens WHERE lookup = ?", lookup)
}

func (s *Store) token(ctx context.Context, text, key string) (enroll.Token, error) {
	var r tokenRow
	if err := s.db.QueryRow(ctx, text, []any{key}, r.scan()...); err != nil {
		return enroll.Token{}, missing(err, enroll.ErrNoToken)
	}
	return r.token(), nil
}

// ListTokens implements [enroll.Tokens].
func (s *Store) ListTokens(ctx context.Context, q enroll.TokenQuery) ([]enroll.Token, error) {
	list := within(page(s.db.Read(ctx), q.After, true), q.Groups).Limit(q.Limit)
	if q.UsableOnly {
		// No token outlives the longest life: the index ends the search there.
		list = list.Where("revoked_at IS NULL AND uses < max_uses AND expires_at > ? AND created_at > ?",
			sqldb.Micros(q.Now), sqldb.Micros(q.Now.Add(-enroll.MaxTokenLifetime)))
	}
	var rows []tokenRow
	if err := list.Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	tokens := make([]enroll.Token, len(rows))
	for i, r := range rows {
		tokens[i] = r.token()
	}
	return tokens, nil
}

// RevokeToken implements [enroll.Tokens].
func (s *Store) RevokeToken(ctx context.Context, id string, at time.Time, e audit.Entry) (t enroll.Token, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec("UPDATE enroll_tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", sqldb.Micros(at), id)
		if err != nil {
			return err
		}
		var row tokenRow
		if err := tx.Gorm().Where("id = ?", id).Take(&row).Error; err != nil {
			return err
		}
		t = row.token()
		if n == 0 {
			return nil
		}
		return tx.Record(e)
	})
	return t, missing(err, enroll.ErrNoToken)
}
