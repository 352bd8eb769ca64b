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

// sweeps lets some servers sweep, and gives how many orders came of it.
func (w *world) sweeps(t *testing.T) int {
	t.Helper()
	n := 0
	for _, s := range []*Service{w.Service, w.server()} {
		got, err := s.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += got.Expanded
	}
	return n
}

// of gives the orders of a request for a device, oldest first.
func (w *world) of(r Request, id device.ID) []Order {
	return w.store.find(func(o Order) bool { return o.Request == r.ID && (id == "" || o.Device == id) })
}

// rejoin enrols the device once more.
func (w *world) rejoin(id device.ID) {
	f := w.facts[id]
	f.Epoch, f.Enrolled = f.Epoch+1, true
	w.facts[id] = f
}

func TestUserWipeGoesOn(t *testing.T) {
	w := newWorld()
	w.store.twice = true
	r := w.person(t, 2)
	if r.State != Executed || len(w.of(r, "")) != 2 {
		t.Fatalf("got %s with %d orders", r.State, len(w.of(r, "")))
	}
	if got := w.sweeps(t); got != 0 {
		t.Errorf("nothing is new: %d orders more", got)
	}
	// A phone that comes joins in, and one that came again: each once.
	f := factsOf(device.Personal, device.WorkProfile)
	f.User = "pat"
	third := w.enrol(1, f)[0]
	w.now = w.now.Add(time.Hour)
	w.rejoin(r.Devices[0].Device)
	if got := w.sweeps(t); got != 2 {
		t.Errorf("one new phone and one that joined anew: %d orders more, want 2", got)
	}
	if got := w.sweeps(t); got != 0 {
		t.Errorf("once more: %d orders more", got)
	}
	got := w.of(r, third)
	if len(got) != 1 {
		t.Fatalf("%d orders for the new phone", len(got))
	}
	want := Order{
		ID: got[0].ID, Device: third, Epoch: 1, Sequence: 1, Scope: OfWorkProfile(), State: Pending, Reason: r.Reason,
		CreatedBy: "admin:alice", CreatedAt: w.now, NotAfter: w.now.Add(DefaultLifetime), ChangedAt: w.now,
		Request: r.ID, Source: ByUserWipe, Person: "alice", Credential: "5e41a1alice", HeldUntil: r.HeldUntil,
		Ownership: device.Personal, Version: 1,
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("its order (-want +got):\n%s", diff)
	}
	if w.rings[third] == 0 {
		t.Error("it was not rung")
	}
	// Another person's phone, and one without a work profile, are left alone.
	f.User = "sam"
	w.enrol(1, f)
	f = factsOf(device.Company, device.Dedicated)
	f.User = "pat"
	w.enrol(1, f)
	if got := w.sweeps(t); got != 0 {
		t.Errorf("others: %d orders more", got)
	}
}

// TestUserWipeAfterAFailure: a new order comes a day after one that ended without
// an act, and none ever after one that was cancelled, or done.
func TestUserWipeAfterAFailure(t *testing.T) {
	for kind, again := range map[EventKind]bool{Fail: true, Expire: true, Cancel: false, Acknowledge: false, Finish: false} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld()
			r := w.person(t, 1)
			first := w.of(r, "")[0]
			ended := w.now
			switch kind {
			case Cancel:
				if _, err := w.Cancel(alice(t), first.ID, "not this one"); err != nil {
					t.Fatal(err)
				}
			case Expire:
				w.now = first.NotAfter.Add(time.Microsecond)
				ended = w.now
			case Finish:
				if _, err := w.sayAs(t, first.ID, Acknowledge); err != nil {
					t.Fatal(err)
				}
				fallthrough
			default:
				if _, err := w.sayAs(t, first.ID, kind); err != nil {
					t.Fatal(err)
				}
			}
			w.sweeps(t)
			w.now = ended.Add(tryAgain - time.Microsecond)
			if got := w.sweeps(t); got != 0 || len(w.of(r, "")) != 1 {
				t.Errorf("within a day: %d orders more", got)
			}
			w.now = ended.Add(tryAgain)
			want := 0
			if again {
				want = 1
			}
			if got := w.sweeps(t); got != want || len(w.of(r, "")) != 1+want {
				t.Errorf("a day later: %d orders more, want %d", got, want)
			}
			if got := w.sweeps(t); got != 0 {
				t.Errorf("then at once: %d orders more", got)
			}
		})
	}
}

