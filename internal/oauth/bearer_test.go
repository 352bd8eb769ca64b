package oauth_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/oauth"
	"ringfence/internal/webkeys"
	"ringfence/internal/webkeys/webkeystest"
)

func TestRequire(t *testing.T) {
	f := newFixture(t)
	c, secret := f.create("okta", oauth.ManageStreams)
	token := f.token(c, secret)
	got := f.ask(oauth.ReadStreams, token)
	f.check("answer", answer{200, http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		`client:okta ` + c.ID + ` [ssf.manage] peer=192.0.2.1 request=true proxy="" user="Bearer ` + token + `"`}, got)

	const realm = `Bearer realm="ringfence"`
	two := withHeader("Authorization", "Bearer "+token)
	two.Header.Add("Authorization", "Bearer "+token)
	inForm := httptest.NewRequest(http.MethodPost, "/x?access_token="+token, strings.NewReader("access_token="+token))
	inForm.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for what, tt := range map[string]struct {
		scope     oauth.Scope
		request   *http.Request
		status    int
		challenge string
	}{
		"nothing":             {oauth.ReadStreams, withHeader("X", ""), 401, realm},
		"basic":               {oauth.ReadStreams, withHeader("Authorization", "Basic "+basicOf(c.ID, secret)), 401, realm},
		"the secret":          {oauth.ReadStreams, withHeader("Authorization", "Bearer "+secret), 401, realm + `, error="invalid_token"`},
		"no token":            {oauth.ReadStreams, withHeader("Authorization", "Bearer "), 401, realm + `, error="invalid_token"`},
		"two headers":         {oauth.ReadStreams, two, 400, realm + `, error="invalid_request"`},
		"in address and form": {oauth.ReadStreams, inForm, 401, realm},
		"as a proxy":          {oauth.ReadStreams, withHeader("Proxy-Authorization", "Bearer "+token), 401, realm},
		"another scope":       {oauth.Evaluate, withHeader("Authorization", "Bearer "+token), 403, realm + `, error="insufficient_scope", scope="access.evaluate"`},
		"small letters":       {oauth.ReadStreams, withHeader("Authorization", "bearer "+token), 200, ""},
	} {
		got := f.send(f.Require(tt.scope, door()), tt.request)
		if got.Status != tt.status || got.Header.Get("WWW-Authenticate") != tt.challenge {
			t.Errorf("%s: %d %q, want %d %q", what, got.Status, got.Header.Get("WWW-Authenticate"), tt.status, tt.challenge)
		}
		if strings.Contains(got.Body, "client:") != (tt.status == 200) {
			t.Errorf("%s: %s", what, got.Body)
		}
	}
}

func basicOf(id, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte(id + ":" + secret))
}

