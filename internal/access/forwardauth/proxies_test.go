package forwardauth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/access/forwardauth"
	"ringfence/internal/access/forwardauth/proxytest"
)

// site is an app behind a gateway, and the door that the gateway asks.
type site struct {
	*world
	address string // of the gateway
	ca      *x509.CertPool

	mu   sync.Mutex // guards all below
	seen []http.Header
	keys []http.Header // what came to the door
}

// app is the small page behind the gateway. It says what it is sent.
func (s *site) app(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.Header.Clone())
	_, _ = io.WriteString(w, "welcome"+string(body))
}

// reached gives the headers of what came to the app since the last time.
func (s *site) reached() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.seen
	s.seen = nil
	return all
}

// build starts everything, with a gateway that start starts and that asks with the
// query of the example, unless another is given.
func build(t *testing.T, start func(testing.TB, proxytest.Site) string, query string) *site {
	t.Helper()
	w, _ := holding(t)
	s := &site{world: w, ca: x509.NewCertPool()}
	m := material()
	server := m.others.leaf(proxytest.Host, x509.ExtKeyUsageServerAuth)
	gateways := newAuthority("gateways", nil)
	gateway := gateways.leaf("gateway", x509.ExtKeyUsageClientAuth)
	s.ca.AddCert(m.others.cert)

	app := httptest.NewServer(http.HandlerFunc(s.app))
	t.Cleanup(app.Close)
	door := s.serveDoor(t, m.root.leaf(proxytest.Door, x509.ExtKeyUsageServerAuth), gateways)
	s.address = start(t, proxytest.Site{
		App: app.Listener.Addr().String(), Door: door,
		Server: server.Pair, Gateway: gateway.Pair, Phones: m.phones.above, Ringfence: m.root.above, Query: query,
	})
	return s
}

