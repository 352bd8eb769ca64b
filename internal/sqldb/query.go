package sqldb

import (
	"context"
	"database/sql"
	"sync"
)

// QueryRow reads one row by hand-written SQL, outside a transaction. Placeholders
// are "?" on both dialects, and no row is a NotFound fault. The texts are the
// program's own constants: each is kept compiled until the database is closed.
func (db *DB) QueryRow(ctx context.Context, text string, args []any, dest ...any) error {
	if db.dialect == Postgres {
		return Fault(db.reads.QueryRowContext(ctx, rebind(text), args...).Scan(dest...))
	}
	stmt, err := db.queries.prepared(ctx, db.reads, text)
	if err != nil {
		return Fault(err)
	}
	return Fault(stmt.QueryRowContext(ctx, args...).Scan(dest...))
}

// QueryRows is QueryRow for any number of rows: dest gives where a row goes, take
// is called once it is there, and ends the reading with its error.
func (db *DB) QueryRows(ctx context.Context, text string, args, dest []any, take func() error) (err error) {
	rows, err := db.query(ctx, text, args)
	if err != nil {
		return Fault(err)
	}
	defer func() { _ = rows.Close() }() // what it could say, Err has said
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return Fault(err)
		}
		if err := take(); err != nil {
			return err
		}
	}
	return Fault(rows.Err())
}

func (db *DB) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	if db.dialect == Postgres {
		return db.reads.QueryContext(ctx, rebind(text), args...)
	}
	stmt, err := db.queries.prepared(ctx, db.reads, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// queries keeps statements by their text. SQLite would compile each of them anew
// for every use, which is most of what it costs; PostgreSQL's driver keeps them
// by itself.
type queries struct {
	mu   sync.RWMutex // guards kept
	kept map[string]*sql.Stmt
}

func (q *queries) prepared(ctx context.Context, pool *sql.DB, text string) (*sql.Stmt, error) {
	q.mu.RLock()
	stmt := q.kept[text]
	q.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if stmt := q.kept[text]; stmt != nil {
		return stmt, nil
	}
	// Not with the context of whoever comes first: the statement outlives it.
	stmt, err := pool.PrepareContext(context.WithoutCancel(ctx), text)
	if err != nil {
		return nil, err
	}
	if q.kept == nil {
		q.kept = make(map[string]*sql.Stmt)
	}
	q.kept[text] = stmt
	return stmt, nil
}
