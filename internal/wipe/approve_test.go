package wipe

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// TestMayDecide: whoever could be who asked is taken for them.
func TestMayDecide(t *testing.T) {
	asked := Asker{Actor: "admin:alice", Person: "alice", Credential: "5e41a1alice"}
	is := func(change func(*identity.Caller)) identity.Caller {
		c := administrator("bob", identity.Approver)
		change(&c)
		return c
	}
	bound := is(func(c *identity.Caller) { c.Groups = []string{"sales"} })
	tests := map[string]struct {
		c    identity.Caller
		kind RequestKind
		want error
	}{
		"another person":                  {is(func(*identity.Caller) {}), Wipe, nil},
		"another owner":                   {is(func(c *identity.Caller) { c.Role = identity.Owner }), Wipe, nil},
		"the same person, otherwise":      {is(func(c *identity.Caller) { c.Person = "alice" }), Wipe, ErrSelfApproval},
		"the same name":                   {is(func(c *identity.Caller) { c.Name = "alice" }), Wipe, ErrSelfApproval},
		"the same credential":             {is(func(c *identity.Caller) { c.Serial = "5e41a1alice" }), Wipe, ErrSelfApproval},
		"nobody in particular":            {is(func(c *identity.Caller) { c.Person = "" }), Wipe, ErrSelfApproval},
		"no credential in particular":     {is(func(c *identity.Caller) { c.Serial = "" }), Wipe, ErrSelfApproval},
		"a viewer":                        {is(func(c *identity.Caller) { c.Role = identity.Viewer }), Wipe, ErrRoleMayNot},
		"a help desk":                     {is(func(c *identity.Caller) { c.Role = identity.HelpDesk }), Wipe, ErrRoleMayNot},
		"an operator":                     {is(func(c *identity.Caller) { c.Role = identity.Operator }), Wipe, ErrRoleMayNot},
		"a device":                        {is(func(c *identity.Caller) { c.Kind = identity.Device }), Wipe, ErrRoleMayNot},
		"bound to groups, some devices":   {bound, Wipe, nil},
		"bound to groups, a person":       {bound, UserWipe, ErrOutOfScope},
		"bound to groups, limits":         {bound, ChangeLimits, ErrOutOfScope},
		"bound to groups, a lease":        {bound, ChangeLease, ErrOutOfScope},
		"bound to groups, to resume":      {bound, Resume, ErrOutOfScope},
		"bound to groups, to cancel all":  {bound, CancelAll, ErrOutOfScope},
		"another person, for limits":      {is(func(*identity.Caller) {}), ChangeLimits, nil},
		"the same person, for the limits": {is(func(c *identity.Caller) { c.Person = "alice" }), ChangeLimits, ErrSelfApproval},
	}
	for name, tt := range tests {
		if err := MayDecide(tt.c, Request{Kind: tt.kind, By: asked}); !errors.Is(err, tt.want) {
			t.Errorf("%s: got error %v, want %v", name, err, tt.want)
		}
	}
	nobody := Request{Kind: Wipe, By: Asker{Actor: "admin:alice"}}
	if err := MayDecide(is(func(c *identity.Caller) { c.Person, c.Serial = "", "" }), nobody); !errors.Is(err, ErrSelfApproval) {
		t.Errorf("nobody approves nobody's: got error %v", err)
	}
}

// TestNoSelfApproval: with no credential of theirs does the person who asked
// approve; rejecting is no approval.
func TestNoSelfApproval(t *testing.T) {
	w := newWorld()
	r := w.waits(t)
	second := administrator("alice-laptop", identity.Approver)
	second.Person = "alice"
	for _, c := range []identity.Caller{administrator("alice", identity.Owner), second} {
		if _, _, err := w.Approve(as(t, c), r.ID, ""); !errors.Is(err, ErrSelfApproval) {
			t.Errorf("%s: got error %v, want %v", c.Name, err, ErrSelfApproval)
		}
	}
	if len(w.store.orders) != 0 {
		t.Fatalf("%d orders", len(w.store.orders))
	}
	if got, err := w.Reject(as(t, second), r.ID, "a mistake of mine"); err != nil || got.State != Rejected {
		t.Errorf("rejecting one's own: got %s, error %v", got.State, err)
	}
}

