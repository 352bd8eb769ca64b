package chaos

import (
	"math/rand/v2"
	"sync"
	"time"
)

// dice are thrown by many; each thrower has a stream of its own, so that what one
// does depends on the seed and on its own past only.
type dice struct {
	mu sync.Mutex // guards r
	r  *rand.Rand
}

func newDice(seed, stream uint64) *dice { return &dice{r: rand.New(rand.NewPCG(seed, stream))} }

// n gives 0 to n-1.
func (d *dice) n(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// percent says yes in so many of a hundred throws.
func (d *dice) percent(p int) bool { return d.n(100) < p }

// between gives a span of time.
func (d *dice) between(a, b time.Duration) time.Duration {
	return a + time.Duration(d.n(int((b-a)/time.Millisecond)+1))*time.Millisecond
}

// pick gives one of several; the zero value of none.
func pick[T any](d *dice, of []T) (one T) {
	if len(of) == 0 {
		return one
	}
	return of[d.n(len(of))]
}
