// Package directorydb keeps the organisation's people and groups in SQLite or
// PostgreSQL. It is the only one that touches the tables whose names begin with
// directory_.
//
// Whatever two hands can change carries the version it was decided on in the
// statement that changes it, so that both databases decide races alike.
package directorydb

import (
	"ringfence/internal/directory"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// Store is every door of package directory.
type Store struct{ db *sqldb.DB }

var _ directory.Store = (*Store)(nil)

// New makes a Store on an open database.
func New(db *sqldb.DB) *Store { return &Store{db: db} }

// chunk is how many rows one statement names or adds.
const chunk = 500

// missing puts the room's own fault in the place of the database's "no such
// record".
func missing(err error, as *fault.Error) error {
	err = sqldb.Fault(err)
	if err != nil && fault.KindOf(err) == fault.NotFound && fault.ReasonOf(err) == "" {
		return as
	}
	return err
}

// taken puts the room's own fault in the place of the database's "there is one
// already".
func taken(err error, as *fault.Error) error {
	err = sqldb.Fault(err)
	if err != nil && fault.KindOf(err) == fault.Conflict && fault.ReasonOf(err) == "" {
		return as.WithCause(err)
	}
	return err
}

// locked makes a query that reads one row keep it until the transaction ends.
// SQLite has one writer.
func (s *Store) locked(query string) string {
	if s.db.Dialect() == sqldb.Postgres {
		return query + " FOR UPDATE"
	}
	return query
}

func number(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
