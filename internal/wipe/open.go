package wipe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringfence/internal/audit"
)

// open decides on a new request: refused, waiting, or executed at once.
func (s *Service) open(ctx context.Context, op opening, d Desk) (Booking, error) {
	now, a := s.time(), op.ask
	if a.Standing && d.Standing != nil {
		return Booking{}, ErrUserWipeStands
	}
	plan := foresee(op.facts, a.terms(), d.Orders, now)
	included := plan.Included()
	switch {
	case a.Target.one() && len(included) == 0:
		return Booking{}, plan.Devices[0].Excluded
	case a.Plan != "" && a.Plan != plan.Digest:
		return Booking{}, ErrPlanChanged
	case len(included) == 0:
		return Booking{}, ErrNothingToWipe
	}
	ruling, err := Judge(Case{By: op.by, Scope: a.Scope.kind, Devices: len(included)}, d.Limits, d.Breaker, d.Spent, now)
	if errors.Is(err, ErrBudget) {
		return s.alert(ctx, op.by, d, err)
	}
	if err != nil {
		return Booking{}, err
	}
	r := Request{
		ID: op.id, Kind: Wipe, State: Waiting, Key: a.Key, Digest: a.digest(), Reason: a.Reason, By: op.by,
		CreatedAt: now, Needs: ruling.Needs, Scope: a.Scope, Lifetime: a.lifetime(), Plan: plan.Digest, Version: 1,
	}
	if a.Standing {
		r.Kind, r.User = UserWipe, a.Target.User
	}
	for _, p := range included {
		r.Devices = append(r.Devices, Enrollment{p.Facts.ID, p.Facts.Epoch})
		r.Groups = append(r.Groups, p.Facts.Group)
	}
	r.Groups = slices.Compact(slices.Sorted(slices.Values(r.Groups)))
	if len(r.Needs) > 0 {
		if d.Asked >= MaxAsked {
			return Booking{}, ErrTooManyRequests
		}
		r.ExpiresAt = now.Add(RequestLifetime)
		return Booking{Request: &r, Entries: []audit.Entry{asked(ctx, r)}}, nil
	}
	return s.execute(ctx, execution{request: r, plan: plan, hold: ruling.Hold, fleet: op.fleet}, d)
}

// execution is a request that is carried out now.
type execution struct {
	request Request
	plan    Preview
	hold    time.Duration
	fleet   int
}

// execute makes the orders of a request, and counts them for the breaker.
func (s *Service) execute(ctx context.Context, x execution, d Desk) (Booking, error) {
	now, r := s.time(), x.request
	r.State = Executed
	if x.hold > 0 {
		r.HeldUntil = now.Add(x.hold)
	}
	b := Booking{Request: &r, Entries: []audit.Entry{executed(ctx, r)}}
	for _, p := range x.plan.Included() {
		o := s.orderOf(r, p.order)
		b.Orders = append(b.Orders, Change{Order: o, Entry: ordered(ctx, o)})
	}
	b.strain(d, x.fleet, now)
	return b, nil
}

// orderOf completes an order that was planned.
func (s *Service) orderOf(r Request, o Order) Order {
	o.ID, o.Request, o.CreatedBy = ID(s.newID()), r.ID, r.By.Actor
	o.Person, o.Credential, o.HeldUntil = r.By.Person, r.By.Credential, r.HeldUntil
	o.Source = ByAdministrator
	if r.Kind == UserWipe {
		o.Source = ByUserWipe
	}
	return o
}

// strain opens the breaker if the new orders are too many.
func (b *Booking) strain(d Desk, fleet int, now time.Time) {
	n := 0
	for _, c := range b.Orders {
		if c.Order.Scope.kind != Lock {
			n++
		}
	}
	if n > 0 {
		b.strainBy(n, d, fleet, now)
	}
}

// strainBy opens the breaker if so many orders more are too many.
func (b *Booking) strainBy(n int, d Desk, fleet int, now time.Time) {
	if after := d.Breaker.strained(d.Limits, d.Spent.Breaker, n, fleet, now); after.Open() && !d.Breaker.Open() {
		b.Breaker = &after
		b.Entries = append(b.Entries, audit.Server("wipe.breaker", "installation/wipes", "the breaker opened, everything pending is paused: "+after.Why))
	}
}

// alert records that a budget is exhausted, once an hour and person: whoever
// tries again and again must not fill the record.
func (s *Service) alert(ctx context.Context, by Asker, d Desk, refusal error) (Booking, error) {
	if d.Alerted {
		return Booking{}, refusal
	}
	entry := record(ctx, "wipe.budget", "administrator/"+by.Person, refusal.Error())
	return Booking{Alert: by.Person, Entries: []audit.Entry{entry}, Err: refusal}, nil
}

func onRequest(ctx context.Context, action string, r Request, detail string) audit.Entry {
	return record(ctx, action, "request/"+string(r.ID), detail)
}

// asked is the entry for a request that waits: approvers are told of it.
func asked(ctx context.Context, r Request) audit.Entry {
	return onRequest(ctx, "wipe.request", r, fmt.Sprintf("%s waits for a second person until %s (%s): %s",
		r.Summary(), r.ExpiresAt.Format(time.RFC3339), strings.Join(r.Needs, "; "), r.Reason))
}

func executed(ctx context.Context, r Request) audit.Entry {
	detail := r.Summary()
	if !r.HeldUntil.IsZero() {
		detail += ", not before " + r.HeldUntil.Format(time.RFC3339)
	}
	if r.Decided.By != "" {
		detail += ", asked for by " + r.By.Actor
		return onRequest(ctx, "wipe.approve", r, detail+": "+r.Reason)
	}
	return onRequest(ctx, "wipe.execute", r, detail+": "+r.Reason)
}

// Hint says what to do next with a request: for who reads it. Approvers is how
// many other persons could say yes.
func Hint(r Request, approvers int) string {
	switch {
	case r.State != Waiting:
		return ""
	case approvers == 0:
		return "nobody else here can approve: appoint a second person on the server with: mdm-server admin create NAME --role approver"
	case approvers == 1:
		return fmt.Sprintf("one other person approves it with: mdmctl approve request %s", r.ID)
	default:
		return fmt.Sprintf("one of %d other persons approves it with: mdmctl approve request %s", approvers, r.ID)
	}
}
