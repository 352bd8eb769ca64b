// Package accessdb keeps conditional access in SQLite or PostgreSQL: policies and
// locations with all they ever were, samples of decisions, and what was known of
// phones and apps. It is the only one that touches the tables whose names begin
// with access_.
//
// A policy is in force from one generation until another. So all that was in
// force at a generation is one query, whatever is changed meanwhile, and what was
// in force at a time is that of the last generation before it. Each change takes
// the generation after the one it was decided on: of two that were decided on the
// same, one is stored.
//
// What has a structure is stored as JSON with a version, in forms of this
// package's own. What cannot be read back is an Internal fault that names the
// row, and never half a policy.
package accessdb

import (
	"ringfence/internal/access"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// Store is every door of package access that keeps something.
type Store struct{ db *sqldb.DB }

var (
	_ access.Policies = (*Store)(nil)
	_ access.Samples  = (*Store)(nil)
	_ access.History  = (*Store)(nil)
)

// New makes a Store on an open database.
func New(db *sqldb.DB) *Store { return &Store{db} }

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
		return access.ErrMoved.WithCause(err)
	}
	return err
}

// step makes the next generation, if the one it was decided on is still the
// latest, and records what is done.
func step(tx *sqldb.Tx, s access.Step) (generation int64, err error) {
	if err := tx.QueryRow(generationSQL, nil, &generation); err != nil {
		return 0, err
	}
	if generation != storable(s.From) {
		return 0, access.ErrMoved
	}
	generation++
	if _, err := tx.Exec("INSERT INTO access_changes (generation, changed_at) VALUES (?, ?)", generation, sqldb.Micros(s.At)); err != nil {
		return 0, err
	}
	return generation, tx.Record(s.Entry)
}
