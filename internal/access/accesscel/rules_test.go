package accesscel

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/device"
)

// made is one set of rules for all tests: it is dear to make.
var made = sync.OnceValues(New)

func rules(t testing.TB) *Rules {
	t.Helper()
	r, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	pixel = &access.Facts{
		Device: &access.Device{
			ID: "device-one", Ownership: device.Company, Mode: device.FullyManaged, Platform: access.Android, Group: "sales",
			Model: "Pixel 9", OSVersion: "16.0.1", SecurityPatch: "2026-11-05",
			WorkApps: []string{"kiosk", "loan"},
		},
		Registration: &access.Registration{ID: "registration", Package: "com.example.mail", Approved: true},
	}
	unknown   = &access.Facts{}
	pixelTime = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
)

func ada() *access.SignIn {
	return &access.SignIn{
		Person: access.Person{Name: "Ada", Groups: []string{"staff", "Sales"}, Roles: []string{"auditor"}},
		App:    "Mail", Client: access.Browser, Address: netip.MustParseAddr("192.0.2.1"), Country: "de",
		SignInRisk: access.RiskMedium, MFA: true,
	}
}

func TestDeviceFilter(t *testing.T) {
	for _, test := range []struct {
		rule             string
		onPixel, unknown bool
	}{
		{`true`, true, true},
		{`device.model == "Pixel 9"`, true, false},
		{`device.model != "Pixel 9"`, false, true},
		{`device.model.startsWith("Pixel")`, true, false},
		{`!device.model.startsWith("Pixel")`, false, true},
		{`device.model.contains("xel")`, true, false},
		{`device.model.endsWith("9")`, true, false},
		{`device.model.matches("^Pixel [0-9]+$")`, true, false},
		{`device.model in ["Pixel 8", "Pixel 9"]`, true, false},
		{`!(device.model in ["Pixel 8", "Pixel 9"])`, false, true},
		{`has(device.id)`, true, false},
		{`has(device.id) && device.model != "Pixel 8"`, true, false},
		{`"kiosk" in device.work_apps`, true, false},
		{`!("kiosk" in device.work_apps)`, false, true},
		{`device.work_apps.exists(l, l.startsWith("lo"))`, true, false},
		{`device.work_apps.all(l, l == "kiosk")`, false, true},
		{`device.os_major >= 15`, true, false},
		{`device.os_major < 15`, false, true},
		{`device.security_patch >= "2026-11-01"`, true, false},
		{`device.ownership == "company" && device.mode == "fully-managed"`, true, false},
		{`device.platform == "android" && device.group == "sales"`, true, false},
		{`device.model == "" && device.os_version == "" && size(device.work_apps) == 0`, false, true},
		{`device == device`, true, true},
		{`device == null`, false, false},
	} {
		f, err := rules(t).DeviceFilter(test.rule)
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		for _, on := range []struct {
			name  string
			facts *access.Facts
			want  bool
		}{{"the Pixel", pixel, test.onPixel}, {"an unknown phone", unknown, test.unknown}, {"nothing", nil, test.unknown}} {
			if got, err := f.Match(ada(), on.facts); got != on.want || err != nil {
				t.Errorf("%s on %s: got %v, %v; want %v", test.rule, on.name, got, err, on.want)
			}
		}
	}
}

func TestCondition(t *testing.T) {
	for rule, want := range map[string]bool{
		`person.name == "ada"`:                                    true,
		`"sales" in person.groups`:                                true,
		`"Sales" in person.groups`:                                false,
		`"auditor" in person.roles && signin.app == "mail"`:       true,
		`signin.platform == "android"`:                            true,
		`signin.client == "browser" && signin.flow == "ordinary"`: true,
		`signin.address == "192.0.2.1" && signin.country == "DE"`: true,
		`signin.sign_in_risk == "medium" && signin.mfa`:           true,
		`has(signin.user_risk)`:                                   false,
		`signin.certificate_bound || has(signin.action)`:          false,
		`registration.package == "com.example.mail"`:              true,
		`registration.approved && has(device.id)`:                 true,
	} {
		f, err := rules(t).Condition(rule)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		if got, err := f.Match(ada(), pixel); got != want || err != nil {
			t.Errorf("%s: got %v, %v; want %v", rule, got, err, want)
		}
	}
}

