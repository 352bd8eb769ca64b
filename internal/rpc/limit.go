package rpc

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is how often a caller may call: PerSecond over time, Burst at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limits bounds what a caller may take. The zero value of a field means its
// default.
type Limits struct {
	// Device, Admin and Anonymous are rates for each device, administrator and
	// client address; Device is that of each app's registration too, which has a
	// budget of its own. Defaults: 50/s burst 200, 200/s burst 400, 10/s burst 50.
	Device, Admin, Anonymous Rate
	// CallerStreams is how many server streams one caller may have open, over
	// all its connections. Default 4.
	CallerStreams int
	// ConnectionStreams is how many calls and streams one connection may have
	// open. Default 16.
	ConnectionStreams uint32
	// AnonymousConnections is how many connections without a certificate that
	// counts one client address may have open. Default 256.
	AnonymousConnections int
	// AnonymousStay is how long one of them may last. Default 2 minutes: enough
	// to join.
	AnonymousStay time.Duration
	// MessageSize is the most octets a request may have. Default 1 MiB.
	MessageSize int
	// CallTime is how long one call, not a stream, may last, its sending
	// included. Default 30 s.
	CallTime time.Duration
}

func (l Limits) withDefaults() Limits {
	l.Device = l.Device.or(Rate{PerSecond: 50, Burst: 200})
	l.Admin = l.Admin.or(Rate{PerSecond: 200, Burst: 400})
	l.Anonymous = l.Anonymous.or(Rate{PerSecond: 10, Burst: 50})
	l.CallerStreams = or(l.CallerStreams, 4)
	l.ConnectionStreams = or(l.ConnectionStreams, 16)
	l.AnonymousConnections = or(l.AnonymousConnections, 256)
	l.AnonymousStay = or(l.AnonymousStay, 2*time.Minute)
	l.MessageSize = or(l.MessageSize, 1<<20)
	l.CallTime = or(l.CallTime, 30*time.Second)
	return l
}

func (r Rate) or(fallback Rate) Rate { return or(r, fallback) }

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

func (r Rate) limiter() *rate.Limiter { return rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst) }

// limiterGeneration is how many callers of one kind are remembered at least.
const limiterGeneration = 1 << 16

// limiters holds the budget of each caller of one kind. It remembers the callers
// of the last one to two generations: whoever is forgotten has been quiet while
// that many others called, and starts with a full budget.
type limiters struct {
	rate Rate
	size int // callers in one generation

	mu         sync.Mutex // guards young and old
	young, old map[string]*rate.Limiter
}

func newLimiters(r Rate) *limiters {
	return &limiters{rate: r, size: limiterGeneration, young: make(map[string]*rate.Limiter)}
}

// allow takes one call from the caller's budget, if it has one left.
func (l *limiters) allow(caller string, now time.Time) bool {
	return l.of(caller).AllowN(now, 1)
}

func (l *limiters) of(caller string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.young[caller]; ok {
		return b
	}
	b, ok := l.old[caller]
	if !ok {
		b = l.rate.limiter()
	}
	if len(l.young) >= l.size {
		l.old, l.young = l.young, make(map[string]*rate.Limiter)
	}
	l.young[caller] = b
	return b
}

// streams counts the open streams of each caller.
type streams struct {
	most int

	mu   sync.Mutex // guards open
	open map[callerKey]int
}

func newStreams(most int) *streams { return &streams{most: most, open: make(map[callerKey]int)} }

// add counts one more, unless the caller has its full number.
func (s *streams) add(k callerKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[k] >= s.most {
		return false
	}
	s.open[k]++
	return true
}

func (s *streams) remove(k callerKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[k]--; s.open[k] <= 0 {
		delete(s.open, k)
	}
}
