package oauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"ringfence/internal/oauth"
)

// TestToken: the answer, and the token as a resource server elsewhere would check
// it (RFC 9068), found by the metadata.
func TestToken(t *testing.T) {
	f := newFixture(t)
	c, secret := f.create("okta", oauth.Evaluate, oauth.ReadStreams)
	r := tokenRequest("grant_type=client_credentials&scope=ssf.read")
	r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(secret))
	got := f.send(f.Token(), r)
	f.check("answer", []string{"200", "Bearer", "3600", "ssf.read", "no-store", "application/json"}, []string{
		fmt.Sprint(got.Status), got.member("token_type"), got.member("expires_in"), got.member("scope"),
		got.Header.Get("Cache-Control"), got.Header.Get("Content-Type"),
	})
	described := f.send(f.Metadata(), httptest.NewRequest(http.MethodGet, oauth.MetadataPath, nil))
	f.check("metadata", []string{issuer, issuer + oauth.TokenPath, issuer + oauth.JWKSPath, "[client_credentials]", "[client_secret_basic client_secret_post]"}, []string{
		described.member("issuer"), described.member("token_endpoint"), described.member("jwks_uri"),
		described.member("grant_types_supported"), described.member("token_endpoint_auth_methods_supported"),
	})
	var set jose.JSONWebKeySet
	f.must(json.Unmarshal([]byte(f.send(f.JWKS(), httptest.NewRequest(http.MethodGet, oauth.JWKSPath, nil)).Body), &set))
	signed, err := jose.ParseSignedCompact(got.member("access_token"), []jose.SignatureAlgorithm{jose.RS256})
	f.must(err)
	f.check("type", any("at+jwt"), signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType])
	payload, err := signed.Verify(set.Key(signed.Signatures[0].Protected.KeyID)[0])
	f.must(err)
	var claims map[string]any
	f.must(json.Unmarshal(payload, &claims))
	if claims["jti"] == "" {
		t.Error("the token has no id")
	}
	delete(claims, "jti")
	f.check("claims", map[string]any{
		"iss": issuer, "aud": issuer, "sub": c.ID, "client_id": c.ID, "scope": "ssf.read",
		"iat": float64(noon.Unix()), "exp": float64(noon.Add(time.Hour).Unix()),
	}, claims)
}

func TestTokenRequests(t *testing.T) {
	f := newFixture(t)
	c, secret := f.create("okta", oauth.ManageStreams)
	form := func(more ...string) string {
		return "grant_type=client_credentials&client_id=" + c.ID + "&client_secret=" + secret + strings.Join(more, "")
	}
	basic := func(id, secret, body string) *http.Request {
		r := tokenRequest(body)
		r.SetBasicAuth(id, secret)
		return r
	}
	header := func(r *http.Request, name, value string) *http.Request {
		r.Header.Add(name, value)
		return r
	}
	const grant = "grant_type=client_credentials"
	for what, tt := range map[string]struct {
		request *http.Request
		status  int
		code    string
	}{
		"form":                     {tokenRequest(form()), 200, ""},
		"form, a wide type":        {header(tokenRequest(form()), "X", "y"), 200, ""},
		"basic":                    {basic(c.ID, secret, grant), 200, ""},
		"basic, id in the form":    {basic(c.ID, secret, grant+"&client_id="+c.ID), 200, ""},
		"scope":                    {tokenRequest(form("&scope=ssf.manage")), 200, ""},
		"a covered scope":          {tokenRequest(form("&scope=ssf.read")), 200, ""},
		"an empty scope":           {tokenRequest(form("&scope=")), 200, ""},
		"a parameter more":         {tokenRequest(form("&resource=x")), 200, ""},
		"a scope it has not":       {tokenRequest(form("&scope=access.evaluate")), 400, "invalid_scope"},
		"a scope there is not":     {tokenRequest(form("&scope=root")), 400, "invalid_scope"},
		"a list with an empty one": {tokenRequest(form("&scope=ssf.read++ssf.manage")), 400, "invalid_scope"},
		"no grant":                 {basic(c.ID, secret, ""), 400, "unsupported_grant_type"},
		"another grant":            {basic(c.ID, secret, "grant_type=password&username=a&password=b"), 400, "unsupported_grant_type"},
		"nobody":                   {tokenRequest(grant), 401, "invalid_client"},
		"no secret":                {tokenRequest(grant + "&client_id=" + c.ID), 401, "invalid_client"},
		"another secret":           {basic(c.ID, secret+"x", grant), 401, "invalid_client"},
		"an empty secret":          {basic(c.ID, "", grant), 401, "invalid_client"},
		"another client":           {basic("c_ffffffffffffffffffffffffffffffff", secret, grant), 401, "invalid_client"},
		"the name, not the id":     {basic("okta", secret, grant), 401, "invalid_client"},
		"bearer":                   {header(tokenRequest(grant), "Authorization", "Bearer "+secret), 401, "invalid_client"},
		"no base64":                {header(tokenRequest(grant), "Authorization", "Basic !"), 401, "invalid_client"},
		"header and form":          {basic(c.ID, secret, form()), 400, "invalid_request"},
		"two ids":                  {basic(c.ID, secret, grant+"&client_id=c_1"), 400, "invalid_request"},
		"two headers":              {header(basic(c.ID, secret, grant), "Authorization", "Basic eDp5"), 400, "invalid_request"},
		"a parameter twice":        {tokenRequest(form("&scope=ssf.read&scope=ssf.manage")), 400, "invalid_request"},
		"a client twice":           {tokenRequest(form("&client_id=" + c.ID)), 400, "invalid_request"},
		"no form":                  {tokenRequest("%zz"), 400, "invalid_request"},
		"JSON":                     {httptest.NewRequest(http.MethodPost, oauth.TokenPath, strings.NewReader("{}")), 400, "invalid_request"},
		"10 MB":                    {tokenRequest(form("&x=" + strings.Repeat("a", 10<<20))), 413, "invalid_request"},
		"GET":                      {httptest.NewRequest(http.MethodGet, oauth.TokenPath, nil), 405, ""},
	} {
		f.at = f.at.Add(time.Minute) // failures are forgotten
		got := f.send(f.Token(), tt.request)
		if got.Status != tt.status || got.member("error") != tt.code {
			t.Errorf("%s: %d %s, want %d %s", what, got.Status, got.Body, tt.status, tt.code)
		}
		if strings.Contains(got.Body, secret) {
			t.Errorf("%s: the answer has the secret", what)
		}
		if got.Status == 401 && !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic realm=") {
			t.Errorf("%s: 401 without a challenge", what)
		}
	}
	inAddress := tokenRequest(grant)
	inAddress.URL.RawQuery = form()
	f.check("secret in the address", "invalid_request", f.send(f.Token(), inAddress).member("error"))
}