func TestLift(t *testing.T) {
	w := newWorld()
	w.store.limits.CoolingOff = 0
	r := w.person(t, 3)
	orders := w.of(r, "")
	if _, err := w.sayAs(t, orders[0].ID, Acknowledge); err != nil {
		t.Fatal(err)
	}
	clear(w.rings)
	got, h, err := w.Lift(bob(t), r.ID, "pat is back")
	if err != nil || got.State != Executed || got.LiftedAt != monday || got.Standing() || h != (Halt{Cancelled: 2, TooLate: 1}) {
		t.Errorf("got %+v, %+v, error %v", got, h, err)
	}
	if len(w.rings) != 2 {
		t.Errorf("rang %v", w.rings)
	}
	again, h, err := w.Lift(bob(t), r.ID, "pat is back")
	if diff := cmp.Diff(got, again); diff != "" || err != nil || h != (Halt{}) {
		t.Errorf("once more (-first +again):\n%s%+v, %v", diff, h, err)
	}
	// What enrols afterwards is clean, for ever.
	w.now = w.now.Add(100 * 24 * time.Hour)
	for _, o := range orders {
		w.rejoin(o.Device)
	}
	if n := w.sweeps(t); n != 0 || len(w.of(r, "")) != 3 {
		t.Errorf("after the lift: %d orders more", n)
	}
	if next := w.person(t, 0); next.ID == r.ID || next.State != Executed {
		t.Errorf("another wipe of that person: got %s", next.State)
	}
}

// TestLiftWhileExpanding: a sweep that looked before the lift makes no order after
// it.
func TestLiftWhileExpanding(t *testing.T) {
	w := newWorld()
	r := w.person(t, 1)
	w.now = w.now.Add(time.Hour)
	w.rejoin(r.Devices[0].Device)
	w.store.before = func() {
		if _, _, err := w.Lift(alice(t), r.ID, "pat is back"); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.expand(t.Context(), r); err != nil || len(w.of(r, "")) != 1 {
		t.Errorf("%d orders, error %v", len(w.of(r, "")), err)
	}
}

// TestUserWipeStandsOnce: two of one person are one too many, also when both
// waited.
func TestUserWipeStandsOnce(t *testing.T) {
	w := newWorld()
	first, second := w.person(t, 6), w.person(t, 0)
	if first.State != Waiting || second.State != Waiting {
		t.Fatalf("got %s and %s", first.State, second.State)
	}
	if _, _, err := w.Approve(bob(t), first.ID, ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Approve(bob(t), second.ID, ""); !errors.Is(err, ErrUserWipeStands) {
		t.Errorf("approving the other: got error %v, want %v", err, ErrUserWipeStands)
	}
	if r, _ := w.GetRequest(bob(t), second.ID); r.State != Void {
		t.Errorf("the other is %s, want void", r.State)
	}
	a := w.wide(alice(t), t, OfWorkProfile(), Target{User: "pat"})
	a.Standing = true
	if _, _, err := w.Ask(alice(t), a); !errors.Is(err, ErrUserWipeStands) {
		t.Errorf("a third: got error %v, want %v", err, ErrUserWipeStands)
	}
	p, err := w.Plan(alice(t), a)
	if diff := cmp.Diff([]string{ErrUserWipeStands.Error()}, p.Needs); diff != "" || err != nil {
		t.Errorf("a plan of a third (-want +got):\n%s%v", diff, err)
	}
}

func TestUserWipeMustNameAPerson(t *testing.T) {
	w := newWorld()
	for name, spoil := range map[string]func(*Ask){
		"a group":       func(a *Ask) { a.Target = Target{Group: "sales"} },
		"a device":      func(a *Ask) { a.Target = Target{Devices: []device.ID{"device-one"}} },
		"another scope": func(a *Ask) { a.Scope = OfLock() },
	} {
		a := ask(OfWorkProfile())
		a.Target, a.Standing = Target{User: "pat"}, true
		spoil(&a)
		if _, _, err := w.Ask(alice(t), a); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got error %v", name, err)
		}
		if _, err := w.Plan(alice(t), a); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a plan, %s: got error %v", name, err)
		}
	}
}

