package wipe

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// account is a registration of an app.
func account(app string) Facts {
	f := factsOf(device.Personal, device.AppAccount)
	f.ID, f.App, f.User = "account-one", app, "pat"
	return f
}

// accounts gives a world with one registration of com.a, and its app as it speaks.
func accounts(t *testing.T) (*world, context.Context, identity.Caller) {
	t.Helper()
	w := newWorld()
	f := account("com.a")
	w.facts[f.ID] = f
	return w, as(t, callerOf(f)), callerOf(f)
}

// TestPlanAccount: of a work account in an app there is the data of that app, and
// nothing wider, narrower or beside it.
func TestPlanAccount(t *testing.T) {
	a, b, ab := apps(t, "com.a"), apps(t, "com.b"), apps(t, "com.a", "com.b")
	tests := []struct {
		name   string
		scope  Scope
		person bool // everything of one person
		goes   Scope
		want   error
	}{
		{"its own app", a, false, a, nil},
		{"another app", b, false, Scope{}, ErrOtherApp},
		{"its own and another", ab, false, Scope{}, ErrOtherApp},
		{"a lock", OfLock(), false, Scope{}, ErrScopeNotForMode},
		{"a work profile", OfWorkProfile(), false, Scope{}, ErrScopeNotForMode},
		{"relinquish", OfRelinquish(), false, Scope{}, ErrScopeNotForMode},
		{"a whole device", Scope{kind: WholeDevice}, false, Scope{}, ErrScopeNotForMode},
		{"a whole device with a personal side", Scope{kind: WholeDevice, personal: true}, false, Scope{}, ErrScopeNotForMode},
		{"everything of one person", OfWorkProfile(), true, a, nil},
	}
	for _, tt := range tests {
		tm := terms(tt.scope)
		tm.Person = tt.person
		o, err := Plan(account("com.a"), tm, monday)
		if !errors.Is(err, tt.want) || !o.Scope.Equal(tt.goes) {
			t.Errorf("%s: got %q, error %v; want %q, error %v", tt.name, o.Scope, err, tt.goes, tt.want)
		}
		if err == nil && (o.App != "com.a" || o.Group != "" || o.Ownership != device.Personal || o.Scope.EndsEnrollment()) {
			t.Errorf("%s: got order %+v", tt.name, o)
		}
	}
	if o, err := Plan(factsOf(device.Personal, device.WorkProfile), Terms{Scope: OfWorkProfile(), Person: true, Lifetime: time.Hour}, monday); err != nil || !o.Scope.Equal(OfWorkProfile()) || o.App != "" {
		t.Errorf("a phone of that person: got %+v, error %v", o, err)
	}
}

// TestContradictions: a record that no registration and no device can have is
// judged by nobody.
func TestContradictions(t *testing.T) {
	tests := map[string]func(*Facts){
		"of the company":       func(f *Facts) { f.Ownership = device.Company },
		"of no app":            func(f *Facts) { f.App = "" },
		"of no package":        func(f *Facts) { f.App = "../../0" },
		"in a group":           func(f *Facts) { f.Group = "sales" },
		"a device with an app": func(f *Facts) { f.Mode = device.WorkProfile },
	}
	for name, spoil := range tests {
		f := account("com.a")
		spoil(&f)
		if o, err := Plan(f, terms(apps(t, "com.a")), monday); err == nil || fault.KindOf(err) != fault.Internal {
			t.Errorf("%s: got %+v, error %v", name, o, err)
		}
	}
}

func TestForeseeAccount(t *testing.T) {
	o := Foresee(account("com.a"), apps(t, "com.a"))
	want := Outlook{
		EndsEnrollment: true,
		Removes:        []string{"the work account's data in com.a", "the registration (epoch 3): its certificates stop working"},
		Keeps: []string{
			"the app itself, ready to be signed in to again", "personal accounts in it, and all of their data", "everything else on the phone",
		},
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("outlook (-want +got):\n%s", diff)
	}
}

