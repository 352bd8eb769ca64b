package wipe

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

func factsOf(o device.Ownership, m device.Mode) Facts {
	return Facts{ID: "device-one", Epoch: 3, Enrolled: true, Ownership: o, Mode: m}
}

func ask(s Scope) Ask {
	return Ask{Key: "key-0001", Target: Target{Devices: []device.ID{"device-one"}}, Scope: s, Reason: "phone was stolen"}
}

func terms(s Scope) Terms { return ask(s).terms() }

// TestPlanTable: every ownership, mode and scope.
func TestPlanTable(t *testing.T) {
	const contradiction = "internal"
	tests := []struct {
		ownership     device.Ownership
		mode          device.Mode
		profile, apps string // "" for allowed, else the reason
	}{
		{device.Personal, device.WorkProfile, "", ""},
		{device.Company, device.WorkProfile, "", ""},
		{device.Company, device.FullyManaged, "MODE_HAS_NO_WORK_PROFILE", ""},
		{device.Company, device.Dedicated, "MODE_HAS_NO_WORK_PROFILE", ""},
		// What enrolment never lets in is not judged kindly here either.
		{device.Personal, device.FullyManaged, contradiction, contradiction},
		{device.Personal, device.Dedicated, contradiction, contradiction},
		{device.Personal, "", contradiction, contradiction},
		{"", device.WorkProfile, contradiction, contradiction},
	}
	for _, tt := range tests {
		for scope, want := range map[string]string{"profile": tt.profile, "apps": tt.apps} {
			t.Run(fmt.Sprintf("%s/%s/%s", tt.ownership, tt.mode, scope), func(t *testing.T) {
				s := OfWorkProfile()
				if scope == "apps" {
					s = apps(t, "com.example.mail")
				}
				o, err := Plan(factsOf(tt.ownership, tt.mode), terms(s), monday)
				got := fault.ReasonOf(err)
				if err != nil && got == "" {
					got = fault.KindOf(err).String()
				}
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if allowed := o.State == Pending && o.Scope.Equal(s); allowed != (want == "") {
					t.Errorf("got order %+v with error %v", o, err)
				}
			})
		}
	}
}

func TestPlanOrder(t *testing.T) {
	facts := factsOf(device.Personal, device.WorkProfile)
	facts.Group = "sales"
	lasting := terms(OfWorkProfile())
	lasting.Lifetime = time.Hour
	got, err := Plan(facts, lasting, monday.Add(time.Nanosecond))
	if err != nil {
		t.Fatal(err)
	}
	want := Order{
		Device: "device-one", Epoch: 3, Scope: OfWorkProfile(), State: Pending, Reason: "phone was stolen",
		Group: "sales", Ownership: device.Personal, CreatedAt: monday, NotAfter: deadline, ChangedAt: monday, Version: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Plan (-want +got):\n%s", diff)
	}
	got, err = Plan(facts, terms(OfWorkProfile()), monday)
	if want := monday.Add(30 * 24 * time.Hour); err != nil || got.NotAfter != want {
		t.Errorf("without a lifetime: got %v and error %v, want %v", got.NotAfter, err, want)
	}
}

// TestAskEpochs: who names an enrolment gets that one or none.
func TestAskEpochs(t *testing.T) {
	present := factsOf(device.Personal, device.WorkProfile)
	left := present
	left.Enrolled = false
	tests := []struct {
		name  string
		facts Facts
		epoch device.Epoch
		want  error
	}{
		{"the present one", present, 3, nil},
		{"whichever", present, 0, nil},
		{"an older one", present, 2, ErrEpochMoved},
		{"a newer one", present, 4, ErrEpochMoved},
		{"gone", left, 3, ErrNotEnrolled},
		{"gone, whichever", left, 0, ErrNotEnrolled},
		{"gone, an older one", left, 2, ErrEpochMoved},
	}
	for _, tt := range tests {
		w := newWorld()
		w.facts["device-one"] = tt.facts
		a := ask(OfWorkProfile())
		a.Epoch = tt.epoch
		if _, orders, err := w.Ask(alice(t), a); !errors.Is(err, tt.want) || (len(orders) == 1) != (tt.want == nil) {
			t.Errorf("%s: got %d orders and error %v, want %v", tt.name, len(orders), err, tt.want)
		}
	}
}

