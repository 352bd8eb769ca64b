package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// authority issues what the server's does.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	c := a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "root"}})
	a.key, _ = c.PrivateKey.(*ecdsa.PrivateKey)
	a.root = c.Leaf
	return a
}

// issue fills in the rest; the first is its own issuer.
func (a *authority) issue(c *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	by, parent := a.key, a.root
	if by == nil {
		by, parent = key, c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) client(name string) tls.Certificate {
	return a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

func (a *authority) server() tls.Certificate {
	return a.issue(&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// credential is a file as the server writes it.
func (a *authority) credential() *credential {
	a.t.Helper()
	edge := a.client("edge")
	key, err := x509.MarshalPKCS8PrivateKey(edge.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	var text []byte
	for _, block := range []pem.Block{{Type: "CERTIFICATE", Bytes: edge.Leaf.Raw}, {Type: "PRIVATE KEY", Bytes: key}, {Type: "CERTIFICATE", Bytes: a.root.Raw}} {
		text = append(text, pem.EncodeToMemory(&block)...)
	}
	path := filepath.Join(a.t.TempDir(), "edge.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		a.t.Fatal(err)
	}
	c, err := readCredential(path)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func serveTLS(t *testing.T, handler http.Handler, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// front is a gateway with everything around it.
type front struct {
	t *testing.T
	*authority
	url     string
	asked   http.Header // what Ringfence was asked with
	reached http.Header // what reached the app; nil where nothing did
	answer  http.HandlerFunc
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{t: t, authority: newAuthority(t)}
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.reached = r.Header
		wiki(w, r)
	}))
	t.Cleanup(app.Close)
	ringfence := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked = r.Header
		if r.URL.RequestURI() != "/forward-auth?app=wiki&cert=rfc9440&answer=nginx" || r.TLS.PeerCertificates[0].Subject.CommonName != "edge" {
			t.Errorf("asked at %s by %s", r.URL, r.TLS.PeerCertificates[0].Subject)
		}
		f.answer(w, r)
	}), &tls.Config{Certificates: []tls.Certificate{f.server()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: f.pool()})
	g := newGateway(f.credential(), ringfence.Listener.Addr().String(), app.Listener.Addr().String())
	f.url = serveTLS(t, g, &tls.Config{Certificates: []tls.Certificate{f.server()}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: f.pool()}).URL
	t.Cleanup(g.client.CloseIdleConnections)
	return f
}

// visit opens a page with a certificate, or none, and headers of the client's own.
func (f *front) visit(own []tls.Certificate, header http.Header) (int, http.Header, string) {
	f.t.Helper()
	f.asked, f.reached = nil, nil
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.pool(), Certificates: own}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.url+"/handbook?q=1", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header, r.Host = header, "wiki.example.com"
	res, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

// lies are what a client could write to be taken for another.
func lies() http.Header {
	return http.Header{
		"X-Ringfence-User": {"ceo@example.com"}, "X-Ringfence-Mfa": {"true"}, "X_Ringfence_User": {"ceo@example.com"},
		"Client-Cert": {":AAAA:"}, "Client-Cert-Chain": {":AAAA:"}, "X-Forwarded-Client-Cert": {"Hash=1"}, "X-Ssl-Client-Verify": {"SUCCESS"},
		"X-Forwarded-For": {"192.0.2.1"}, "Cookie": {"a=b"}, "Connection": {"X-Ringfence-User, X-Ringfence-Device"},
		headerAssertion: {"a.b.c"},
	}
}

func TestGatewayLetsIn(t *testing.T) {
	f := newFront(t)
	phone := f.client("phone")
	f.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(headerUser, maria)
		w.Header().Set(headerDevice, "d1")
	}
	status, _, body := f.visit([]tls.Certificate{phone}, lies())
	if status != http.StatusOK || body != "Welcome, maria@example.com." {
		t.Errorf("answered %d %q", status, body)
	}
	want := http.Header{
		"Client-Cert":     {":" + base64.StdEncoding.EncodeToString(phone.Leaf.Raw) + ":"},
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"wiki.example.com"}, "X-Forwarded-Method": {"GET"},
		"X-Forwarded-Uri": {"/handbook?q=1"}, headerAssertion: {"a.b.c"},
		"User-Agent": {"Go-http-client/2.0"}, "Accept-Encoding": {"gzip"},
	}
	f.asked["User-Agent"] = want["User-Agent"]
	if diff := cmp.Diff(want, f.asked); diff != "" {
		t.Errorf("what Ringfence is asked with (-want +got):\n%s", diff)
	}
	for name, values := range f.reached {
		known := map[string]string{headerUser: maria, headerDevice: "d1", headerSession: ""}
		if value, ok := known[name]; ok && !cmp.Equal(values, []string{value}) {
			t.Errorf("the app gets %s: %q", name, values)
		} else if !ok && (strings.Contains(name, "Ringfence") || strings.Contains(name, "Client-")) {
			t.Errorf("the app gets the client's %s: %q", name, values)
		}
	}
}

func TestGatewayShuts(t *testing.T) {
	f := newFront(t)
	for name, answer := range map[string]http.HandlerFunc{
		"denied": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"broken": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"sent elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/allow", http.StatusFound)
		},
		"nothing in it": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"gone":          func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		f.answer = answer
		if status, _, _ := f.visit(nil, lies()); status != http.StatusForbidden || f.reached != nil {
			t.Errorf("%s: answered %d, reached the app: %v", name, status, f.reached != nil)
		}
		if got := f.asked["Client-Cert"]; got != nil {
			t.Errorf("%s: nobody showed a certificate, and Ringfence got %q", name, got)
		}
	}
}

func TestGatewaySaysWhy(t *testing.T) {
	f := newFront(t)
	f.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(headerReason, "owed")
		w.Header().Set(headerRemedy, `https://mdm.example.com/r?a=1&b="><script>`)
		w.Header().Set("X-Internal", "secret")
		w.WriteHeader(http.StatusForbidden)
	}
	_, header, body := f.visit(nil, http.Header{})
	if header.Get(headerReason) != "owed" || header.Get("X-Internal") != "" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", header)
	}
	if strings.Contains(body, "<script") || !strings.Contains(body, `href="https://mdm.example.com/r?a=1&amp;b=&#34;`) {
		t.Errorf("page %s", body)
	}
}

func TestCredentialWithoutAuthority(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.pem")
	if err := os.WriteFile(path, []byte("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readCredential(path); err == nil || strings.Contains(err.Error(), "c2Vj") {
		t.Errorf("readCredential = %v", err)
	}
}
