package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

var noon = time.Date(2026, time.January, 2, 12, 0, 0, 0, time.UTC)

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// field is the one field that an Invalid fault complains about.
func field(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind == fault.Invalid && len(e.Fields) == 1 {
		return e.Fields[0].Name
	}
	return ""
}

func TestUserSpecCheck(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(*UserSpec)
		field string
	}{
		{"good", func(*UserSpec) {}, ""},
		{"all bounds", func(s *UserSpec) {
			s.UserName, s.DisplayName, s.ExternalID = strings.Repeat("x", MaxUserName), strings.Repeat("ä", MaxDisplayName/2), strings.Repeat("y", MaxExternalID)
		}, ""},
		{"nothing else", func(s *UserSpec) { s.DisplayName, s.ExternalID = "", "" }, ""},
		{"guest of Entra ID", func(s *UserSpec) { s.UserName = "o'hara_gmail.com#EXT#@x.onmicrosoft.com" }, ""},
		{"no name", func(s *UserSpec) { s.UserName = "" }, "userName"},
		{"long name", func(s *UserSpec) { s.UserName = strings.Repeat("x", MaxUserName+1) }, "userName"},
		{"name with a space", func(s *UserSpec) { s.UserName = "a b" }, "userName"},
		{"name with a quote", func(s *UserSpec) { s.UserName = `a"b` }, "userName"},
		{"name with a line break at the end", func(s *UserSpec) { s.UserName = "a\n" }, "userName"},
		{"name in other letters", func(s *UserSpec) { s.UserName = "аnna" }, "userName"},
		{"long display name", func(s *UserSpec) { s.DisplayName = strings.Repeat("x", MaxDisplayName+1) }, "displayName"},
		{"display name that turns around", func(s *UserSpec) { s.DisplayName = "a\u202eb" }, "displayName"},
		{"display name with blanks around", func(s *UserSpec) { s.DisplayName = " a" }, "displayName"},
		{"broken UTF-8", func(s *UserSpec) { s.DisplayName = "\xff" }, "displayName"},
		{"NUL in the id", func(s *UserSpec) { s.ExternalID = "a\x00" }, "externalId"},
	}
	for _, tt := range tests {
		s := UserSpec{UserName: "anna@example.com", DisplayName: "Anna", ExternalID: "1"}
		tt.edit(&s)
		if got := field(s.check()); got != tt.field {
			t.Errorf("%s: complains about %q, want %q", tt.name, got, tt.field)
		}
	}
}

func TestGroupSpecCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		spec  GroupSpec
		field string
	}{
		"good":        {GroupSpec{"Vertrieb Süd", "1"}, ""},
		"longest":     {GroupSpec{strings.Repeat("x", MaxGroupName), ""}, ""},
		"longer":      {GroupSpec{strings.Repeat("x", MaxGroupName+1), ""}, "displayName"},
		"no name":     {GroupSpec{"", "1"}, "displayName"},
		"tabulator":   {GroupSpec{"a\tb", ""}, "displayName"},
		"id too long": {GroupSpec{"a", strings.Repeat("x", MaxExternalID+1)}, "externalId"},
	} {
		if got := field(tt.spec.check()); got != tt.field {
			t.Errorf("%s: complains about %q, want %q", name, got, tt.field)
		}
	}
}

// TestMembershipNamed: where not everybody is replaced, it is enough to know
// which of those who are named are in.
func TestMembershipNamed(t *testing.T) {
	ids := []string{"a", "b", "c", "d", "e"}
	some := rapid.SliceOfN(rapid.SampledFrom(ids), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfDistinct(rapid.SampledFrom(ids), rapid.ID[string]).Draw(t, "in")
		var m Membership
		for range rapid.IntRange(0, 5).Draw(t, "steps") {
			m.Add(some.Draw(t, "added")...)
			m.Remove(some.Draw(t, "removed")...)
		}
		named := slices.DeleteFunc(slices.Clone(in), func(id string) bool { return !slices.Contains(m.Named(), id) })
		added, removed := m.Settle(in)
		a, r := m.Settle(named)
		if m.Replaces() || !slices.Equal(a, added) || !slices.Equal(r, removed) {
			t.Fatalf("of all %v %v, of the named %v %v", added, removed, a, r)
		}
	})
}

// TestMembershipSteps: the steps do what they say, one after the other.
func TestMembershipSteps(t *testing.T) {
	ids := []string{"a", "b", "c", "d"}
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]bool{}
		for _, id := range rapid.SliceOfDistinct(rapid.SampledFrom(ids), rapid.ID[string]).Draw(t, "in") {
			want[id] = true
		}
		in := slices.Sorted(maps.Keys(want))
		var m Membership
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			who := rapid.SliceOfN(rapid.SampledFrom(ids), 0, 3).Draw(t, "who")
			step := rapid.SampledFrom([]string{"add", "remove", "replace"}).Draw(t, "step")
			switch step {
			case "add":
				m.Add(who...)
			case "remove":
				m.Remove(who...)
			case "replace":
				m.Replace(who...)
				clear(want)
			}
			for _, id := range who {
				want[id] = step != "remove"
			}
			maps.DeleteFunc(want, func(_ string, is bool) bool { return !is })
		}
		added, removed := m.Settle(in)
		got := slices.DeleteFunc(slices.Concat(in, added), func(id string) bool { return slices.Contains(removed, id) })
		slices.Sort(got)
		if !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if m.IsZero() && len(added)+len(removed) > 0 {
			t.Fatal("a change that is none changes something")
		}
	})
}

