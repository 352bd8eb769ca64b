package wipe

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// TestWipeByPolicy: the order is the server's own, whoever has checked in.
func TestWipeByPolicy(t *testing.T) {
	w, ctx, c := accounts(t)
	w.store.twice = true
	got, err := w.WipeByPolicy(ctx, c.Device, c.Epoch, "rooted:\nthe phone says so")
	if err != nil {
		t.Fatal(err)
	}
	want := Order{
		ID: got.ID, Device: "account-one", Epoch: 3, Sequence: 1, Scope: apps(t, "com.a"), State: Pending,
		Reason: "rooted: the phone says so", CreatedBy: "server", CreatedAt: monday, NotAfter: monday.Add(DefaultLifetime), ChangedAt: monday,
		Source: ByPolicy, Ownership: device.Personal, App: "com.a", Version: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if w.rings["account-one"] != 1 || len(w.store.requests) != 0 {
		t.Errorf("rang %v, requests %v", w.rings, w.store.requests)
	}
	entry := audit.Server("wipe.order", "registration/account-one", "order "+string(got.ID)+" for epoch 3 (app data of com.a): rooted: the phone says so")
	if diff := cmp.Diff([]audit.Entry{entry}, w.store.entries); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	// Charged to nobody, and counted for the breaker.
	if diff := cmp.Diff(Spent{Breaker: 1}, w.store.spent(Matter{Now: w.now, Person: "alice"})); diff != "" {
		t.Errorf("spent (-want +got):\n%s", diff)
	}
	again, err := w.WipeByPolicy(ctx, c.Device, c.Epoch, "rooted still")
	if again.ID != got.ID || err != nil || len(w.store.orders) != 1 {
		t.Errorf("once more: got %s, error %v, %d orders", again.ID, err, len(w.store.orders))
	}
	for _, k := range []EventKind{Acknowledge, Finish} {
		if _, err := w.Report(ctx, c, got.ID, eventOf(got, k)); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.ended) != 1 {
		t.Errorf("ended %v", w.ended)
	}
	if _, err := w.WipeByPolicy(ctx, c.Device, c.Epoch, "rooted"); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("of what has ended: error %v, want %v", err, ErrNotEnrolled)
	}
}

func TestWipeByPolicyRefuses(t *testing.T) {
	w, ctx, _ := accounts(t)
	company := factsOf(device.Company, device.Dedicated)
	company.ID = "kiosk-one"
	left := account("com.a")
	left.ID, left.Enrolled = "account-two", false
	w.facts[company.ID], w.facts[left.ID] = company, left
	tests := map[string]struct {
		id    device.ID
		epoch device.Epoch
		want  error
	}{
		"a device":           {"device-one", 3, ErrScopeNotForMode},
		"a company's device": {"kiosk-one", 3, ErrScopeNotForMode},
		"an older epoch":     {"account-one", 2, ErrEpochMoved},
		"a newer epoch":      {"account-one", 4, ErrEpochMoved},
		"one that has ended": {"account-two", 3, ErrNotEnrolled},
	}
	for name, tt := range tests {
		if o, err := w.WipeByPolicy(ctx, tt.id, tt.epoch, "rooted"); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %+v, error %v, want %v", name, o, err, tt.want)
		}
	}
	if _, err := w.WipeByPolicy(ctx, "account-none", 1, "rooted"); err == nil || fault.KindOf(err) != fault.NotFound {
		t.Errorf("one there is not: error %v", err)
	}
	w.opens()
	if _, err := w.WipeByPolicy(ctx, "account-one", 3, "rooted"); !errors.Is(err, ErrBreakerOpen) {
		t.Errorf("under an open breaker: error %v, want %v", err, ErrBreakerOpen)
	}
	if len(w.store.orders) != 0 || w.store.writes != 0 {
		t.Errorf("refusals left a trace: %v", w.store.orders)
	}
}

// TestWipeByPolicyAtOnce: of two check-ins at once, and of an administrator and a
// verdict, one makes the order and the other is given it; the breaker may open
// between look and decision.
func TestWipeByPolicyAtOnce(t *testing.T) {
	w, ctx, _ := accounts(t)
	var first Order
	w.store.before = func() { first = w.order(t, apps(t, "com.a"), "account-one") }
	got, err := w.WipeByPolicy(ctx, "account-one", 3, "rooted")
	if err != nil || got.ID != first.ID || got.Source != ByAdministrator || len(w.store.orders) != 1 {
		t.Errorf("got %+v, error %v", got, err)
	}
	w, ctx, _ = accounts(t)
	w.store.before = w.opens
	if _, err := w.WipeByPolicy(ctx, "account-one", 3, "rooted"); !errors.Is(err, ErrBreakerOpen) || len(w.store.orders) != 0 {
		t.Errorf("the breaker opened meanwhile: error %v", err)
	}
}

