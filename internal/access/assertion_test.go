package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// registry knows one phone and one registration; it signs by writing down.
type registry struct {
	phone access.Device
	app   access.Registration
	err   error

	typ    string
	claims string
}

func (r *registry) Phone(_ context.Context, id device.ID) (access.Device, error) {
	if r.err == nil && id != r.phone.ID {
		return access.Device{}, access.ErrNotKnown
	}
	return r.phone, r.err
}

func (r *registry) App(_ context.Context, id device.ID) (access.Registration, error) {
	if r.err == nil && id != r.app.ID {
		return access.Registration{}, access.ErrNotKnown
	}
	return r.app, r.err
}

func (r *registry) Sign(_ context.Context, typ string, claims any) (string, error) {
	raw, err := json.Marshal(claims)
	r.typ, r.claims = typ, string(raw)
	return "a.b.c", err
}

const (
	issuer   = "https://mdm.example.com"
	audience = "https://api.example.com"
)

func newRegistry() *registry {
	return &registry{
		phone: access.Device{ID: "phone-0001", Epoch: 3, User: "ada@example.com", Compliance: access.Verdict{
			Fitness: access.Fit, EvidenceAt: noon.Add(-time.Hour), Version: 9,
		}},
		app: access.Registration{ID: "app-00001", Epoch: 2, User: "bob@example.com", Protection: access.Verdict{
			Fitness: access.Unfit, EvidenceAt: noon.Add(-time.Minute), Version: 4,
		}},
	}
}

func (r *registry) assertions(now time.Time) *access.Assertions {
	return access.NewAssertions(access.AssertionConfig{
		Phones: r, Apps: r, Signer: r, Issuer: issuer, Now: func() time.Time { return now }, NewID: func() string { return "id-1" },
	})
}

var (
	phoneCaller = identity.Caller{Kind: identity.Device, Device: "phone-0001", Epoch: 3}
	appCaller   = identity.Caller{Kind: identity.App, Device: "app-00001", Epoch: 2}
	certSum     = [32]byte{1, 2, 3}
)

// TestAssertion: the claims by their names on the wire, which others read.
func TestAssertion(t *testing.T) {
	const cnf = `"cnf":{"x5t#S256":"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`
	for name, c := range map[string]struct {
		caller identity.Caller
		want   string
		life   time.Duration
	}{
		"phone": {phoneCaller, `{"iss":"https://mdm.example.com","sub":"phone-0001","aud":"https://api.example.com",` +
			`"iat":1795348800,"exp":1795349100,"jti":"id-1",` + cnf + `,"user":"ada@example.com","kind":"device",` +
			`"compliant":true,"standing":"fit","evidence_at":1795345200,"version":9,"epoch":3}`, 5 * time.Minute},
		"app": {appCaller, `{"iss":"https://mdm.example.com","sub":"app-00001","aud":"https://api.example.com",` +
			`"iat":1795348800,"exp":1795349100,"jti":"id-1",` + cnf + `,"user":"bob@example.com","kind":"app",` +
			`"compliant":false,"standing":"unfit","evidence_at":1795348740,"version":4,"epoch":2}`, 5 * time.Minute},
	} {
		r := newRegistry()
		got, err := r.assertions(noon).Issue(t.Context(), c.caller, certSum, audience)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(access.Assertion{Token: "a.b.c", ExpiresAt: noon.Add(c.life)}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.want, r.claims); diff != "" || r.typ != "device-assertion+jwt" {
			t.Errorf("%s: typ %s, claims (-want +got):\n%s", name, r.typ, diff)
		}
	}
}

