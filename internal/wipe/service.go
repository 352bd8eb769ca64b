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
	Enrollments Enrollments
	Signer      Signer
	Bell        Bell
	Now         func() time.Time
	// NewID makes order ids: distinct, unguessable, 8 to 64 of [a-z0-9-].
	NewID func() string
}

// Service takes the work side back. It is safe for concurrent use, also by
// several servers on one database.
type Service struct {
	store       Store
	devices     Devices
	enrollments Enrollments
	signer      Signer
	bell        Bell
	now         func() time.Time
	newID       func() string

	mu     sync.Mutex // guards walked
	walked ID         // where the next Sweep goes on looking for ended epochs
}

// New makes the service.
func New(c Config) *Service {
	return &Service{
		store: c.Store, devices: c.Devices, enrollments: c.Enrollments,
		signer: c.Signer, bell: c.Bell, now: c.Now, newID: c.NewID,
	}
}

func (s *Service) time() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Preview is what Plan answers.
type Preview struct {
	Order   Order // without ID, Sequence and CreatedBy
	Outlook Outlook
}

// Plan answers what Create would do, and does nothing. Key and Reason may be
// missing from the request. Errors: as Create.
func (s *Service) Plan(ctx context.Context, r Request) (Preview, error) {
	f, o, err := s.plan(ctx, r)
	if err != nil {
		return Preview{}, err
	}
	unsettled, err := s.store.Unsettled(ctx, o.Device, o.Epoch)
	if err != nil {
		return Preview{}, err
	}
	if err := Admit(o, unsettled, s.time()); err != nil {
		return Preview{}, err
	}
	return Preview{Order: o, Outlook: Foresee(f, r.Scope)}, nil
}

func (s *Service) plan(ctx context.Context, r Request) (Facts, Order, error) {
	if err := r.checkTarget(); err != nil {
		return Facts{}, Order{}, err
	}
	f, err := s.devices.Facts(ctx, r.Device)
	if err != nil {
		return Facts{}, Order{}, err
	}
	o, err := Plan(f, r, s.time())
	return f, o, err
}

// Create orders a wipe in the name of the caller in ctx and rings the device.
// The same request again gives the first order, as it is now. Errors: Invalid,
// NotFound (no such device), ErrEpochMoved, ErrNotEnrolled, ErrNoWorkProfile,
// ErrPending, ErrKeyReused.
func (s *Service) Create(ctx context.Context, r Request) (Order, error) {
	if err := r.check(); err != nil {
		return Order{}, err
	}
	by := identity.From(ctx).Actor()
	o, err := s.first(ctx, by, r)
	if errors.Is(err, ErrUnknown) {
		o, err = s.create(ctx, by, r)
	}
	if err != nil {
		return Order{}, err
	}
	// Also for a repeated request: the first may have ended before its ring.
	s.bell.Ring(o.Device)
	return o, nil
}

// first gives the order that the request has led to already. It comes before
// every other question: a retry is answered even when the device has gone.
func (s *Service) first(ctx context.Context, by string, r Request) (Order, error) {
	o, err := s.store.ByKey(ctx, by, r.Key)
	if err == nil && o.RequestDigest != r.digest() {
		return Order{}, ErrKeyReused
	}
	return o, err
}

func (s *Service) create(ctx context.Context, by string, r Request) (Order, error) {
	_, o, err := s.plan(ctx, r)
	if err != nil {
		return Order{}, err
	}
	o.ID, o.CreatedBy = ID(s.newID()), by
	return s.store.Create(ctx, o, ordered(ctx, o))
}

// Get gives one order, or ErrUnknown.
func (s *Service) Get(ctx context.Context, id ID) (Order, error) { return s.store.Order(ctx, id) }

// Cancel stops an order that no device has acknowledged, and rings the device
// so that it forgets the order. Safe to repeat. Errors: Invalid, ErrUnknown,
// ErrAcknowledged, ErrFinished.
func (s *Service) Cancel(ctx context.Context, id ID, reason string) (Order, error) {
	if err := checkReason(reason); err != nil {
		return Order{}, err
	}
	o, err := s.apply(ctx, id, Event{Kind: Cancel, Reason: reason}, anyone)
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