// TestConfusion: every token is signed with the right key, but for one thing.
func TestConfusion(t *testing.T) {
	f := newFixture(t)
	c, secret := f.create("okta", oauth.Evaluate)
	revoked, _ := f.create("revoked", oauth.Evaluate)
	_, err := f.RevokeClient(f.admin(), revoked.ID)
	f.must(err)
	good := map[string]any{
		"iss": issuer, "aud": issuer, "sub": c.ID, "client_id": c.ID, "scope": "access.evaluate", "jti": "1",
		"iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(),
	}
	sign := func(keys *webkeys.Service, typ string, change map[string]any) string {
		claims := maps.Clone(good)
		maps.Copy(claims, change)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		token, err := keys.Sign(t.Context(), webkeys.RS256, typ, claims)
		f.must(err)
		return token
	}
	f.check("good", 200, f.ask(oauth.Evaluate, sign(f.keys, "at+jwt", nil)).Status)
	key, err := webkeys.Generate(webkeys.RS256)
	f.must(err)
	elsewhere := webkeys.New(webkeys.Config{
		Store: new(webkeystest.Store), Sealer: webkeystest.Sealer(t), Now: f.config.Now,
		Generate: func(webkeys.Algorithm) (crypto.Signer, error) { return key, nil },
	})
	whole := f.token(c, secret)
	parts := strings.Split(whole, ".")
	unsigned := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1] + "."
	}
	for what, token := range map[string]string{
		"signed elsewhere":       sign(elsewhere, "at+jwt", nil),
		"a security event":       sign(f.keys, "secevent+jwt", nil),
		"a device's assertion":   sign(f.keys, "device-assertion+jwt", nil),
		"any JWT":                sign(f.keys, "JWT", nil),
		"another issuer":         sign(f.keys, "at+jwt", map[string]any{"iss": "https://evil.example"}),
		"an issuer with a slash": sign(f.keys, "at+jwt", map[string]any{"iss": issuer + "/"}),
		"no issuer":              sign(f.keys, "at+jwt", map[string]any{"iss": nil}),
		"another audience":       sign(f.keys, "at+jwt", map[string]any{"aud": "https://api.example"}),
		"no audience":            sign(f.keys, "at+jwt", map[string]any{"aud": nil}),
		"expired":                sign(f.keys, "at+jwt", map[string]any{"iat": noon.Add(-time.Hour).Unix(), "exp": noon.Unix()}),
		"no expiry":              sign(f.keys, "at+jwt", map[string]any{"exp": nil}),
		"an expiry in words":     sign(f.keys, "at+jwt", map[string]any{"exp": "never"}),
		"for two hours":          sign(f.keys, "at+jwt", map[string]any{"exp": noon.Add(2 * time.Hour).Unix()}),
		"a huge expiry":          sign(f.keys, "at+jwt", map[string]any{"exp": json.Number("9e99")}),
		"of the future":          sign(f.keys, "at+jwt", map[string]any{"iat": noon.Add(2 * time.Minute).Unix(), "exp": noon.Add(time.Hour).Unix()}),
		"no time":                sign(f.keys, "at+jwt", map[string]any{"iat": nil}),
		"another client":         sign(f.keys, "at+jwt", map[string]any{"client_id": "c_ffffffffffffffffffffffffffffffff"}),
		"a revoked client":       sign(f.keys, "at+jwt", map[string]any{"client_id": revoked.ID, "sub": revoked.ID}),
		"no client":              sign(f.keys, "at+jwt", map[string]any{"client_id": nil}),
		"a subject of another":   sign(f.keys, "at+jwt", map[string]any{"sub": revoked.ID}),
		"none":                   unsigned(`{"alg":"none"}`),
		"none with our kid":      unsigned(strings.Replace(decode(t, parts[0]), "RS256", "none", 1)),
		"no signature":           parts[0] + "." + parts[1] + ".",
	} {
		got := f.send(f.Require(oauth.Evaluate, door()), from(what, withHeader("Authorization", "Bearer "+token)))
		if got.Status != 401 || got.member("error") != "invalid_token" {
			t.Errorf("%s: %d %s", what, got.Status, got.Body)
		}
	}
	for what, change := range map[string]map[string]any{
		"another scope":       {"scope": "ssf.manage"},
		"no scope":            {"scope": nil},
		"a scope there isn't": {"scope": "access"},
	} {
		if got := f.ask(oauth.Evaluate, sign(f.keys, "at+jwt", change)); got.Status != 403 {
			t.Errorf("%s: %d", what, got.Status)
		}
	}
	if got := f.ask(oauth.ManageStreams, sign(f.keys, "at+jwt", map[string]any{"scope": "ssf.manage"})); got.Status != 403 {
		t.Errorf("a scope that the client has not: %d", got.Status)
	}
}

// from makes a request come from an address of its own.
func from(what string, r *http.Request) *http.Request {
	r.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1", len(what), what[0])
	return r
}

