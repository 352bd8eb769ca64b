package wipe

import (
	"context"
	"errors"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Ask asks for orders in the name of the caller in ctx. What needs nobody else
// is executed at once, and the devices rung; the rest waits. The same again
// gives the first request, as it is now. A standing wipe takes a caller who is
// bound to no group, because its person may turn up in any. Errors: Invalid,
// NotFound, ErrOutOfScope, ErrEpochMoved, ErrPlanChanged, ErrNothingToWipe,
// ErrKeyReused, ErrUserWipeStands, those of Judge; for one device those of Plan
// and Admit.
func (s *Service) Ask(ctx context.Context, a Ask) (Request, []Order, error) {
	if err := a.check(); err != nil {
		return Request{}, nil, err
	}
	c := identity.From(ctx)
	by, err := mayAsk(c, a)
	if err != nil {
		return Request{}, nil, err
	}
	if first, err := s.first(ctx, by, a.Key, a.digest()); err != nil || first != nil {
		return s.again(ctx, first, err)
	}
	op, m, err := s.opening(ctx, c, by, a)
	if err != nil {
		return Request{}, nil, err
	}
	b, err := s.desks.Decide(ctx, m, func(d Desk) (Booking, error) {
		if d.Repeated != nil {
			return Booking{}, sameAs(*d.Repeated, a.digest())
		}
		return s.open(ctx, op, d)
	})
	if errors.Is(err, errRepeated) {
		first, err := s.first(ctx, by, a.Key, a.digest())
		return s.again(ctx, first, err)
	}
	return s.booked(b, err)
}

// mayAsk says what no look at any device could change.
func mayAsk(c identity.Caller, a Ask) (Asker, error) {
	by, err := askerOf(c)
	switch {
	case err != nil:
		return Asker{}, err
	case a.Standing && !c.Everywhere():
		return Asker{}, ErrOutOfScope
	}
	return by, MayAsk(c.Role, a.Scope.kind, len(a.Target.Devices))
}

// opening is a request that is about to be decided for the first time.
type opening struct {
	ask   Ask
	id    RequestID
	by    Asker
	facts []Facts
	fleet int // enrolled devices
}

// opening gathers what a decision about a new request needs.
func (s *Service) opening(ctx context.Context, c identity.Caller, by Asker, a Ask) (opening, Matter, error) {
	op := opening{ask: a, id: RequestID(s.newID()), by: by}
	var err error
	if op.facts, err = s.resolve(ctx, c, a); err != nil {
		return op, Matter{}, err
	}
	if op.fleet, err = s.devices.Enrolled(ctx); err != nil {
		return op, Matter{}, err
	}
	m := s.matter(by, op.facts)
	m.By, m.Key, m.User = by.Actor, a.Key, a.Target.User
	return op, m, nil
}

// matter is what a decision about orders to these devices needs, charged to who
// asks for them.
func (s *Service) matter(by Asker, facts []Facts) Matter {
	m := Matter{Now: s.time(), Person: by.Person, Credential: by.Credential}
	for _, f := range facts {
		m.Devices = append(m.Devices, f.ID)
	}
	return m
}

// errRepeated undoes a decision about what was decided before.
var errRepeated = fault.New(fault.Conflict, "REQUEST_REPEATED", "the request was made before")

func sameAs(first Request, digest string) error {
	if first.Digest != digest {
		return ErrKeyReused
	}
	return errRepeated
}

// first gives the request that the key has led to already, nil for none. It
// comes before every other question: a retry is answered even when the device
// has gone.
func (s *Service) first(ctx context.Context, by Asker, key, digest string) (*Request, error) {
	d, err := s.desks.Survey(ctx, Matter{By: by.Actor, Key: key})
	if err != nil || d.Repeated == nil {
		return nil, err
	}
	if d.Repeated.Digest != digest {
		return nil, ErrKeyReused
	}
	return d.Repeated, nil
}

// again answers with a request that was made before, and its orders. The first
// call may have ended before it rang.
func (s *Service) again(ctx context.Context, first *Request, err error) (Request, []Order, error) {
	switch {
	case err != nil:
		return Request{}, nil, err
	case first == nil:
		return Request{}, nil, errRepeated // whoever was faster has not been heard of yet
	}
	orders, err := s.store.List(ctx, Query{Request: first.ID, Limit: MaxTargets})
	if err != nil {
		return Request{}, nil, err
	}
	s.ringAll(orders)
	return *first, orders, nil
}

// booked gives what was decided, and rings.
func (s *Service) booked(b Booking, err error) (Request, []Order, error) {
	switch {
	case err != nil:
		return Request{}, nil, err
	case b.Err != nil:
		return Request{}, nil, b.Err
	}
	orders := make([]Order, len(b.Orders))
	for i, c := range b.Orders {
		orders[i] = c.Order
	}
	s.ringAll(orders)
	for _, c := range b.Changes {
		s.bell.Ring(c.Order.Device)
	}
	return *b.Request, orders, nil
}

// ringAll rings the devices whose orders can be given now; the sweep rings those
// whose cooling-off ends.
func (s *Service) ringAll(orders []Order) {
	now := s.time()
	for _, o := range orders {
		if !now.Before(o.HeldUntil) {
			s.bell.Ring(o.Device)
		}
	}
}
