package enroll

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// wirePattern is what the wire lets through as a token.
var wirePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{20,128}$`)

func TestNewSecret(t *testing.T) {
	// 0xff makes base64url's own characters.
	secret, err := newSecret(bytes.NewReader(bytes.Repeat([]byte{0xff}, 38)))
	if err != nil {
		t.Fatal(err)
	}
	want := "ffffffffffff_" + strings.Repeat("_", 42) + "8"
	if diff := cmp.Diff(want, secret); diff != "" {
		t.Errorf("secret (-want +got):\n%s", diff)
	}
	if !wirePattern.MatchString(secret) {
		t.Errorf("%q does not pass the wire", secret)
	}
	lookup, hash, err := ParseSecret(secret)
	if lookup != "ffffffffffff" || hash.IsZero() || err != nil {
		t.Errorf("ParseSecret = %q, %x, %v", lookup, hash, err)
	}
	if _, err := newSecret(bytes.NewReader(make([]byte, 37))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short source gave %v", err)
	}
}

func TestParseSecret(t *testing.T) {
	good := "0123456789ab_" + strings.Repeat("A", 43)
	for name, secret := range map[string]string{
		"empty":             "",
		"short":             good[:55],
		"long":              good + "A",
		"no underscore":     "0123456789abA" + strings.Repeat("A", 43),
		"upper-case lookup": "0123456789AB_" + strings.Repeat("A", 43),
		"SQL in the lookup": "' OR 1=1 --0_" + strings.Repeat("A", 43),
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := ParseSecret(secret); !errors.Is(err, ErrTokenUnknown) {
				t.Errorf("got %v, want TOKEN_UNKNOWN", err)
			}
		})
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add("0123456789ab_" + strings.Repeat("A", 43))
	f.Add("0123456789ab_" + strings.Repeat("-", 43))
	f.Fuzz(func(t *testing.T, secret string) {
		lookup, hash, err := ParseSecret(secret)
		if err != nil {
			if lookup != "" || !hash.IsZero() {
				t.Fatalf("refused, yet gave %q and %x", lookup, hash)
			}
			return
		}
		token := Token{Lookup: lookup, Secret: hash}
		if !strings.HasPrefix(secret, lookup+"_") || !token.opens(hash) {
			t.Fatalf("%q does not open its own token", secret)
		}
	})
}

func TestZeroTokenOpensForNobody(t *testing.T) {
	if (Token{}).opens(Digest{}) {
		t.Error("the zero token was opened")
	}
}

func TestTokenSpecCheck(t *testing.T) {
	good := TokenSpec{RequestKey: "request-1", Ownership: device.Company, Mode: device.Dedicated}
	tests := []struct {
		name  string
		edit  func(*TokenSpec)
		field string
	}{
		{"defaults", func(*TokenSpec) {}, ""},
		{"all bounds", func(s *TokenSpec) {
			s.MaxUses, s.Lifetime, s.Group = MaxTokenUses, MaxTokenLifetime, strings.Repeat("a", 63)
			s.Description = strings.Repeat("ä", maxDescription)
		}, ""},
		{"no request key", func(s *TokenSpec) { s.RequestKey = "" }, "request_key"},
		{"personal and dedicated", func(s *TokenSpec) { s.Ownership = device.Personal }, "mode"},
		{"no mode", func(s *TokenSpec) { s.Mode = "" }, "mode"},
		{"group with a path", func(s *TokenSpec) { s.Group = "../x" }, "group"},
		{"group too long", func(s *TokenSpec) { s.Group = strings.Repeat("a", 64) }, "group"},
		{"user with a quote", func(s *TokenSpec) { s.User = "o'neill@example.com" }, "user"},
		{"too many uses", func(s *TokenSpec) { s.MaxUses = MaxTokenUses + 1 }, "max_uses"},
		{"too short", func(s *TokenSpec) { s.Lifetime = MinTokenLifetime - 1 }, "lifetime"},
		{"too long", func(s *TokenSpec) { s.Lifetime = MaxTokenLifetime + 1 }, "lifetime"},
		{"negative life", func(s *TokenSpec) { s.Lifetime = -time.Hour }, "lifetime"},
		{"NUL", func(s *TokenSpec) { s.Description = "a\x00b" }, "description"},
		{"line break", func(s *TokenSpec) { s.Description = "a\nb" }, "description"},
		{"broken UTF-8", func(s *TokenSpec) { s.Description = "\xff" }, "description"},
		{"long description", func(s *TokenSpec) { s.Description = strings.Repeat("a", 201) }, "description"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec := good
			tt.edit(&spec)
			if got := fieldOf(spec.withDefaults().check()); got != tt.field {
				t.Errorf("complains about %q, want %q", got, tt.field)
			}
		})
	}
}

// fieldOf is the one field that an Invalid fault complains about.
func fieldOf(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind == fault.Invalid && len(e.Fields) == 1 {
		return e.Fields[0].Name
	}
	return ""
}

func TestFingerprint(t *testing.T) {
	spec := TokenSpec{RequestKey: "request-1", Ownership: device.Company, Mode: device.WorkProfile, Group: "a", User: "b"}
	base := spec.withDefaults().fingerprint("admin:alice")
	spelled := spec
	spelled.MaxUses, spelled.Lifetime = 1, DefaultTokenLifetime
	if got := spelled.withDefaults().fingerprint("admin:alice"); got != base {
		t.Error("spelled-out defaults are another request")
	}
	other := map[string]Digest{"other maker": spec.withDefaults().fingerprint("admin:bob")}
	for name, edit := range map[string]func(*TokenSpec){
		"description":   func(s *TokenSpec) { s.Description = "x" },
		"ownership":     func(s *TokenSpec) { s.Ownership = device.Personal },
		"mode":          func(s *TokenSpec) { s.Mode = device.Dedicated },
		"shifted words": func(s *TokenSpec) { s.Group, s.User = `a" "b`, "" },
		"uses":          func(s *TokenSpec) { s.MaxUses = 2 },
		"lifetime":      func(s *TokenSpec) { s.Lifetime = time.Hour },
	} {
		s := spec
		edit(&s)
		other[name] = s.withDefaults().fingerprint("admin:alice")
	}
	for name, got := range other {
		if got == base {
			t.Errorf("%s: the same fingerprint", name)
		}
	}
}
