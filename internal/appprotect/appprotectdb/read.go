package appprotectdb

import (
	"context"
	"database/sql"
	"sync"

	"ringfence/internal/sqldb"
)

// reads runs the queries for one row outside a transaction. SQLite would compile
// each of them anew for every use, which is most of what it costs, so there they
// are kept compiled; PostgreSQL's driver does that by itself.
type reads struct {
	db   *sqldb.DB
	mu   sync.RWMutex // guards kept
	kept map[string]*sql.Stmt
}

func newReads(db *sqldb.DB) *reads {
	return &reads{db: db, kept: make(map[string]*sql.Stmt)}
}

// row reads one row. The texts are made of the constants of this package, so that
// what is kept stays small; it ends with the database. The error is the driver's.
func (r *reads) row(ctx context.Context, text string, args, dest []any) error {
	if r.db.Dialect() != sqldb.SQLite {
		return r.db.Read(ctx).Raw(text, args...).Row().Scan(dest...)
	}
	stmt, err := r.prepared(ctx, text)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(ctx, args...).Scan(dest...)
}

func (r *reads) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	r.mu.RLock()
	stmt := r.kept[text]
	r.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	pool, err := r.db.Read(ctx).DB()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if stmt := r.kept[text]; stmt != nil {
		return stmt, nil
	}
	// Not with the context of whoever comes first: the statement outlives it.
	stmt, err = pool.PrepareContext(context.WithoutCancel(ctx), text)
	if err == nil {
		r.kept[text] = stmt
	}
	return stmt, err
}
