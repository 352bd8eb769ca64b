package wipe

import (
	"fmt"
	"strings"
	"testing"

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

func TestCovers(t *testing.T) {
	profile, a, b, ab := OfWorkProfile(), apps(t, "com.a"), apps(t, "com.b"), apps(t, "com.b", "com.a")
	tests := []struct {
		wide, narrow Scope
		want         bool
	}{
		{profile, profile, true}, {profile, a, true}, {a, profile, false},
		{ab, a, true}, {ab, b, true}, {ab, ab, true}, {a, ab, false}, {a, b, false}, {a, a, true},
		{Scope{}, a, false}, {profile, Scope{}, false}, {Scope{}, Scope{}, false},
	}
	for _, tt := range tests {
		if got := tt.wide.Covers(tt.narrow); got != tt.want {
			t.Errorf("%q covers %q = %t, want %t", tt.wide, tt.narrow, got, tt.want)
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
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
