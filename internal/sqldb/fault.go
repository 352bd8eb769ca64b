package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"ringfence/internal/fault"
)

// The faults have fixed texts: what a driver says is for the log.
var (
	errNotFound = fault.New(fault.NotFound, "", "no such record")
	errTaken    = fault.New(fault.Conflict, "", "a record of that key exists, or one that is referred to does not")
	errRaced    = fault.New(fault.Conflict, "", "too many changes at once, try again")
	errText     = fault.New(fault.Invalid, "", "a text holds a character that cannot be stored")
	errInternal = fault.New(fault.Internal, "", "the database failed")
)

// Fault turns an error of this package, gorm or a driver into a fault: no row
// is NotFound; a broken unique or foreign key, and a transaction that lost a
// race too often, are Conflict; a text that PostgreSQL cannot hold is Invalid.
// nil, faults and the context's own errors stay as they are. All else is
// Internal. The driver's error is kept as the cause.
func Fault(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	for _, kept := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, kept) {
			return kept
		}
	}
	return kindOf(err).WithCause(err)
}

func kindOf(err error) *fault.Error {
	if errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, sql.ErrNoRows) {
		return errNotFound
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteFault(e.Code())
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return postgresFault(e.Code)
	}
	return errInternal
}

func sqliteFault(code int) *fault.Error {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
		sqlite3.SQLITE_CONSTRAINT_ROWID, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return errTaken
	default:
		return errInternal
	}
}

// PostgreSQL's error codes.
const (
	pgUniqueViolation      = "23505"
	pgForeignKeyViolation  = "23503"
	pgSerializationFailure = "40001"
	pgDeadlockDetected     = "40P01"
	pgNotInRepertoire      = "22021"
	pgUntranslatable       = "22P05"
)

func postgresFault(code string) *fault.Error {
	switch code {
	case pgUniqueViolation, pgForeignKeyViolation:
		return errTaken
	case pgSerializationFailure, pgDeadlockDetected:
		return errRaced
	case pgNotInRepertoire, pgUntranslatable:
		return errText
	default:
		return errInternal
	}
}

// lostRace reports whether PostgreSQL gave the transaction up in favour of
// another, so that it may well succeed the next time.
func lostRace(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == pgSerializationFailure || e.Code == pgDeadlockDetected)
}

// endsSQLite reports whether SQLite may have rolled the whole transaction back
// on this error, whatever savepoints there were.
func endsSQLite(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	primary := e.Code() & 0xff
	return slices.Contains([]int{
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM,
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_CORRUPT,
		sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_CANTOPEN,
	}, primary)
}
