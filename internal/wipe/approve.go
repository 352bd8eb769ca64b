package wipe

import (
	"context"
	"errors"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// GetRequest gives one request, or ErrNoRequest; so it is for who does not reach
// all that it is about.
func (s *Service) GetRequest(ctx context.Context, id RequestID) (Request, error) {
	r, err := s.requests.GetRequest(ctx, id)
	if err == nil && !r.visible(identity.From(ctx)) {
		return Request{}, ErrNoRequest
	}
	return r, err
}

// ListRequests gives one page, newest first, and where the next one begins: the
// zero RequestCursor after the last. Limit must be positive.
func (s *Service) ListRequests(ctx context.Context, q RequestQuery) ([]Request, RequestCursor, error) {
	if q.Limit < 1 {
		return nil, RequestCursor{}, fault.InvalidField("page_size", "must be positive")
	}
	c := identity.From(ctx)
	if !c.Is(identity.Admin) {
		return nil, RequestCursor{}, nil
	}
	q.Groups = c.Groups
	limit := q.Limit
	q.Limit++
	page, err := s.requests.ListRequests(ctx, q)
	if err != nil || len(page) <= limit {
		return page, RequestCursor{}, err
	}
	page = page[:limit]
	return page, page[limit-1].cursor(), nil
}

// Hint says what to do next with a request; empty for nothing.
func (s *Service) Hint(ctx context.Context, r Request) (string, error) {
	if r.State != Waiting && !r.alone() {
		return "", nil
	}
	switch revoked, err := s.people.Revoked(ctx, r.By.Credential); {
	case err != nil:
		return "", err
	case revoked && r.alone():
		return "it gives no more orders, because the credential that asked for it was revoked: lift it, and ask anew if it is still wanted", nil
	case revoked:
		return "nobody can approve it, because the credential that asked for it was revoked: ask anew if it is still wanted", nil
	case r.State != Waiting:
		return "", nil
	}
	groups := r.Groups
	if !r.Kind.bounded() {
		groups = nil
	}
	n, err := s.people.Approvers(ctx, r.By.Person, groups)
	return Hint(r, n), err
}

// MayDecide says whether the caller may be the second person for a request: nil,
// ErrRoleMayNot, ErrOutOfScope or ErrSelfApproval. Whoever cannot be told apart
// from who asked is taken for the same.
func MayDecide(c identity.Caller, r Request) error {
	switch {
	case !c.May(identity.Approve):
		return roleMayNot(c.Role, identity.Approve, "it approves nothing")
	case !r.Kind.bounded() && !c.Everywhere():
		return ErrOutOfScope
	case c.Person == "" || c.Person == r.By.Person, c.Actor() == r.By.Actor, c.Serial == "" || c.Serial == r.By.Credential:
		return ErrSelfApproval
	}
	return nil
}

// Approve says yes in the name of the caller in ctx, and executes the request at
// once. One that the caller has approved stays so. Errors: ErrNoRequest, those of
// MayDecide, ErrRequestFinished, ErrRequestExpired; ErrAskerRevoked, ErrPlanChanged,
// ErrLimitsChanged, ErrBreakerReopened and ErrUserWipeStands, with which the request is void; ErrBudget, ErrBreakerOpen
// and ErrBreakerClosed, with which it still waits.
func (s *Service) Approve(ctx context.Context, id RequestID, words string) (Request, []Order, error) {
	c := identity.From(ctx)
	r, err := s.GetRequest(ctx, id)
	if err != nil {
		return Request{}, nil, err
	}
	if err := MayDecide(c, r); err != nil {
		return Request{}, nil, err
	}
	if words != "" {
		if err := checkReason(words); err != nil {
			return Request{}, nil, err
		}
	}
	x, m, err := s.approval(ctx, c, r, words)
	if err != nil {
		return Request{}, nil, err
	}
	var resumed []Order
	b, err := s.desks.Decide(ctx, m, func(d Desk) (Booking, error) {
		resumed = d.Orders
		return s.approve(ctx, x, d)
	})
	if errors.Is(err, errRepeated) {
		r, err = s.requests.GetRequest(ctx, id)
		return s.again(ctx, &r, err)
	}
	if err == nil && b.Err == nil && r.Kind == Resume {
		s.ringAll(resumed)
	}
	return s.booked(b, err)
}

// approval is what is known when a request is approved.
type approval struct {
	decision Decision
	// revoked: the credential that asked was, since then.
	revoked bool
	facts   []Facts
	fleet   int
}

func (s *Service) approval(ctx context.Context, c identity.Caller, r Request, words string) (approval, Matter, error) {
	x := approval{decision: Decision{By: c.Actor(), Person: c.Person, Credential: c.Serial, At: s.time(), Words: words}}
	m := Matter{
		Now: s.time(), Request: r.ID, Person: r.By.Person, Credential: r.By.Credential, User: r.User,
		Paused: r.Kind == CancelAll || r.Kind == Resume,
	}
	var err error
	if x.revoked, err = s.people.Revoked(ctx, r.By.Credential); err != nil || r.Kind.installation() {
		return x, m, err
	}
	ids := make([]device.ID, len(r.Devices))
	for i, e := range r.Devices {
		ids[i] = e.Device
	}
	m.Devices = ids
	if x.facts, err = s.devices.Select(ctx, Target{Devices: ids}, MaxTargets); err != nil {
		return x, m, err
	}
	x.fleet, err = s.devices.Enrolled(ctx)
	return x, m, err
}

// approve decides at the desk.
func (s *Service) approve(ctx context.Context, x approval, d Desk) (Booking, error) {
	if d.Request == nil {
		return Booking{}, ErrNoRequest
	}
	r, now := *d.Request, s.time()
	switch {
	case r.State == Executed && r.Decided.Person != "" && r.Decided.Person == x.decision.Person:
		return Booking{}, errRepeated
	case r.State == RequestEnd || r.expired(now):
		return Booking{}, ErrRequestExpired
	case r.State != Waiting:
		return Booking{}, finished(r)
	}
	r = r.next(Waiting)
	r.Decided = x.decision
	if x.revoked {
		return voided(ctx, r, ErrAskerRevoked)
	}
	if r.Kind.installation() {
		return s.settleMatter(ctx, r, d)
	}
	if r.Kind == UserWipe && d.Standing != nil {
		return voided(ctx, r, ErrUserWipeStands)
	}
	plan := foresee(x.facts, r.terms(), d.Orders, now)
	if plan.Digest != r.Plan {
		return voided(ctx, r, ErrPlanChanged)
	}
	ruling, err := Judge(Case{
		By: r.By, Scope: r.Scope.kind, Devices: len(r.Devices), Approved: true,
	}, d.Limits, d.Breaker, d.Spent, now)
	if errors.Is(err, ErrBudget) {
		return s.alert(ctx, r.By, d, err)
	}
	if err != nil {
		return Booking{}, err
	}
	return s.execute(ctx, execution{request: r, plan: plan, hold: ruling.Hold, fleet: x.fleet}, d)
}

// voided ends a request that others have overtaken, and says why to who approves.
func voided(ctx context.Context, r Request, why *fault.Error) (Booking, error) {
	r.State, r.Outcome = Void, why.Error()
	return Booking{Request: &r, Entries: []audit.Entry{onRequest(ctx, "wipe.void", r, r.Outcome)}, Err: why}, nil
}

func finished(r Request) error {
	return fault.New(ErrRequestFinished.Kind, ErrRequestFinished.Reason, "the request is %s", r.State)
}

// Reject says no, for good. Errors: ErrNoRequest, Invalid, those of MayDecide but
// for a request of one's own, which one may well reject, ErrRequestFinished.
func (s *Service) Reject(ctx context.Context, id RequestID, reason string) (Request, error) {
	if err := checkReason(reason); err != nil {
		return Request{}, err
	}
	c := identity.From(ctx)
	r, err := s.GetRequest(ctx, id)
	if err != nil {
		return Request{}, err
	}
	if err := MayDecide(c, r); err != nil && !errors.Is(err, ErrSelfApproval) {
		return Request{}, err
	}
	b, err := s.desks.Decide(ctx, Matter{Request: id}, func(d Desk) (Booking, error) {
		switch {
		case d.Request == nil:
			return Booking{}, ErrNoRequest
		case d.Request.State == Rejected:
			return Booking{}, errRepeated
		case d.Request.State != Waiting:
			return Booking{}, finished(*d.Request)
		}
		r := d.Request.next(Rejected)
		r.Decided = Decision{By: c.Actor(), Person: c.Person, Credential: c.Serial, At: s.time(), Words: reason}
		return Booking{Request: &r, Entries: []audit.Entry{onRequest(ctx, "wipe.reject", r, r.Summary()+": "+reason)}}, nil
	})
	return s.decided(ctx, id, b, err)
}

// decided gives the request as it is after a decision, or after an earlier one
// that this repeats.
func (s *Service) decided(ctx context.Context, id RequestID, b Booking, err error) (Request, error) {
	if errors.Is(err, errRepeated) {
		return s.requests.GetRequest(ctx, id)
	}
	if err != nil {
		return Request{}, err
	}
	return *b.Request, nil
}
