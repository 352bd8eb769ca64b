package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
)

const (
	// maxAttempts bounds how often a Write that loses races is run.
	maxAttempts = 5
	// firstPause is about how long it waits before the second time; the pause
	// doubles from there.
	firstPause = 5 * time.Millisecond
	// endTimeout bounds COMMIT and ROLLBACK, which the caller's context must
	// not cut short.
	endTimeout = 30 * time.Second
	// connLifetime lets a pool move to another server after a failover.
	connLifetime = time.Hour
	// migrateLock is the advisory lock of whoever migrates ("ringfenc").
	migrateLock int64 = 0x72696e6766656e63
)

// openPostgres migrates on connections of its own, then opens the pool, whose
// transactions can read only unless they say otherwise, as Write does.
func openPostgres(ctx context.Context, c Config) (_ *DB, err error) {
	config, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err) // pgx leaves the password out
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "mdm-server"
	}
	db := &DB{dialect: Postgres, now: c.Now}
	if db.version, err = migratePostgres(ctx, config); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}

	config = config.Copy()
	config.RuntimeParams["default_transaction_read_only"] = "on"
	db.reads = stdlib.OpenDB(*config)
	n := c.conns(defaultPostgresConns)
	db.reads.SetMaxOpenConns(n)
	db.reads.SetMaxIdleConns(n)
	db.reads.SetConnMaxLifetime(connLifetime)
	if err := db.openGorm(postgres.New(postgres.Config{Conn: db.reads})); err != nil {
		return nil, errors.Join(err, db.reads.Close())
	}
	w := &postgresWriter{pool: db.reads, begin: db.begin, recorded: c.recorded()}
	db.writes, db.close = w, sync.OnceValue(w.close)
	if err := db.backfill(ctx); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// migratePostgres lets one server migrate at a time: the others wait, and then
// find nothing to do.
func migratePostgres(ctx context.Context, config *pgx.ConnConfig) (version int64, err error) {
	pool := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return 0, err
	}
	// The lock ends with its session.
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrateLock); err != nil {
		return 0, err
	}
	return migrate(ctx, Postgres, pool)
}

// postgresWriter runs each Write in a transaction of its own.
type postgresWriter struct {
	pool    *sql.DB
	begin   func(*link) *Tx
	running sync.RWMutex // read-held by each Write; close takes it for good
	// recording is held from the log's row to the commit: of one server's
	// transactions only one waits in the database for another server's, which
	// is cheaper than if all did. Whoever holds it waits for nothing else here.
	recording sync.Mutex
	// recorded is told of each commit that has added to the record.
	recorded func()
}

// close waits for the Writes that run.
func (w *postgresWriter) close() error {
	w.running.Lock()
	defer w.running.Unlock()
	return w.pool.Close()
}

// write runs fn until it does not lose a race, or has lost too many.
func (w *postgresWriter) write(ctx context.Context, fn func(*Tx) error) error {
	w.running.RLock()
	defer w.running.RUnlock()
	for attempt := 1; ; attempt++ {
		again, err := w.attempt(ctx, fn)
		if err == nil || !again || attempt == maxAttempts {
			return err
		}
		if err := pause(ctx, firstPause<<(attempt-1)); err != nil {
			return err
		}
	}
}

// attempt runs fn in one transaction. again reports whether to try once more:
// nothing of the transaction is left then.
func (w *postgresWriter) attempt(ctx context.Context, fn func(*Tx) error) (again bool, err error) {
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }() // a broken one is thrown away
	if _, err := conn.ExecContext(ctx, "BEGIN READ WRITE"); err != nil {
		return pgconn.SafeToRetry(err), fmt.Errorf("begin: %w", err)
	}
	l := &link{conn: conn, ctx: ctx, rebind: rebind, lethal: lostRace}
	committed := false
	defer func() {
		l.end()
		if !committed {
			// Also when fn ends the goroutine. If it fails, the pool throws
			// the connection away and the server rolls back.
			_ = end(ctx, conn, "ROLLBACK")
		}
	}()
	tx := w.begin(l)
	err = guard(fn, tx)
	if err == nil && l.dead == nil && len(tx.entries) > 0 {
		w.recording.Lock()
		defer w.recording.Unlock()
		err = tx.appendEntries(tx.entries)
	}
	if err != nil {
		return l.dead != nil || lostRace(err), err
	}
	if l.dead != nil {
		return true, l.dead
	}
	// PostgreSQL answers COMMIT of a failed transaction by rolling back,
	// without an error.
	if aborted(conn) {
		return false, errSwallowed
	}
	committed = true
	if err := end(ctx, conn, "COMMIT"); err != nil {
		return lostRace(err), fmt.Errorf("commit: %w", err)
	}
	if len(tx.entries) > 0 {
		w.recorded()
	}
	return false, nil
}

var errSwallowed = errors.New("a statement failed, yet the transaction's function returned no error")

// end ends the transaction even if the caller has gone, so that a change is
// either durable or undone when Write returns.
func end(ctx context.Context, conn *sql.Conn, how string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	_, err := conn.ExecContext(ctx, how)
	return err
}

// aborted reports whether the connection's transaction has failed.
func aborted(conn *sql.Conn) bool {
	failed := true
	err := conn.Raw(func(driver any) error {
		if c, ok := driver.(*stdlib.Conn); ok {
			failed = c.Conn().PgConn().TxStatus() != 'T'
		}
		return nil
	})
	return failed || err != nil
}

// pause waits about d, so that two that met do not meet again.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d/2 + rand.N(d)) //nolint:gosec // jitter is no secret
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
