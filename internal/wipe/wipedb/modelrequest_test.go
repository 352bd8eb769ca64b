package wipedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"ringfence/internal/device"
	"ringfence/internal/wipe"
)

// modelRequest is a request for the whole device, which always waits.
type modelRequest struct {
	id      wipe.RequestID
	epoch   device.Epoch
	state   wipe.RequestState
	by      string // who has decided
	expires time.Time
	order   *modelOrder
	ended   bool // and compared since
}

// askWhole asks for the whole device, which waits for a second person.
func (m *model) askWhole(t *rapid.T) {
	if m.account {
		t.Skip("there is no whole device")
	}
	a := wipe.WholeAsk{
		Key: fmt.Sprintf("%s-whole-%d", m.id, len(m.requests)), Device: m.id, Reason: "lost", Lifetime: 10 * time.Minute, PersonalSide: true,
	}
	want := m.mayAsk(&modelOrder{goes: "whole"}, 0)
	for n := range rapid.IntRange(1, 2).Draw(t, "times") {
		r, err := m.service.AskWhole(admin(t.Context(), "alice"), a)
		if !errors.Is(err, want) {
			t.Fatalf("ask for the whole device: got error %v, want %v", err, want)
		}
		if err == nil && n == 0 {
			m.requests = append(m.requests, &modelRequest{id: r.ID, epoch: m.epoch, state: wipe.Waiting, expires: m.now.Add(wipe.RequestLifetime)})
		}
	}
}

func (m *model) pickRequest(t *rapid.T) *modelRequest {
	if len(m.requests) == 0 {
		t.Skip("nothing was asked for")
	}
	return rapid.SampledFrom(m.requests).Draw(t, "request")
}

func (m *model) approve(t *rapid.T) {
	r := m.pickRequest(t)
	by := rapid.SampledFrom([]string{"alice", "bob", "bob", "carol"}).Draw(t, "by")
	was := r.state
	want := m.approved(r, by)
	_, orders, err := m.service.Approve(admin(t.Context(), by), r.id, "")
	if !errors.Is(err, want) || want == nil && len(orders) != 1 {
		t.Fatalf("approve: got %d orders, error %v; want error %v", len(orders), err, want)
	}
	if want == nil && was == wipe.Waiting {
		r.order = m.note(orders, "whole")
	}
}

// approved is what an approval does.
func (m *model) approved(r *modelRequest, by string) error {
	whole := &modelOrder{goes: "whole"}
	switch {
	case by == "alice":
		return wipe.ErrSelfApproval
	case r.state == wipe.Executed && r.by == by:
		return nil
	case r.state == wipe.RequestEnd || r.state == wipe.Waiting && m.now.After(r.expires):
		return wipe.ErrRequestExpired
	case r.state != wipe.Waiting:
		return wipe.ErrRequestFinished
	case r.epoch != m.epoch || m.fits(whole) != nil:
		r.state, r.by = wipe.Void, by
		return wipe.ErrPlanChanged
	case m.paused:
		return wipe.ErrBreakerOpen
	}
	r.state, r.by = wipe.Executed, by
	return nil
}

func (m *model) reject(t *rapid.T) {
	r := m.pickRequest(t)
	by := rapid.SampledFrom([]string{"alice", "bob"}).Draw(t, "by")
	var want error
	switch r.state {
	case wipe.Waiting:
		r.state, r.by = wipe.Rejected, by
	case wipe.Rejected:
	default:
		want = wipe.ErrRequestFinished
	}
	if _, err := m.service.Reject(admin(t.Context(), by), r.id, "no"); !errors.Is(err, want) {
		t.Fatalf("reject: got error %v, want %v", err, want)
	}
}

// stop ends a request, and its order if no device has acknowledged it.
func (m *model) stop(t *rapid.T) {
	r := m.pickRequest(t)
	var want error
	var halt wipe.Halt
	switch r.state {
	case wipe.Waiting, wipe.Executed:
		r.state = wipe.Stopped
		if r.order != nil && r.order.state == "acknowledged" {
			halt.TooLate++
		} else if r.order != nil && r.order.open() {
			r.order.become("cancelled")
			halt.Cancelled++
		}
	case wipe.Stopped:
	default:
		want = wipe.ErrRequestFinished
	}
	if _, got, err := m.service.Stop(admin(t.Context(), "carol"), r.id, "wrong device"); !errors.Is(err, want) || got != halt {
		t.Fatalf("stop: got %+v, error %v; want %+v, error %v", got, err, halt, want)
	}
}

// toggle opens the breaker, or closes it.
func (m *model) toggle(t *rapid.T) { m.breaker(t, !m.paused) }

func (m *model) breaker(t interface {
	Fatal(...any)
	Context() context.Context
}, open bool,
) {
	b := wipe.Breaker{ClosedAt: *m.now}
	if open {
		b = wipe.Breaker{Since: *m.now, Why: "a story"}
	}
	if _, err := m.store.Decide(t.Context(), wipe.Matter{}, give(wipe.Booking{Breaker: &b}, nil)); err != nil {
		t.Fatal(err)
	}
	m.paused = open
}
