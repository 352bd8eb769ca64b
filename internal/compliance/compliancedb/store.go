// Package compliancedb keeps policies, reports, verdicts and client
// certificates in SQLite or PostgreSQL. It is the only one that touches the
// tables whose names begin with compliance_.
//
// Reports are hand-written SQL, because every check-in waits for them; the
// rest is gorm where it saves words. Whatever two hands can change carries its
// condition in the statement that changes it, so that both databases decide
// races alike.
package compliancedb

import (
	"context"

	"ringfence/internal/compliance"
	"ringfence/internal/sqldb"
)

// Store is every door of package compliance.
type Store struct{ db *sqldb.DB }

var (
	_ compliance.Policies     = (*Store)(nil)
	_ compliance.Reports      = (*Store)(nil)
	_ compliance.Certificates = (*Store)(nil)
	_ compliance.Revocations  = (*Store)(nil)
)

// New makes a Store on an open database.
func New(db *sqldb.DB) *Store { return &Store{db: db} }

// row reads one row by hand-written SQL, outside a transaction.
func (s *Store) row(ctx context.Context, text string, args, dest []any) error {
	return s.db.QueryRow(ctx, text, args, dest...)
}

// textOrNull is NULL for no text.
func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// textOrEmpty reads textOrNull.
func textOrEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
