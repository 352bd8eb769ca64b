package webkeys_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"testing"
	"time"

	"ringfence/internal/webkeys"
	"ringfence/internal/webkeys/webkeystest"
)

func bigInt(b []byte) *big.Int { return new(big.Int).SetBytes(b) }

func (f *fixture) sealer() *webkeys.Sealer { return webkeystest.Sealer(f.t) }

// counting counts reads.
type counting struct {
	webkeys.Store
	reads int
}

func (c *counting) Keys(ctx context.Context) ([]webkeys.Stored, error) {
	c.reads++
	return c.Store.Keys(ctx)
}

func TestClaims(t *testing.T) {
	const us = "https://mdm.example.com"
	good := webkeys.Claims{
		Issuer: us, Audience: webkeys.Audience{"https://other.example", us},
		IssuedAt: noon.Unix(), ExpiresAt: noon.Add(time.Hour).Unix(),
	}
	expected := webkeys.Expected{Issuer: us, Audience: us, Now: noon, Longest: time.Hour}
	change := func(edit func(*webkeys.Claims)) webkeys.Claims {
		c := good
		edit(&c)
		return c
	}
	for name, tt := range map[string]struct {
		claims   webkeys.Claims
		expected webkeys.Expected
		ok       bool
	}{
		"good":                 {good, expected, true},
		"another issuer":       {change(func(c *webkeys.Claims) { c.Issuer = us + "/" }), expected, false},
		"no issuer":            {change(func(c *webkeys.Claims) { c.Issuer = "" }), webkeys.Expected{Audience: us, Now: noon, Longest: time.Hour}, false},
		"another audience":     {change(func(c *webkeys.Claims) { c.Audience = webkeys.Audience{"https://other.example"} }), expected, false},
		"no audience":          {change(func(c *webkeys.Claims) { c.Audience = nil }), expected, false},
		"an empty audience":    {change(func(c *webkeys.Claims) { c.Audience = webkeys.Audience{""} }), webkeys.Expected{Issuer: us, Now: noon, Longest: time.Hour}, false},
		"expires now":          {change(func(c *webkeys.Claims) { c.ExpiresAt = noon.Unix(); c.IssuedAt -= 3600 }), expected, false},
		"no expiry":            {change(func(c *webkeys.Claims) { c.ExpiresAt = 0 }), expected, false},
		"a clock that is fast": {change(func(c *webkeys.Claims) { c.IssuedAt += 60; c.ExpiresAt += 60 }), expected, true},
		"of the future":        {change(func(c *webkeys.Claims) { c.IssuedAt += 61; c.ExpiresAt += 61 }), expected, false},
		"no time":              {change(func(c *webkeys.Claims) { c.IssuedAt = 0 }), expected, false},
		"lives too long":       {change(func(c *webkeys.Claims) { c.ExpiresAt++ }), expected, false},
	} {
		if err := tt.claims.Check(tt.expected); (err == nil) != tt.ok || err != nil && !errors.Is(err, webkeys.ErrTokenInvalid) {
			t.Errorf("%s: %v, want ok %v", name, err, tt.ok)
		}
	}
}

func TestAudience(t *testing.T) {
	for text, want := range map[string]int{`"a"`: 1, `["a"]`: 1, `["a","b"]`: 2, `[]`: 0} {
		var a webkeys.Audience
		if err := json.Unmarshal([]byte(text), &a); err != nil || len(a) != want {
			t.Errorf("%s = %q, %v", text, a, err)
		}
	}
	for _, text := range []string{`1`, `{}`, `[1]`} {
		if err := json.Unmarshal([]byte(text), new(webkeys.Audience)); err == nil {
			t.Errorf("%s was read", text)
		}
	}
	if text, err := json.Marshal(webkeys.Audience{"a"}); err != nil || string(text) != `"a"` {
		t.Errorf("one audience is %s, %v", text, err)
	}
}

func TestTexts(t *testing.T) {
	s := webkeystest.Sealer(t)
	links := s.Texts("links")
	sealed := links.Seal([]byte("hello"))
	if got, err := links.Open(sealed); err != nil || string(got) != "hello" {
		t.Errorf("Open = %q, %v", got, err)
	}
	if again := links.Seal([]byte("hello")); again == sealed {
		t.Error("the same text is sealed to the same")
	}
	for what, text := range map[string]string{
		"nothing": "", "cut": sealed[:len(sealed)-2], "changed": "AA" + sealed[2:], "longer": sealed + "AA", "no base64url": sealed + "=",
	} {
		if got, err := links.Open(text); err == nil {
			t.Errorf("%s: opened to %q", what, got)
		}
	}
	if _, err := s.Texts("others").Open(sealed); err == nil {
		t.Error("opened in another place")
	}
	if _, err := webkeys.NewSealer(make([]byte, 16)); err == nil {
		t.Error("a short secret was taken")
	}
}

func TestParseAlgorithm(t *testing.T) {
	for text, want := range map[string]webkeys.Algorithm{"": webkeys.RS256, "RS256": webkeys.RS256, "ES256": webkeys.ES256, "EdDSA": webkeys.EdDSA} {
		if got, err := webkeys.ParseAlgorithm(text); err != nil || got != want {
			t.Errorf("ParseAlgorithm(%q) = %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"none", "HS256", "rs256", " "} {
		if got, err := webkeys.ParseAlgorithm(text); err == nil {
			t.Errorf("ParseAlgorithm(%q) = %q", text, got)
		}
	}
}