// TestAccountFromOrderToEnd: the app gets the order, signs the receipt with its own
// key and commits itself to nothing before; done ends the registration.
func TestAccountFromOrderToEnd(t *testing.T) {
	w, ctx, c := accounts(t)
	o := w.order(t, apps(t, "com.a"), "account-one")
	if o.App != "com.a" || w.rings["account-one"] != 1 {
		t.Errorf("got %+v, rang %v", o, w.rings)
	}
	given, err := w.Fetch(ctx, c)
	if err != nil || len(given) != 1 || given[0].Order.ID != o.ID || given[0].Order.State != Delivered {
		t.Fatalf("fetched %v, error %v", given, err)
	}
	if _, err := w.Report(ctx, c, o.ID, committed(o)); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("a commitment: error %v", err)
	}
	if _, err := w.Report(ctx, c, o.ID, promise(o)); err != nil {
		t.Fatal(err)
	}
	done, err := w.Report(ctx, c, o.ID, receipted(o, Receipt{FinishedAt: monday, Packages: []string{"com.a"}, Files: 2, Keys: 1}))
	if err != nil || done.State != Done || done.Confirmation() != Confirmed {
		t.Fatalf("got %+v, error %v", done, err)
	}
	if diff := cmp.Diff([]string{"account-one/3: work account wiped by order " + string(o.ID)}, w.ended); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
	if got, _ := w.store.Order(ctx, o.ID); !got.settled() {
		t.Errorf("it is not settled: %+v", got)
	}
	for _, e := range w.store.entries {
		if strings.HasPrefix(e.Target, "device/") {
			t.Errorf("%s is on record for %s", e.Action, e.Target)
		}
	}
	last := w.store.entries[len(w.store.entries)-1]
	if last.Action != "wipe.settle" || last.Target != "registration/account-one" || last.Actor != "app:account-one" || !strings.Contains(last.Detail, "the registration it was to end has ended") {
		t.Errorf("got entry %+v", last)
	}
	w.shows(alice(t), t, o.ID, false, true)
}

// committed is what nobody asks an app for.
func committed(o Order) Event {
	profile := o
	profile.Scope = OfWorkProfile()
	e := promise(profile)
	e.Statement.Scope = o.Scope
	return e
}

// TestAccountIsEndedLater: what could not end the registration is not settled, and
// the sweep ends it; nothing new is ordered meanwhile.
func TestAccountIsEndedLater(t *testing.T) {
	w, ctx, c := accounts(t)
	o := w.order(t, apps(t, "com.a"), "account-one")
	if _, err := w.Report(ctx, c, o.ID, promise(o)); err != nil {
		t.Fatal(err)
	}
	w.fail = errBroken
	if _, err := w.Report(ctx, c, o.ID, eventOf(o, Finish)); !errors.Is(err, errBroken) {
		t.Errorf("got error %v, want %v", err, errBroken)
	}
	waits, err := w.Waiting(ctx, "account-one", 3)
	if got, _ := w.store.Order(ctx, o.ID); got.State != Done || got.settled() || !waits || err != nil {
		t.Errorf("got %+v, waits %t, error %v", got, waits, err)
	}
	a := ask(apps(t, "com.a"))
	a.Key, a.Target.Devices = "key-0099", []device.ID{"account-one"}
	if _, _, err := w.Ask(alice(t), a); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("another order: error %v, want %v", err, ErrNotEnrolled)
	}
	if got, err := w.WipeByPolicy(ctx, "account-one", 3, "rooted"); err != nil || got.ID != o.ID {
		t.Errorf("a verdict: got %s, error %v", got.ID, err)
	}
	w.fail = nil
	swept, err := w.Sweep(t.Context())
	if got, _ := w.store.Order(ctx, o.ID); swept.Ended != 1 || err != nil || !got.settled() || len(w.ended) != 1 {
		t.Errorf("swept %+v, error %v, ended %v", swept, err, w.ended)
	}
}

