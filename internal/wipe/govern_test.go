package wipe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// governs asks for it, and fails the test if that is refused.
func (w *world) governs(ctx context.Context, t *testing.T, g Governing) Request {
	t.Helper()
	w.ids++
	g.Key, g.Reason = fmt.Sprintf("govern-%04d", w.ids), "as decided"
	r, err := w.Govern(ctx, g)
	if err != nil {
		t.Fatalf("govern: %v", err)
	}
	return r
}

func (w *world) approved(t *testing.T, r Request) Request {
	t.Helper()
	r, _, err := w.Approve(bob(t), r.ID, "")
	if err != nil {
		t.Fatalf("approve: %v", err)
	}
	return r
}

// opens opens the breaker.
func (w *world) opens() { w.store.breaker = Breaker{Since: w.now, Why: "test"} }

func TestLimitsTightenAtOnceAndLoosenByTwo(t *testing.T) {
	w := newWorld()
	tight := w.store.limits
	tight.PersonDay = 5
	r := w.governs(alice(t), t, Governing{Limits: &tight})
	want := tight
	want.Version = 2
	if diff := cmp.Diff(want, w.store.limits); diff != "" || r.State != Executed {
		t.Errorf("tighter: %s (-want +got):\n%s", r.State, diff)
	}
	// Tighter in one and looser in another is looser.
	loose := want
	loose.PersonDay, loose.CoolingOff, loose.QuorumAbove = 4, time.Hour, 50
	r = w.governs(alice(t), t, Governing{Limits: &loose})
	if diff := cmp.Diff([]string{
		"quorum_above from 5 to 50", "person_per_day from 5 to 4", "cooling_off from 10m0s to 1h0m0s",
	}, r.Needs); diff != "" || r.State != Waiting || w.store.limits != want {
		t.Errorf("looser: %s, limits %+v (-want +got):\n%s", r.State, w.store.limits, diff)
	}
	if !r.ExpiresAt.Equal(monday.Add(RequestLifetime)) {
		t.Errorf("it waits until %v", r.ExpiresAt)
	}
	if _, _, err := w.Approve(alice(t), r.ID, ""); !errors.Is(err, ErrSelfApproval) {
		t.Errorf("alone: got error %v, want %v", err, ErrSelfApproval)
	}
	if r := w.approved(t, r); r.State != Executed || w.store.limits.QuorumAbove != 50 || w.store.limits.Version != 3 {
		t.Errorf("approved: %s, limits %+v", r.State, w.store.limits)
	}
	last := w.store.entries[len(w.store.entries)-1]
	const said = "quorum_above from 5 to 50; person_per_day from 5 to 4; cooling_off from 10m0s to 1h0m0s; " +
		"asked for by admin:alice, approved by admin:bob: as decided"
	if last.Action != "wipe.limits" || last.Detail != said || last.Actor != "admin:bob" {
		t.Errorf("got entry %+v", last)
	}
}

func TestLimitsOvertaken(t *testing.T) {
	w := newWorld()
	r := w.looser(t)
	tight := w.store.limits
	tight.PersonDay = 1
	w.governs(alice(t), t, Governing{Limits: &tight})
	if _, err := w.Govern(alice(t), Governing{Key: "limits-stale", Reason: "stale", Limits: &tight}); !errors.Is(err, ErrLimitsChanged) {
		t.Errorf("asking on an older version: got error %v, want %v", err, ErrLimitsChanged)
	}
	if _, _, err := w.Approve(bob(t), r.ID, ""); !errors.Is(err, ErrLimitsChanged) {
		t.Errorf("approving on an older version: got error %v, want %v", err, ErrLimitsChanged)
	}
	if got, _ := w.GetRequest(bob(t), r.ID); got.State != Void || w.store.limits.PersonDay != 1 {
		t.Errorf("got %s, limits %+v", got.State, w.store.limits)
	}
}

func TestGovernIsSafeToRepeat(t *testing.T) {
	w := newWorld()
	w.store.twice = true
	l := w.store.limits
	l.PersonDay = 5
	g := Governing{Key: "limits-0001", Reason: "less", Limits: &l}
	first, err := w.Govern(alice(t), g)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Govern(alice(t), g)
	if diff := cmp.Diff(first, again); diff != "" || err != nil || w.store.limits.Version != 2 {
		t.Errorf("once more (-first +again):\n%s%v, limits %+v", diff, err, w.store.limits)
	}
	g.Reason = "other"
	if _, err := w.Govern(alice(t), g); !errors.Is(err, ErrKeyReused) {
		t.Errorf("the key for another: got error %v, want %v", err, ErrKeyReused)
	}
	a := ask(OfLock())
	a.Key = g.Key
	if _, _, err := w.Ask(alice(t), a); !errors.Is(err, ErrKeyReused) {
		t.Errorf("the key for orders: got error %v, want %v", err, ErrKeyReused)
	}
}

