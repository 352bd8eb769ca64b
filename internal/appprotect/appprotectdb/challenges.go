package appprotectdb

import (
	"context"
	"time"

	"ringfence/internal/appprotect"
	"ringfence/internal/sqldb"
)

// SaveChallenge implements [appprotect.Registrations]. The maximum keeps
// strangers from filling the database. On PostgreSQL those who come at the very
// same time may all be kept past it, as many as there are connections: the next
// makes up for it.
func (s *Store) SaveChallenge(ctx context.Context, c appprotect.Challenge, now time.Time, most int) error {
	return moved(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec("DELETE FROM appprotect_challenges WHERE expires_at < ?", sqldb.Micros(now)); err != nil {
			return err
		}
		var open int
		if err := tx.QueryRow("SELECT COUNT(*) FROM appprotect_challenges", nil, &open); err != nil {
			return err
		}
		if open >= most {
			if _, err := tx.Exec(dropChallengesSQL, open-most+1); err != nil {
				return err
			}
		}
		_, err := tx.Exec("INSERT INTO appprotect_challenges (hash, package, expires_at) VALUES (?, ?, ?)",
			c.Hash[:], c.Package, sqldb.Micros(c.ExpiresAt))
		return err
	}))
}

const dropChallengesSQL = `DELETE FROM appprotect_challenges WHERE hash IN
(SELECT hash FROM appprotect_challenges ORDER BY expires_at LIMIT ?)`

// Challenge implements [appprotect.Registrations].
func (s *Store) Challenge(ctx context.Context, hash appprotect.Digest) (appprotect.Challenge, error) {
	var (
		pkg     string
		expires int64
	)
	err := s.row(ctx, "SELECT package, expires_at FROM appprotect_challenges WHERE hash = ?", []any{hash[:]}, []any{&pkg, &expires})
	if err != nil {
		return appprotect.Challenge{}, missing(err, appprotect.ErrChallenge)
	}
	return appprotect.Challenge{Hash: hash, Package: pkg, ExpiresAt: sqldb.FromMicros(expires)}, nil
}
