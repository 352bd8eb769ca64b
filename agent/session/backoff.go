package session

import "time"

// The bounds of waiting between attempts.
const (
	backoffBase = 500 * time.Millisecond
	backoffMax  = time.Minute
)

// Backoff says how long to wait before the next attempt: anything from nothing
// to a bound that doubles with each attempt (full jitter), so that phones that
// lost their server together do not come back together.
type Backoff struct {
	random  func() float64
	attempt int
}

// NewBackoff starts at the first attempt. Random gives numbers in [0, 1).
func NewBackoff(random func() float64) *Backoff { return &Backoff{random: random} }

// Next gives the wait before the next attempt.
func (b *Backoff) Next() time.Duration {
	bound := backoffMax
	if b.attempt < 16 { // 2^16 half seconds are far above the bound
		bound = min(backoffBase<<b.attempt, backoffMax)
		b.attempt++
	}
	return time.Duration(b.random() * float64(bound))
}

// Reset starts again at the first attempt.
func (b *Backoff) Reset() { b.attempt = 0 }