// TestWipeByPolicyWaits: after an order that ended without an act, whoever gave it,
// none is made for a day.
func TestWipeByPolicyWaits(t *testing.T) {
	ends := map[string]func(*world, Order) error{
		"failed": func(w *world, o Order) error { _, err := w.sayAs(t, o.ID, Fail); return err },
		"cancelled": func(w *world, o Order) error {
			_, err := w.Cancel(alice(t), o.ID, "the policy was wrong")
			return err
		},
		"expired": func(w *world, o Order) error {
			w.now = o.NotAfter.Add(time.Microsecond)
			_, err := w.Sweep(t.Context())
			return err
		},
		"out of time, and not swept": func(w *world, o Order) error {
			w.now = o.NotAfter
			return nil
		},
	}
	for name, end := range ends {
		w, ctx, _ := accounts(t)
		first, err := w.WipeByPolicy(ctx, "account-one", 3, "rooted")
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Hour)
		if err := end(w, first); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ended := w.now
		w.now = ended.Add(tryAgain - time.Microsecond)
		if got, err := w.WipeByPolicy(ctx, "account-one", 3, "rooted"); err != nil || got.ID != first.ID {
			t.Errorf("%s, within a day: got %s, error %v, want %s", name, got.ID, err, first.ID)
		}
		w.now = ended.Add(tryAgain)
		if got, err := w.WipeByPolicy(ctx, "account-one", 3, "rooted"); err != nil || got.ID == first.ID || got.State != Pending {
			t.Errorf("%s, a day later: got %s %s, error %v", name, got.ID, got.State, err)
		}
	}
	// Another epoch is another account.
	w, ctx, _ := accounts(t)
	first, _ := w.WipeByPolicy(ctx, "account-one", 3, "rooted")
	if _, err := w.sayAs(t, first.ID, Fail); err != nil {
		t.Fatal(err)
	}
	w.rejoin("account-one")
	if got, err := w.WipeByPolicy(ctx, "account-one", 4, "rooted"); err != nil || got.Epoch != 4 {
		t.Errorf("registered anew: got %+v, error %v", got, err)
	}
}

// TestWipeByPolicyOpensTheBreaker: the one that is too many is kept, and paused.
func TestWipeByPolicyOpensTheBreaker(t *testing.T) {
	w, ctx, c := accounts(t)
	w.fleet, w.counted, w.store.limits.BreakerFloor = 19, true, 0
	o, err := w.WipeByPolicy(ctx, "account-one", 3, "rooted")
	if err != nil || !w.store.breaker.Open() || !o.held(w.store.breaker, w.now) {
		t.Fatalf("got %+v, error %v, breaker %+v", o, err, w.store.breaker)
	}
	if given, err := w.Fetch(ctx, c); len(given) != 0 || err != nil {
		t.Errorf("it was given: %v, error %v", given, err)
	}
	if again, err := w.WipeByPolicy(ctx, "account-one", 3, "rooted"); err != nil || again.ID != o.ID {
		t.Errorf("once more: got %s, error %v", again.ID, err)
	}
	if e := w.store.entries[0]; e.Action != "wipe.breaker" || e.Actor != "server" {
		t.Errorf("got entry %+v", e)
	}
}

// TestWipeByPolicyIsInItsWords: whatever a verdict says is one bounded line.
func TestWipeByPolicyIsInItsWords(t *testing.T) {
	for words, want := range map[string]string{"": "no reason given", strings.Repeat("ü ", 300): strings.TrimSpace(strings.Repeat("ü ", 100))} {
		w, ctx, _ := accounts(t)
		if o, err := w.WipeByPolicy(ctx, "account-one", 3, words); err != nil || strings.TrimSpace(o.Reason) != want {
			t.Errorf("got %q, error %v", o.Reason, err)
		}
	}
}

// TestPolicyOrdersAreOfNobody: only a role that may stop orders cancels one.
func TestPolicyOrdersAreOfNobody(t *testing.T) {
	w, ctx, _ := accounts(t)
	o, err := w.WipeByPolicy(ctx, "account-one", 3, "rooted")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Cancel(as(t, administrator("helen", identity.HelpDesk)), o.ID, "no"); !errors.Is(err, ErrRoleMayNot) {
		t.Errorf("a help desk: error %v, want %v", err, ErrRoleMayNot)
	}
	if got, err := w.Cancel(bob(t), o.ID, "the policy was wrong"); err != nil || got.State != Cancelled {
		t.Errorf("an approver: got %s, error %v", got.State, err)
	}
}
