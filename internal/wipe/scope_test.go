package wipe

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

func apps(t *testing.T, packages ...string) Scope {
	t.Helper()
	s, err := OfAppData(packages)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOfAppDataRefuses(t *testing.T) {
	many := make([]string, MaxPackages+1)
	for i := range many {
		many[i] = fmt.Sprintf("com.example.app%d", i)
	}
	tests := map[string][]string{
		"nothing":                 {},
		"too many":                many,
		"twice the same":          {"com.example.mail", "com.example.chat", "com.example.mail"},
		"a way out of the folder": {"../../0"},
		"a way out at the end":    {"com.example/../../0"},
		"an absolute path":        {"/data/user/0"},
		"one word":                {"android"},
		"two dots":                {"com..example"},
		"a dot at the end":        {"com.example."},
		"a dot at the start":      {".com.example"},
		"a digit first":           {"com.1example"},
		"a second line":           {"com.example.mail\n../../0"},
		"a line end":              {"com.example.mail\n"},
		"a space":                 {"com.example mail"},
		"NUL":                     {"com.example\x00"},
		"broken UTF-8":            {"com.ex\xffample"},
		"another alphabet":        {"com.exаmple"},
		"empty":                   {""},
		"too long":                {"com." + strings.Repeat("a", 252)},
		"a template":              {"com.{{.}}"},
		"SQL":                     {"com.a';--"},
		"one bad of two":          {"com.example.mail", "*"},
	}
	for name, packages := range tests {
		if s, err := OfAppData(packages); fault.KindOf(err) != fault.Invalid || err == nil || s.Kind() != "" {
			t.Errorf("%s: got %v, error %v; want an invalid one", name, s, err)
		}
	}
	if _, err := OfAppData([]string{"com." + strings.Repeat("a", 251)}); err != nil {
		t.Errorf("the longest name: %v", err)
	}
	if _, err := OfAppData(many[:MaxPackages]); err != nil {
		t.Errorf("the most names: %v", err)
	}
}

// whole is the scope of such a device as a whole.
func whole(t *testing.T, m device.Mode) Scope {
	t.Helper()
	s, ok := OfWholeDevice(device.Company, m)
	if !ok {
		t.Fatalf("a company's device in mode %s has no scope of the whole", m)
	}
	return s
}

// TestCovers: every pair of scopes. A row covers what its columns mark.
func TestCovers(t *testing.T) {
	scopes := []struct {
		name   string
		scope  Scope
		covers string
	}{
		//                                                 none lock a b ab profile relinquish whole whole+
		{"nothing", Scope{}, ". . . . . . . . ."},
		{"lock", OfLock(), ". x . . . . . . ."},
		{"app a", apps(t, "com.a"), ". . x . . . . . ."},
		{"app b", apps(t, "com.b"), ". . . x . . . . ."},
		{"apps a and b", apps(t, "com.b", "com.a"), ". . x x x . . . ."},
		{"work profile", OfWorkProfile(), ". . x x x x . . ."},
		{"relinquish", OfRelinquish(), ". . x x x x x . ."},
		{"whole device", whole(t, device.Dedicated), ". . x x x x x x x"},
		{"whole device with a personal side", whole(t, device.WorkProfile), ". . x x x x x x x"},
	}
	for _, wide := range scopes {
		for i, want := range strings.Fields(wide.covers) {
			if got := wide.scope.Covers(scopes[i].scope); got != (want == "x") {
				t.Errorf("%s covers %s = %t", wide.name, scopes[i].name, got)
			}
		}
	}
}

// TestScopeOrder: from the narrowest, which is what the words "wider" and "ends
// the enrolment" go by.
func TestScopeOrder(t *testing.T) {
	want := []struct {
		kind ScopeKind
		ends bool
	}{{Lock, false}, {AppData, false}, {WorkProfile, true}, {Relinquish, true}, {WholeDevice, true}}
	for i, w := range want {
		if got := w.kind.rank(); got != i+1 {
			t.Errorf("%s has rank %d, want %d", w.kind, got, i+1)
		}
		if got := (Scope{kind: w.kind}).EndsEnrollment(); got != w.ends {
			t.Errorf("%s ends the enrolment = %t", w.kind, got)
		}
	}
	if len(want) != len(ScopeKinds()) || ScopeKind("other").rank() != 0 || (Scope{}).EndsEnrollment() {
		t.Errorf("the kinds are %v; another has rank %d", ScopeKinds(), ScopeKind("other").rank())
	}
}

// TestWholeDeviceIsForTheCompany: for a device of a person, no value names it as
// a whole.
func TestWholeDeviceIsForTheCompany(t *testing.T) {
	for _, o := range []device.Ownership{device.Personal, device.Company, ""} {
		for _, m := range []device.Mode{device.WorkProfile, device.FullyManaged, device.Dedicated, ""} {
			s, ok := OfWholeDevice(o, m)
			if want := o == device.Company && m != ""; ok != want || (s.Kind() == WholeDevice) != want {
				t.Errorf("%s %s: got %q, %t, want %t", o, m, s, ok, want)
			}
			if got, want := s.PersonalSide(), ok && m == device.WorkProfile; got != want {
				t.Errorf("%s %s: its personal side goes = %t, want %t", o, m, got, want)
			}
		}
	}
}

// TestScopeFits: a scope of the whole device fits the devices that it was made
// for only.
func TestScopeFits(t *testing.T) {
	bare, both := whole(t, device.FullyManaged), whole(t, device.WorkProfile)
	tests := []struct {
		scope     Scope
		ownership device.Ownership
		mode      device.Mode
		want      error
	}{
		{bare, device.Company, device.FullyManaged, nil},
		{bare, device.Company, device.Dedicated, nil},
		{bare, device.Company, device.WorkProfile, ErrPersonalSide},
		{both, device.Company, device.WorkProfile, nil},
		{both, device.Company, device.FullyManaged, ErrScopeNotForMode},
		{both, device.Personal, device.WorkProfile, ErrScopeNotForMode},
		{bare, device.Personal, device.WorkProfile, ErrScopeNotForMode},
		{OfWorkProfile(), device.Company, device.Dedicated, ErrNoWorkProfile},
		{OfLock(), device.Personal, device.WorkProfile, nil},
	}
	for _, tt := range tests {
		if err := tt.scope.fits(factsOf(tt.ownership, tt.mode)); !errors.Is(err, tt.want) {
			t.Errorf("%s of a %s device in mode %s: got error %v, want %v", tt.scope, tt.ownership, tt.mode, err, tt.want)
		}
		f := factsOf(tt.ownership, tt.mode)
		if _, err := Plan(f, terms(tt.scope), monday); !errors.Is(err, tt.want) {
			t.Errorf("a plan for it: got error %v, want %v", err, tt.want)
		}
	}
}

func TestScopeIsItsOwn(t *testing.T) {
	given := []string{"com.b", "com.a"}
	s := apps(t, given...)
	given[0] = "../../0"
	s.Packages()[0] = "../../0"
	if !s.Equal(apps(t, "com.a", "com.b")) {
		t.Errorf("a scope changed from outside: %q", s)
	}
}

func TestScopeInWords(t *testing.T) {
	five := apps(t, "com.a", "com.b", "com.c", "com.d", "com.e")
	tests := []struct{ got, want string }{
		{OfWorkProfile().String(), "work profile"},
		{apps(t, "com.a").String(), "app data of com.a"},
		{five.String(), "app data of com.a, com.b, com.c and 2 more"},
		{five.Full(), "app data of com.a, com.b, com.c, com.d, com.e"},
		{Scope{}.String(), "nothing"},
		{OfLock().String(), "lock of the work side"},
		{OfRelinquish().String(), "work profile, and the device is given up"},
		{whole(t, device.Dedicated).String(), "whole device"},
		{whole(t, device.WorkProfile).String(), "whole device, its personal side too"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