// serveDoor serves the door to gateways, and to nobody else.
func (s *site) serveDoor(t *testing.T, own leaf, gateways *authority) string {
	t.Helper()
	pair, err := tls.X509KeyPair(own.Certificate, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(gateways.cert)
	check := s.door.Check()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.keys = append(s.keys, r.Header.Clone())
		s.mu.Unlock()
		if r.URL.Path != forwardauth.CheckPath || r.Host != proxytest.Door {
			t.Errorf("asked at %s%s", r.Host, r.URL.Path)
		}
		check.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(t.Output(), "", 0)
	server.TLS = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// client is a browser that shows a certificate, or none.
func (s *site) client(t *testing.T, shows *leaf) *http.Client {
	t.Helper()
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.ca, ServerName: proxytest.Host}
	if shows != nil {
		pair, err := tls.X509KeyPair(shows.Certificate, shows.Key)
		if err != nil {
			t.Fatal(err)
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport := &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// oldClient speaks HTTP/1.1, where headers can be said to be for the next hop only.
func (s *site) oldClient(t *testing.T, shows *leaf) *http.Client {
	t.Helper()
	c := s.client(t, shows)
	c.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	return c
}

// get opens the app. Headers are "Name: value".
func (s *site) get(t *testing.T, c *http.Client, headers ...string) (reply, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+proxytest.Host+"/page?a=b", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return send(t, c, r)
}

// proxies are the gateways there are.
var proxies = map[string]func(testing.TB, proxytest.Site) string{"nginx": proxytest.Nginx, "caddy": proxytest.Caddy}

func eachProxy(t *testing.T, run func(t *testing.T, s *site)) {
	for name, start := range proxies {
		t.Run(name, func(t *testing.T) { run(t, build(t, start, "")) })
	}
}

// welcomed checks that somebody comes in.
func (s *site) welcomed(t *testing.T, c *http.Client, headers ...string) http.Header {
	t.Helper()
	res, err := s.get(t, c, headers...)
	if err != nil {
		t.Fatal(err)
	}
	reached := s.reached()
	if res.StatusCode != http.StatusOK || res.body != "welcome" || len(reached) != 1 {
		t.Fatalf("%d %q, and %d requests came to the app; log:\n%s", res.StatusCode, res.body, len(reached), s.log.String())
	}
	return reached[0]
}

// denied checks that somebody is turned away with a page that has a link to the
// remedy, which works.
func (s *site) denied(t *testing.T, c *http.Client, reason, want string, headers ...string) {
	t.Helper()
	res, err := s.get(t, c, headers...)
	if err != nil {
		t.Fatal(err)
	}
	link := res.Header.Get("X-Ringfence-Remedy")
	if res.StatusCode != http.StatusForbidden || len(s.reached()) > 0 || res.Header.Get("X-Ringfence-Reason") != reason || link == "" {
		t.Fatalf("%+v", res)
	}
	if !strings.Contains(res.body, `<a href="`+link+`"`) || res.Header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the page is not as it must be: %+v", res)
	}
	has(t, s.visit(link).body, want)
}

// TestProxies: the examples, in the real programs.
func TestProxies(t *testing.T) {
	m := material()
	eachProxy(t, func(t *testing.T, s *site) {
		anna := s.client(t, &m.anna)
		h := s.welcomed(t, anna)
		if got := h.Get("X-Ringfence-User") + " " + h.Get("X-Ringfence-Device"); got != "anna@example.com phone-0001" {
			t.Errorf("the app is told of %q", got)
		}
		q := s.questions()
		if len(q) != 1 || !q[0].SignIn.CertificateBound || q[0].SignIn.Address.String() != "127.0.0.1" || q[0].SignIn.Request == nil ||
			q[0].SignIn.Request.ResourceID != proxytest.Host+"/page" || q[0].SignIn.App != "wiki" {
			t.Errorf("asked %+v", q)
		}

		// Her PIN becomes too short, and good again. Nothing is remembered.
		s.set(func() { s.device = unfit() })
		s.denied(t, anna, "owed", "set a longer PIN")
		s.set(func() { s.device = fit() })
		s.welcomed(t, anna)

		// Nobody can answer: nobody comes in.
		s.set(func() { s.problem = errBroken })
		if res, err := s.get(t, anna); err != nil || res.StatusCode < 400 || len(s.reached()) > 0 {
			t.Errorf("without an answer: %+v %v", res, err)
		}
		s.set(func() { s.problem = nil })

		s.denied(t, s.client(t, nil), "owed", "Use a phone that is managed")

		// A certificate that others issued comes no further than the gateway.
		asked := len(s.questions())
		res, err := s.get(t, s.client(t, &m.stranger))
		if err == nil && res.StatusCode < 400 || len(s.reached()) > 0 || len(s.questions()) > 0 || asked == 0 {
			t.Errorf("a stranger's certificate: %+v, %d before", res, asked)
		}
		// One of ours that does not count any more gets as far as the door.
		old := m.phones.leaf("old", x509.ExtKeyUsageClientAuth)
		s.denied(t, s.client(t, &old), "certificate", "does not count")
	})
}

// TestProxiesSmuggling: what a client writes into headers is not believed, and
// gets neither to the door nor to the app.
func TestProxiesSmuggling(t *testing.T) {
	m := material()
	escaped := strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(string(m.anna.Certificate[:strings.Index(string(m.anna.Certificate), "-----END")]) + "-----END CERTIFICATE-----\n")
	lies := []string{
		"Client-Cert: " + m.anna.binary(), "Client-Cert: " + m.stranger.binary(), "client-cert-chain: " + m.anna.binary(),
		"X-SSL-Client-Cert: " + escaped, "X-SSL-Client-Verify: SUCCESS", `X-Forwarded-Client-Cert: Cert="` + escaped + `"`,
		"X-Forwarded-Tls-Client-Cert: " + strings.Trim(m.anna.binary(), ":"), "X-Forwarded-Tls-Client-Cert-Info: x",
		"X-Ringfence-User: root", "X-Ringfence-MFA: true", "X-Ringfence-Device: phone-0001", "X-Ringfence-Session: none",
		"X-Forwarded-For: 203.0.113.1", "X-Real-IP: 203.0.113.1", "X-Original-URL: https://other.example/", "X-Forwarded-Uri: /other",
		"X-Forwarded-Method: DELETE", "X-Forwarded-Host: other.example", "X_Ringfence_User: root", "X_ringfence-User: root", "x-ringfence_user: root",
		"Connection: X-Ringfence-User, Client-Cert, X-SSL-Client-Verify",
	}
	eachProxy(t, func(t *testing.T, s *site) {
		s.denied(t, s.oldClient(t, nil), "owed", "Use a phone that is managed", lies...)
		s.untouched(t, s.questions(), "")

		app := s.welcomed(t, s.oldClient(t, &m.anna), lies...)
		s.untouched(t, s.questions(), "anna@example.com")
		for name, want := range map[string]string{"X-Ringfence-User": "anna@example.com", "X-Ringfence-Device": "phone-0001", "X-Ringfence-Session": ""} {
			if got := strings.Join(app.Values(name), "|"); got != want {
				t.Errorf("the app gets %s: %q, want %q", name, got, want)
			}
		}
		for name := range app {
			if strings.Contains(name, "_") {
				t.Errorf("the app gets %s", name)
			}
		}
		for _, name := range []string{"Client-Cert", "Client-Cert-Chain", "X-Ssl-Client-Cert", "X-Ssl-Client-Verify", "X-Forwarded-Client-Cert",
			"X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info", "X-Ringfence-Mfa", "X-Ringfence-Assertion"} {
			if values := app.Values(name); len(values) > 0 {
				t.Errorf("the app gets %s: %q", name, values)
			}
		}
	})
}

// TestProxiesBodies: the app gets what is sent, and the door nothing of it.
func TestProxiesBodies(t *testing.T) {
	anna := material().anna
	eachProxy(t, func(t *testing.T, s *site) {
		sent := strings.Repeat("a", 300<<10)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+proxytest.Host+"/", strings.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		res, err := send(t, s.client(t, &anna), r)
		if err != nil || res.StatusCode != http.StatusOK || res.body != "welcome"+sent {
			t.Errorf("%d, %d octets, %v", res.StatusCode, len(res.body), err)
		}
		if q := s.questions(); len(q) != 1 || q[0].SignIn.Request.Action != http.MethodPost {
			t.Errorf("asked %+v", q)
		}
	})
}

// TestProxiesQuery: another query may take the place of the example's.
func TestProxiesQuery(t *testing.T) {
	anna := material().anna
	for name, query := range map[string]string{"nginx": "app=mail&cert=nginx&answer=nginx&client=native", "caddy": "app=mail&cert=rfc9440&client=native"} {
		t.Run(name, func(t *testing.T) {
			s := build(t, proxies[name], query)
			s.welcomed(t, s.client(t, &anna))
			if q := s.questions(); len(q) != 1 || q[0].SignIn.App != "mail" || q[0].SignIn.Client != access.NativeClient {
				t.Errorf("asked %+v", q)
			}
		})
	}
}

// untouched checks that the question is as if nobody had lied.
func (s *site) untouched(t *testing.T, asked []access.Question, person string) {
	t.Helper()
	if len(asked) != 1 {
		t.Fatalf("asked %+v", asked)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, values := range s.keys[len(s.keys)-1] {
		if said := strings.Join(values, " "); strings.Contains(said, "203.0.113.1") || strings.Contains(said, "root") || strings.Contains(said, "other.example") {
			t.Errorf("the door is told %s: %q", name, values)
		}
	}
	in := asked[0].SignIn
	got := fmt.Sprintln(in.Person.Name, in.MFA, in.CertificateBound, in.Address.String(), in.Request.Action, in.Request.ResourceID)
	want := fmt.Sprintln(person, false, person != "", "127.0.0.1", "GET", proxytest.Host+"/page")
	if got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

// TestProxiesDoorGone: a door that cannot be asked is shut.
func TestProxiesDoorGone(t *testing.T) {
	eachProxy(t, func(t *testing.T, s *site) {
		anna := material().anna
		s.set(func() { s.panics = true })
		if res, err := s.get(t, s.client(t, &anna)); err != nil || res.StatusCode < 400 || len(s.reached()) > 0 {
			t.Errorf("%+v %v", res, err)
		}
	})
}
