package wipe

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// bulk gives five orders of one request, which was executed at once.
func (w *world) bulk(t *testing.T, s Scope) (Request, []Order) {
	t.Helper()
	f := factsOf(device.Personal, device.WorkProfile)
	f.Group = "sales"
	r, orders := w.asked(alice(t), t, w.wide(alice(t), t, s, Target{Devices: w.enrol(5, f)}))
	if r.State != Executed || len(orders) != 5 {
		t.Fatalf("got %s with %d orders", r.State, len(orders))
	}
	return r, orders
}

// sayAs reports as the device of the order.
func (w *world) sayAs(t *testing.T, id ID, k EventKind) (Order, error) {
	t.Helper()
	o, err := w.store.Order(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	f := w.facts[o.Device]
	f.Epoch = o.Epoch
	return w.Report(as(t, callerOf(f)), callerOf(f), id, eventOf(o, k))
}

// TestStopCounts: what was cancelled and what a device had acknowledged before.
// What is done, or has ended otherwise, is neither.
func TestStopCounts(t *testing.T) {
	w := newWorld()
	w.store.twice = true
	w.store.limits.CoolingOff = 0
	r, orders := w.bulk(t, OfWorkProfile())
	for i, kinds := range [][]EventKind{{Acknowledge}, {Acknowledge, Finish}, {Fail}} {
		for _, k := range kinds {
			if _, err := w.sayAs(t, orders[i].ID, k); err != nil {
				t.Fatal(err)
			}
		}
	}
	clear(w.rings)
	got, h, err := w.Stop(alice(t), r.ID, "the wrong five")
	if err != nil || got.State != Stopped || got.Outcome != "the wrong five" || h != (Halt{Cancelled: 2, TooLate: 1}) {
		t.Errorf("got %s (%q), %+v, error %v", got.State, got.Outcome, h, err)
	}
	for i, want := range []State{Acknowledged, Done, Failed, Cancelled, Cancelled} {
		o, _ := w.store.Order(t.Context(), orders[i].ID)
		if o.State != want || want == Cancelled && (o.Outcome != "the wrong five" || w.rings[o.Device] != 1) {
			t.Errorf("order %d is %s (%q), want %s; %d rings", i, o.State, o.Outcome, want, w.rings[o.Device])
		}
	}
	again, h, err := w.Stop(alice(t), r.ID, "the wrong five")
	if diff := cmp.Diff(got, again); diff != "" || err != nil || h != (Halt{}) {
		t.Errorf("once more (-first +again):\n%s%+v, %v", diff, h, err)
	}
	// What was promised is kept.
	if o, err := w.sayAs(t, orders[0].ID, Finish); err != nil || o.State != Done {
		t.Errorf("a promise after the stop: got %s, error %v", o.State, err)
	}
}

// TestStopHearsTheOther: a lost try leaves no count behind.
func TestStopHearsTheOther(t *testing.T) {
	w := newWorld()
	r, _ := w.bulk(t, OfLock())
	w.store.before = func() {
		if _, h, err := w.Stop(bob(t), r.ID, "first"); err != nil || h.Cancelled != 5 {
			t.Errorf("got %+v, error %v", h, err)
		}
	}
	if got, h, err := w.Stop(alice(t), r.ID, "second"); err != nil || got.Outcome != "first" || h != (Halt{}) {
		t.Errorf("got %q, %+v, error %v", got.Outcome, h, err)
	}
}

// TestMayStop: whoever asked, whoever may, and nobody else; so it is with a lift.
func TestMayStop(t *testing.T) {
	bound := func(c identity.Caller, groups ...string) identity.Caller {
		c.Groups = append([]string{}, groups...)
		return c
	}
	other := administrator("alice-desk", identity.Viewer)
	other.Person = "alice"
	none := administrator("nobody", identity.Viewer)
	none.Person = ""
	tests := map[string]struct {
		c                identity.Caller
		some, of, limits error // of some devices, of a person, of the limits
	}{
		"who asked, with another credential": {other, nil, nil, nil},
		"a viewer":                           {administrator("v", identity.Viewer), ErrRoleMayNot, ErrRoleMayNot, ErrRoleMayNot},
		"a help desk":                        {administrator("h", identity.HelpDesk), ErrRoleMayNot, ErrRoleMayNot, ErrRoleMayNot},
		"an operator":                        {administrator("o", identity.Operator), nil, nil, nil},
		"an approver":                        {administrator("a", identity.Approver), nil, nil, nil},
		"an owner":                           {administrator("w", identity.Owner), nil, nil, nil},
		"nobody in particular":               {none, ErrRoleMayNot, ErrRoleMayNot, ErrRoleMayNot},
		"an operator of the group":           {bound(administrator("o", identity.Operator), "sales"), nil, ErrOutOfScope, ErrOutOfScope},
		"an operator of another group":       {bound(administrator("o", identity.Operator), "hr"), ErrNoRequest, ErrNoRequest, ErrOutOfScope},
		"an owner of no group":               {bound(administrator("w", identity.Owner)), ErrNoRequest, ErrNoRequest, ErrOutOfScope},
		"a device":                           {callerOf(factsOf(device.Personal, device.WorkProfile)), ErrNoRequest, ErrNoRequest, ErrNoRequest},
		"anonymous":                          {identity.Caller{}, ErrNoRequest, ErrNoRequest, ErrNoRequest},
	}
	for name, tt := range tests {
		for want, begin := range map[*error]func(*world) Request{
			&tt.some:   func(w *world) Request { r, _ := w.bulk(t, OfLock()); return r },
			&tt.of:     func(w *world) Request { return w.personOf(t, "sales") },
			&tt.limits: func(w *world) Request { return w.looser(t) },
		} {
			w := newWorld()
			r := begin(w)
			if _, _, err := w.Stop(as(t, tt.c), r.ID, "stop"); !errors.Is(err, *want) {
				t.Errorf("%s stops %s: got error %v, want %v", name, r.Kind, err, *want)
			}
			if r.Kind != UserWipe {
				continue
			}
			w = newWorld()
			r = begin(w)
			if _, _, err := w.Lift(as(t, tt.c), r.ID, "lift"); !errors.Is(err, *want) {
				t.Errorf("%s lifts: got error %v, want %v", name, err, *want)
			}
		}
	}
	w := newWorld()
	r := w.waits(t)
	if _, _, err := w.Stop(alice(t), r.ID, " "); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no reason: got error %v", err)
	}
	if _, _, err := w.Lift(alice(t), r.ID, ""); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no reason: got error %v", err)
	}
}

