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

// kiosk and family are devices of the company, without and with a personal side.
const (
	kiosk  = device.ID("device-kiosk")
	family = device.ID("device-family")
)

func newStore() *world {
	w := newWorld()
	for id, m := range map[device.ID]device.Mode{kiosk: device.Dedicated, family: device.WorkProfile} {
		f := factsOf(device.Company, m)
		f.ID = id
		w.facts[id] = f
	}
	return w
}

func wholeAsk(id device.ID) WholeAsk {
	return WholeAsk{Key: "key-" + string(id), Device: id, Reason: "stolen"}
}

// TestAskWholeFinds: only a device of the company is there to be asked for, and a
// personal side that goes must be known of. Of the others nothing is told but
// that they are not there.
func TestAskWholeFinds(t *testing.T) {
	w := newStore()
	elsewhere := administrator("carol", identity.Operator)
	elsewhere.Groups = []string{"elsewhere"}
	known := wholeAsk(family)
	known.PersonalSide = true
	unneeded := wholeAsk(kiosk)
	unneeded.Key, unneeded.PersonalSide = "key-unneeded", true
	contradictory := factsOf(device.Personal, device.Dedicated)
	contradictory.ID = "device-odd"
	w.facts["device-odd"] = contradictory
	for name, tt := range map[string]struct {
		ctx    context.Context
		ask    WholeAsk
		reason string
	}{
		"a personal device":                 {alice(t), wholeAsk("device-one"), "DEVICE_UNKNOWN"},
		"a personal device, fully managed":  {alice(t), wholeAsk("device-odd"), "DEVICE_UNKNOWN"},
		"no device":                         {alice(t), wholeAsk("device-none"), "DEVICE_UNKNOWN"},
		"a device of another group":         {as(t, elsewhere), wholeAsk(kiosk), "DEVICE_UNKNOWN"},
		"a personal side nobody thought of": {alice(t), wholeAsk(family), "PERSONAL_SIDE_WOULD_GO"},
		"the help desk":                     {as(t, administrator("dora", identity.HelpDesk)), wholeAsk(kiosk), "ROLE_MAY_NOT"},
		"an approver":                       {bob(t), wholeAsk(kiosk), "ROLE_MAY_NOT"},
	} {
		_, err := w.AskWhole(tt.ctx, tt.ask)
		if err == nil || fault.ReasonOf(err) != tt.reason {
			t.Errorf("%s: got error %v, want %s", name, err, tt.reason)
		}
	}
	if _, err := w.AskWhole(as(t, callerOf(w.facts[kiosk])), wholeAsk(kiosk)); err == nil || fault.KindOf(err) != fault.Denied {
		t.Errorf("a device asks: got error %v", err)
	}
	if len(w.store.requests) != 0 {
		t.Fatalf("%d requests came of what was refused", len(w.store.requests))
	}
	for _, ask := range []WholeAsk{known, unneeded} {
		r, err := w.AskWhole(alice(t), ask)
		if err != nil || r.State != Waiting || r.Scope.Kind() != WholeDevice || len(r.Needs) == 0 || r.Scope.PersonalSide() != (ask.Device == family) {
			t.Errorf("%s: got %+v, error %v; want it waiting", ask.Device, r, err)
		}
	}
	if len(w.store.orders) != 0 {
		t.Errorf("%d orders before anybody approved", len(w.store.orders))
	}
}

// TestAskWholeRefuses: what can never be right, and what is not so now.
func TestAskWholeRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(*world, *WholeAsk)
		kind  fault.Kind
		want  error
	}{
		"no key":         {func(_ *world, a *WholeAsk) { a.Key = "" }, fault.Invalid, nil},
		"no reason":      {func(_ *world, a *WholeAsk) { a.Reason = " " }, fault.Invalid, nil},
		"a bad lifetime": {func(_ *world, a *WholeAsk) { a.Lifetime = time.Second }, fault.Invalid, nil},
		"another epoch":  {func(_ *world, a *WholeAsk) { a.Epoch = 99 }, fault.Conflict, ErrEpochMoved},
		"it has left": {func(w *world, _ *WholeAsk) {
			f := w.facts[kiosk]
			f.Enrolled = false
			w.facts[kiosk] = f
		}, fault.Refused, ErrNotEnrolled},
		"the breaker is open": {func(w *world, _ *WholeAsk) { w.store.breaker.Since = monday }, fault.Refused, ErrBreakerOpen},
	} {
		w, a := newStore(), wholeAsk(kiosk)
		tt.spoil(w, &a)
		_, err := w.AskWhole(alice(t), a)
		if err == nil || fault.KindOf(err) != tt.kind || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: got error %v, want %v %v", name, err, tt.kind, tt.want)
		}
	}
}

