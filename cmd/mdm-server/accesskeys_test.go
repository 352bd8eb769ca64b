package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"google.golang.org/grpc/codes"

	"ringfence/internal/oauth"
	"ringfence/internal/signin/signintest"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// statement is what an assertion says, as an API that knows nothing but the
// standards reads it.
type statement struct {
	jwt.Claims
	Confirmation struct {
		Thumbprint string `json:"x5t#S256"`
	} `json:"cnf"`
	Kind       string `json:"kind"`
	User       string `json:"user"`
	Compliant  bool   `json:"compliant"`
	Standing   string `json:"standing"`
	EvidenceAt int64  `json:"evidence_at"`
	Epoch      uint64 `json:"epoch"`
}

// published fetches the keys as anybody does.
func (s *server) published(tb testing.TB) jose.JSONWebKeySet {
	tb.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots(tb), MinVersion: tls.VersionTLS12}}
	tb.Cleanup(transport.CloseIdleConnections)
	client := http.Client{Transport: transport, Timeout: patience}
	req := must[*http.Request](tb)(http.NewRequestWithContext(tb.Context(), http.MethodGet, "https://"+s.at.Access+oauth.JWKSPath, nil))
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(res.Body).Decode(&keys); err != nil || res.StatusCode != http.StatusOK {
		tb.Fatalf("the keys: %d, %v", res.StatusCode, err)
	}
	for _, k := range keys.Keys {
		if !k.IsPublic() || !k.Valid() {
			tb.Errorf("published: key %q is not a public one", k.KeyID)
		}
	}
	return keys
}

const api = "https://api.example.com"

// verified verifies an assertion for the API with published keys, by the library.
func verified(tb testing.TB, token string, keys jose.JSONWebKeySet, issuer string, now time.Time) statement {
	tb.Helper()
	parsed := must[*jwt.JSONWebToken](tb)(jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}))
	if typ := parsed.Headers[0].ExtraHeaders[jose.HeaderType]; typ != "device-assertion+jwt" {
		tb.Errorf("the type is %v", typ)
	}
	var said statement
	if err := parsed.Claims(keys, &said); err != nil {
		tb.Fatalf("the signature: %v", err)
	}
	if err := said.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{api}, Time: now}, 0); err != nil {
		tb.Errorf("the claims: %v", err)
	}
	if life := said.Expiry.Time().Sub(said.IssuedAt.Time()); life <= 0 || life > 5*time.Minute || said.ID == "" {
		tb.Errorf("it lasts for %v, its id is %q", life, said.ID)
	}
	return said
}

func (h *handset) asserts(tb testing.TB) string {
	tb.Helper()
	return must[*accessv1.IssueAssertionResponse](tb)(accessv1.NewAccessDeviceServiceClient(h.conn).IssueAssertion(tb.Context(), &accessv1.IssueAssertionRequest{Audience: api})).GetAssertion()
}

func thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// TestAssertion: what a phone or an app is given is verified by a library that is
// not ours, with keys fetched from the door; it is bound to the certificate of
// the connection, and says how things are.
func TestAssertion(t *testing.T) {
	for _, algorithm := range []string{"", "RS256", "ES256", "EdDSA"} {
		t.Run("signed by "+algorithm, func(t *testing.T) {
			p := provide(t)
			s := install(t, dbtest.DSN(t, sqldb.SQLite), opened(trusting(p), func(c *Config) { c.Access.Algorithm = algorithm })).start(t)
			checkAssertions(t, s, s, p)
		})
	}
	t.Run("two servers on postgres", func(t *testing.T) {
		p := provide(t)
		i := install(t, dbtest.DSN(t, sqldb.Postgres), opened(trusting(p), func(c *Config) { c.Access.BaseURL = "https://doors.example.com" }))
		one := i.start(t)
		checkAssertions(t, one, i.start(t), p)
	})
}

// checkAssertions has one server issue, and another publish.
func checkAssertions(t *testing.T, one, two *server, p *signintest.Provider) {
	t.Helper()
	issuer := one.parts.access.issuer
	v := &visit{one: one, a: one.admin(t)}
	v.a.apply(t, workPolicy(6))
	v.phone = one.join(t, v.a.token(t))
	v.certify(t)
	v.checkIn(t, 8)
	read := func(h *handset) statement {
		t.Helper()
		token := h.asserts(t)
		return verified(t, token, two.published(t), issuer, one.clock.now())
	}
	good := read(v.phone)
	if good.Subject != v.phone.id || good.Kind != "device" || good.User != "maria@example.com" || !good.Compliant ||
		good.Epoch != 1 || good.EvidenceAt == 0 || good.Confirmation.Thumbprint != thumbprint(v.phone.chain[0]) {
		t.Errorf("a good phone says %+v", good)
	}
	v.checkIn(t, 4)
	if bad := read(v.phone); bad.Compliant || bad.Standing != "unfit" || bad.ID == good.ID {
		t.Errorf("a bad phone says %+v", bad)
	}
	v.a.guard(t, "mail", map[string]any{})
	app := one.registers(t, p, "erin@example.com")
	app.stands(t)
	if said := read(&app.handset); said.Subject != app.id || said.Kind != "app" || said.User != "erin@example.com" || !said.Compliant ||
		said.Confirmation.Thumbprint != thumbprint(app.chain[0]) {
		t.Errorf("a good app says %+v", said)
	}
}

// TestAssertionWithoutDoors: where nobody could check it, none is given.
func TestAssertionWithoutDoors(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	phone := s.join(t, s.admin(t).token(t))
	_, err := accessv1.NewAccessDeviceServiceClient(phone.conn).IssueAssertion(t.Context(), &accessv1.IssueAssertionRequest{Audience: api})
	wantStatus(t, "without doors", err, codes.FailedPrecondition, "NO_DOORS")
}
