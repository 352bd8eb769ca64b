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

// TestPlanDigest: it changes with what decides what is lost, and by whom, and with
// nothing else.
func TestPlanDigest(t *testing.T) {
	change := func(of func(*Facts)) func(*world, *Ask) {
		return func(w *world, _ *Ask) {
			f := w.facts["device-0002"]
			of(&f)
			w.facts[f.ID] = f
		}
	}
	tests := map[string]struct {
		change func(*world, *Ask)
		same   bool
	}{
		"nothing":          {func(*world, *Ask) {}, true},
		"the last contact": {change(func(f *Facts) { f.LastContact = monday.Add(-time.Hour) }), true},
		"unsynced changes": {func(w *world, _ *Ask) { w.apps = map[device.ID][]App{"device-0002": {{"com.a", 3}}} }, true},
		"the time":         {func(w *world, _ *Ask) { w.now = w.now.Add(time.Hour) }, true},
		"the order of the ids": {func(_ *world, a *Ask) {
			slices.Reverse(a.Target.Devices)
		}, true},
		"the reason":    {func(_ *world, a *Ask) { a.Reason = "other" }, true},
		"the epoch":     {change(func(f *Facts) { f.Epoch++ }), false},
		"the owner":     {change(func(f *Facts) { f.Ownership = device.Personal }), false},
		"the mode":      {change(func(f *Facts) { f.Mode = device.Dedicated }), false},
		"the group":     {change(func(f *Facts) { f.Group = "hr" }), false},
		"the person":    {change(func(f *Facts) { f.User = "sam" }), false},
		"it has left":   {change(func(f *Facts) { f.Enrolled = false }), false},
		"another scope": {func(_ *world, a *Ask) { a.Scope = apps(t, "com.b") }, false},
		"another kind":  {func(_ *world, a *Ask) { a.Scope = OfLock() }, false},
		"an order under way": {func(w *world, a *Ask) {
			w.order(t, a.Scope, "device-0002")
		}, false},
		"one device less": {func(_ *world, a *Ask) { a.Target.Devices = a.Target.Devices[1:] }, false},
	}
	for name, tt := range tests {
		w := newWorld()
		f := factsOf(device.Company, device.WorkProfile)
		f.Group, f.User = "sales", "pat"
		a := ask(apps(t, "com.a"))
		a.Key, a.Target.Devices = "key-digest", w.enrol(3, f)
		before, err := w.Plan(alice(t), a)
		if err != nil {
			t.Fatal(err)
		}
		tt.change(w, &a)
		after, err := w.Plan(alice(t), a)
		if err != nil || (before.Digest == after.Digest) != tt.same || !planPattern.MatchString(after.Digest) {
			t.Errorf("%s: the digest stays = %t, error %v", name, before.Digest == after.Digest, err)
		}
		a.Plan = before.Digest
		if _, _, err := w.Ask(alice(t), a); errors.Is(err, ErrPlanChanged) == tt.same {
			t.Errorf("%s: asking with the plan from before: error %v", name, err)
		}
	}
}

