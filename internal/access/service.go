package access

import (
	"context"
	"sync"
	"time"

	"ringfence/internal/device"
)

// Directory knows the people of the organisation.
type Directory interface {
	// Person gives what the directory says of somebody, with a Version that is not
	// zero. Of somebody it does not know it gives the name alone.
	Person(ctx context.Context, name string) (Person, error)
}

// Phones knows the enrolled phones.
type Phones interface {
	// Phone gives a phone in its present epoch; ErrNotKnown where none lasts.
	Phone(ctx context.Context, id device.ID) (Device, error)
}

// Accounts knows the work accounts in apps.
type Accounts interface {
	// App gives a registration in its present epoch; ErrNotKnown where none lasts.
	App(ctx context.Context, id device.ID) (Registration, error)
}

// Config is what a Service is made of. All is required but Filters, Changed,
// Cache and CacheFor.
type Config struct {
	Policies  Policies
	Samples   Samples
	History   History
	Directory Directory
	Phones    Phones
	Apps      Accounts
	// Filters compiles rules; nil where policies may have none.
	Filters Filters
	// Changed is called after each change of policies or locations that is made
	// here, when decisions go by it already. It must not wait for anything.
	Changed func()
	// Now is the one clock.
	Now func() time.Time
	// CacheFor is for how long doors may keep an answer at most. Default 1 minute.
	CacheFor time.Duration
	// Cache is true where this process is the only one that writes.
	Cache bool
}

// Service decides by what is stored and known at the time of the question. It is
// safe for concurrent use.
type Service struct {
	c       Config
	catalog *catalog
	seen    *sampler
	// flushing lets one Flush run at a time, changing one change.
	flushing, changing sync.Mutex
}

// New makes a Service.
func New(c Config) *Service {
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Filters != nil {
		c.Filters = newKeptFilters(c.Filters)
	}
	s := &Service{c: c, seen: newSampler(maxPending)}
	s.catalog = &catalog{policies: c.Policies, trusted: c.Cache, compile: s.compile}
	return s
}

// clock is the time as it is stored.
func (s *Service) clock() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// compile makes a snapshot of what is stored.
func (s *Service) compile(stored Stored) (*Snapshot, error) {
	r := Ruleset{Policies: stored.Policies, Filters: s.c.Filters, Generation: stored.Generation, CacheFor: s.c.CacheFor}
	for _, l := range stored.Locations {
		r.Locations = append(r.Locations, l.Location)
	}
	return Compile(r)
}

// Question is what a door asks.
type Question struct {
	// SignIn is what the door saw. A person without a name is the user of the
	// phone, or of the registration. Groups and roles count only where the
	// directory does not know the person.
	SignIn SignIn
	// Device and Registration are who the door has identified; empty where it has
	// identified none.
	Device, Registration device.ID
}

// Answer is a decision with all it was made on, so that it can be explained
// later. Nothing that it points to may be changed.
type Answer struct {
	Decision Decision
	SignIn   SignIn
	Facts    Facts
	Versions Versions
	// FactsAt is when the latest of the facts was stored; zero for those of now and
	// for those that are only assumed.
	FactsAt time.Time
}

// Explain gives all the reasons. It costs more than the decision.
func (a *Answer) Explain() Explanation { return a.Decision.Explain() }

// Decide answers a question, by nothing that is older than the question. An id
// under which nothing lasts is a fact that is not known; so is a registration of
// another person than the one who signs in. An error is no answer: the door must
// deny.
func (s *Service) Decide(ctx context.Context, q Question) (Answer, error) {
	a, err := s.Reconsider(ctx, q)
	if err == nil {
		s.seen.note(&a)
	}
	return a, err
}

// decide answers by what has been learnt. The decision keeps pointing here.
func (a *Answer) decide(snapshot *Snapshot, now time.Time) {
	a.Decision = Decide(snapshot, &a.SignIn, &a.Facts, now)
	a.Versions = VersionsOf(snapshot, &a.SignIn, &a.Facts)
}

// Snapshot gives the policies in force, no older than the call.
func (s *Service) Snapshot(ctx context.Context) (*Snapshot, error) { return s.catalog.latest(ctx) }
