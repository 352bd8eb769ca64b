package wipe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ringfence/internal/audit"
	"ringfence/internal/identity"
)

// Halt is what Stop and Lift did to orders.
type Halt struct {
	// Cancelled orders do not happen; a device had acknowledged the others.
	Cancelled int
	TooLate   int
}

// Stop ends a request that waits, and cancels every order of one that was
// executed that no device has acknowledged. Safe to repeat. Whoever asked may
// stop it; else it takes a role that may, and for what is not bounded by groups a
// caller who is not either. Errors: ErrNoRequest, Invalid, ErrRoleMayNot,
// ErrOutOfScope, ErrRequestFinished.
func (s *Service) Stop(ctx context.Context, id RequestID, reason string) (Request, Halt, error) {
	if err := s.mayStop(ctx, id, reason); err != nil {
		return Request{}, Halt{}, err
	}
	return s.halt(ctx, id, func(r Request) (Request, error) {
		switch {
		case r.State == Stopped:
			return r, errRepeated
		case r.State != Waiting && (r.State != Executed || r.Kind.installation()):
			return r, finished(r)
		}
		r = r.next(Stopped)
		r.Outcome = reason
		return r, nil
	}, onStop{"wipe.stop", reason})
}

// mayStop says whether the caller may end a request, for that reason.
func (s *Service) mayStop(ctx context.Context, id RequestID, reason string) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	c := identity.From(ctx)
	r, err := s.GetRequest(ctx, id)
	switch {
	case err != nil:
		return err
	case own(c, r.By.Person):
		return nil
	case !c.May(identity.Stop):
		return roleMayNot(c.Role, identity.Stop, "only requests of its own")
	case !r.Kind.bounded() && !c.Everywhere():
		return ErrOutOfScope
	}
	return nil
}

// onStop is how stopping is recorded.
type onStop struct{ action, reason string }

// halt changes a request, and cancels its orders as far as no device has
// acknowledged them.
func (s *Service) halt(ctx context.Context, id RequestID, change func(Request) (Request, error), why onStop) (Request, Halt, error) {
	var h Halt
	b, err := s.desks.Decide(ctx, Matter{Request: id, OrdersOf: id}, func(d Desk) (Booking, error) {
		if d.Request == nil {
			return Booking{}, ErrNoRequest
		}
		r, err := change(*d.Request)
		if err != nil {
			return Booking{}, err
		}
		b := Booking{Request: &r}
		h, b.Changes = s.cancelled(ctx, d.Orders, why.reason)
		b.Entries = []audit.Entry{onRequest(ctx, why.action, r,
			fmt.Sprintf("%s: %s cancelled, %d acknowledged before: %s", r.Summary(), several(h.Cancelled, "order"), h.TooLate, why.reason))}
		return b, nil
	})
	if err != nil {
		r, err := s.decided(ctx, id, b, err)
		return r, Halt{}, err
	}
	for _, c := range b.Changes {
		s.bell.Ring(c.Order.Device)
	}
	return *b.Request, h, nil
}

// cancelled gives the orders that can still be cancelled, as they are then.
func (s *Service) cancelled(ctx context.Context, orders []Order, reason string) (h Halt, changes []Change) {
	e := Event{Kind: Cancel, Reason: reason}
	for _, o := range orders {
		next, err := o.Apply(e, s.time())
		switch {
		case errors.Is(err, ErrAcknowledged):
			h.TooLate++
		case err == nil && next.Version != o.Version:
			h.Cancelled++
			changes = append(changes, Change{Order: next, Entry: happened(ctx, next, e)})
		}
	}
	return h, slices.Clip(changes)
}