func TestMayGovern(t *testing.T) {
	l := DefaultLimits()
	g := Governing{Key: "limits-0001", Reason: "same", Limits: &l}
	bound, nobody := administrator("carol", identity.Owner), administrator("dave", identity.Owner)
	bound.Groups, nobody.Person = []string{"sales"}, ""
	for _, r := range identity.Roles() {
		_, err := newWorld().Govern(as(t, administrator("carol", r)), g)
		if want := r == identity.Owner; (err == nil) != want || err != nil && !errors.Is(err, ErrRoleMayNot) {
			t.Errorf("%s: got error %v", r, err)
		}
	}
	if _, err := newWorld().Govern(as(t, bound), g); !errors.Is(err, ErrOutOfScope) {
		t.Errorf("an owner of one group: got error %v, want %v", err, ErrOutOfScope)
	}
	if _, err := newWorld().Govern(as(t, nobody), g); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("an owner who is nobody: got error %v", err)
	}
}

// TestGoverningCheck: exactly one thing is asked for.
func TestGoverningCheck(t *testing.T) {
	l, lease := DefaultLimits(), GroupLease{}
	bad := DefaultLimits()
	bad.BreakerPercent = 0
	long := GroupLease{Group: strings.Repeat("g", 65)}
	tests := map[string]struct {
		g    Governing
		want string // field; "" for a good one
	}{
		"limits":               {Governing{Limits: &l}, ""},
		"a lease":              {Governing{Lease: &lease}, ""},
		"to resume":            {Governing{Close: Resume}, ""},
		"to cancel all":        {Governing{Close: CancelAll}, ""},
		"nothing":              {Governing{}, "request"},
		"to close with a wipe": {Governing{Close: Wipe}, "request"},
		"to close by limits":   {Governing{Close: ChangeLimits}, "request"},
		"limits and a lease":   {Governing{Limits: &l, Lease: &lease}, "request"},
		"limits and to resume": {Governing{Limits: &l, Close: Resume}, "request"},
		"a lease and resume":   {Governing{Lease: &lease, Close: Resume}, "request"},
		"bad limits":           {Governing{Limits: &bad}, "limits.breaker_percent"},
		"a bad lease":          {Governing{Lease: &long}, "group"},
	}
	for name, tt := range tests {
		tt.g.Key, tt.g.Reason = "govern-0001", "test"
		if got := invalidField(tt.g.check()); got != tt.want {
			t.Errorf("%s: a complaint about %q, want %q", name, got, tt.want)
		}
		tt.g.Reason = ""
		if got := invalidField(tt.g.check()); got != "reason" {
			t.Errorf("%s without a reason: a complaint about %q", name, got)
		}
		tt.g.Key = "short"
		if got := invalidField(tt.g.check()); got != "request_key" {
			t.Errorf("%s with a short key: a complaint about %q", name, got)
		}
	}
}

func TestCloseTheBreaker(t *testing.T) {
	for _, how := range []RequestKind{Resume, CancelAll} {
		t.Run(string(how), func(t *testing.T) {
			w := newWorld()
			w.store.limits.CoolingOff = 0
			if _, err := w.Govern(alice(t), Governing{Key: "close-0001", Reason: "why", Close: how}); !errors.Is(err, ErrBreakerClosed) {
				t.Errorf("a closed one: got error %v, want %v", err, ErrBreakerClosed)
			}
			_, orders := w.bulk(t, OfWorkProfile())
			lock := w.order(t, OfLock())
			if _, err := w.sayAs(t, orders[0].ID, Acknowledge); err != nil {
				t.Fatal(err)
			}
			w.opens()
			r := w.governs(alice(t), t, Governing{Close: how})
			if r.State != Waiting || r.Kind != how || len(r.Needs) != 1 {
				t.Fatalf("got %+v", r)
			}
			if g, err := w.Governance(alice(t)); err != nil || g.Paused != 4 || !g.Breaker.Open() {
				t.Errorf("got %+v, error %v", g, err)
			}
			w.now = w.now.Add(time.Minute)
			clear(w.rings)
			if r := w.approved(t, r); r.State != Executed || w.store.breaker != (Breaker{ClosedAt: w.now}) {
				t.Errorf("got %s, breaker %+v", r.State, w.store.breaker)
			}
			want := map[RequestKind]State{Resume: Pending, CancelAll: Cancelled}[how]
			for i, o := range append(orders, lock) {
				want := want
				switch {
				case i == 0:
					want = Acknowledged
				case o.ID == lock.ID:
					want = Pending
				case w.rings[o.Device] == 0:
					t.Errorf("device %s was not rung", o.Device)
				}
				if got, _ := w.store.Order(t.Context(), o.ID); got.State != want {
					t.Errorf("order %d is %s, want %s", i, got.State, want)
				}
			}
			if s := w.store.spent(Matter{Now: w.now}); s.Breaker != 0 || s.OrganizationHour != 6 {
				t.Errorf("what came before counts for the breaker: %+v", s)
			}
			other := w.looser(t)
			w.opens()
			stale := w.governs(alice(t), t, Governing{Close: how})
			w.store.breaker = Breaker{}
			if _, _, err := w.Approve(bob(t), stale.ID, ""); !errors.Is(err, ErrBreakerClosed) {
				t.Errorf("closed meanwhile: got error %v, want %v", err, ErrBreakerClosed)
			}
			w.approved(t, other)
		})
	}
}