// personOf asks for everything of one person, whose one device is of the group.
func (w *world) personOf(t *testing.T, group string) Request {
	t.Helper()
	f := factsOf(device.Personal, device.WorkProfile)
	f.User, f.Group = "pat", group
	w.enrol(1, f)
	return w.person(t, 0)
}

// TestMayCancel: whoever asked for the order, and whoever may stop.
func TestMayCancel(t *testing.T) {
	w := newWorld()
	desk := administrator("dora", identity.HelpDesk)
	a := ask(OfLock())
	_, orders := w.asked(as(t, desk), t, a)
	for _, c := range []identity.Caller{administrator("v", identity.Viewer), administrator("h", identity.HelpDesk)} {
		if _, err := w.Cancel(as(t, c), orders[0].ID, "no"); !errors.Is(err, ErrRoleMayNot) {
			t.Errorf("%s: got error %v, want %v", c.Role, err, ErrRoleMayNot)
		}
	}
	if o, err := w.Cancel(as(t, desk), orders[0].ID, "found it"); err != nil || o.State != Cancelled {
		t.Errorf("one's own: got %s, error %v", o.State, err)
	}
	// Nobody's order is not the order of somebody without a name.
	lapsed := orderIn(Pending, OfWorkProfile())
	lapsed.ID = "lease-of-nobody"
	w.store.keep(lapsed, ordered(t.Context(), lapsed))
	none := administrator("nobody", identity.HelpDesk)
	none.Person = ""
	if _, err := w.Cancel(as(t, none), lapsed.ID, "no"); !errors.Is(err, ErrRoleMayNot) {
		t.Errorf("nobody's: got error %v, want %v", err, ErrRoleMayNot)
	}
}

// TestCancelAndStopSpendNothingBack: what was spent stays spent.
func TestCancelAndStopSpendNothingBack(t *testing.T) {
	w := newWorld()
	r, _ := w.bulk(t, OfLock())
	if _, _, err := w.Stop(alice(t), r.ID, "stop"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		o := w.order(t, OfLock())
		if _, err := w.Cancel(alice(t), o.ID, "stop"); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := w.Ask(alice(t), ask(OfLock())); !errors.Is(err, ErrBudget) {
		t.Errorf("the eleventh in an hour: got error %v, want %v", err, ErrBudget)
	}
	w.now = w.now.Add(time.Hour)
	w.order(t, OfLock())
}