// TestRefused: what is wrong with a rule is told when it is saved.
func TestRefused(t *testing.T) {
	for rule, want := range map[string]string{
		``:                             "Syntax error",
		`device.modell == "x"`:         "undefined field 'modell'",
		`device.os_major == "15"`:      "no matching overload",
		`device.model`:                 "gives a string",
		`person.name == "ada"`:         "undeclared reference to 'person'",
		`now() > timestamp(0)`:         "undeclared reference to 'now'",
		`device{model: "x"} == device`: "undeclared reference",
		`device.model.matches("(")`:    "matches",
		`device.work_apps`:             "gives a list(string)",
		strings.Repeat("(", 100) + `true` + strings.Repeat(")", 100):                                    "recursion",
		`device.model.matches("((((a{1,60}){1,60}){1,60}){1,60})")`:                                     "",
		`device.work_apps.all(a, device.work_apps.all(b, a == b))`:                                      "comprehension",
		`[` + strings.Repeat(`1,`, 1000) + `2].map(x, [` + strings.Repeat(`1,`, 400) + `2]).size() > 0`: "may cost",
		strings.Repeat(`device.work_apps.exists(l, l.contains(device.model)) || `, 50) + `true`:         "may cost",
	} {
		f, err := rules(t).DeviceFilter(rule)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, %v; want an error with %q", rule, f, err, want)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60s: the error has lines of its own: %v", rule, err)
		}
	}
}

// TestCostIsCounted: what is longer than the estimate took it for cannot cost
// more for that.
func TestCostIsCounted(t *testing.T) {
	f, err := rules(t).DeviceFilter(`device.work_apps.exists(l, l.contains("needle"))`)
	if err != nil {
		t.Fatal(err)
	}
	huge := &access.Facts{Device: &access.Device{WorkApps: make([]string, 100_000)}}
	if got, err := f.Match(ada(), huge); err == nil || !strings.Contains(err.Error(), "cost limit") {
		t.Fatalf("got %v, %v; want the cost limit", got, err)
	}
}

// TestWithCompile: rules are checked where policies are, and a rule that cannot
// be finished does not let anybody past.
func TestWithCompile(t *testing.T) {
	spec := access.Spec{
		State: access.On, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{All: true},
		Conditions: access.Conditions{DeviceFilter: access.DeviceFilter{Rule: `device.work_apps.exists(l, l == "kiosk")`}},
		Grant:      access.Grant{Controls: []access.Control{access.Block}},
	}
	s, err := access.Compile(access.Ruleset{Policies: []access.Policy{{Name: "one", Spec: spec}}, Filters: rules(t)})
	if err != nil {
		t.Fatal(err)
	}
	huge := &access.Facts{Device: &access.Device{WorkApps: make([]string, 100_000)}}
	for _, test := range []struct {
		facts *access.Facts
		want  access.Outcome
	}{{pixel, access.Deny}, {unknown, access.Allow}, {huge, access.Deny}} {
		e := access.WhatIf(s, ada(), test.facts, pixelTime)
		if e.Outcome != test.want || (len(e.Policies[0].Problems) > 0) != (test.facts == huge) {
			t.Errorf("got %v, problems %v; want %v", e.Outcome, e.Policies[0].Problems, test.want)
		}
	}
	spec.Conditions.DeviceFilter.Rule = `device.modell == "x"`
	err = spec.Validate(rules(t))
	if err == nil || !strings.HasPrefix(err.Error(), "spec.conditions.device_filter.rule: line 1, column 7: undefined field") {
		t.Errorf("got %v", err)
	}
}

// FuzzRule: no text makes it panic, and a rule that is taken gives the same
// answer twice.
func FuzzRule(f *testing.F) {
	for _, rule := range []string{
		`device.model == "x"`, `has(device.id) ? 1 < 2 : "a" in device.work_apps`, `dyn(device).x == 1`, `type(device) == string`,
		`[device] == [device]`, `{"a": device}["a"].model == ""`, `1 / 0 == 1`, `timestamp("2026-01-01T00:00:00Z") < timestamp(1)`,
		`action.properties.soft == true`, `context.properties[person.name] > 1`, `dyn(resource.properties).exists(k, k == action.name)`,
	} {
		f.Add(rule)
	}
	r := rules(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 3072 {
			return
		}
		rule, err := r.Condition(text)
		if err != nil {
			return
		}
		for _, facts := range []*access.Facts{pixel, unknown} {
			first, err1 := rule.Match(asking(), facts)
			second, err2 := rule.Match(asking(), facts)
			if first != second || (err1 == nil) != (err2 == nil) {
				t.Fatalf("%q: %v, %v and then %v, %v", text, first, err1, second, err2)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	f, err := rules(b).DeviceFilter(`device.ownership == "company" && device.os_major >= 15 && "kiosk" in device.work_apps`)
	if err != nil {
		b.Fatal(err)
	}
	in := ada()
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := f.Match(in, pixel); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