func decode(t *testing.T, part string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestExpires: a token ends when it says.
func TestExpires(t *testing.T) {
	f := newFixture(t)
	c, secret := f.create("okta", oauth.Evaluate)
	token := f.token(c, secret)
	f.at = noon.Add(time.Hour - time.Second)
	f.check("before", 200, f.ask(oauth.Evaluate, token).Status)
	f.at = noon.Add(time.Hour)
	f.check("then", 401, f.ask(oauth.Evaluate, token).Status)
}

// TestBearerKnocks: who shows bad tokens all the time is told to slow down, and
// locks nobody out.
func TestBearerKnocks(t *testing.T) {
	f := newFixture(t)
	c, secret := f.create("okta", oauth.Evaluate)
	token := f.token(c, secret)
	for range 10 {
		f.check("bad", 401, f.ask(oauth.Evaluate, "x.y.z").Status)
	}
	got := f.ask(oauth.Evaluate, "x.y.z")
	f.check("bad", []string{"429", "20"}, []string{fmt.Sprint(got.Status), got.Header.Get("Retry-After")})
	f.check("good", 200, f.ask(oauth.Evaluate, token).Status)
}

var errStranger = fault.New(fault.Denied, "", "not a gateway")

func TestRequireProxy(t *testing.T) {
	f := newFixture(t)
	f.config.Certificates = func(r *http.Request) (identity.Caller, error) {
		if r.TLS.PeerCertificates[0].Subject.CommonName == "gateway" {
			return identity.Caller{Kind: identity.Admin, Name: "gate", Serial: "a1"}, nil
		}
		return identity.Caller{}, errStranger
	}
	f.Service = oauth.New(f.config)
	c, secret := f.create("nginx", oauth.Evaluate)
	other, otherSecret := f.create("okta", oauth.ManageStreams)
	token, otherToken := f.token(c, secret), f.token(other, otherSecret)
	request := func(certificate string, headers ...string) *http.Request {
		r := withHeader("Authorization", "Bearer user-token")
		if certificate != "" {
			leaf := &x509.Certificate{}
			leaf.Subject.CommonName = certificate
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
		}
		for _, h := range headers {
			r.Header.Add("Proxy-Authorization", h)
		}
		return r
	}
	const rest = `peer=192.0.2.1 request=true proxy="" user="Bearer user-token"`
	client := "client:nginx " + c.ID + " [access.evaluate] " + rest
	gateway := "admin:gate a1 [] " + rest
	for what, tt := range map[string]struct {
		request *http.Request
		want    string // "" is no
	}{
		"certificate":                          {request("gateway"), gateway},
		"certificate and what the user sent":   {request("gateway", "Basic x"), gateway},
		"certificate and a client's secret":    {request("gateway", "Basic "+basicOf(c.ID, secret)), gateway},
		"secret":                               {request("", "Basic "+basicOf(c.ID, secret)), client},
		"token":                                {request("", "Bearer "+token), client},
		"another certificate and a secret":     {request("phone", "Basic "+basicOf(c.ID, secret)), client},
		"nobody":                               {request(""), ""},
		"another certificate":                  {request("phone"), ""},
		"another certificate and a bad secret": {request("phone", "Basic "+basicOf(c.ID, "x")), ""},
		"a bad secret":                         {request("", "Basic "+basicOf(c.ID, "x")), ""},
		"no base64":                            {request("", "Basic !"), ""},
		"a bad token":                          {request("", "Bearer x.y.z"), ""},
		"another scheme":                       {request("", "Digest x"), ""},
		"an empty header":                      {request("", ""), ""},
		"two headers":                          {request("", "Bearer "+token, "Bearer "+token), ""},
		"a client without the scope":           {request("", "Basic "+basicOf(other.ID, otherSecret)), ""},
		"a token without the scope":            {request("", "Bearer "+otherToken), ""},
		"the user's Authorization":             {withHeader("Authorization", "Bearer "+token), ""},
		"the user's Authorization, basic":      {withHeader("Authorization", "Basic "+basicOf(c.ID, secret)), ""},
	} {
		got := f.send(f.RequireProxy(oauth.Evaluate, door()), tt.request)
		status := http.StatusOK
		if tt.want == "" {
			status = http.StatusForbidden
			if challenge := got.Header.Get("WWW-Authenticate") + got.Header.Get("Proxy-Authenticate"); challenge != "" {
				t.Errorf("%s: a challenge for the user: %s", what, challenge)
			}
		} else {
			f.check(what, tt.want, got.Body)
		}
		f.check(what, status, got.Status)
	}
	if r := request("gateway", "Basic x"); f.send(f.RequireProxy(oauth.Evaluate, door()), r).Status != 200 || r.Header.Get("Proxy-Authorization") == "" {
		t.Error("the request of who asked was changed")
	}
	f.config.Certificates = func(*http.Request) (identity.Caller, error) { return identity.Caller{}, errBroken }
	f.check("who cannot be found out", 500, f.send(oauth.New(f.config).RequireProxy(oauth.Evaluate, door()), request("gateway", "Bearer "+token)).Status)
}

func TestMethods(t *testing.T) {
	f := newFixture(t)
	for _, h := range []http.Handler{f.Metadata(), f.JWKS()} {
		got := f.send(h, httptest.NewRequest(http.MethodPost, "/", nil))
		f.check("POST", []any{405, []string{"GET", "HEAD"}}, []any{got.Status, got.Header.Values("Allow")})
		f.check("kept", true, strings.HasPrefix(f.send(h, httptest.NewRequest(http.MethodGet, "/", nil)).Header.Get("Cache-Control"), "public, max-age="))
	}
}

func TestCheckIssuer(t *testing.T) {
	for issuer, want := range map[string]bool{
		"https://mdm.example.com": true, "https://mdm.example.com:8443": true, "https://[2001:db8::1]:8443": true,
		"": false, "http://mdm.example.com": false, "https://": false, "https://:443": false, "https://mdm.example.com/": false,
		"https://mdm.example.com/x": false, "https://mdm.example.com?": false, "https://mdm.example.com#": false,
		"https://a@mdm.example.com": false, "HTTPS://mdm.example.com": false, "mdm.example.com": false,
	} {
		if err := oauth.CheckIssuer(issuer); (err == nil) != want {
			t.Errorf("CheckIssuer(%q) = %v, want ok %v", issuer, err, want)
		}
	}
}

func TestSigningKeys(t *testing.T) {
	f := newFixture(t)
	first, err := f.RotateSigningKey(f.admin(), "")
	f.must(err)
	next, err := f.RotateSigningKey(f.admin(), "RS256")
	f.must(err)
	keys, err := f.SigningKeys(f.admin())
	f.must(err)
	first.SignsUntil, first.PublishedUntil = next.SignsFrom, next.SignsFrom.Add(webkeys.PublishedAfter)
	f.check("keys", []string{first.ID, next.ID}, []string{keys[0].ID, keys[1].ID})
	f.check("first", first.PublishedUntil, keys[0].PublishedUntil)
	if _, err := f.RotateSigningKey(f.admin(), "none"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("none: %v", err)
	}
}
