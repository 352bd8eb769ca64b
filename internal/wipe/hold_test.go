package wipe

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// fetched gives the ids of the orders that a device is given now, of both kinds.
func (w *world) fetched(t *testing.T, id device.ID) []ID {
	t.Helper()
	c := callerOf(w.facts[id])
	given, err := w.Fetch(as(t, c), c)
	if err != nil {
		t.Fatal(err)
	}
	if c.Ownership == device.Company {
		more, err := w.FetchWhole(as(t, c), c)
		if err != nil {
			t.Fatal(err)
		}
		given = append(given, more...)
	}
	var ids []ID
	for _, d := range given {
		ids = append(ids, d.Order.ID)
	}
	return ids
}

// TestCoolingOff: orders of one request to several devices are there, are not
// given, and are given, and rung, afterwards.
func TestCoolingOff(t *testing.T) {
	w := newWorld()
	r, orders := w.bulk(t, OfWorkProfile())
	if want := monday.Add(10 * time.Minute); !r.HeldUntil.Equal(want) || len(w.rings) != 0 {
		t.Errorf("held until %v, want %v; rang %v", r.HeldUntil, want, w.rings)
	}
	first := orders[0]
	held := func() {
		t.Helper()
		if got := w.fetched(t, first.Device); len(got) != 0 {
			t.Errorf("given: %v", got)
		}
		if _, err := w.sayAs(t, first.ID, Acknowledge); !errors.Is(err, ErrPaused) {
			t.Errorf("acknowledged: error %v, want %v", err, ErrPaused)
		}
		if got, err := w.Sweep(t.Context()); err != nil || got.Released != 0 {
			t.Errorf("a sweep: %+v, error %v", got, err)
		}
	}
	held()
	w.now = r.HeldUntil.Add(-time.Microsecond)
	held()
	if got, _ := w.Get(alice(t), first.ID); got.State != Pending || got.Version != 1 {
		t.Errorf("it is %s in version %d", got.State, got.Version)
	}
	w.now = r.HeldUntil
	if got, err := w.Sweep(t.Context()); err != nil || got.Released != 5 || len(w.rings) != 5 {
		t.Errorf("a sweep afterwards: %+v, error %v, rang %v", got, err, w.rings)
	}
	// The next sweep looks back a little, and the one after has nothing to ring.
	for range 2 {
		w.now = w.now.Add(overlap)
		if _, err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.Sweep(t.Context()); err != nil || got.Released != 0 {
		t.Errorf("once more: %+v, error %v", got, err)
	}
	if got := w.fetched(t, first.Device); !slices.Equal(got, []ID{first.ID}) {
		t.Errorf("given afterwards: %v", got)
	}
	if o, err := w.sayAs(t, first.ID, Acknowledge); err != nil || o.State != Acknowledged {
		t.Errorf("acknowledged afterwards: %s, error %v", o.State, err)
	}
	// A server that was away when it ended makes up for it.
	clear(w.rings)
	w.now = r.HeldUntil.Add(ringBack - time.Microsecond)
	if got, err := w.server().Sweep(t.Context()); err != nil || got.Released != 5 {
		t.Errorf("another server: %+v, error %v", got, err)
	}
}

// TestStoppedWhileHeld: that is what the cooling-off is for.
func TestStoppedWhileHeld(t *testing.T) {
	w := newWorld()
	r, orders := w.bulk(t, OfWorkProfile())
	if _, h, err := w.Stop(bob(t), r.ID, "not those"); err != nil || h.Cancelled != 5 {
		t.Fatalf("got %+v, error %v", h, err)
	}
	w.now = w.now.Add(time.Hour)
	for _, o := range orders {
		if got := w.fetched(t, o.Device); len(got) != 0 {
			t.Errorf("given: %v", got)
		}
	}
}

// TestPaused: under an open breaker nothing is given or taken up that was not
// acknowledged before, but for locks; what else a device says counts.
func TestPaused(t *testing.T) {
	w := newWorld()
	w.store.limits.CoolingOff = 0
	_, orders := w.bulk(t, OfWorkProfile())
	pending, delivered, promised, failing := orders[0], orders[1], orders[2], orders[3]
	for _, o := range orders[1:4] {
		w.fetched(t, o.Device)
	}
	if _, err := w.sayAs(t, promised.ID, Acknowledge); err != nil {
		t.Fatal(err)
	}
	lock := w.order(t, OfLock())
	w.opens()
	for _, o := range []Order{pending, delivered} {
		if got := w.fetched(t, o.Device); len(got) != 0 {
			t.Errorf("given: %v", got)
		}
		if _, err := w.sayAs(t, o.ID, Acknowledge); !errors.Is(err, ErrPaused) {
			t.Errorf("acknowledged: error %v, want %v", err, ErrPaused)
		}
	}
	if got := w.fetched(t, promised.Device); !slices.Equal(got, []ID{promised.ID}) {
		t.Errorf("what was promised: given %v", got)
	}
	if o, err := w.sayAs(t, promised.ID, Finish); err != nil || o.State != Done {
		t.Errorf("what was promised is %s, error %v", o.State, err)
	}
	if o, err := w.sayAs(t, failing.ID, Fail); err != nil || o.State != Failed {
		t.Errorf("what the device cannot do is %s, error %v", o.State, err)
	}
	if got := w.fetched(t, lock.Device); !slices.Equal(got, []ID{lock.ID}) {
		t.Errorf("a lock: given %v", got)
	}
	if o, err := w.sayAs(t, lock.ID, Acknowledge); err != nil || o.State != Acknowledged {
		t.Errorf("a lock is %s, error %v", o.State, err)
	}
	// A help desk may go on locking.
	if _, _, err := w.Ask(as(t, administrator("dora", identity.HelpDesk)), Ask{
		Key: "key-dora", Target: Target{Devices: []device.ID{orders[4].Device}}, Scope: OfLock(), Reason: "lost",
	}); err != nil {
		t.Errorf("a lock beside a wider order that is paused: error %v", err)
	}
	w.store.breaker = Breaker{}
	if o, err := w.sayAs(t, delivered.ID, Acknowledge); err != nil || o.State != Acknowledged {
		t.Errorf("after the pause: %s, error %v", o.State, err)
	}
}

// TestWhatIsHeldWaitsAlone: what can be given is given, whatever is held before it.
func TestWhatIsHeldWaitsAlone(t *testing.T) {
	type put struct {
		state State
		scope Scope
		held  bool
		lease bool
		over  bool
	}
	a, b, lock, all := apps(t, "com.a"), apps(t, "com.b"), OfLock(), OfWorkProfile()
	tests := []struct {
		name   string
		orders []put
		open   bool
		want   []int
	}{
		{"one after the other", []put{{Pending, a, false, false, false}, {Delivered, b, false, false, false}}, false, []int{0, 1}},
		{"the first is held", []put{{Pending, a, true, false, false}, {Pending, b, false, false, false}}, false, []int{1}},
		{"the second is held", []put{{Pending, a, false, false, false}, {Pending, b, true, false, false}, {Pending, lock, false, false, false}}, false, []int{0, 2}},
		{"a lock after a paused one", []put{{Pending, a, false, false, false}, {Pending, lock, false, false, false}}, true, []int{1}},
		{"a lock before a paused one", []put{{Pending, lock, false, false, false}, {Pending, a, false, false, false}}, true, []int{0}},
		{"the first is over", []put{{Pending, a, true, false, true}, {Pending, b, false, false, false}}, false, []int{1}},
		{"promised after a held one", []put{{Delivered, a, true, false, false}, {Acknowledged, b, false, false, false}}, false, []int{1}},
		{"promised, paused", []put{{Acknowledged, all, false, false, false}, {Pending, b, false, false, false}}, true, []int{0}},
		{"its lease's own", []put{{Pending, all, false, true, false}, {Pending, b, false, false, false}}, false, []int{1}},
		{"its lease's own, promised", []put{{Acknowledged, all, false, true, false}}, true, []int{0}},
		{"done, not settled", []put{{Done, all, false, false, false}}, false, nil},
	}
	for _, tt := range tests {
		breaker := Breaker{}
		if tt.open {
			breaker.Since = monday
		}
		var orders []Order
		for i, p := range tt.orders {
			o := Order{Sequence: uint64(i), State: p.state, Scope: p.scope, NotAfter: deadline}
			if p.held {
				o.HeldUntil = tooLate
			}
			if p.lease {
				o.Lease = &Lease{}
			}
			if p.over {
				o.NotAfter = monday.Add(-time.Second)
			}
			orders = append(orders, o)
		}
		var got []int
		for _, o := range givable(orders, breaker, monday) {
			got = append(got, int(o.Sequence))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestWholeDeviceGoesItsOwnWay: to a company's device only, and by its own call;
// in the order of the sequence with all the others.
func TestWholeDeviceGoesItsOwnWay(t *testing.T) {
	w := newWorld()
	id := w.enrol(1, factsOf(device.Company, device.Dedicated))[0]
	first := w.order(t, apps(t, "com.a"), id)
	r, err := w.AskWhole(alice(t), WholeAsk{Key: "whole-0001", Device: id, Reason: "sold"})
	if err != nil || r.State != Waiting {
		t.Fatalf("got %s, error %v", r.State, err)
	}
	_, orders, err := w.Approve(bob(t), r.ID, "")
	if err != nil || len(orders) != 1 || orders[0].Scope.Kind() != WholeDevice {
		t.Fatalf("got %v, error %v", orders, err)
	}
	c := callerOf(w.facts[id])
	given, err := w.Fetch(as(t, c), c)
	if err != nil || len(given) != 1 || given[0].Order.ID != first.ID {
		t.Errorf("Fetch gave %v, error %v", given, err)
	}
	given, err = w.FetchWhole(as(t, c), c)
	if err != nil || len(given) != 1 || given[0].Order.ID != orders[0].ID {
		t.Errorf("FetchWhole gave %v, error %v", given, err)
	}
	w.opens()
	if got := w.fetched(t, id); len(got) != 0 {
		t.Errorf("paused: given %v", got)
	}
	_, personal := phone(t)
	if _, err := w.FetchWhole(as(t, personal), personal); !errors.Is(err, ErrNotCompany) {
		t.Errorf("a person's phone: error %v, want %v", err, ErrNotCompany)
	}
	if _, err := w.FetchWhole(alice(t), administrator("alice", identity.Owner)); err == nil {
		t.Error("an administrator was given orders")
	}
}

func TestAskWhole(t *testing.T) {
	w := newWorld()
	f := factsOf(device.Company, device.WorkProfile)
	f.Group = "sales"
	id := w.enrol(1, f)[0]
	a := WholeAsk{Key: "whole-0001", Device: id, Reason: "sold"}
	if _, err := w.AskWhole(alice(t), a); !errors.Is(err, ErrPersonalSide) {
		t.Errorf("a personal side that nobody knows of: error %v, want %v", err, ErrPersonalSide)
	}
	a.PersonalSide = true
	bound := administrator("carol", identity.Owner)
	bound.Groups = []string{"hr"}
	for _, tt := range []struct {
		name string
		c    identity.Caller
		id   device.ID
	}{{"a person's phone", administrator("alice", identity.Owner), "device-one"}, {"no phone", administrator("alice", identity.Owner), "device-none"}, {"another group's", bound, id}} {
		b := a
		b.Device = tt.id
		if _, err := w.AskWhole(as(t, tt.c), b); reason(err) != "DEVICE_UNKNOWN" {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
	moved := a
	moved.Epoch = 7
	if _, err := w.AskWhole(alice(t), moved); !errors.Is(err, ErrEpochMoved) {
		t.Errorf("another epoch: error %v, want %v", err, ErrEpochMoved)
	}
	if _, err := w.AskWhole(as(t, administrator("dora", identity.HelpDesk)), a); !errors.Is(err, ErrRoleMayNot) {
		t.Errorf("a help desk: error %v, want %v", err, ErrRoleMayNot)
	}
	r, err := w.AskWhole(alice(t), a)
	if err != nil || r.State != Waiting || !r.Scope.PersonalSide() || len(w.store.orders) != 0 {
		t.Fatalf("got %s of %s, error %v", r.State, r.Scope, err)
	}
	again, err := w.AskWhole(alice(t), a)
	if diff := cmp.Diff(r, again); diff != "" || err != nil {
		t.Errorf("once more (-first +again):\n%s%v", diff, err)
	}
	for name, spoil := range map[string]func(*WholeAsk){
		"another device": func(a *WholeAsk) { a.Device = "device-one" },
		"another epoch":  func(a *WholeAsk) { a.Epoch = 9 },
		"another reason": func(a *WholeAsk) { a.Reason = "other" },
		"less known":     func(a *WholeAsk) { a.PersonalSide = false },
	} {
		b := a
		spoil(&b)
		if _, err := w.AskWhole(alice(t), b); !errors.Is(err, ErrKeyReused) {
			t.Errorf("the key with %s: error %v, want %v", name, err, ErrKeyReused)
		}
	}
}

// TestOtherServersOrders: what another server has ordered is rung here by the next
// sweep, because its bell is not heard.
func TestOtherServersOrders(t *testing.T) {
	w := newWorld()
	id := w.enrol(1, factsOf(device.Personal, device.WorkProfile))[0]
	here := w.server()
	if _, err := here.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Second)
	if _, _, err := w.Ask(alice(t), Ask{Key: "elsewhere", Target: Target{Devices: []device.ID{id}}, Scope: OfLock(), Reason: "lost"}); err != nil {
		t.Fatal(err)
	}
	clear(w.rings)
	w.now = w.now.Add(time.Second)
	if got, err := here.Sweep(t.Context()); err != nil || got.Released != 1 || w.rings[id] == 0 {
		t.Errorf("got %+v, error %v, rang %v", got, err, w.rings)
	}
}
