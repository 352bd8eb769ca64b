package accessdb

import (
	"context"

	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

// ForgetSamplesOf implements [access.Samples]. It goes through all of them, which
// are few: an id stands between quotation marks in what names it, and has no
// character that LIKE would take for another.
func (s *Store) ForgetSamplesOf(ctx context.Context, id device.ID) error {
	return s.exec(ctx, "DELETE FROM access_samples WHERE content LIKE ?", `%"`+string(id)+`"%`)
}

// ForgetMomentsOf implements [access.History].
func (s *Store) ForgetMomentsOf(ctx context.Context, id device.ID) error {
	return s.exec(ctx, "DELETE FROM access_moments WHERE subject = ?", string(id))
}

func (s *Store) exec(ctx context.Context, text string, args ...any) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(text, args...)
		return err
	})
}
