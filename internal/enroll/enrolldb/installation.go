package enrolldb

import (
	"context"

	"ringfence/internal/audit"
	"ringfence/internal/enroll"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// Adopt makes the database that of the installation with this root certificate
// (its SHA-256), if it is nobody's yet, with an entry; in any case it gives
// whose it then is. Of several at once one is first.
func (s *Store) Adopt(ctx context.Context, root enroll.Digest, e audit.Entry) (enroll.Digest, error) {
	if owner, err := s.Owner(ctx); err != nil || !owner.IsZero() {
		return owner, err
	}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec("INSERT INTO enroll_installation (id, root_hash, adopted_at) VALUES (1, ?, ?) ON CONFLICT (id) DO NOTHING",
			octets(root), sqldb.Micros(tx.Now()))
		if err != nil || n == 0 {
			return err
		}
		return tx.Record(e)
	})
	if err != nil {
		return enroll.Digest{}, err
	}
	return s.Owner(ctx)
}

// Owner gives the SHA-256 of the root certificate of the installation that the
// database belongs to; zero if it is nobody's yet.
func (s *Store) Owner(ctx context.Context) (enroll.Digest, error) {
	var hash []byte
	err := s.db.Read(ctx).Raw("SELECT root_hash FROM enroll_installation WHERE id = 1").Row().Scan(&hash)
	if err := sqldb.Fault(err); err != nil && fault.KindOf(err) != fault.NotFound {
		return enroll.Digest{}, err
	}
	return digest(hash), nil
}
