// Package enrolldb keeps enrolment in SQLite or PostgreSQL. It is the only one
// that touches the tables whose names begin with enroll_.
//
// Join and the look-up of a certificate are hand-written SQL, because whole
// fleets wait for them; the rest is gorm. Whatever two hands can change carries
// its condition in the statement that changes it, so that both databases decide
// races alike.
package enrolldb

import (
	"gorm.io/gorm"

	"ringfence/internal/enroll"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// Store is every door of package enroll.
type Store struct{ db *sqldb.DB }

var (
	_ enroll.Tokens         = (*Store)(nil)
	_ enroll.Devices        = (*Store)(nil)
	_ enroll.Fleet          = (*Store)(nil)
	_ enroll.Enrolments     = (*Store)(nil)
	_ enroll.Administrators = (*Store)(nil)
)

// New makes a Store on an open database.
func New(db *sqldb.DB) *Store { return &Store{db: db} }

// missing puts the slice's own fault in the place of the database's "no such
// record".
func missing(err error, as *fault.Error) error {
	err = sqldb.Fault(err)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return as
	}
	return err
}

// page is the condition and order of a listing by time and id.
func page(q *gorm.DB, after enroll.Cursor, newestFirst bool) *gorm.DB {
	order, beyond := "created_at, id", "(created_at, id) > (?, ?)"
	if newestFirst {
		order, beyond = "created_at DESC, id DESC", "(created_at, id) < (?, ?)"
	}
	if !after.IsZero() {
		q = q.Where(beyond, sqldb.Micros(after.At), after.ID)
	}
	return q.Order(order)
}

// within leaves out all but what is of these groups; nil leaves nothing out,
// and of no group at all is nothing.
func within(q *gorm.DB, groups []string) *gorm.DB {
	if groups == nil {
		return q
	}
	return q.Where("group_name IN ?", groups)
}

// octets is how a hash is stored, NULL for none.
func octets(d enroll.Digest) []byte {
	if d.IsZero() {
		return nil
	}
	return d[:]
}

// digest reads what octets writes. The schema sees to the length.
func digest(b []byte) (d enroll.Digest) {
	copy(d[:], b)
	return d
}