// TestBroken: what cannot be found out is not let in, and not told.
func TestBroken(t *testing.T) {
	f := newFixture(t)
	c, secret := f.create("okta", oauth.Evaluate)
	token := f.token(c, secret)
	f.store.broken = errBroken
	r := tokenRequest("grant_type=client_credentials")
	r.SetBasicAuth(c.ID, secret)
	proxied := withHeader("Proxy-Authorization", "Bearer "+token)
	for what, got := range map[string]answer{
		"token": f.send(f.Token(), r), "bearer": f.ask(oauth.Evaluate, token), "proxy": f.send(f.RequireProxy(oauth.Evaluate, door()), proxied),
	} {
		if got.Status != 500 || strings.Contains(got.Body, "database") {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// TestKnocks: who fails often is not looked at, and who was good still is.
func TestKnocks(t *testing.T) {
	f := newFixture(t)
	c, secret := f.create("okta", oauth.Evaluate)
	other, otherSecret := f.create("other", oauth.Evaluate)
	try := func(from, id, secret string) int {
		r := tokenRequest("grant_type=client_credentials")
		r.RemoteAddr = from
		r.SetBasicAuth(id, secret)
		return f.send(f.Token(), r).Status
	}
	f.check("good", 200, try("192.0.2.1:1", c.ID, secret))
	var got []int
	for range 12 {
		got = append(got, try("192.0.2.1:1", c.ID, "rfc_wrong"))
	}
	f.check("guesses", append(slices.Repeat([]int{401}, 10), 429, 429), got)
	reads := f.store.reads
	f.check("one more, of another client", 429, try("192.0.2.1:2", other.ID, "rfc_wrong"))
	f.check("what is right, for the first time", 429, try("192.0.2.1:2", other.ID, otherSecret))
	f.check("looked at", reads, f.store.reads)
	f.check("what was good before", 200, try("192.0.2.1:3", c.ID, secret))
	f.check("from elsewhere", 200, try("192.0.2.2:1", other.ID, otherSecret))
	f.at = f.at.Add(10 * time.Second)
	f.check("later", 401, try("192.0.2.1:1", c.ID, "rfc_wrong"))

	for i := range 11 {
		try(fmt.Sprintf("[2001:db8::%d]:1", i), c.ID, "rfc_wrong")
	}
	f.check("another address of the network", 429, try("[2001:db8::ffff]:1", c.ID, "rfc_wrong"))
	f.check("another network", 401, try("[2001:db8:0:1::1]:1", c.ID, "rfc_wrong"))
}