func TestDescribe(t *testing.T) {
	before := GroupSpec{"Sales", "1"}
	var names []string
	for n := range 22 {
		names = append(names, fmt.Sprintf("u%02d", n))
	}
	for name, tt := range map[string]struct {
		next           GroupSpec
		added, removed []string
		want           string
	}{
		"members":    {before, []string{"anna", "bert"}, []string{"carl"}, `"Sales": added anna bert, removed carl`},
		"name":       {GroupSpec{"Nord", "1"}, nil, nil, `"Nord": renamed from "Sales"`},
		"id":         {GroupSpec{"Sales", "2"}, nil, nil, `"Sales": other external id`},
		"many":       {before, names, nil, `"Sales": added ` + strings.Join(names[:20], " ") + ` and 2 more`},
		"everything": {GroupSpec{"Nord", "2"}, []string{"a"}, []string{"b"}, `"Nord": renamed from "Sales", other external id, added a, removed b`},
	} {
		check(t, name, tt.want, before.describe(tt.next, tt.added, tt.removed))
	}
}

func TestBy(t *testing.T) {
	admin := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "alice", Serial: "1f", RequestID: "r"})
	provider := From(admin, Source{Token: "okta", TokenID: "t1", Peer: "192.0.2.1", RequestID: "r2"})
	for name, tt := range map[string]struct {
		ctx  context.Context
		want audit.Entry
	}{
		"the server":       {t.Context(), audit.Entry{Actor: "server"}},
		"an administrator": {admin, audit.Entry{Actor: "admin:alice", RequestID: "r", Credential: "1f"}},
		"a provider":       {provider, audit.Entry{Actor: "scim:okta", RequestID: "r2", Peer: "192.0.2.1", Credential: "t1"}},
	} {
		tt.want.Action, tt.want.Target, tt.want.Detail = "a", "b", "c"
		check(t, name, tt.want, by(tt.ctx, "a", "b", "c"))
	}
}

// TestStandings: what was read before a change is not remembered after it.
func TestStandings(t *testing.T) {
	k := newStandings()
	st := Standing{Known: true, Active: true, Groups: []string{"a"}}
	_, before, ok := k.get("anna")
	if ok {
		t.Fatal("something is remembered")
	}
	k.forget() // somebody was disabled meanwhile
	k.put(before, "anna", st)
	if _, _, ok := k.get("anna"); ok {
		t.Error("what is old is remembered")
	}
	_, ticket, _ := k.get("anna")
	k.put(ticket, "anna", st)
	got, _, ok := k.get("anna")
	if !ok {
		t.Fatal("nothing is remembered")
	}
	check(t, "remembered", st, got)
	got.Groups[0] = "b"
	st.Groups[0] = "c"
	got, _, _ = k.get("anna")
	check(t, "remembered, after callers changed theirs", []string{"a"}, got.Groups)
	for n := range standingsLimit + 10 {
		k.put(ticket, fmt.Sprint(n), st)
	}
	if len(k.known) > standingsLimit {
		t.Errorf("%d are remembered", len(k.known))
	}
	k.forget()
	if len(k.known) > 0 {
		t.Error("something is still remembered")
	}
	var none *standings
	none.put(0, "anna", st)
	none.forget()
	if _, _, ok := none.get("anna"); ok {
		t.Error("nobody remembers")
	}
}

func TestSecrets(t *testing.T) {
	secret, err := newSecret(strings.NewReader(strings.Repeat("\xff", 38)))
	if err != nil {
		t.Fatal(err)
	}
	check(t, "secret", "scim_ffffffffffff_"+strings.Repeat("_", 42)+"8", secret)
	lookup, hash, err := ParseSecret(secret)
	if err != nil || lookup != "ffffffffffff" {
		t.Fatalf("ParseSecret = %q, %v", lookup, err)
	}
	if !(Token{Secret: hash}).opens(hash) || (Token{Secret: hash, RevokedAt: noon}).opens(hash) || (Token{}).opens([32]byte{}) {
		t.Error("a token opens for whom it should not, or not for whom it should")
	}
	if _, err := newSecret(strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short source gave %v", err)
	}
	for _, text := range []string{"", secret[1:], secret + "A", secret[:len(secret)-1], strings.Replace(secret, "ffff", "FFFF", 1), strings.Replace(secret, "f_", "f-", 1), "xcim" + secret[4:]} {
		if _, _, err := ParseSecret(text); !errors.Is(err, ErrTokenUnknown) {
			t.Errorf("ParseSecret(%q): %v", text, err)
		}
	}
	for name, ok := range map[string]bool{"okta": true, "entra-1": true, "a": true, "": false, "-a": false, "a-": false, "A": false, "a b": false, "a\n": false, strings.Repeat("a", 64): false} {
		if (checkTokenName(name) == nil) != ok {
			t.Errorf("name %q: %v", name, checkTokenName(name))
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add("scim_0123456789ab_" + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, secret string) {
		lookup, hash, err := ParseSecret(secret)
		switch {
		case err != nil && lookup != "":
			t.Fatalf("refused, yet gave %q", lookup)
		case err == nil && (!strings.Contains(secret, "_"+lookup+"_") || !(Token{Secret: hash}).opens(hash)):
			t.Fatalf("%q does not open its own token", secret)
		}
	})
}

func TestLater(t *testing.T) {
	if got := later(noon, noon.Add(time.Second)); !got.Equal(noon.Add(time.Second)) {
		t.Errorf("a clock that is behind makes %v", got)
	}
	if got := later(noon, noon.Add(-time.Second)); !got.Equal(noon) {
		t.Errorf("got %v", got)
	}
}