// TestAskWholeTwice: the same again is the same request, whatever has become of
// the device; anything else under that key is refused.
func TestAskWholeTwice(t *testing.T) {
	w := newStore()
	ask := wholeAsk(family)
	ask.PersonalSide = true
	first, err := w.AskWhole(alice(t), ask)
	if err != nil {
		t.Fatal(err)
	}
	delete(w.facts, family)
	for name, epoch := range map[string]device.Epoch{"again": 0, "again, of the epoch it was for": first.Devices[0].Epoch} {
		same := ask
		same.Epoch = epoch
		if got, err := w.AskWhole(alice(t), same); err != nil || got.ID != first.ID {
			t.Errorf("%s: got %s, error %v; want %s", name, got.ID, err, first.ID)
		}
	}
	for name, spoil := range map[string]func(*WholeAsk){
		"another device":   func(a *WholeAsk) { a.Device = kiosk },
		"another reason":   func(a *WholeAsk) { a.Reason = "sold" },
		"another epoch":    func(a *WholeAsk) { a.Epoch = 99 },
		"another lifetime": func(a *WholeAsk) { a.Lifetime = time.Hour },
		"no personal side": func(a *WholeAsk) { a.PersonalSide = false },
	} {
		other := ask
		spoil(&other)
		if _, err := w.AskWhole(alice(t), other); !errors.Is(err, ErrKeyReused) {
			t.Errorf("%s: got error %v, want %v", name, err, ErrKeyReused)
		}
	}
	profile, _, err := w.Ask(alice(t), Ask{
		Key: "key-profile", Target: Target{Devices: []device.ID{"device-one"}}, Scope: OfWorkProfile(), Reason: "stolen",
	})
	if err != nil {
		t.Fatal(err)
	}
	reused := wholeAsk(profile.Devices[0].Device)
	reused.Key = "key-profile"
	if _, err := w.AskWhole(alice(t), reused); !errors.Is(err, ErrKeyReused) {
		t.Errorf("the key of a work profile: got error %v, want %v", err, ErrKeyReused)
	}
}

// TestWholeIsBoundToItsEnrolment: approved after the device has enrolled in
// another mode, it is void.
func TestWholeIsBoundToItsEnrolment(t *testing.T) {
	w := newStore()
	r, err := w.AskWhole(alice(t), wholeAsk(kiosk))
	if err != nil {
		t.Fatal(err)
	}
	f := w.facts[kiosk]
	f.Epoch++
	f.Mode = device.WorkProfile
	w.facts[kiosk] = f
	if _, _, err := w.Approve(bob(t), r.ID, ""); !errors.Is(err, ErrPlanChanged) {
		t.Errorf("got error %v, want %v", err, ErrPlanChanged)
	}
	if orders := w.store.find(func(Order) bool { return true }); slices.ContainsFunc(orders, func(o Order) bool { return o.Device == kiosk }) {
		t.Errorf("orders %v", orders)
	}
}

// TestPlanWhole: the plan of a device of the company says all that goes, a personal
// side above all; the order refers to it, and is refused once it is another. For a
// device of a person there is none to make.
func TestPlanWhole(t *testing.T) {
	w := newWorld()
	company := w.enrol(1, factsOf(device.Company, device.WorkProfile))[0]
	w.apps = map[device.ID][]App{company: {{Package: "com.a", Changes: 3}}}
	p, err := w.PlanWhole(alice(t), company)
	if err != nil || len(p.Included()) != 1 || !p.Scope.PersonalSide() || p.Devices[0].Unsynced == nil {
		t.Fatalf("got %+v, error %v", p, err)
	}
	if got := strings.Join(p.Devices[0].Outlook.Removes, " "); !strings.Contains(got, "PERSONAL SIDE") {
		t.Errorf("it removes %q", got)
	}
	if diff := cmp.Diff([]string{"a second person: a wipe of a whole device"}, p.Needs); diff != "" {
		t.Errorf("it needs (-want +got):\n%s", diff)
	}
	ask := WholeAsk{Key: "whole-plan-1", Device: company, Reason: "stolen", PersonalSide: true, Plan: digestOf("another")}
	if _, err := w.AskWhole(alice(t), ask); !errors.Is(err, ErrPlanChanged) {
		t.Errorf("another plan: error %v, want %v", err, ErrPlanChanged)
	}
	ask.Plan = p.Digest
	if r, err := w.AskWhole(alice(t), ask); err != nil || r.State != Waiting || r.Plan != p.Digest {
		t.Errorf("that plan: %+v, error %v", r, err)
	}
	personal := w.enrol(1, factsOf(device.Personal, device.WorkProfile))[0]
	for _, id := range []device.ID{personal, "device-nobody"} {
		if _, err := w.PlanWhole(alice(t), id); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: error %v, want not found", id, err)
		}
	}
}