// TestUserWipeIsOfEveryGroup: who is bound to groups can neither begin one nor
// let one go, because it would go on in other groups.
func TestUserWipeIsOfEveryGroup(t *testing.T) {
	w := newWorld()
	bound := administrator("carol", identity.Owner)
	bound.Groups = []string{"sales"}
	f := factsOf(device.Personal, device.WorkProfile)
	f.User, f.Group = "pat", "sales"
	w.enrol(6, f)
	a := w.wide(as(t, bound), t, OfWorkProfile(), Target{User: "pat"})
	a.Standing = true
	if _, _, err := w.Ask(as(t, bound), a); !errors.Is(err, ErrOutOfScope) {
		t.Errorf("asking: got error %v, want %v", err, ErrOutOfScope)
	}
	r, _ := w.asked(alice(t), t, a)
	if _, _, err := w.Approve(as(t, bound), r.ID, ""); !errors.Is(err, ErrOutOfScope) {
		t.Errorf("approving: got error %v, want %v", err, ErrOutOfScope)
	}
}

// TestUserWipeIsCharged: going on is charged to who asked, and opens the breaker
// like anything else.
func TestUserWipeIsCharged(t *testing.T) {
	w := newWorld()
	w.store.limits.CoolingOff = 0
	r := w.person(t, 4)
	f := factsOf(device.Personal, device.WorkProfile)
	f.User = "pat"
	w.enrol(30, f)
	for hour, want := range []int{6, 10, 0, 0} {
		if got := w.sweeps(t); got != want {
			t.Errorf("hour %d: %d orders more, want %d", hour, got, want)
		}
		w.now = w.now.Add(time.Hour)
	}
	alerts := 0
	for _, e := range w.store.entries {
		if e.Action == "wipe.budget" {
			alerts++
			if e.Actor != "server" || e.Target != "administrator/alice" {
				t.Errorf("got entry %+v", e)
			}
		}
	}
	if alerts != 4 {
		t.Errorf("%d alerts, want one an hour", alerts)
	}
	w.now = w.now.Add(24 * time.Hour)
	w.fleet = -len(w.facts)
	w.store.limits.BreakerFloor = 3
	if got := w.sweeps(t); got != 4 || !w.store.breaker.Open() {
		t.Errorf("a small fleet: %d orders more, breaker %+v", got, w.store.breaker)
	}
	if n := len(w.of(r, "")); n != 24 {
		t.Errorf("%d orders", n)
	}
}

// TestUserWipeOfANewCredential: nobody approved it, so that it goes on no faster
// than its asker could.
func TestUserWipeOfANewCredential(t *testing.T) {
	w := newWorld()
	fresh := administrator("nina", identity.Owner)
	fresh.Since = monday
	f := factsOf(device.Personal, device.WorkProfile)
	f.User = "pat"
	w.enrol(1, f)
	a := w.wide(as(t, fresh), t, OfWorkProfile(), Target{User: "pat"})
	a.Standing = true
	if r, _ := w.asked(as(t, fresh), t, a); r.State != Executed {
		t.Fatalf("the first device: %s", r.State)
	}
	w.enrol(5, f)
	more := 0
	for range 23 {
		w.now = w.now.Add(time.Hour)
		more += w.sweeps(t)
	}
	if more != 0 {
		t.Errorf("within a day: %d orders more, and nobody approved them", more)
	}
	w.now = w.now.Add(time.Hour)
	if got := w.sweeps(t); got != 5 {
		t.Errorf("a day old: %d orders more, want 5", got)
	}
}
