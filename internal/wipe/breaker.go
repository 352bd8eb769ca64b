package wipe

import (
	"fmt"
	"time"
)

// Breaker pauses everything pending when too much of the fleet gets orders in a
// short time, whoever gives them. The zero Breaker is closed.
type Breaker struct {
	// Since is when it opened; zero while it is closed. Why says what opened it.
	Since time.Time
	Why   string
	// ClosedAt is when it was last closed: what came before does not count.
	ClosedAt time.Time
}

// Open reports whether everything pending is paused.
func (b Breaker) Open() bool { return !b.Since.IsZero() }

// OpensAbove is how many devices may get orders within the breaker's window
// in a fleet of so many enrolled devices.
func (l Limits) OpensAbove(fleet int) int64 {
	return max(int64(l.BreakerFloor), int64(fleet)*int64(l.BreakerPercent)/100)
}

// strained gives the breaker after n more orders: open if they are too many.
func (b Breaker) strained(l Limits, recent uint32, n, fleet int, now time.Time) Breaker {
	above := l.OpensAbove(fleet)
	if b.Open() || int64(recent)+int64(n) <= above {
		return b
	}
	b.Since = now
	b.Why = fmt.Sprintf("%s within %s, and at most %d of %s may get one",
		several(int64(recent)+int64(n), "order"), l.BreakerWindow, above, several(fleet, "enrolled device"))
	return b
}
