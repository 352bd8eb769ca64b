// Package appprotectdb keeps app protection in SQLite or PostgreSQL: policies,
// apps, registrations and how they go. It is the only one that touches the
// tables whose names begin with appprotect_.
//
// States are hand-written SQL, because every check-in waits for them: one
// statement each, on the row that is there for as long as the epoch lasts. So
// where there is no row, nothing is stored for an epoch that is over, whoever
// ends it at the same time. Whatever two hands can change carries its condition
// in the statement that changes it, so that both databases decide races alike.
//
// What has a structure is stored as JSON with a version, in forms of this
// package's own. What cannot be read back is an Internal fault that names the
// row, and never half a policy.
package appprotectdb

import (
	"context"

	"ringfence/internal/appprotect"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// Store is every door of package appprotect that keeps something.
type Store struct{ db *sqldb.DB }

var (
	_ appprotect.Policies      = (*Store)(nil)
	_ appprotect.Registrations = (*Store)(nil)
	_ appprotect.States        = (*Store)(nil)
)

// New makes a Store on an open database.
func New(db *sqldb.DB) *Store { return &Store{db} }

// row reads one row by hand-written SQL, outside a transaction.
func (s *Store) row(ctx context.Context, text string, args, dest []any) error {
	return s.db.QueryRow(ctx, text, args, dest...)
}

// each is sqldb's QueryRows for texts that are not always the same.
func (s *Store) each(ctx context.Context, text string, args []any, dest []any, take func() error) (err error) {
	rows, err := s.db.Read(ctx).Raw(text, args...).Rows()
	if err != nil {
		return sqldb.Fault(err)
	}
	defer func() { _ = rows.Close() }() // what it could say, Err has said
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return sqldb.Fault(err)
		}
		if err := take(); err != nil {
			return err
		}
	}
	return sqldb.Fault(rows.Err())
}

// missing puts the slice's own fault in the place of the database's "no such
// record".
func missing(err error, as *fault.Error) error {
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return as
	}
	return err
}

// moved makes a Conflict of the database's own the slice's ErrMoved.
func moved(err error) error {
	if err != nil && fault.KindOf(err) == fault.Conflict && fault.ReasonOf(err) == "" {
		return appprotect.ErrMoved.WithCause(err)
	}
	return err
}

// one is ErrMoved where a statement with a condition changed nothing.
func one(n int64, err error) error {
	if err == nil && n != 1 {
		return appprotect.ErrMoved
	}
	return err
}

// digest reads a stored SHA-256. The schema sees to the length.
func digest(b []byte) (d appprotect.Digest) {
	copy(d[:], b)
	return d
}
