package sqldb

import (
	"time"

	"gorm.io/gorm"

	"ringfence/internal/audit"
)

// Tx is one transaction. It is for one goroutine and ends with the function
// it was given to.
type Tx struct {
	link *link
	base *gorm.DB
	gorm *gorm.DB // made when first asked for
	now  time.Time
	// headSQL reads the log's right edge for whoever is about to append.
	headSQL string
	// oneStatement says that the dialect can append in one statement.
	oneStatement bool
	entries      []audit.Entry // to be appended before the commit
}

// begin makes a Tx on a link whose transaction has begun.
func (db *DB) begin(l *link) *Tx {
	return &Tx{link: l, base: db.gorm, now: db.clock(), headSQL: headSQL[db.dialect], oneStatement: db.dialect == Postgres}
}

// Gorm gives gorm bound to the transaction. Its errors are the driver's: pass
// them through [Fault], or return them from fn as they are.
func (tx *Tx) Gorm() *gorm.DB {
	if tx.gorm == nil {
		// With a context, Session makes a statement of its own, which may
		// then be given another connection.
		tx.gorm = tx.base.Session(&gorm.Session{NewDB: true, Context: tx.link.ctx})
		tx.gorm.Statement.ConnPool = tx.link
	}
	return tx.gorm
}

// Exec runs one statement, prepared and kept for the next time, and gives the
// number of rows it changed. Placeholders are "?" on both dialects. Errors are
// faults.
func (tx *Tx) Exec(sql string, args ...any) (int64, error) {
	res, err := tx.link.exec(sql, args)
	if err != nil {
		return 0, Fault(err)
	}
	n, err := res.RowsAffected()
	return n, Fault(err)
}

// QueryRow reads one row, as Exec runs a statement. No row is a NotFound fault.
func (tx *Tx) QueryRow(sql string, args []any, dest ...any) error {
	return Fault(tx.link.queryRow(sql, args, dest))
}

// Now is the transaction's time: UTC, in whole microseconds.
func (tx *Tx) Now() time.Time { return tx.now }
