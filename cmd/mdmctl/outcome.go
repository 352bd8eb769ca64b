package main

import (
	"context"
	"strings"

	"ringfence/internal/enumname"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// tellOutcome prints what came of a deed: the order, or the request where it is
// more than one order or waits.
func (a *app) tellOutcome(out outcome) error {
	o := out.order
	switch {
	case o == nil:
		return a.tellMade(out.request, out.paused)
	case a.forPrograms():
		return a.writeMessage(o)
	}
	a.say("wipe", o.GetId(), "ordered; it is done when the device says so: mdmctl watch wipe "+o.GetId())
	if a.format == "name" {
		return nil
	}
	s := &sheet{w: a.out, indent: 2}
	if held := o.GetHeldUntil(); held.AsTime().After(a.now()) {
		s.field("Held", "until "+moment(held, a.now())+"; to stop it: mdmctl cancel wipe "+o.GetId()+" --reason TEXT")
	}
	if o.GetPaused() {
		s.field("Paused", breakerOpen)
	}
	return s.flush()
}

// breakerOpen is said of orders that it holds.
const breakerOpen = "the breaker is open: see mdmctl get limits"

// tellRequest prints where a request stands, and what to do next.
func (a *app) tellRequest(r *wipev1.WipeRequest) error { return a.tellMade(r, false) }

// tellMade is tellRequest for one that has just led to orders, which the breaker
// may hold.
func (a *app) tellMade(r *wipev1.WipeRequest, paused bool) error {
	if a.forPrograms() {
		return a.writeMessage(r)
	}
	a.say("request", r.GetId(), requestStanding(r))
	if a.format == "name" {
		return nil
	}
	s := &sheet{w: a.out, indent: 2}
	s.field("Asks", r.GetSummary())
	if paused {
		s.field("Paused", breakerOpen)
	}
	a.requestNext(s, r)
	return s.flush()
}

// requestStanding says in words where a request stands.
func requestStanding(r *wipev1.WipeRequest) string {
	switch r.GetState() {
	case wipev1.RequestState_REQUEST_STATE_WAITING:
		return "waits for a second person; nothing has happened yet"
	case wipev1.RequestState_REQUEST_STATE_EXECUTED:
		switch {
		case r.GetLiftedAt() != nil:
			return "lifted"
		case ordersWipes(r):
			return "executed; each device is done when it says so"
		default:
			return "executed; it holds now"
		}
	default:
		return enumname.Of(r.GetState())
	}
}

// ordersWipes reports whether a request leads to orders.
func ordersWipes(r *wipev1.WipeRequest) bool {
	return r.GetKind() == wipev1.RequestKind_REQUEST_KIND_WIPE || r.GetKind() == wipev1.RequestKind_REQUEST_KIND_USER_WIPE
}

// requestNext says what a request waits for and what can be done about it.
func (a *app) requestNext(s *sheet, r *wipev1.WipeRequest) {
	now, id := a.now(), r.GetId()
	switch r.GetState() {
	case wipev1.RequestState_REQUEST_STATE_WAITING:
		for _, text := range r.GetNeeds() {
			s.field("Needs", "a second person: "+text)
		}
		if approve := "mdmctl approve request " + id; !strings.Contains(r.GetHint(), approve) {
			s.field("Approve", approve+", by somebody else than who asked")
		}
		s.field("Until", moment(r.GetExpiresAt(), now))
	case wipev1.RequestState_REQUEST_STATE_EXECUTED:
		if !ordersWipes(r) {
			break
		}
		if held := r.GetHeldUntil(); held.AsTime().After(now) {
			s.field("Held", "until "+moment(held, now)+": no device is given its order before")
		}
		s.field("Orders", "mdmctl get wipes --request "+id)
		s.field("Stop", "mdmctl stop request "+id+" --reason TEXT")
		if r.GetKind() == wipev1.RequestKind_REQUEST_KIND_USER_WIPE && r.GetLiftedAt() == nil {
			s.field("Stands", "until it is lifted: mdmctl lift user-wipe "+id+" --reason TEXT")
		}
	}
	s.field("Hint", r.GetHint())
}

// ended is an answer that tells how many orders a request's end came in time for.
type ended interface {
	GetCancelled() uint32
	GetTooLate() uint32
}

func endedOrders(r ended) string {
	words := count(r.GetCancelled(), "order") + " cancelled"
	if late := r.GetTooLate(); late > 0 {
		words += ", too late for " + count(late, "device") + " that had promised to act"
	}
	return words
}

// await follows a deed to its end: an order, or a request with its orders.
func (a *app) await(ctx context.Context, c *client, out outcome, f orderFlags) error {
	progress := *a
	progress.out, progress.format = a.err, "table"
	plan := pollPlan{f.interval, f.limit, true}
	if out.order != nil {
		w := wipeWatch{app: &progress, c: c, ids: []string{out.order.GetId()}, until: wipev1.State_STATE_DONE}
		if err := progress.poll(ctx, plan, w.look()); err != nil {
			return err
		}
		return a.tellDone(ctx, c, out.order.GetId())
	}
	if err := progress.tellMade(out.request, out.paused); err != nil {
		return err
	}
	w := requestWatch{app: &progress, c: c, id: out.request.GetId()}
	if err := progress.poll(ctx, plan, w.look()); err != nil {
		return err
	}
	last, err := getRequest(ctx, c, w.id)
	switch {
	case err != nil:
		return wrapped(err, "request", w.id)
	case a.forPrograms():
		return a.writeMessage(last.GetRequest())
	}
	a.say("request", w.id, "done on every device that it ordered")
	return nil
}

// tellDone prints an order as it is at its end.
func (a *app) tellDone(ctx context.Context, c *client, id string) error {
	last, err := getWipe(ctx, c, id)
	if err != nil {
		return wrapped(err, "wipe", id)
	}
	if a.forPrograms() {
		return a.writeMessage(last)
	}
	a.say("wipe", last.GetId(), "done")
	return nil
}
