package sqldb

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// DB is one open database. It is safe for concurrent use.
type DB struct {
	dialect Dialect
	now     func() time.Time
	version int64
	reads   *sql.DB
	gorm    *gorm.DB // over reads
	queries queries
	writes  transactor
	close   func() error
}

// transactor runs fn in a transaction and returns once it is durable or
// undone.
type transactor interface {
	write(ctx context.Context, fn func(*Tx) error) error
}

// Open opens the database and brings its schema up to date. A database that
// is newer than this program, or that another process has to itself, is a
// Refused fault.
func Open(ctx context.Context, c Config) (*DB, error) {
	dialect, path, err := c.parse()
	if err != nil {
		return nil, err
	}
	if dialect == Postgres {
		return openPostgres(ctx, c)
	}
	return openSQLite(ctx, c, path)
}

// Close waits for the Writes that run and closes every connection. Writes that
// have not begun fail.
func (db *DB) Close() error { return db.close() }

// Dialect says which database it is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Exclusive reports whether this process is the only one that writes, so that
// what it remembers of the database can be trusted.
func (db *DB) Exclusive() bool { return db.dialect == SQLite }

// Version is the number of the schema's last migration.
func (db *DB) Version() int64 { return db.version }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return Fault(db.reads.PingContext(ctx)) }

// Read gives gorm for queries outside a transaction; the database refuses
// changes through it. Its errors are the driver's: pass them through [Fault].
func (db *DB) Read(ctx context.Context) *gorm.DB { return db.gorm.WithContext(ctx) }

// Write runs fn in one transaction and returns nil once it is durable. If fn
// returns an error, nothing of it stays, and Write returns that error as a
// fault. A panic in fn undoes it too and is returned as an Internal fault.
//
// fn may be run more than once and on another goroutine, so it must change
// nothing but the database and what it can assign anew. It must call neither
// Read nor Write: what it needs it reads through tx. If ctx ends before fn has begun, fn does not run and the context's
// error is returned; once the transaction is durable the result is nil.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return Fault(db.writes.write(ctx, fn))
}

// clock is the database's time: UTC, in whole microseconds, as it is stored.
func (db *DB) clock() time.Time { return db.now().UTC().Truncate(time.Microsecond) }

// openGorm makes gorm over a pool. It logs nothing, because its log would hold
// values; it begins no transactions and makes no tables.
func (db *DB) openGorm(d gorm.Dialector) error {
	g, err := gorm.Open(withoutMigrator{d}, &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		Logger:                 logger.Discard,
		NowFunc:                db.clock,
		NamingStrategy:         schema.NamingStrategy{IdentifierMaxLength: 63},
	})
	db.gorm = g
	return err
}