func TestAskCheck(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*Ask)
		want  string // field; "" for a good one
	}{
		{"good", func(*Ask) {}, ""},
		{"good, longest", func(a *Ask) {
			a.Key, a.Reason, a.Lifetime = strings.Repeat("k", 64), strings.Repeat("ü", 200), MaxLifetime
		}, ""},
		{"no key", func(a *Ask) { a.Key = "" }, "request_key"},
		{"odd key", func(a *Ask) { a.Key = "key 0001" }, "request_key"},
		{"long key", func(a *Ask) { a.Key = strings.Repeat("k", 65) }, "request_key"},
		{"no target", func(a *Ask) { a.Target = Target{} }, "target"},
		{"no device", func(a *Ask) { a.Target.Devices = []device.ID{""} }, "device_id"},
		{"odd device", func(a *Ask) { a.Target.Devices = []device.ID{"../../device"} }, "device_id"},
		{"no scope", func(a *Ask) { a.Scope = Scope{} }, "scope"},
		{"no reason", func(a *Ask) { a.Reason = " " }, "reason"},
		{"long reason", func(a *Ask) { a.Reason = strings.Repeat("ü", 201) }, "reason"},
		{"reason of two lines", func(a *Ask) { a.Reason = "fine\nwipe.done order 1" }, "reason"},
		{"reason with NUL", func(a *Ask) { a.Reason = "a\x00b" }, "reason"},
		{"reason in broken UTF-8", func(a *Ask) { a.Reason = "a\xffb" }, "reason"},
		{"short life", func(a *Ask) { a.Lifetime = MinLifetime - 1 }, "lifetime"},
		{"negative life", func(a *Ask) { a.Lifetime = -time.Hour }, "lifetime"},
		{"long life", func(a *Ask) { a.Lifetime = MaxLifetime + 1 }, "lifetime"},
	}
	for _, tt := range tests {
		a := ask(OfWorkProfile())
		tt.spoil(&a)
		got := ""
		if f, ok := errors.AsType[*fault.Error](a.check()); ok {
			got = f.Fields[0].Name
		}
		if got != tt.want {
			t.Errorf("%s: got a complaint about %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDigest(t *testing.T) {
	base := ask(apps(t, "com.a", "com.b"))
	same := base
	same.Scope, same.Key, same.Lifetime = apps(t, "com.b", "com.a"), "key-0002", DefaultLifetime
	if base.digest() != same.digest() {
		t.Error("the same request has two digests")
	}
	for name, change := range map[string]func(*Ask){
		"device":   func(a *Ask) { a.Target.Devices = []device.ID{"device-two"} },
		"devices":  func(a *Ask) { a.Target.Devices = []device.ID{"device-one", "device-two"} },
		"group":    func(a *Ask) { a.Target = Target{Group: "device-one"} },
		"user":     func(a *Ask) { a.Target = Target{User: "device-one"} },
		"standing": func(a *Ask) { a.Standing = true },
		"epoch":    func(a *Ask) { a.Epoch = 3 },
		"scope":    func(a *Ask) { a.Scope = OfWorkProfile() },
		"packages": func(a *Ask) { a.Scope = apps(t, "com.a") },
		"reason":   func(a *Ask) { a.Reason = "other" },
		"lifetime": func(a *Ask) { a.Lifetime = time.Hour },
	} {
		other := base
		change(&other)
		if base.digest() == other.digest() {
			t.Errorf("another %s has the same digest", name)
		}
	}
}

func TestAdmit(t *testing.T) {
	profile, a, ab := OfWorkProfile(), apps(t, "com.a"), apps(t, "com.a", "com.b")
	elsewhere := orderIn(Pending, profile)
	elsewhere.Epoch = 2
	ended, err := orderIn(Done, profile).Apply(Event{Kind: End}, monday)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]Order, MaxOpen)
	for i := range many {
		many[i] = orderIn(Delivered, apps(t, fmt.Sprintf("com.app%d", i)))
	}
	tests := []struct {
		name  string
		scope Scope
		found []Order
		at    time.Time
		want  error
	}{
		{"nothing", profile, nil, monday, nil},
		{"equal", profile, []Order{orderIn(Pending, profile)}, monday, ErrPending},
		{"wider", a, []Order{orderIn(Delivered, profile)}, monday, ErrPending},
		{"wider apps", a, []Order{orderIn(Delivered, ab)}, monday, ErrPending},
		{"narrower", profile, []Order{orderIn(Acknowledged, a)}, monday, nil},
		{"narrower apps", ab, []Order{orderIn(Acknowledged, a)}, monday, nil},
		{"overlapping", apps(t, "com.b", "com.c"), []Order{orderIn(Pending, ab)}, monday, nil},
		{"out of time", profile, []Order{orderIn(Delivered, profile)}, tooLate, nil},
		{"promised, out of time", profile, []Order{orderIn(Acknowledged, profile)}, tooLate, ErrPending},
		{"cancelled", profile, []Order{orderIn(Cancelled, profile)}, monday, nil},
		{"of another epoch", profile, []Order{elsewhere}, monday, nil},
		{"done, enrolment not ended yet", a, []Order{orderIn(Done, profile)}, monday, ErrNotEnrolled},
		{"done and ended", a, []Order{ended}, monday, nil},
		{"many", a, many[1:], monday, nil},
		{"too many", a, many, monday, ErrPending},
		{"too many, out of time", a, many, tooLate, nil},
	}
	for _, tt := range tests {
		if err := Admit(orderIn(Pending, tt.scope), tt.found, tt.at); !errors.Is(err, tt.want) {
			t.Errorf("%s: got error %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestForesee: what an administrator reads names what stays, and for every
// phone with a personal side it names that first of all.
func TestForesee(t *testing.T) {
	for _, tt := range []struct {
		ownership device.Ownership
		mode      device.Mode
		scope     Scope
		ends      bool
		removes   int
	}{
		{device.Personal, device.WorkProfile, OfWorkProfile(), true, 3},
		{device.Company, device.WorkProfile, OfWorkProfile(), true, 3},
		{device.Personal, device.WorkProfile, apps(t, "com.a", "com.b"), false, 2},
		{device.Company, device.WorkProfile, apps(t, "com.a"), false, 1},
		{device.Company, device.FullyManaged, apps(t, "com.a"), false, 1},
		{device.Company, device.Dedicated, apps(t, "com.a"), false, 1},
	} {
		o := Foresee(factsOf(tt.ownership, tt.mode), tt.scope)
		keeps := strings.Join(o.Keeps, "\n")
		if o.EndsEnrollment != tt.ends || len(o.Removes) != tt.removes {
			t.Errorf("%s %s %s: got %+v", tt.ownership, tt.mode, tt.scope, o)
		}
		if got := strings.Contains(keeps, personalSide); got != tt.mode.HasWorkProfile() {
			t.Errorf("%s %s %s: names the personal side = %t:\n%s", tt.ownership, tt.mode, tt.scope, got, keeps)
		}
		if !tt.ends && !strings.Contains(keeps, "the enrolment") {
			t.Errorf("%s: does not say that the enrolment stays:\n%s", tt.scope, keeps)
		}
	}
}

// reason is what a program reads of an error; "" for none.
func reason(err error) string { return fault.ReasonOf(err) }
