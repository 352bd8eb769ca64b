package signin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"

	"ringfence/internal/directory"
)

var noon = time.Date(2026, time.January, 2, 12, 0, 0, 0, time.UTC)

// said gives claims by their JSON.
func said(pairs ...string) claims {
	c := claims{"preferred_username": json.RawMessage(`"Alice@example.com"`)}
	for pair := range slices.Chunk(pairs, 2) {
		c[pair[0]] = json.RawMessage(pair[1])
	}
	return c
}

func TestPerson(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	many := func(n int) string { return `["g"` + strings.Repeat(`,"g"`, n-1) + `]` }
	at := func(d time.Duration) string { return fmt.Sprint(noon.Add(d).Unix()) }
	tests := []struct {
		name  string
		token func(*oidc.IDToken)
		claim claims
		want  string // the name, or what the error holds
		fails bool
	}{
		{name: "as it should be", want: "alice@example.com"},
		{name: "another nonce", token: func(k *oidc.IDToken) { k.Nonce = "m" }, want: "another nonce", fails: true},
		{name: "no nonce", token: func(k *oidc.IDToken) { k.Nonce = "" }, want: "another nonce", fails: true},

		{name: "another audience", token: func(k *oidc.IDToken) { k.Audience = []string{"x"} }, want: "is for", fails: true},
		{name: "no audience", token: func(k *oidc.IDToken) { k.Audience = nil }, want: "is for", fails: true},
		{name: "the second client", token: func(k *oidc.IDToken) { k.Audience = []string{"calendar"} }, want: "alice@example.com"},
		{name: "an audience that begins alike", token: func(k *oidc.IDToken) { k.Audience = []string{"mail2", "MAIL"} }, want: "is for", fails: true},
		{name: "several, party not said", token: func(k *oidc.IDToken) { k.Audience = []string{"mail", "x"} }, want: "several", fails: true},
		{name: "several, our party", token: func(k *oidc.IDToken) { k.Audience = []string{"x", "mail"} }, claim: said("azp", `"mail"`), want: "alice@example.com"},
		{name: "several, another party", token: func(k *oidc.IDToken) { k.Audience = []string{"mail", "x"} }, claim: said("azp", `"x"`), want: "party", fails: true},
		{name: "one, another party", claim: said("azp", `"x"`), want: "party", fails: true},
		{name: "party is no text", claim: said("azp", `["mail"]`), want: "party", fails: true},

		{name: "expires now", token: func(k *oidc.IDToken) { k.Expiry = noon }, want: "expired", fails: true},
		{name: "no expiry", token: func(k *oidc.IDToken) { k.Expiry = time.Time{} }, want: "expired", fails: true},
		{name: "no time of issue", token: func(k *oidc.IDToken) { k.IssuedAt = time.Time{} }, want: "issue", fails: true},
		{name: "made in two minutes", token: func(k *oidc.IDToken) { k.IssuedAt = noon.Add(2 * time.Minute) }, want: "alice@example.com"},
		{name: "made later", token: func(k *oidc.IDToken) { k.IssuedAt = noon.Add(2*time.Minute + time.Second) }, want: "issue", fails: true},
		{name: "from two minutes on", claim: said("nbf", at(2*time.Minute)), want: "alice@example.com"},
		{name: "from later on", claim: said("nbf", at(2*time.Minute+time.Second)), want: "yet", fails: true},
		{name: "from words on", claim: said("nbf", `"now"`), want: "yet", fails: true},
		{name: "authenticated later", claim: said("auth_time", at(3*time.Minute)), want: "authentication", fails: true},
		{name: "authenticated before time", claim: said("auth_time", "-1"), want: "authentication", fails: true},

		{name: "no subject", token: func(k *oidc.IDToken) { k.Subject = "" }, want: "subject", fails: true},
		{name: "long subject", token: func(k *oidc.IDToken) { k.Subject = long(256) }, want: "subject", fails: true},
		{name: "NUL in the subject", token: func(k *oidc.IDToken) { k.Subject = "a\x00" }, want: "subject", fails: true},

		{name: "no name", claim: claims{}, want: "preferred_username", fails: true},
		{name: "name is a number", claim: said("preferred_username", "7"), want: "preferred_username", fails: true},
		{name: "name is null", claim: said("preferred_username", "null"), want: "plain", fails: true},
		{name: "empty name", claim: said("preferred_username", `""`), want: "plain", fails: true},
		{name: "longest name", claim: said("preferred_username", `"`+long(128)+`"`), want: long(128)},
		{name: "longer name", claim: said("preferred_username", `"`+long(129)+`"`), want: "plain", fails: true},
		{name: "name with a space", claim: said("preferred_username", `"a b"`), want: "plain", fails: true},
		{name: "name that looks like another", claim: said("preferred_username", `"аlice"`), want: "plain", fails: true},
		{name: "name with a line break", claim: said("preferred_username", `"alice\n"`), want: "plain", fails: true},
		{name: "guest of Entra ID", claim: said("preferred_username", `"o'hara_gmail.com#EXT#@X.onmicrosoft.com"`), want: "o'hara_gmail.com#ext#@x.onmicrosoft.com"},

		{name: "most groups", claim: said("groups", many(200)), want: "alice@example.com"},
		{name: "more groups", claim: said("groups", many(201)), want: "groups", fails: true},
		{name: "longest group", claim: said("groups", `["`+long(128)+`"]`), want: "alice@example.com"},
		{name: "longer group", claim: said("groups", `["`+long(129)+`"]`), want: "group", fails: true},
		{name: "empty group", claim: said("groups", `[""]`), want: "group", fails: true},
		{name: "groups are numbers", claim: said("groups", `[1]`), want: "neither", fails: true},
		{name: "groups are an object", claim: said("groups", `{}`), want: "neither", fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			token := &oidc.IDToken{
				Issuer: "https://id.example", Audience: []string{"mail"}, Subject: "s1", Nonce: "n",
				IssuedAt: noon, Expiry: noon.Add(time.Second),
			}
			if tt.token != nil {
				tt.token(token)
			}
			if tt.claim == nil {
				tt.claim = said()
			}
			issuer := Issuer{URL: "https://id.example", ClientIDs: []string{"mail", "calendar"}}.withDefaults()
			got, err := issuer.person(token, tt.claim, "n", noon)
			switch {
			case tt.fails && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			case !tt.fails && (err != nil || got.Name != tt.want):
				t.Errorf("got %q, %v, want %q", got.Name, err, tt.want)
			case !tt.fails && !directory.PlainUserName(got.Name):
				t.Errorf("the directory cannot have %q", got.Name)
			case tt.fails && got.Name != "":
				t.Errorf("refused, yet %v", got)
			}
		})
	}
}