// TestBreakerReopened: what was asked for when it opened once does not close it
// when it opens the next time.
func TestBreakerReopened(t *testing.T) {
	w := newWorld()
	w.opens()
	stale := w.governs(alice(t), t, Governing{Close: Resume})
	w.now = w.now.Add(time.Minute)
	w.approved(t, w.governs(alice(t), t, Governing{Close: Resume}))
	w.now = w.now.Add(time.Hour)
	w.opens()
	if _, _, err := w.Approve(bob(t), stale.ID, ""); !errors.Is(err, ErrBreakerReopened) {
		t.Errorf("got error %v, want %v", err, ErrBreakerReopened)
	}
	if r, err := w.GetRequest(bob(t), stale.ID); err != nil || r.State != Void || !w.store.breaker.Open() {
		t.Errorf("got %s, breaker %+v, error %v", r.State, w.store.breaker, err)
	}
}

// TestBreakerOpens: with what strains it, which exists and is paused; a lock
// strains nothing.
func TestBreakerOpens(t *testing.T) {
	w := newWorld()
	w.fleet = -1 // device-one is not counted
	for range 3 {
		w.bulk(t, OfLock())
		w.now = w.now.Add(5 * time.Hour)
	}
	if w.store.breaker.Open() {
		t.Fatal("locks opened it")
	}
	w.now = w.now.Add(24 * time.Hour)
	w.store.limits.CoolingOff = 0
	w.bulk(t, OfWorkProfile())
	w.now = w.now.Add(time.Hour)
	w.bulk(t, OfWorkProfile())
	if w.store.breaker.Open() {
		t.Fatal("ten of twenty-five are the floor")
	}
	w.now = w.now.Add(time.Hour)
	o := w.order(t, apps(t, "com.a"))
	if b, err := w.Service.Breaker(alice(t)); err != nil || !b.Since.Equal(w.now) || !strings.Contains(b.Why, "11 orders within 24h0m0s, and at most 10 of 25") {
		t.Errorf("got %+v, error %v", b, err)
	}
	ctx, c := phone(t)
	if got, err := w.Fetch(ctx, c); err != nil || len(got) != 0 {
		t.Errorf("order %s was given under an open breaker: %v, %v", o.ID, got, err)
	}
	if _, _, err := w.Ask(alice(t), ask(OfWorkProfile())); !errors.Is(err, ErrBreakerOpen) {
		t.Errorf("one more: got error %v, want %v", err, ErrBreakerOpen)
	}
	last := w.store.entries[len(w.store.entries)-2]
	if last.Action != "wipe.breaker" || last.Actor != "server" {
		t.Errorf("got entry %+v", last)
	}
}

func TestGovernance(t *testing.T) {
	w := newWorld()
	w.persons = []string{"alice", "bob"}
	w.bulk(t, OfWorkProfile())
	w.order(t, OfLock())
	got, err := w.Governance(alice(t))
	want := Governance{
		Limits: DefaultLimits(),
		Budgets: []Budget{
			{"person", time.Hour, 10, 6}, {"person", 24 * time.Hour, 20, 6},
			{"organization", time.Hour, 50, 6}, {"organization", 24 * time.Hour, 200, 6},
		},
		Recent: 5, OpensAbove: 50, Approvers: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Governance (-want +got):\n%s%v", diff, err)
	}
	got, err = w.Governance(bob(t))
	if err != nil || got.Budgets[0].Spent != 0 || got.Budgets[2].Spent != 6 {
		t.Errorf("of another person: %+v, error %v", got.Budgets, err)
	}
	if _, err := w.Governance(as(t, callerOf(factsOf(device.Company, device.Dedicated)))); fault.KindOf(err) != fault.Denied {
		t.Errorf("a device asks: error %v", err)
	}
}