// TestPlanDigestIsUnambiguous: what stands in one field cannot be taken for what
// stands in another.
func TestPlanDigestIsUnambiguous(t *testing.T) {
	of := func(f ...Facts) string {
		var p []Planned
		for _, f := range f {
			p = append(p, Planned{Facts: f})
		}
		return planDigest(OfLock(), p)
	}
	seen := map[string]string{}
	for name, d := range map[string]string{
		"none": of(), "group": of(Facts{Group: "a b"}), "split": of(Facts{Group: "a", User: "b"}), "quotes": of(Facts{Group: `a" "b`}),
		"user": of(Facts{User: "a b"}), "lines": of(Facts{User: "a\n"}), "two": of(Facts{User: "a"}, Facts{}), "one": of(Facts{User: "a"}),
	} {
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
}

// TestPlanShows: device by device, what each would lose, and why one is left out.
func TestPlanShows(t *testing.T) {
	w := newWorld()
	w.apps = map[device.ID][]App{"device-0002": {{"com.example.mail", 3}}}
	f := factsOf(device.Company, device.WorkProfile)
	f.LastContact = monday
	ids := w.enrol(2, f)
	bare := w.enrol(1, factsOf(device.Company, device.Dedicated))[0]
	gone := w.enrol(1, f)[0]
	g := w.facts[gone]
	g.Enrolled = false
	w.facts[gone] = g
	a := ask(OfWorkProfile())
	a.Target.Devices = []device.ID{gone, bare, ids[1], ids[0]}
	p, err := w.Plan(alice(t), a)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range p.Devices {
		line := fmt.Sprintf("%s %s %v", d.Facts.ID, d.Facts.Mode, d.Unsynced)
		if d.Excluded != nil {
			line += " " + fault.ReasonOf(d.Excluded)
		}
		if !d.Outlook.EndsEnrollment || d.Facts.ID == ids[0] && !d.Facts.LastContact.Equal(monday) {
			t.Errorf("got %+v", d)
		}
		got = append(got, line)
	}
	want := []string{
		"device-0001 work-profile []", "device-0002 work-profile [{com.example.mail 3}]",
		"device-0003 dedicated [] MODE_HAS_NO_WORK_PROFILE", "device-0004 work-profile [] NOT_ENROLLED",
	}
	if diff := cmp.Diff(want, got); diff != "" || len(p.Included()) != 2 {
		t.Errorf("%d included (-want +got):\n%s", len(p.Included()), diff)
	}
	if diff := cmp.Diff([]string{"a cooling-off of 10m0s, in which it can be stopped"}, p.Needs); diff != "" {
		t.Errorf("needs (-want +got):\n%s", diff)
	}
	a.Plan = p.Digest
	r, orders := w.asked(alice(t), t, a)
	if len(orders) != 2 || len(r.Devices) != 2 {
		t.Errorf("%d orders of %d devices", len(orders), len(r.Devices))
	}
}

// TestPlanSaysWhatIsNeeded: a second person, or that it would be refused.
func TestPlanSaysWhatIsNeeded(t *testing.T) {
	w := newWorld()
	ids := w.enrol(11, factsOf(device.Personal, device.WorkProfile))
	tests := map[string]struct {
		c    identity.Caller
		n    int
		open bool
		want []string // the beginnings of the lines
	}{
		"nothing":         {administrator("alice", identity.Owner), 1, false, nil},
		"a second person": {administrator("alice", identity.Owner), 6, false, []string{"a second person: a wipe of the work profile on 6 devices", "a cooling-off"}},
		"a budget":        {administrator("alice", identity.Owner), 11, false, []string{"the person budget allows 10"}},
		"a role":          {administrator("vera", identity.Viewer), 1, false, []string{"role viewer"}},
		"the breaker":     {administrator("alice", identity.Owner), 1, true, []string{"too much of the fleet"}},
	}
	for name, tt := range tests {
		w.store.breaker = Breaker{}
		if tt.open {
			w.opens()
		}
		a := ask(OfWorkProfile())
		a.Target.Devices = ids[:tt.n]
		p, err := w.Plan(as(t, tt.c), a)
		if err != nil || len(p.Needs) != len(tt.want) {
			t.Errorf("%s: %q, error %v", name, p.Needs, err)
			continue
		}
		for i, want := range tt.want {
			if !strings.HasPrefix(p.Needs[i], want) {
				t.Errorf("%s: %q, want %q", name, p.Needs[i], want)
			}
		}
	}
}

// TestTargets: exactly one kind of target, and devices that there are, each once.
func TestTargets(t *testing.T) {
	w := newWorld()
	ids := w.enrol(2, factsOf(device.Personal, device.WorkProfile))
	tests := map[string]struct {
		target Target
		want   string // field, or reason
	}{
		"none":                {Target{}, "target"},
		"two kinds":           {Target{Devices: ids, Group: "sales"}, "target"},
		"two other kinds":     {Target{Group: "sales", User: "pat"}, "target"},
		"one twice":           {Target{Devices: []device.ID{ids[0], ids[1], ids[0]}}, "target.devices"},
		"one that is none":    {Target{Devices: []device.ID{ids[0], "device-none"}}, "DEVICE_UNKNOWN"},
		"twice, one is none":  {Target{Devices: []device.ID{ids[0], ids[0], "device-none"}}, "DEVICE_UNKNOWN"},
		"an odd name":         {Target{Devices: []device.ID{ids[0], "../etc"}}, "device_id"},
		"too many":            {Target{Devices: slices.Repeat(ids, MaxTargets)}, "target.devices"},
		"a group of nobody":   {Target{Group: "nobody"}, ""},
		"a person of nothing": {Target{User: "nobody"}, ""},
	}
	for name, tt := range tests {
		a := ask(OfLock())
		a.Target = tt.target
		_, err := w.Plan(alice(t), a)
		if got := invalidField(err) + reason(err); got != tt.want {
			t.Errorf("%s: got %q (%v), want %q", name, got, err, tt.want)
		}
	}
}

// TestWhatNeedsOneDevice: an epoch is of one, and several take a plan.
func TestWhatNeedsOneDevice(t *testing.T) {
	w := newWorld()
	for name, tt := range map[string]struct {
		spoil func(*Ask)
		want  string
	}{
		"an epoch of a group":  {func(a *Ask) { a.Target, a.Epoch = Target{Group: "sales"}, 3 }, "epoch"},
		"an epoch of a person": {func(a *Ask) { a.Target, a.Epoch = Target{User: "pat"}, 3 }, "epoch"},
		"a short lifetime":     {func(a *Ask) { a.Lifetime = 1 }, "lifetime"},
		"no scope":             {func(a *Ask) { a.Scope = Scope{} }, "scope"},
	} {
		a := ask(OfLock())
		tt.spoil(&a)
		if _, err := w.Plan(alice(t), a); invalidField(err) != tt.want {
			t.Errorf("a plan with %s: error %v", name, err)
		}
	}
	for name, tt := range map[string]struct {
		plan string
		want string
	}{"no plan": {"", "plan_digest"}, "an odd plan": {"x", "plan_digest"}, "capitals": {strings.Repeat("A", 64), "plan_digest"}} {
		a := ask(OfLock())
		a.Target, a.Plan = Target{Group: "sales"}, tt.plan
		if _, _, err := w.Ask(alice(t), a); invalidField(err) != tt.want {
			t.Errorf("a group with %s: error %v", name, err)
		}
	}
	one := ask(OfLock())
	one.Plan = strings.Repeat("0", 64)
	if _, _, err := w.Ask(alice(t), one); !errors.Is(err, ErrPlanChanged) {
		t.Errorf("one device with another plan: error %v, want %v", err, ErrPlanChanged)
	}
}

// TestAskOfNobody: who cannot be held to a budget asks for nothing.
func TestAskOfNobody(t *testing.T) {
	w := newWorld()
	for name, spoil := range map[string]func(*identity.Caller){
		"no person":     func(c *identity.Caller) { c.Person = "" },
		"no credential": func(c *identity.Caller) { c.Serial = "" },
	} {
		c := administrator("alice", identity.Owner)
		spoil(&c)
		for what, call := range map[string]func() error{
			"Ask":        func() error { _, _, err := w.Ask(as(t, c), ask(OfLock())); return err },
			"Plan":       func() error { _, err := w.Plan(as(t, c), ask(OfLock())); return err },
			"Governance": func() error { _, err := w.Governance(as(t, c)); return err },
		} {
			if err := call(); err == nil || fault.KindOf(err) != fault.Internal {
				t.Errorf("%s with %s: error %v", what, name, err)
			}
		}
	}
	if len(w.store.orders) != 0 {
		t.Errorf("%d orders", len(w.store.orders))
	}
}

// TestAskRepeatedWithinTheDecision: whoever comes second with the same key, while
// the first is being decided, hears of the first.
func TestAskRepeatedWithinTheDecision(t *testing.T) {
	w := newWorld()
	var first Request
	w.store.before = func() { first, _ = w.asked(alice(t), t, ask(OfLock())) }
	r, orders, err := w.Ask(alice(t), ask(OfLock()))
	if err != nil || r.ID != first.ID || len(orders) != 1 || len(w.store.orders) != 1 {
		t.Errorf("got %s with %d orders, error %v; want %s", r.ID, len(orders), err, first.ID)
	}
	other := ask(OfLock())
	other.Key = "key-other"
	w.store.before = func() {
		a := other
		a.Reason = "faster"
		w.now = w.now.Add(time.Hour)
		w.facts["device-two1"] = Facts{ID: "device-two1", Epoch: 1, Enrolled: true, Ownership: device.Personal, Mode: device.WorkProfile}
		a.Target.Devices = []device.ID{"device-two1"}
		w.asked(alice(t), t, a)
	}
	if _, _, err := w.Ask(alice(t), other); !errors.Is(err, ErrKeyReused) {
		t.Errorf("the same key for another: error %v, want %v", err, ErrKeyReused)
	}
}