func TestPersonWhole(t *testing.T) {
	issuer := Issuer{URL: "https://id.example", ClientIDs: []string{"mail"}, NameClaim: "email", GroupsClaim: "roles"}
	token := &oidc.IDToken{Audience: []string{"mail"}, Subject: "s1", Nonce: "n", IssuedAt: noon, Expiry: noon.Add(time.Hour)}
	want := Person{Issuer: "https://id.example", Subject: "s1", Name: "a@example.com", AuthenticatedAt: noon.Add(-time.Hour)}
	base := func(pairs ...string) claims {
		return said(slices.Concat([]string{"email", `"A@example.com"`, "auth_time", fmt.Sprint(noon.Add(-time.Hour).Unix())}, pairs)...)
	}
	for _, tt := range []struct {
		name   string
		claims claims
		groups []string
		fails  bool
	}{
		{"nothing about groups", base(), nil, false},
		{"null groups", base("roles", "null"), nil, false},
		{"no groups", base("roles", "[]"), nil, false},
		{"one group as text", base("roles", `"Sales"`), []string{"sales"}, false},
		{"groups", base("roles", `["b","A","B"]`), []string{"a", "b"}, false},
		{"verified", base("email_verified", "true"), nil, false},
		{"verified, as text", base("email_verified", `"true"`), nil, false},
		{"not verified", base("email_verified", "false"), nil, true},
		{"not verified, as text", base("email_verified", `"false"`), nil, true},
	} {
		got, err := issuer.person(token, tt.claims, "n", noon)
		if (err != nil) != tt.fails {
			t.Errorf("%s: %v", tt.name, err)
		}
		expected := Person{}
		if !tt.fails {
			expected = want
			expected.Groups = tt.groups
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestConfig(t *testing.T) {
	clients := []string{"mail"}
	tests := []struct {
		name     string
		issuers  []Issuer
		loopback bool
		want     string // what the error holds; empty for none
	}{
		{name: "none"},
		{name: "https", issuers: []Issuer{{URL: "https://id.example/realms/a", ClientIDs: clients}}},
		{name: "http", issuers: []Issuer{{URL: "http://id.example", ClientIDs: clients}}, loopback: true, want: "https"},
		{name: "http loopback, not allowed", issuers: []Issuer{{URL: "http://127.0.0.1:1", ClientIDs: clients}}, want: "https"},
		{name: "http loopback", issuers: []Issuer{{URL: "http://127.0.0.1:1", ClientIDs: clients}, {URL: "http://[::1]:1", ClientIDs: clients}, {URL: "http://localhost", ClientIDs: clients}}, loopback: true},
		{name: "http that looks like loopback", issuers: []Issuer{{URL: "http://127.0.0.1.example", ClientIDs: clients}}, loopback: true, want: "https"},
		{name: "password", issuers: []Issuer{{URL: "https://a:b@id.example", ClientIDs: clients}}, want: "host"},
		{name: "no host", issuers: []Issuer{{URL: "https:///x", ClientIDs: clients}}, want: "host"},
		{name: "query", issuers: []Issuer{{URL: "https://id.example?x=1", ClientIDs: clients}}, want: "query"},
		{name: "fragment", issuers: []Issuer{{URL: "https://id.example/#", ClientIDs: clients}}, want: "fragment"},
		{name: "no client", issuers: []Issuer{{URL: "https://id.example"}}, want: "client"},
		{name: "empty client", issuers: []Issuer{{URL: "https://id.example", ClientIDs: []string{""}}}, want: "client"},
		{name: "twice", issuers: []Issuer{{URL: "https://id.example", ClientIDs: clients}, {URL: "https://id.example", ClientIDs: clients}}, want: "twice"},
		{name: "no CA file", issuers: []Issuer{{URL: "https://id.example", ClientIDs: clients, CAFile: "testdata/none"}}, want: "none"},
		{name: "CA file without a certificate", issuers: []Issuer{{URL: "https://id.example", ClientIDs: clients, CAFile: "doc.go"}}, want: "PEM"},
	}
	for _, tt := range tests {
		v, err := New(Config{Issuers: tt.issuers, AllowHTTPLoopback: tt.loopback, Now: time.Now})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		case err == nil && len(v.Issuers()) != len(tt.issuers):
			t.Errorf("%s: Issuers = %v", tt.name, v.Issuers())
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("no clock, and no error")
	}
}

func FuzzIssuerOf(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUifQ.AA")
	f.Add("eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUifQ.")
	f.Add(`{"payload":"","signatures":[]}`)
	f.Add("..")
	v, err := New(Config{Issuers: []Issuer{{URL: "https://id.example", ClientIDs: []string{"mail"}}}, Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		issuer, err := issuerOf(raw)
		if err == nil && (issuer == "" || strings.Count(raw, ".") != 2 || len(raw) > MaxToken) {
			t.Fatalf("%q passed with issuer %q", raw, issuer)
		}
		if issuer == "https://id.example" {
			return // it would be asked
		}
		if p, err := v.Verify(t.Context(), raw, "n"); err == nil || p.Name != "" {
			t.Fatalf("%q signed %v in", raw, p)
		}
	})
}

func FuzzPerson(f *testing.F) {
	f.Add([]byte(`{"preferred_username":"a","groups":["b"],"azp":"mail","nbf":1,"auth_time":2}`))
	f.Add([]byte(`{"preferred_username":"a","groups":"b","nbf":1e400}`))
	issuer := Issuer{URL: "https://id.example", ClientIDs: []string{"mail"}}.withDefaults()
	f.Fuzz(func(t *testing.T, text []byte) {
		var c claims
		if json.Unmarshal(text, &c) != nil {
			return
		}
		token := &oidc.IDToken{Audience: []string{"mail"}, Subject: "s1", Nonce: "n", IssuedAt: noon, Expiry: noon.Add(time.Hour)}
		p, err := issuer.person(token, c, "n", noon)
		if err != nil {
			return
		}
		// Whoever can sign in can be disabled by that name.
		if !directory.PlainUserName(p.Name) || directory.Key(p.Name) != p.Name {
			t.Fatalf("the directory cannot have %q", p.Name)
		}
		if !plainName.MatchString(p.Name) || p.Name != strings.ToLower(p.Name) || len(p.Groups) > maxGroups ||
			!slices.IsSorted(p.Groups) || p.AuthenticatedAt.After(noon.Add(skew)) {
			t.Fatalf("%s gave %+v", text, p)
		}
	})
}