// TestApprove: it executes at once, and once.
func TestApprove(t *testing.T) {
	w := newWorld()
	w.store.twice = true
	r := w.waits(t)
	w.now = w.now.Add(time.Hour)
	got, orders, err := w.Approve(bob(t), r.ID, "as discussed")
	if err != nil {
		t.Fatal(err)
	}
	want := r
	want.State, want.Version, want.HeldUntil = Executed, 2, w.now.Add(10*time.Minute)
	want.Decided = Decision{By: "admin:bob", Person: "bob", Credential: "5e41a1bob", At: w.now, Words: "as discussed"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the request (-want +got):\n%s", diff)
	}
	if len(orders) != 6 || len(w.store.orders) != 6 {
		t.Fatalf("%d orders, %d kept", len(orders), len(w.store.orders))
	}
	for _, o := range orders {
		if o.Request != r.ID || o.Person != "alice" || o.Credential != "5e41a1alice" || o.CreatedBy != "admin:alice" ||
			o.Sequence == 0 || !o.HeldUntil.Equal(got.HeldUntil) || !o.CreatedAt.Equal(w.now) {
			t.Errorf("got order %+v", o)
		}
	}
	writes := w.store.writes
	again, same, err := w.Approve(bob(t), r.ID, "as discussed")
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Errorf("once more (-first +again):\n%s%v", diff, err)
	}
	if w.store.writes != writes || len(same) != len(orders) {
		t.Errorf("once more: %d orders, %d writes", len(same), w.store.writes-writes)
	}
	for _, o := range same {
		if !slices.ContainsFunc(orders, func(first Order) bool { return first.ID == o.ID }) {
			t.Errorf("once more gave another order %s", o.ID)
		}
	}
	carol := as(t, administrator("carol", identity.Approver))
	if _, _, err := w.Approve(carol, r.ID, ""); !errors.Is(err, ErrRequestFinished) {
		t.Errorf("yet another person: got error %v, want %v", err, ErrRequestFinished)
	}
	if _, _, err := w.Approve(bob(t), "request-none", ""); !errors.Is(err, ErrNoRequest) {
		t.Errorf("no such request: got error %v, want %v", err, ErrNoRequest)
	}
	if _, _, err := w.Approve(bob(t), r.ID, "two\nlines"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("words that no one can read: got error %v", err)
	}
}

// TestApproveHearsTheOther: of two credentials of one person that approve at once
// one executes, and the other hears how it is now.
func TestApproveHearsTheOther(t *testing.T) {
	w := newWorld()
	r := w.waits(t)
	other := administrator("bob-laptop", identity.Approver)
	other.Person = "bob"
	w.store.before = func() {
		if _, _, err := w.Approve(as(t, other), r.ID, ""); err != nil {
			t.Error(err)
		}
	}
	got, orders, err := w.Approve(bob(t), r.ID, "")
	if err != nil || got.State != Executed || got.Decided.By != "admin:bob-laptop" || len(orders) != 6 || len(w.store.orders) != 6 {
		t.Errorf("got %s by %q, %d of %d orders, error %v", got.State, got.Decided.By, len(orders), len(w.store.orders), err)
	}
}

// TestApproveWhatChanged: the request is void, and the caller hears why.
func TestApproveWhatChanged(t *testing.T) {
	for name, change := range map[string]func(*world, device.ID){
		"another epoch": func(w *world, id device.ID) { f := w.facts[id]; f.Epoch++; w.facts[id] = f },
		"another owner": func(w *world, id device.ID) { f := w.facts[id]; f.Ownership = device.Company; w.facts[id] = f },
		"another group": func(w *world, id device.ID) { f := w.facts[id]; f.Group = "sales"; w.facts[id] = f },
		"it has left":   func(w *world, id device.ID) { f := w.facts[id]; f.Enrolled = false; w.facts[id] = f },
		"it is gone":    func(w *world, id device.ID) { delete(w.facts, id) },
		"it got an order": func(w *world, id device.ID) {
			w.order(t, OfWorkProfile(), id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r := w.waits(t)
			change(w, r.Devices[3].Device)
			before := len(w.store.orders)
			if _, _, err := w.Approve(bob(t), r.ID, ""); !errors.Is(err, ErrPlanChanged) {
				t.Errorf("got error %v, want %v", err, ErrPlanChanged)
			}
			got, err := w.GetRequest(alice(t), r.ID)
			if err != nil || got.State != Void || got.Outcome != ErrPlanChanged.Error() || got.Decided.By != "admin:bob" {
				t.Errorf("got %s (%q), error %v", got.State, got.Outcome, err)
			}
			if len(w.store.orders) != before {
				t.Errorf("%d orders, want %d", len(w.store.orders), before)
			}
		})
	}
}

