package webkeys

import (
	"context"
	"crypto"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Config is what a Service is made of. Store, Sealer and Now are required.
type Config struct {
	Store Store
	// Sealer seals private keys. Its secret is the same on every server that
	// shares the store.
	Sealer *Sealer
	Now    func() time.Time
	// Generate makes keys; nil is [Generate]. Tests, which have no time for it,
	// bring theirs.
	Generate func(Algorithm) (crypto.Signer, error)
}

// How often the store is asked.
const (
	// freshFor is how long a set is used before it is read again. A key is
	// published an hour before it signs, so that no server misses one.
	freshFor = time.Minute
	// Tokens may name any key: for those not known the set is read again, but
	// only so often.
	strangersPerSecond = 5
	strangersAtOnce    = 10
)

// Service signs, checks and publishes. It is safe for concurrent use.
type Service struct {
	c         Config
	strangers *rate.Limiter

	mu     sync.Mutex // held while the set is read, and guards what follows
	set    *set
	readAt time.Time
}

// New makes a Service. It makes no key yet: see Sweep.
func New(c Config) *Service {
	if c.Generate == nil {
		c.Generate = Generate
	}
	return &Service{c: c, strangers: rate.NewLimiter(strangersPerSecond, strangersAtOnce)}
}

// clock is the time as it is stored.
func (s *Service) clock() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// keys gives the set, at most a minute old.
func (s *Service) keys(ctx context.Context) (*set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := s.c.Now().Sub(s.readAt); s.set != nil && age >= 0 && age < freshFor {
		return s.set, nil
	}
	return s.read(ctx)
}

// newKeys gives the set as it is stored now.
func (s *Service) newKeys(ctx context.Context) (*set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(ctx)
}

// read is called with the lock held.
func (s *Service) read(ctx context.Context) (*set, error) {
	now := s.c.Now()
	stored, err := s.c.Store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	s.set, s.readAt = newSet(s.c.Sealer, stored, s.set), now
	return s.set, nil
}
