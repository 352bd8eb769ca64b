// Package transmitdb keeps streams, what waits for their receivers, and how far
// the record was told. What is told follows from the record and changes nothing
// that people decide, so only changes of streams are recorded: each entry more
// would be one to follow in turn.
package transmitdb

import "ringfence/internal/sqldb"

// Store is a transmit.Store in the database.
type Store struct{ db *sqldb.DB }

// New makes a Store.
func New(db *sqldb.DB) *Store { return &Store{db: db} }