// TestApproveChargesWhoAsked: the budget counts when orders come to be, and is
// that of who asked.
func TestApproveChargesWhoAsked(t *testing.T) {
	w := newWorld()
	w.store.limits.CoolingOff = 0
	first, second := w.waits(t), w.waits(t)
	if spent := w.store.spent(Matter{Now: w.now, Person: "alice", Credential: "5e41a1alice"}); spent != (Spent{}) {
		t.Errorf("waiting spends: %+v", spent)
	}
	if _, _, err := w.Approve(bob(t), first.ID, ""); err != nil {
		t.Fatal(err)
	}
	want := Spent{PersonHour: 6, PersonDay: 6, CredentialHour: 6, CredentialDay: 6, OrganizationHour: 6, OrganizationDay: 6, Breaker: 6}
	if diff := cmp.Diff(want, w.store.spent(Matter{Now: w.now, Person: "alice", Credential: "5e41a1alice"})); diff != "" {
		t.Errorf("spent (-want +got):\n%s", diff)
	}
	if _, _, err := w.Approve(bob(t), second.ID, ""); !errors.Is(err, ErrBudget) {
		t.Errorf("12 in an hour: got error %v, want %v", err, ErrBudget)
	}
	if r, _ := w.GetRequest(bob(t), second.ID); r.State != Waiting || r.Decided != (Decision{}) {
		t.Errorf("what the budget does not have waits: got %s, %+v", r.State, r.Decided)
	}
	w.now = w.now.Add(time.Hour)
	if r, orders, err := w.Approve(bob(t), second.ID, ""); err != nil || r.State != Executed || len(orders) != 6 {
		t.Errorf("an hour later: got %s, %d orders, error %v", r.State, len(orders), err)
	}
}

// TestAlertOnceAnHour: whoever tries again and again does not fill the record.
func TestAlertOnceAnHour(t *testing.T) {
	w := newWorld()
	ids := w.enrol(30, factsOf(device.Personal, device.WorkProfile))
	alerts := func() (n int) {
		for _, e := range w.store.entries {
			if e.Action == "wipe.budget" {
				if e.Target != "administrator/alice" || e.Actor != "admin:alice" || !strings.Contains(e.Detail, "budget allows") {
					t.Errorf("got entry %+v", e)
				}
				n++
			}
		}
		return n
	}
	asks := func() {
		for _, id := range ids {
			w.ids++
			a := ask(OfLock())
			a.Key, a.Target.Devices = fmt.Sprintf("key-%05d", w.ids), []device.ID{id}
			if _, _, err := w.Ask(alice(t), a); err != nil && !errors.Is(err, ErrBudget) && !errors.Is(err, ErrPending) {
				t.Fatal(err)
			}
		}
	}
	asks()
	if got := alerts(); got != 1 || len(w.store.orders) != 10 {
		t.Errorf("%d alerts and %d orders, want 1 and 10", got, len(w.store.orders))
	}
	w.now = w.now.Add(time.Hour - time.Microsecond)
	asks()
	if got := alerts(); got != 1 {
		t.Errorf("within the hour: %d alerts, want 1", got)
	}
	w.now = w.now.Add(2 * time.Hour)
	asks()
	asks()
	if got := alerts(); got != 2 || len(w.store.orders) != 20 {
		t.Errorf("another hour: %d alerts and %d orders, want 2 and 20", got, len(w.store.orders))
	}
}

func TestRejectAndRepeat(t *testing.T) {
	w := newWorld()
	r := w.waits(t)
	if _, err := w.Reject(bob(t), r.ID, ""); fault.KindOf(err) != fault.Invalid {
		t.Errorf("without a reason: got error %v", err)
	}
	for _, role := range []identity.Role{identity.Viewer, identity.HelpDesk, identity.Operator} {
		if _, err := w.Reject(as(t, administrator("carol", role)), r.ID, "no"); !errors.Is(err, ErrRoleMayNot) {
			t.Errorf("%s: got error %v, want %v", role, err, ErrRoleMayNot)
		}
	}
	got, err := w.Reject(bob(t), r.ID, "not those")
	want := Decision{By: "admin:bob", Person: "bob", Credential: "5e41a1bob", At: monday, Words: "not those"}
	if diff := cmp.Diff(want, got.Decided); diff != "" || err != nil || got.State != Rejected {
		t.Errorf("got %s, error %v (-want +got):\n%s", got.State, err, diff)
	}
	again, err := w.Reject(bob(t), r.ID, "not those")
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Errorf("once more (-first +again):\n%s%v", diff, err)
	}
}
