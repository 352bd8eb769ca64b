package wipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Governance tells how much is allowed, and how much of it is left.
type Governance struct {
	Limits  Limits
	Budgets []Budget
	Breaker Breaker
	// Recent is how many devices got orders within the breaker's window, and
	// OpensAbove at how many it opens; Paused is how many orders are paused.
	Recent     uint32
	OpensAbove int64
	Paused     int
	// Approvers is how many other persons could approve.
	Approvers int
}

// Governance tells it for the caller in ctx.
func (s *Service) Governance(ctx context.Context) (Governance, error) {
	by, err := askerOf(identity.From(ctx))
	if err != nil {
		return Governance{}, err
	}
	d, err := s.desks.Survey(ctx, s.matter(by, nil))
	if err != nil {
		return Governance{}, err
	}
	fleet, err := s.devices.Enrolled(ctx)
	if err != nil {
		return Governance{}, err
	}
	g := Governance{
		Limits: d.Limits, Budgets: d.Limits.Budgets(by, d.Spent, s.time()), Breaker: d.Breaker,
		Recent: d.Spent.Breaker, OpensAbove: d.Limits.OpensAbove(fleet),
	}
	if d.Breaker.Open() {
		if g.Paused, err = s.desks.Paused(ctx); err != nil {
			return Governance{}, err
		}
	}
	g.Approvers, err = s.people.Approvers(ctx, by.Person, identity.From(ctx).Groups)
	return g, err
}

// Governing is a request that concerns everybody: exactly one of its last three
// is given.
type Governing struct {
	Key    string
	Reason string
	// Limits are all limits as they shall be; their Version is the one they are
	// changed from.
	Limits *Limits
	// Close closes the breaker: Resume or CancelAll.
	Close RequestKind
	// Lease is a lease as it shall be; its Number is not given.
	Lease *GroupLease
}

func (g Governing) check() error {
	if err := checkKey(g.Key, g.Reason); err != nil {
		return err
	}
	switch {
	case g.Limits != nil && g.Lease == nil && g.Close == "":
		return g.Limits.check()
	case g.Lease != nil && g.Limits == nil && g.Close == "":
		return g.Lease.check()
	case (g.Close == Resume || g.Close == CancelAll) && g.Limits == nil && g.Lease == nil:
		return nil
	}
	return fault.InvalidField("request", "must be for other limits, for a lease, or to close the breaker")
}

func (g Governing) digest() string {
	switch {
	case g.Limits != nil:
		return digestOf("%v %q", *g.Limits, g.Reason)
	case g.Lease != nil:
		return digestOf("%q %d %d %q", g.Lease.Group, g.Lease.Lock, g.Lease.Wipe, g.Reason)
	default:
		return digestOf("%q %q", g.Close, g.Reason)
	}
}

// Govern asks for a change that concerns everybody. What tightens holds at once;
// what loosens, and closing the breaker, waits for a second person. The same
// again gives the first request. Errors: Invalid, ErrRoleMayNot, ErrOutOfScope,
// ErrKeyReused, ErrLimitsChanged, ErrBreakerClosed.
func (s *Service) Govern(ctx context.Context, g Governing) (Request, error) {
	if err := g.check(); err != nil {
		return Request{}, err
	}
	c := identity.From(ctx)
	switch {
	case !c.May(identity.Govern):
		return Request{}, roleMayNot(c.Role, identity.Govern, "it governs nothing")
	case !c.Everywhere():
		return Request{}, ErrOutOfScope
	}
	by, err := askerOf(c)
	if err != nil {
		return Request{}, err
	}
	id := RequestID(s.newID())
	m := s.matter(by, nil)
	m.By, m.Key = by.Actor, g.Key
	b, err := s.desks.Decide(ctx, m, func(d Desk) (Booking, error) {
		if d.Repeated != nil {
			return Booking{}, sameAs(*d.Repeated, g.digest())
		}
		return s.govern(ctx, Request{ID: id, Key: g.Key, Digest: g.digest(), Reason: g.Reason, By: by}, g, d)
	})
	if errors.Is(err, errRepeated) {
		first, err := s.first(ctx, by, g.Key, g.digest())
		r, _, err := s.again(ctx, first, err)
		return r, err
	}
	r, _, err := s.booked(b, err)
	return r, err
}

