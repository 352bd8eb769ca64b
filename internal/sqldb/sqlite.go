package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
)

// sqliteDSN is the driver's name for the file. What is the same for every
// connection is set here, so that no connection can lack it.
func sqliteDSN(path string, extra url.Values) string {
	q := url.Values{
		"_busy_timeout": {"5000"},
		"_foreign_keys": {"on"},
		"_synchronous":  {"full"},
		// A misspelt column in double quotes is an error, not a string.
		"_dqs": {"0"},
		// SQL cannot corrupt the file or reach functions through the schema.
		"_defensive": {"1"},
		"_pragma":    {"trusted_schema(0)", "temp_store(memory)"},
	}
	for k, v := range extra {
		q[k] = append(q[k], v...)
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}

// openSQLite opens the file for this process alone: one connection that
// writes and a pool of connections that cannot.
func openSQLite(ctx context.Context, c Config, path string) (_ *DB, err error) {
	var undo closers
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open %s: %w", path, err), undo.close())
		}
	}()
	if path, err = ownFile(path); err != nil {
		return nil, err
	}
	unlock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	undo.add(unlock)

	pool, err := sql.Open("sqlite", sqliteDSN(path, url.Values{
		"_journal_mode": {"wal"},
		"_txlock":       {"immediate"},
		"_pragma":       writerPragmas,
	}))
	if err != nil {
		return nil, err
	}
	undo.add(pool.Close)
	pool.SetMaxOpenConns(1)
	db := &DB{dialect: SQLite, now: c.Now}
	if db.version, err = migrate(ctx, SQLite, pool); err != nil {
		return nil, err
	}

	db.reads, err = sql.Open("sqlite", sqliteDSN(path, url.Values{
		"mode":        {"ro"},
		"_query_only": {"on"},
		"_pragma":     {"cache_size(-8192)"},
	}))
	if err != nil {
		return nil, err
	}
	undo.add(db.reads.Close)
	n := c.conns(defaultSQLiteReaders)
	db.reads.SetMaxOpenConns(n)
	db.reads.SetMaxIdleConns(n)
	if err = db.openGorm(sqliteDialector{pool: db.reads}); err != nil {
		return nil, err
	}

	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	p := newPrepared(conn)
	w := newWriter(p, db.begin, c.recorded())
	undo.add(func() error {
		w.close()
		p.close()
		return conn.Close()
	})
	checkpoints, err := newCheckpointer(path, w.batches.Load)
	if err != nil {
		return nil, err
	}
	undo.add(checkpoints.close)
	db.writes, db.close = w, sync.OnceValue(undo.close)
	if err = db.backfill(ctx); err != nil {
		return nil, err
	}
	return db, nil
}

// ownFile makes sure that the file exists, readable by its owner only if it
// is new, and gives its one true path, so that two names for a file are locked
// as one. SQLite gives its other files the same permissions.
func ownFile(path string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return path, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return path, err
	}
	if err := f.Close(); err != nil {
		return path, err
	}
	return filepath.EvalSymlinks(path)
}

// closers undoes in the reverse order.
type closers []func() error

func (c *closers) add(f func() error) { *c = append(*c, f) }

func (c *closers) close() error {
	var errs []error
	for i := len(*c) - 1; i >= 0; i-- {
		errs = append(errs, (*c)[i]())
	}
	return errors.Join(errs...)
}
