package directory

import (
	"context"
	"time"
)

// Config is what a Service is made of.
type Config struct {
	Store Store
	Now   func() time.Time
	// NewID makes ids: 32 lower-case hex digits.
	NewID func() string
	// Cache lets Standing remember. Set it only where this process alone writes
	// to the database.
	Cache bool
	// Changed, if not nil, is told after each commit whose standing may be
	// another now: keys of user names, sorted. It must not take long. A server
	// that dies before it leaves it out.
	Changed func(ctx context.Context, userNames []string)
}

// Service is the room's door for everyone else. It is safe for concurrent use.
type Service struct {
	c     Config
	known *standings // nil where nothing may be remembered
}

// New makes a Service.
func New(c Config) *Service {
	s := &Service{c: c}
	if c.Cache {
		s.known = newStandings()
	}
	return s
}

// clock is the time as it is stored.
func (s *Service) clock() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// settle is called after each change, with the names it gave and whether it
// succeeded: what was remembered is forgotten either way, and who is concerned
// hears of it.
func (s *Service) settle(ctx context.Context, names []string, err error) {
	s.known.forget()
	if err == nil && len(names) > 0 && s.c.Changed != nil {
		// The change is there, even if whoever asked for it has gone.
		s.c.Changed(context.WithoutCancel(ctx), names)
	}
}