// govern decides on a new request of this sort.
func (s *Service) govern(ctx context.Context, r Request, g Governing, d Desk) (Booking, error) {
	now := s.time()
	r.State, r.CreatedAt, r.Version = Waiting, now, 1
	switch {
	case g.Limits != nil:
		if g.Limits.Version != d.Limits.Version {
			return Booking{}, ErrLimitsChanged
		}
		r.Kind, r.Limits = ChangeLimits, g.Limits
		if looser, tighter := d.Limits.changes(*g.Limits); len(looser) > 0 {
			r.Needs = slices.Concat(looser, tighter) // whoever approves sees all of it
		}
	case g.Lease != nil:
		lease := *g.Lease
		r.Kind, r.Lease = ChangeLease, &lease
		if lease.stricter(leaseOf(d.Leases, lease.Group)) {
			r.Needs = []string{"a lease under which phones lock or wipe sooner"}
		}
	default:
		if !d.Breaker.Open() {
			return Booking{}, ErrBreakerClosed
		}
		r.Kind, r.Needs = g.Close, []string{"closing the breaker"}
	}
	if len(r.Needs) == 0 {
		return s.settleMatter(ctx, r, d)
	}
	if d.Asked >= MaxAsked {
		return Booking{}, ErrTooManyRequests
	}
	r.ExpiresAt = now.Add(RequestLifetime)
	return Booking{Request: &r, Entries: []audit.Entry{asked(ctx, r)}}, nil
}

// settleMatter carries out a request that concerns everybody, on a request that
// is new or has its next version already.
func (s *Service) settleMatter(ctx context.Context, r Request, d Desk) (Booking, error) {
	now := s.time()
	r.State = Executed
	b := Booking{Request: &r}
	detail := ""
	switch r.Kind {
	case ChangeLimits:
		if r.Limits.Version != d.Limits.Version {
			return voided(ctx, r, ErrLimitsChanged)
		}
		looser, tighter := d.Limits.changes(*r.Limits)
		limits := *r.Limits
		limits.Version++
		b.Limits, detail = &limits, cmp.Or(strings.Join(append(looser, tighter...), "; "), "no limit changes")
	case ChangeLease:
		lease := *r.Lease
		lease.SetAt, lease.SetBy = now, r.By.Actor
		for _, l := range d.Leases {
			lease.Number = max(lease.Number, l.Number)
		}
		lease.Number++
		b.Lease, detail = &lease, lease.String()
	case Resume, CancelAll:
		switch {
		case !d.Breaker.Open():
			return Booking{}, ErrBreakerClosed
		case d.Breaker.Since.After(r.CreatedAt):
			return voided(ctx, r, ErrBreakerReopened) // what was asked for was to go on after something else
		}
		b.Breaker, detail = &Breaker{ClosedAt: now}, "the breaker closes, pending orders go on"
		if r.Kind == CancelAll {
			var h Halt
			h, b.Changes = s.cancelled(ctx, d.Orders, r.Reason)
			detail = fmt.Sprintf("the breaker closes, with %s cancelled", several(h.Cancelled, "pending order"))
		}
	}
	b.Entries = []audit.Entry{onRequest(ctx, governed[r.Kind], r, detail+"; "+approvedBy(r)+": "+r.Reason)}
	return b, nil
}

// governed names what was done in the record.
var governed = map[RequestKind]string{
	ChangeLimits: "wipe.limits", ChangeLease: "wipe.lease", Resume: "wipe.resume", CancelAll: "wipe.resume",
}

func approvedBy(r Request) string {
	if r.Decided.By == "" {
		return "asked for by " + r.By.Actor
	}
	return "asked for by " + r.By.Actor + ", approved by " + r.Decided.By
}
