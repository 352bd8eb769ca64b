// Package chaos lets a small world of phones, administrators and servers go wrong
// in every way it can, with the real server program and the real agent, and then
// looks whether what was promised still holds.
//
// Servers are killed as by a power cut: the one on SQLite, or either of two on
// one PostgreSQL. Agents die at random steps and before or after any call.
// Answers get lost, calls arrive twice, clocks are wrong, phones leave and enrol
// again; administrators order, approve, reject, stop, cancel and lift at the same
// time, and one always tries to approve what is its own.
//
// Afterwards it compares the phones' disks, what was acknowledged to anybody, and
// the audit log. Each invariant is printed, and the program fails if one does not
// hold. A run is repeated with its seed, as far as the machine's own timing lets
// it.
package chaos

import (
	"context"
	"io"
	"time"
)

// Options say what is played.
type Options struct {
	// Server is the server program's path.
	Server string
	// Database is a PostgreSQL DSN; SQLite in the run's own folder where empty.
	Database string
	// Dir is an empty folder for everything.
	Dir string
	// Duration is how long things go wrong, with so many Phones.
	Duration time.Duration
	Phones   int
	// Seed is of the dice.
	Seed uint64
	// Now is the clock; phones' clocks are off it.
	Now func() time.Time
}

// Run makes a world, lets it go wrong for the duration, lets it come to rest, and
// checks it. It prints what was done and each invariant, and returns what did not
// hold.
func Run(ctx context.Context, o Options, out io.Writer) error {
	w := newWorld(o, out)
	defer w.close()
	w.say("seed %d, %d phones, %d servers, %s", o.Seed, o.Phones, len(w.servers), o.Duration)
	if err := w.begin(ctx); err != nil {
		return err
	}
	if err := w.goWrong(ctx); err != nil {
		return err
	}
	if err := w.rest(ctx); err != nil {
		return err
	}
	return w.check(ctx)
}