// TestAccountEndsFirst: the words say what ended.
func TestAccountEndsFirst(t *testing.T) {
	for kinds, want := range map[string]string{"": "the registration ended", "acknowledged": "acknowledged, then the registration ended: not confirmed"} {
		w, ctx, c := accounts(t)
		o := w.order(t, apps(t, "com.a"), "account-one")
		if kinds != "" {
			if _, err := w.Report(ctx, c, o.ID, promise(o)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.EnrollmentEnded(t.Context(), "account-one", 3, "signed out"); err != nil {
			t.Fatal(err)
		}
		if got, _ := w.store.Order(ctx, o.ID); got.State != Expired || got.Outcome != want || !got.settled() {
			t.Errorf("got %s, %q, want %q", got.State, got.Outcome, want)
		}
	}
}

// TestAccountOrdersAreForTheirApp: not for a device, nor for another app, whoever
// has the id; and what devices have, an app has not.
func TestAccountOrdersAreForTheirApp(t *testing.T) {
	w, ctx, c := accounts(t)
	o := w.order(t, apps(t, "com.a"), "account-one")
	other, phone, later := c, c, c
	other.Package = "com.b"
	phone.Kind, phone.Package = identity.Device, ""
	later.Epoch = 4
	for name, stranger := range map[string]identity.Caller{"another app": other, "a device": phone, "another epoch": later} {
		given, err := w.Fetch(ctx, stranger)
		if len(given) != 0 || err != nil {
			t.Errorf("%s was given %v, error %v", name, given, err)
		}
		if _, err := w.Report(ctx, stranger, o.ID, promise(o)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: error %v, want %v", name, err, ErrUnknown)
		}
	}
	theirs := w.order(t, apps(t, "com.a"))
	nameless, named := c, callerOf(w.facts["device-one"])
	nameless.Package, named.Package = "", "com.a"
	for name, odd := range map[string]identity.Caller{"an app without a name": nameless, "a device with an app's": named} {
		if given, err := w.Fetch(ctx, odd); fault.KindOf(err) != fault.Denied || err == nil {
			t.Errorf("%s: fetched %v, error %v", name, given, err)
		}
		if _, err := w.Report(ctx, odd, o.ID, promise(o)); fault.KindOf(err) != fault.Denied || err == nil {
			t.Errorf("%s: error %v", name, err)
		}
	}
	app := callerOf(w.facts["device-one"])
	app.Kind, app.Package = identity.App, "com.a"
	if given, err := w.Fetch(ctx, app); len(given) != 0 || err != nil {
		t.Errorf("an app was given a device's order: %v, error %v", given, err)
	}
	if _, err := w.Report(ctx, app, theirs.ID, promise(theirs)); !errors.Is(err, ErrUnknown) {
		t.Errorf("an app, of a device's order: error %v", err)
	}
	if _, err := w.FetchWhole(ctx, c); fault.KindOf(err) != fault.Denied || err == nil {
		t.Errorf("a whole device: error %v", err)
	}
	w.store.leases = []GroupLease{{Lease: Lease{Number: 4, Lock: 7 * dayLong, Wipe: 30 * dayLong}}}
	if _, err := w.FetchLease(ctx, c, 4); fault.KindOf(err) != fault.Denied || err == nil {
		t.Errorf("a lease: error %v", err)
	}
	if s, err := w.LeaseStatus(alice(t), "account-one"); err != nil || s.Standing != NoLease || !s.LocksAt.IsZero() {
		t.Errorf("the lease of a registration: %+v, error %v", s, err)
	}
}

// TestAccountsOfOneApp: a request that names registrations fits those of the app
// that it names, and devices too.
func TestAccountsOfOneApp(t *testing.T) {
	w := newWorld()
	ids := slices.Concat(w.enrol(2, account("com.a")), w.enrol(1, account("com.b")), []device.ID{"device-one"})
	a := w.wide(alice(t), t, apps(t, "com.a"), Target{Devices: ids})
	p, err := w.Plan(alice(t), a)
	if err != nil {
		t.Fatal(err)
	}
	goes := map[string]int{}
	for _, d := range p.Devices {
		if d.Excluded == nil {
			goes[d.Outlook.Removes[0]]++
		} else if !errors.Is(d.Excluded, ErrOtherApp) || d.Facts.App != "com.b" {
			t.Errorf("%s is left out: %v", d.Facts.ID, d.Excluded)
		}
	}
	if diff := cmp.Diff(map[string]int{"the work account's data in com.a": 2, "the work data of com.a": 1}, goes); diff != "" {
		t.Errorf("what goes (-want +got):\n%s", diff)
	}
	if _, orders := w.asked(alice(t), t, a); len(orders) != 3 {
		t.Errorf("%d orders", len(orders))
	}
}

// TestAccountsAreInNoGroup: who is bound to groups neither sees them nor orders
// anything, and a group's wipe leaves them alone.
func TestAccountsAreInNoGroup(t *testing.T) {
	w, _, _ := accounts(t)
	o := w.order(t, apps(t, "com.a"), "account-one")
	bound := administrator("carol", identity.Owner)
	bound.Groups = []string{"sales"}
	if _, err := w.Get(as(t, bound), o.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("get: error %v", err)
	}
	if _, err := w.GetRequest(as(t, bound), o.Request); !errors.Is(err, ErrNoRequest) {
		t.Errorf("get request: error %v", err)
	}
	a := ask(apps(t, "com.a"))
	a.Key, a.Target.Devices = "key-0099", []device.ID{"account-one"}
	if _, _, err := w.Ask(as(t, bound), a); reason(err) != "DEVICE_UNKNOWN" {
		t.Errorf("ask: error %v", err)
	}
	if page, _, err := w.List(as(t, bound), Query{Limit: 9}); len(page) != 0 || err != nil {
		t.Errorf("list: %v, error %v", page, err)
	}
}

// TestUserWipeTakesAccounts: everything of one person is their phones' work
// profiles and their work accounts in apps, also those that come later.
func TestUserWipeTakesAccounts(t *testing.T) {
	w := newWorld()
	w.store.twice = true
	ids := w.enrol(2, account("com.a"))
	others := account("com.a")
	others.User = "sam"
	w.enrol(1, others)
	r := w.person(t, 1)
	if r.State != Executed || len(r.Devices) != 3 || !r.Scope.Equal(OfWorkProfile()) {
		t.Fatalf("got %+v", r)
	}
	scopes := func() (all []string) {
		for _, o := range w.of(r, "") {
			all = append(all, o.App+": "+o.Scope.String())
		}
		slices.Sort(all)
		return all
	}
	if diff := cmp.Diff([]string{": work profile", "com.a: app data of com.a", "com.a: app data of com.a"}, scopes()); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	w.enrol(1, account("com.b"))
	w.rejoin(ids[0])
	if got := w.sweeps(t); got != 2 {
		t.Errorf("one that is new, and one that registered anew: %d orders more, want 2", got)
	}
	if got := w.sweeps(t); got != 0 {
		t.Errorf("once more: %d orders more", got)
	}
	if got := scopes(); !slices.Contains(got, "com.b: app data of com.b") || len(got) != 5 {
		t.Errorf("orders %q", got)
	}
	// What is no standing wipe of a person does not take them for work profiles.
	p, err := w.Plan(alice(t), Ask{Target: Target{User: "sam"}, Scope: OfWorkProfile()})
	if err != nil || len(p.Included()) != 0 || !errors.Is(p.Devices[0].Excluded, ErrScopeNotForMode) {
		t.Errorf("a plan for work profiles: %+v, error %v", p, err)
	}
}