// TestAssertionHoldsUntilItExpires: no assertion that says compliant outlives the
// time at which that changes by itself.
func TestAssertionHoldsUntilItExpires(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*access.Verdict)
		standing string
		life     time.Duration
	}{
		"for long":            {func(*access.Verdict) {}, "fit", 5 * time.Minute},
		"lapses":              {func(v *access.Verdict) { v.ChangesAt = noon.Add(90 * time.Second) }, "fit", 90 * time.Second},
		"lapses in between":   {func(v *access.Verdict) { v.ChangesAt = noon.Add(90*time.Second + 999*time.Millisecond) }, "fit", 90 * time.Second},
		"lapses in a moment":  {func(v *access.Verdict) { v.ChangesAt = noon.Add(time.Second - 1) }, "lapsed", 5 * time.Minute},
		"in a little more":    {func(v *access.Verdict) { v.ChangesAt = noon.Add(time.Second + 1) }, "fit", time.Second},
		"has lapsed":          {func(v *access.Verdict) { v.ChangesAt = noon.Add(-time.Hour) }, "lapsed", 5 * time.Minute},
		"becomes stale":       {func(v *access.Verdict) { v.EvidenceAt = noon.Add(-24*time.Hour + time.Minute) }, "fit", time.Minute},
		"is stale":            {func(v *access.Verdict) { v.EvidenceAt = noon.Add(-25 * time.Hour) }, "stale", 5 * time.Minute},
		"never judged":        {func(v *access.Verdict) { *v = access.Verdict{} }, "no-verdict", 5 * time.Minute},
		"evidence to come":    {func(v *access.Verdict) { v.EvidenceAt = noon.Add(time.Hour) }, "fit", 5 * time.Minute},
		"a word there is not": {func(v *access.Verdict) { v.Fitness = 77 }, "no-verdict", 5 * time.Minute},
	} {
		r := newRegistry()
		c.change(&r.phone.Compliance)
		a, err := r.assertions(noon).Issue(t.Context(), phoneCaller, certSum, audience)
		if err != nil {
			t.Fatal(err)
		}
		var claims access.AssertionClaims
		if err := json.Unmarshal([]byte(r.claims), &claims); err != nil {
			t.Fatal(err)
		}
		if claims.Standing != c.standing || claims.Compliant != (c.standing == "fit") || a.ExpiresAt.Sub(noon) != c.life {
			t.Errorf("%s: %v, %q for %s; want %q for %s", name, claims.Compliant, claims.Standing, a.ExpiresAt.Sub(noon), c.standing, c.life)
		}
		if err := claims.Check(issuer, []string{audience}, noon); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAssertionForWhom: only for the caller itself, in its present epoch.
func TestAssertionForWhom(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		caller   identity.Caller
		audience string
		err      error
		want     string // the reason; else the error of the room
	}{
		"an earlier epoch":      {identity.Caller{Kind: identity.Device, Device: "phone-0001", Epoch: 2}, audience, nil, "ENROLLMENT_ENDED"},
		"a phone that is gone":  {identity.Caller{Kind: identity.Device, Device: "phone-0002", Epoch: 3}, audience, nil, "ENROLLMENT_ENDED"},
		"a phone as an app":     {identity.Caller{Kind: identity.App, Device: "phone-0001", Epoch: 3}, audience, nil, "ENROLLMENT_ENDED"},
		"an administrator":      {identity.Caller{Kind: identity.Admin, Device: "phone-0001", Epoch: 3}, audience, nil, "CALLER_NOT_ALLOWED"},
		"nobody":                {identity.Caller{}, audience, nil, "CALLER_NOT_ALLOWED"},
		"no database":           {phoneCaller, audience, broken, ""},
		"no audience":           {phoneCaller, "", nil, "audience"},
		"audience in two words": {phoneCaller, "https://api.example.com x", nil, "audience"},
		"audience in two lines": {phoneCaller, "x\r\ny", nil, "audience"},
		"audience too long":     {phoneCaller, strings.Repeat("x", 513), nil, "audience"},
		"audience of others":    {phoneCaller, "b\u00fccher", nil, "audience"},
	} {
		r := newRegistry()
		r.err = c.err
		_, err := r.assertions(noon).Issue(t.Context(), c.caller, certSum, c.audience)
		f, _ := errors.AsType[*fault.Error](err)
		switch {
		case err == nil || r.claims != "":
			t.Errorf("%s: signed %s, %v", name, r.claims, err)
		case c.err != nil && !errors.Is(err, c.err):
			t.Errorf("%s: %v", name, err)
		case c.want == "audience" && (f == nil || f.Kind != fault.Invalid || f.Fields[0].Name != "audience"):
			t.Errorf("%s: %v", name, err)
		case c.want != "audience" && fault.ReasonOf(err) != c.want:
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAssertionCheck: whoever is given one by somebody looks at all of it.
func TestAssertionCheck(t *testing.T) {
	right := func() access.AssertionClaims {
		return access.AssertionClaims{
			Issuer: issuer, Subject: "phone-0001", Audience: audience, IssuedAt: noon.Unix(), ExpiresAt: noon.Add(5 * time.Minute).Unix(),
			ID: "id-1", Confirmation: access.ConfirmationOf(certSum), Kind: access.AboutDevice,
		}
	}
	if err := right().Check(issuer, []string{"other", audience}, noon.Add(5*time.Minute-1)); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(c *access.AssertionClaims){
		"another issuer":   func(c *access.AssertionClaims) { c.Issuer = "https://evil.example.com" },
		"another audience": func(c *access.AssertionClaims) { c.Audience = "https://evil.example.com" },
		"no audience":      func(c *access.AssertionClaims) { c.Audience = "" },
		"expired":          func(c *access.AssertionClaims) { c.ExpiresAt = noon.Unix() },
		"good for ever":    func(c *access.AssertionClaims) { c.ExpiresAt = 1 << 40 },
		"no subject":       func(c *access.AssertionClaims) { c.Subject = "" },
		"another kind":     func(c *access.AssertionClaims) { c.Kind = "admin" },
		"bound to nothing": func(c *access.AssertionClaims) { c.Confirmation = access.Confirmation{} },
	} {
		c := right()
		change(&c)
		if err := c.Check(issuer, []string{audience, ""}, noon); fault.ReasonOf(err) != "ASSERTION_NOT_VALID" || fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	empty := right()
	empty.Issuer = ""
	if empty.Check("", []string{audience}, noon) == nil {
		t.Error("took an assertion of nobody")
	}
}
