package signin_test

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"ringfence/internal/fault"
	"ringfence/internal/signin"
	"ringfence/internal/signin/signintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const nonce = "TmV2ZXIgdGhlIHNhbWUgYWdhaW4gYW5kIGFnYWlu"

// clock is the server's; it can be ahead of the provider's.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time        { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) pass(d time.Duration)  { c.ahead.Add(int64(d)) }
func (c *clock) config() signin.Config { return signin.Config{AllowHTTPLoopback: true, Now: c.now} }

// start starts a provider with two people and two apps.
func start(t *testing.T) *signintest.Provider {
	t.Helper()
	p, err := signintest.Start(signintest.Config{
		Users:   []signintest.User{{Name: "Alice@Example.com", Groups: []string{"Sales", "all", "sales"}}, {Name: "bob"}},
		Clients: []string{"mail", "calendar", "other"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// verifier makes one that takes tokens for mail and calendar.
func verifier(t *testing.T, c *clock, providers ...*signintest.Provider) *signin.Verifier {
	t.Helper()
	config := c.config()
	for _, p := range providers {
		config.Issuers = append(config.Issuers, signin.Issuer{URL: p.Issuer(), ClientIDs: []string{"mail", "calendar"}})
	}
	v, err := signin.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func token(t *testing.T, p *signintest.Provider, client, user string) string {
	t.Helper()
	raw, err := p.SignIn(t.Context(), client, user, nonce)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// refused checks that nobody was signed in, and that the fault says no more
// than that.
func refused(t *testing.T, what string, got signin.Person, err error) {
	t.Helper()
	if e, ok := errors.AsType[*fault.Error](err); !ok || !errors.Is(err, signin.ErrRefused) || e.Message != signin.ErrRefused.Message {
		t.Errorf("%s: %v, want a refusal", what, err)
	}
	if diff := cmp.Diff(signin.Person{}, got); diff != "" {
		t.Errorf("%s gave a person:\n%s", what, diff)
	}
}

func TestSignIn(t *testing.T) {
	p, c := start(t), new(clock)
	v := verifier(t, c, p)
	tests := []struct {
		client, user string
		want         signin.Person
	}{
		{"mail", "Alice@Example.com", signin.Person{
			Issuer: p.Issuer(), Subject: "id-Alice@Example.com", Name: "alice@example.com", Groups: []string{"all", "sales"},
		}},
		{"calendar", "bob", signin.Person{Issuer: p.Issuer(), Subject: "id-bob", Name: "bob"}},
	}
	for _, tt := range tests {
		raw := token(t, p, tt.client, tt.user)
		got, err := v.Verify(t.Context(), raw, nonce)
		if err != nil {
			t.Fatalf("%s: %v", tt.user, err)
		}
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(signin.Person{}, "AuthenticatedAt")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.user, diff)
		}
		if age := time.Since(got.AuthenticatedAt); age < -2*time.Second || age > time.Minute {
			t.Errorf("%s was authenticated %v ago", tt.user, age)
		}
		if got.AuthenticatedAt.Location() != time.UTC {
			t.Errorf("%s: the time is not UTC", tt.user)
		}
	}
}

func TestRefused(t *testing.T) {
	p, elsewhere, c := start(t), start(t), new(clock)
	v := verifier(t, c, p)
	good := token(t, p, "mail", "bob")
	p.Lifetime(-time.Minute)
	expired := token(t, p, "mail", "bob")
	part := strings.Split(good, ".")
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	header := func(edit map[string]any) string { return edited(t, part[0], edit) }
	for name, raw := range map[string]string{
		"another audience":             token(t, p, "other", "bob"),
		"expired":                      expired,
		"another issuer":               token(t, elsewhere, "mail", "bob"),
		"alg none":                     header(map[string]any{"alg": "none"}) + "." + part[1] + ".",
		"alg none, signature kept":     header(map[string]any{"alg": "none"}) + "." + part[1] + "." + part[2],
		"alg HS256 with the key's id":  hmacToken(header(map[string]any{"alg": "HS256"}) + "." + part[1]),
		"no signature":                 part[0] + "." + part[1] + ".",
		"another claim":                part[0] + "." + edited(t, part[1], map[string]any{"sub": "id-Alice@Example.com"}) + "." + part[2],
		"another key, this key's id":   signed(t, other, part[0]+"."+part[1]),
		"another algorithm of the key": header(map[string]any{"alg": "PS256"}) + "." + part[1] + "." + part[2],
		"the key in the header": signed(t, other, header(map[string]any{"jwk": map[string]any{
			"kty": "RSA", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(other.N.Bytes()),
		}})+"."+part[1]),
		"a critical extension":        header(map[string]any{"crit": []string{"x"}, "x": 1}) + "." + part[1] + "." + part[2],
		"an access token":             header(map[string]any{"typ": "at+jwt"}) + "." + part[1] + "." + part[2],
		"cut off":                     good[:len(good)-3],
		"with a line break":           good + "\n",
		"padded":                      good + "==",
		"nothing":                     "",
		"garbage":                     "garbage",
		"dots":                        "..",
		"too long":                    good + strings.Repeat("A", signin.MaxToken),
		"JSON, with an unsigned part": fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, part[1], part[0], part[2]),
	} {
		got, err := v.Verify(t.Context(), raw, nonce)
		refused(t, name, got, err)
	}
	for name, n := range map[string]string{"another nonce": nonce[1:] + "x", "no nonce": "", "longer": nonce + "A"} {
		got, err := v.Verify(t.Context(), good, n)
		refused(t, name, got, err)
	}
	if _, err := v.Verify(t.Context(), good, nonce); err != nil {
		t.Errorf("the good one, in the end: %v", err)
	}
	c.pass(time.Hour)
	got, err := v.Verify(t.Context(), good, nonce)
	refused(t, "an hour later", got, err)
	c.pass(-2*time.Hour - 5*time.Minute)
	got, err = v.Verify(t.Context(), good, nonce)
	refused(t, "five minutes before it was made", got, err)
}

// TestNonceMissing: a token that was asked for without a nonce is good for none.
func TestNonceMissing(t *testing.T) {
	p, c := start(t), new(clock)
	v := verifier(t, c, p)
	raw, err := p.SignIn(t.Context(), "mail", "bob", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"", nonce} {
		got, err := v.Verify(t.Context(), raw, n)
		refused(t, "nonce "+n, got, err)
	}
}

func TestTwoIssuers(t *testing.T) {
	a, b, c := start(t), start(t), new(clock)
	v := verifier(t, c, a, b)
	for _, p := range []*signintest.Provider{a, b} {
		got, err := v.Verify(t.Context(), token(t, p, "mail", "bob"), nonce)
		if err != nil || got.Issuer != p.Issuer() {
			t.Errorf("of %s: %v, %v", p.Issuer(), got, err)
		}
	}
	// One provider's token in the other's name: only its own keys count.
	raw := token(t, a, "mail", "bob")
	part := strings.Split(raw, ".")
	got, err := v.Verify(t.Context(), part[0]+"."+edited(t, part[1], map[string]any{"iss": b.Issuer()})+"."+part[2], nonce)
	if err == nil || got.Name != "" {
		t.Errorf("a's token in b's name: %v, %v", got, err)
	}
}

func TestKeyRotation(t *testing.T) {
	p, c := start(t), new(clock)
	v := verifier(t, c, p)
	before := token(t, p, "mail", "bob")
	verify := func(raw string) error {
		_, err := v.Verify(t.Context(), raw, nonce)
		return err
	}
	if err := verify(before); err != nil {
		t.Fatal(err)
	}
	if err := p.Rotate(); err != nil {
		t.Fatal(err)
	}
	after := token(t, p, "mail", "bob")
	// The provider was asked a moment ago: nothing can be said yet.
	if err := verify(after); !errors.Is(err, signin.ErrUnavailable) {
		t.Errorf("the new key at once: %v, want unavailable", err)
	}
	if err := verify(before); err != nil {
		t.Errorf("the old key, while it is known: %v", err)
	}
	c.pass(6 * time.Second)
	if err := verify(after); err != nil {
		t.Errorf("the new key: %v", err)
	}
	c.pass(6 * time.Second)
	got, err := v.Verify(t.Context(), before, nonce)
	refused(t, "the withdrawn key", got, err)
}

// TestWithdrawnKey: nobody shows a token of another key, and the withdrawn one
// is good for an hour at most.
func TestWithdrawnKey(t *testing.T) {
	p, c := start(t), new(clock)
	p.Lifetime(3 * time.Hour)
	v := verifier(t, c, p)
	raw := token(t, p, "mail", "bob")
	if _, err := v.Verify(t.Context(), raw, nonce); err != nil {
		t.Fatal(err)
	}
	if err := p.Rotate(); err != nil {
		t.Fatal(err)
	}
	c.pass(61 * time.Minute)
	got, err := v.Verify(t.Context(), raw, nonce)
	refused(t, "the withdrawn key", got, err)
}

func TestProviderDown(t *testing.T) {
	p, c := start(t), new(clock)
	v := verifier(t, c, p)
	raw := token(t, p, "mail", "bob")
	p.Down(true)
	down := func(what string) {
		t.Helper()
		_, err := v.Verify(t.Context(), raw, nonce)
		if !errors.Is(err, signin.ErrUnavailable) {
			t.Errorf("%s: %v, want unavailable", what, err)
		}
		if e, ok := errors.AsType[*fault.Error](err); ok && strings.Contains(e.Message, "127.0.0.1") {
			t.Errorf("%s: the message %q says where", what, e.Message)
		}
	}
	down("down")
	asked := p.Asked()
	down("down, a moment later")
	if got := p.Asked(); got != asked {
		t.Errorf("asked %d times again at once", got-asked)
	}
	p.Down(false)
	down("up, in the pause")
	c.pass(2 * time.Second)
	if _, err := v.Verify(t.Context(), raw, nonce); err != nil {
		t.Fatalf("up: %v", err)
	}

	// What is known lasts for a while.
	p.Down(true)
	if _, err := v.Verify(t.Context(), raw, nonce); err != nil {
		t.Errorf("down, with its keys known: %v", err)
	}
	p.Lifetime(72 * time.Hour)
	p.Down(false)
	raw = token(t, p, "mail", "bob")
	p.Down(true)
	c.pass(61 * time.Minute)
	down("down, with old keys")
	c.pass(25 * time.Hour)
	down("down, with an old description")
	p.Down(false)
	c.pass(2 * time.Minute)
	if _, err := v.Verify(t.Context(), raw, nonce); err != nil {
		t.Errorf("up again: %v", err)
	}
}

// TestStrangersCannotMakeUsAsk: tokens that do not verify cost the provider
// nothing, and nobody else is kept out by them.
func TestStrangersCannotMakeUsAsk(t *testing.T) {
	p, c := start(t), new(clock)
	v := verifier(t, c, p)
	good := token(t, p, "mail", "bob")
	if _, err := v.Verify(t.Context(), good, nonce); err != nil {
		t.Fatal(err)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Split(good, ".")
	asked := p.Asked()
	for i := range 50 {
		forged := signed(t, stranger, edited(t, part[0], map[string]any{"kid": fmt.Sprint(i)})+"."+part[1])
		if _, err := v.Verify(t.Context(), forged, nonce); err == nil {
			t.Fatal("a forged token was taken")
		}
	}
	if _, err := v.Verify(t.Context(), good, nonce); err != nil {
		t.Errorf("the good one among them: %v", err)
	}
	if got := p.Asked() - asked; got > 0 {
		t.Errorf("the provider was asked %d times", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	p, c := start(t), new(clock)
	v := verifier(t, c, p)
	raw := token(t, p, "mail", "bob")
	asked := p.Asked()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := v.Verify(t.Context(), raw, nonce); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := p.Asked() - asked; got != 2 {
		t.Errorf("the provider was asked %d times, want 2", got)
	}
}

func TestGivenUp(t *testing.T) {
	p, c := start(t), new(clock)
	v := verifier(t, c, p)
	raw := token(t, p, "mail", "bob")
	p.Down(true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(ctx, raw, nonce); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// edited changes fields of a token's part.
func edited(t *testing.T, part string, edit map[string]any) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for name, value := range edit {
		fields[name] = value
	}
	text, err = json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func signed(t *testing.T, key *rsa.PrivateKey, text string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func hmacToken(text string) string {
	mac := hmac.New(sha256.New, []byte("the public key"))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
