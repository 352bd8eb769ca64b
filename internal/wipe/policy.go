package wipe

import (
	"context"
	"errors"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// WipeByPolicy gives a registration of an app, in that epoch, the order for its
// work data that a verdict asks for; why is the verdict in a line, and is in the
// record. The server calls it by itself, whoever has checked in, and nobody
// approves it. It is charged to nobody and counts for the breaker, which bounds
// what a policy can take: an order more than that is paused, and opens it.
//
// Where an order for the registration is under way, that is given and none is
// made; so is one that ended without an act less than a day ago, so that neither
// an app that fails again and again, nor one whose order was cancelled, gets
// orders by the dozen. A device gets none by a policy: ErrScopeNotForMode. Other
// errors: NotFound, ErrEpochMoved, ErrNotEnrolled, ErrBreakerOpen.
func (s *Service) WipeByPolicy(ctx context.Context, id device.ID, epoch device.Epoch, why string) (Order, error) {
	ctx = identity.With(ctx, identity.Caller{}) // it is the server's own deed
	f, err := s.devices.Facts(ctx, id)
	switch {
	case err != nil:
		return Order{}, err
	case f.Mode != device.AppAccount:
		return Order{}, ErrScopeNotForMode
	case f.Epoch != epoch:
		return Order{}, ErrEpochMoved
	}
	if first, err := s.recent(ctx, f); err != nil || first != nil {
		return given(first, err)
	}
	fleet, err := s.devices.Enrolled(ctx)
	if err != nil {
		return Order{}, err
	}
	t := Terms{Scope: OfWorkProfile(), Reason: tamed(why), Lifetime: DefaultLifetime, Person: true}
	var rival *Order
	b, err := s.desks.Decide(ctx, Matter{Now: s.time(), Devices: []device.ID{id}}, func(d Desk) (Booking, error) {
		if rival = underWay(f, d.Orders, s.time()); rival != nil {
			return Booking{}, errRepeated
		}
		return s.byPolicy(ctx, verdict{facts: f, terms: t, fleet: fleet}, d)
	})
	if errors.Is(err, errRepeated) {
		return given(rival, nil)
	}
	if err != nil {
		return Order{}, err
	}
	o := b.Orders[0].Order
	s.ringAll([]Order{o})
	return o, nil
}

// recent gives the order on account of which none is made now; nil for none. While
// the breaker is open nothing new is taken, and nobody has to queue at a desk to
// hear that.
func (s *Service) recent(ctx context.Context, f Facts) (*Order, error) {
	open, err := s.store.Unsettled(ctx, f.ID, f.Epoch)
	if err != nil {
		return nil, err
	}
	now := s.time()
	if o := underWay(f, open, now); o != nil {
		return o, nil
	}
	last, err := s.store.List(ctx, Query{Device: f.ID, Limit: 1})
	if err != nil {
		return nil, err
	}
	for _, o := range last {
		if at, unacted := o.unacted(now); unacted && o.Epoch == f.Epoch && now.Before(at.Add(tryAgain)) {
			return &o, nil
		}
	}
	b, err := s.desks.Breaker(ctx)
	if err == nil && b.Open() {
		err = ErrBreakerOpen
	}
	return nil, err
}

// unacted reports whether the order ended without an act, and when.
func (o Order) unacted(now time.Time) (at time.Time, yes bool) {
	switch {
	case o.overdue(now): // and nobody has looked at the clock yet
		return o.NotAfter, true
	case o.State == Failed, o.State == Cancelled, o.State == Expired:
		return o.ChangedAt, true
	default:
		return time.Time{}, false
	}
}

// underWay gives the first order for the registration that can still be acted on,
// or has been; nil for none.
func underWay(f Facts, unsettled []Order, now time.Time) *Order {
	for _, o := range unsettled {
		if o.Device == f.ID && o.Epoch == f.Epoch && !o.overdue(now) {
			return &o
		}
	}
	return nil
}

func given(o *Order, err error) (Order, error) {
	if err != nil {
		return Order{}, err
	}
	return *o, nil
}

// verdict is one about a registration that says that its data shall go.
type verdict struct {
	facts Facts
	terms Terms
	fleet int
}

// byPolicy decides on the order, where none is under way.
func (s *Service) byPolicy(ctx context.Context, v verdict, d Desk) (Booking, error) {
	now := s.time()
	o, err := Plan(v.facts, v.terms, now)
	switch {
	case err != nil:
		return Booking{}, err
	case d.Breaker.Open():
		return Booking{}, ErrBreakerOpen
	}
	o.ID, o.CreatedBy, o.Source = ID(s.newID()), "server", ByPolicy
	b := Booking{Orders: []Change{{Order: o, Entry: ordered(ctx, o)}}}
	b.strain(d, v.fleet, now)
	return b, nil
}
