package wipe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
)

// Lift ends a wipe of everything of one person: orders that no device has
// acknowledged are cancelled, and what enrols afterwards is left alone. Safe to
// repeat. Whoever may Stop it may lift it. Errors: as Stop's.
func (s *Service) Lift(ctx context.Context, id RequestID, reason string) (Request, Halt, error) {
	if err := s.mayStop(ctx, id, reason); err != nil {
		return Request{}, Halt{}, err
	}
	return s.halt(ctx, id, func(r Request) (Request, error) {
		switch {
		case !r.LiftedAt.IsZero():
			return r, errRepeated
		case !r.Standing():
			return r, finished(r)
		}
		r = r.next(Executed)
		r.LiftedAt = s.time()
		return r, nil
	}, onStop{"wipe.lift", reason})
}

// expand gives orders for a standing wipe to the enrolments that have none that
// is under way or done: such as have come since, and such whose order ended
// without an act. Each order is bound to the enrolment it found. Expanding is
// charged to the budgets of who asked, and counts for the breaker; what does not
// fit waits for the next sweep.
//
// What was asked for with a credential that was revoked since, and approved by
// nobody, goes on no more: what a thief began ends with the theft.
func (s *Service) expand(ctx context.Context, r Request) (int, error) {
	if r.alone() {
		if revoked, err := s.people.Revoked(ctx, r.By.Credential); err != nil || revoked {
			return 0, err
		}
	}
	facts, err := s.devices.Select(ctx, Target{User: r.User}, MaxTargets)
	if err != nil {
		return 0, err
	}
	given, err := s.store.List(ctx, Query{Request: r.ID, Limit: MaxTargets})
	if err != nil {
		return 0, err
	}
	var errs []error
	orders := 0
	for _, f := range facts {
		if covered(f, given, s.time()) {
			continue
		}
		switch err := s.expandTo(ctx, r, f); {
		case err == nil:
			orders++
		case errors.Is(err, ErrBudget), errors.Is(err, ErrBreakerOpen), errors.Is(err, errWaits):
			return orders, errors.Join(errs...) // so it is for all the others
		case errors.Is(err, ErrPending), errors.Is(err, ErrNotEnrolled), errors.Is(err, ErrNoWorkProfile):
		default:
			errs = append(errs, err)
		}
	}
	return orders, errors.Join(errs...)
}

// errWaits undoes an expansion that is not due: the wipe does not stand any more,
// or it would take a second person.
var errWaits = fault.New(fault.Refused, "USER_WIPE_WAITS", "the wipe of this person does not go on now")

// tryAgain is how long after an order that ended without an act the next one is
// given.
const tryAgain = 24 * time.Hour

// covered reports whether the present enrolment has an order of this wipe that
// may still be, or has been, acted on, or that ended only just. One that was
// cancelled was not wanted.
func covered(f Facts, given []Order, now time.Time) bool {
	for _, o := range given {
		unacted := o.State == Expired || o.State == Failed
		if o.Device == f.ID && o.Epoch == f.Epoch && (!unacted || now.Before(o.ChangedAt.Add(tryAgain))) {
			return true
		}
	}
	return false
}

// expandTo gives one order more to a standing wipe.
func (s *Service) expandTo(ctx context.Context, r Request, f Facts) error {
	fleet, err := s.devices.Enrolled(ctx)
	if err != nil {
		return err
	}
	m := s.matter(r.By, []Facts{f})
	m.Request = r.ID
	b, err := s.desks.Decide(ctx, m, func(d Desk) (Booking, error) {
		if d.Request == nil || !d.Request.Standing() {
			return Booking{}, errWaits
		}
		return s.further(ctx, expansion{request: *d.Request, facts: f, fleet: fleet}, d)
	})
	switch {
	case err != nil:
		return err
	case b.Err != nil:
		return b.Err
	}
	s.ringAll([]Order{b.Orders[0].Order})
	return nil
}

// expansion is one enrolment more of the person of a standing wipe.
type expansion struct {
	request Request
	facts   Facts
	fleet   int
}

// further decides on one order more. A wipe that a second person has approved was
// approved for as long as it stands; any other is judged each time, like the
// single order that it is.
func (s *Service) further(ctx context.Context, x expansion, d Desk) (Booking, error) {
	now, r := s.time(), x.request
	plan := foresee([]Facts{x.facts}, r.terms(), d.Orders, now)
	if err := plan.Devices[0].Excluded; err != nil {
		return Booking{}, err
	}
	ruling, err := Judge(Case{
		By: r.By, Scope: r.Scope.kind, Devices: 1, Approved: r.Decided.Person != "",
	}, d.Limits, d.Breaker, d.Spent, now)
	switch {
	case errors.Is(err, ErrBudget):
		return s.alert(ctx, r.By, d, err)
	case err != nil:
		return Booking{}, err
	case len(ruling.Needs) > 0:
		return Booking{}, errWaits
	}
	o := s.orderOf(r, plan.Devices[0].order)
	b := Booking{
		Orders:  []Change{{Order: o, Entry: ordered(ctx, o)}},
		Entries: []audit.Entry{onRequest(ctx, "wipe.expand", r, fmt.Sprintf("epoch %d of device %s is of the same person", o.Epoch, o.Device))},
	}
	b.strain(d, x.fleet, now)
	return b, nil
}
