package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
)

// errEnded is for who keeps a Tx longer than it lives: by then the connection
// is in somebody else's transaction.
var errEnded = errors.New("the transaction has ended")

// link is one connection inside one transaction. It is the gorm.ConnPool of
// Tx.Gorm and has no more than that interface's methods exported, so that gorm
// can neither begin nor commit on it.
type link struct {
	conn *sql.Conn
	// ctx is the context of every statement, whichever one gorm passes.
	ctx context.Context
	// prepared holds statements by text; nil where the driver does it.
	prepared *prepared
	// rebind turns "?" into the dialect's placeholders; nil where it is "?".
	rebind func(string) string
	// lethal reports whether an error has ended the transaction in the
	// database, so that what follows would run outside any.
	lethal func(error) bool
	// dead is the first lethal error; nothing runs after it.
	dead error
	// wrote is set before a statement that may change something.
	wrote bool
	ended atomic.Bool
}

// end makes every later use fail.
func (l *link) end() { l.ended.Store(true) }

// ready says why nothing may run, if so.
func (l *link) ready() error {
	if l.ended.Load() {
		return errEnded
	}
	return l.dead
}

// judge notes a lethal error and passes every error on.
func (l *link) judge(err error) error {
	if err != nil && l.dead == nil && l.lethal(err) {
		l.dead = err
	}
	return err
}

// noteQuery notes a query that changes something, as RETURNING does.
func (l *link) noteQuery(text string) {
	const reads = "select"
	if len(text) < len(reads) || !strings.EqualFold(text[:len(reads)], reads) {
		l.wrote = true
	}
}

func (l *link) exec(text string, args []any) (sql.Result, error) {
	if err := l.ready(); err != nil {
		return nil, err
	}
	if l.prepared == nil {
		res, err := l.conn.ExecContext(l.ctx, l.rebind(text), args...)
		return res, l.judge(err)
	}
	stmt, err := l.prepared.get(text)
	if err != nil {
		return nil, l.judge(err)
	}
	l.wrote = true
	res, err := stmt.ExecContext(l.ctx, args...)
	return res, l.judge(err)
}

func (l *link) queryRow(text string, args, dest []any) error {
	if err := l.ready(); err != nil {
		return err
	}
	if l.prepared == nil {
		return l.judge(l.conn.QueryRowContext(l.ctx, l.rebind(text), args...).Scan(dest...))
	}
	stmt, err := l.prepared.get(text)
	if err != nil {
		return l.judge(err)
	}
	l.noteQuery(text)
	return l.judge(stmt.QueryRowContext(l.ctx, args...).Scan(dest...))
}

// PrepareContext is for gorm.
func (l *link) PrepareContext(_ context.Context, query string) (*sql.Stmt, error) {
	if err := l.ready(); err != nil {
		return nil, err
	}
	stmt, err := l.conn.PrepareContext(l.ctx, query)
	return stmt, l.judge(err)
}

// ExecContext is for gorm.
func (l *link) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	if err := l.ready(); err != nil {
		return nil, err
	}
	l.wrote = true
	res, err := l.conn.ExecContext(l.ctx, query, args...)
	return res, l.judge(err)
}

// QueryContext is for gorm.
func (l *link) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := l.ready(); err != nil {
		return nil, err
	}
	l.noteQuery(query)
	rows, err := l.conn.QueryContext(l.ctx, query, args...)
	return rows, l.judge(err)
}

// QueryRowContext is for gorm, whose Row cannot be given an error but the
// context's: a cancelled one stands for "the transaction has ended".
func (l *link) QueryRowContext(_ context.Context, query string, args ...any) *sql.Row {
	ctx := l.ctx
	if err := l.ready(); err != nil {
		cancelled, cancel := context.WithCancelCause(ctx)
		cancel(err)
		ctx = cancelled
	}
	l.noteQuery(query)
	return l.conn.QueryRowContext(ctx, query, args...)
}

// maxPrepared bounds what is kept prepared. A program has fewer texts; one
// that builds texts from values must not eat the memory.
const maxPrepared = 256

// prepared keeps the statements of one connection, by text. One goroutine
// uses it.
type prepared struct {
	conn   *sql.Conn
	byText map[string]*sql.Stmt
}

func newPrepared(c *sql.Conn) *prepared {
	return &prepared{conn: c, byText: make(map[string]*sql.Stmt)}
}

func (p *prepared) get(text string) (*sql.Stmt, error) {
	if stmt, ok := p.byText[text]; ok {
		return stmt, nil
	}
	if len(p.byText) >= maxPrepared {
		p.close()
	}
	// Statements outlive the Write that first asks for them.
	stmt, err := p.conn.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	p.byText[text] = stmt
	return stmt, nil
}

func (p *prepared) exec(text string) error {
	stmt, err := p.get(text)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(context.Background())
	return err
}

func (p *prepared) close() {
	for text, stmt := range p.byText {
		delete(p.byText, text)
		_ = stmt.Close() // finalizing repeats the statement's last error: nothing new
	}
}
