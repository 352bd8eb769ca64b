package wipe

import (
	"context"
	"errors"
	"sync"
	"time"

	"ringfence/internal/identity"
)

// Config is what the service is made of. Every field is required.
type Config struct {
	Store       Store
	Devices     Devices
	Apps        Apps
	People      People
	Enrollments Enrollments
	Signer      Signer
	Bell        Bell
	Now         func() time.Time
	// NewID makes ids: distinct, unguessable, 8 to 58 of [a-z0-9-].
	NewID func() string
}

// Service takes the work side back. It is safe for concurrent use, also by
// several servers on one database.
type Service struct {
	store       Store
	desks       Desks
	requests    Requests
	leases      LeaseHolders
	devices     Devices
	apps        Apps
	people      People
	enrollments Enrollments
	signer      Signer
	bell        Bell
	now         func() time.Time
	newID       func() string

	mu     sync.Mutex // guards what follows
	walked ID         // where the next Sweep goes on looking for ended epochs
	stood  RequestID  // where it goes on looking at standing wipes
	rungTo time.Time  // up to when it has rung devices after a cooling-off
}

// New makes the service.
func New(c Config) *Service {
	return &Service{
		store: c.Store, desks: c.Store, requests: c.Store, leases: c.Store,
		devices: c.Devices, apps: c.Apps, people: c.People, enrollments: c.Enrollments,
		signer: c.Signer, bell: c.Bell, now: c.Now, newID: c.NewID,
	}
}

func (s *Service) time() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Get gives one order; ErrUnknown also to who does not reach its device.
func (s *Service) Get(ctx context.Context, id ID) (Order, error) {
	o, err := s.store.Order(ctx, id)
	if err == nil && !identity.From(ctx).Reaches(o.Group) {
		return Order{}, ErrUnknown
	}
	return o, err
}

// Breaker tells how the breaker stands.
func (s *Service) Breaker(ctx context.Context) (Breaker, error) { return s.desks.Breaker(ctx) }

// Cancel stops an order that no device has acknowledged, and rings the device
// so that it forgets the order. Safe to repeat. Whoever asked for it may; else it
// takes a role that may stop. Errors: Invalid, ErrUnknown, ErrRoleMayNot,
// ErrAcknowledged, ErrFinished.
func (s *Service) Cancel(ctx context.Context, id ID, reason string) (Order, error) {
	if err := checkReason(reason); err != nil {
		return Order{}, err
	}
	c := identity.From(ctx)
	o, err := s.apply(ctx, id, Event{Kind: Cancel, Reason: reason}, func(o Order) error {
		switch {
		case !c.Reaches(o.Group):
			return ErrUnknown
		case !own(c, o.Person) && !c.May(identity.Stop):
			return roleMayNot(c.Role, identity.Stop, "only orders of its own")
		}
		return nil
	})
	if err != nil {
		return Order{}, err
	}
	s.bell.Ring(o.Device)
	return o, nil
}

// tries bounds how often a decision is made anew because somebody else was
// faster. Each time an order has moved on, and its life is short.
const tries = 10

// apply loads, decides and saves. When somebody else was faster it looks
// again, so that the loser of a race hears what the winner did.
func (s *Service) apply(ctx context.Context, id ID, e Event, may func(Order) error) (Order, error) {
	for range tries {
		o, err := s.store.Order(ctx, id)
		if err != nil {
			return Order{}, err
		}
		if err := may(o); err != nil {
			return Order{}, err
		}
		next, err := o.Apply(e, s.time())
		if err != nil {
			return Order{}, err
		}
		if next.Version == o.Version {
			return o, nil
		}
		err = s.store.Save(ctx, Change{Order: next, Entry: happened(ctx, next, e), Proof: e.proof()})
		if !errors.Is(err, ErrMoved) {
			return next, err
		}
	}
	return Order{}, ErrMoved
}

// anyone may: whoever calls has asked already.
func anyone(Order) error { return nil }
