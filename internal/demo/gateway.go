package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"ringfence/internal/access/clientcert"
)

// gateway is a reverse proxy that asks Ringfence at each request, as
// examples/gateways/nginx.conf has nginx do: over HTTPS, with its own certificate,
// passing on the certificate that it has seen itself (RFC 9440).
type gateway struct {
	client *http.Client
	ask    string // the question's URL
	app    *httputil.ReverseProxy
}

// The headers of an answer. What a client sends under their names goes no further.
const (
	headerUser      = "X-Ringfence-User"
	headerDevice    = "X-Ringfence-Device"
	headerSession   = "X-Ringfence-Session"
	headerAssertion = "X-Ringfence-Assertion"
	headerDecision  = "X-Ringfence-Decision"
	headerReason    = "X-Ringfence-Reason"
	headerOwed      = "X-Ringfence-Owed"
	headerRemedy    = "X-Ringfence-Remedy"
)

// answerWithin is how long Ringfence may take, as in the example.
const answerWithin = 6 * time.Second

// newGateway makes one for an app behind it. With its credential it knows
// Ringfence, too.
func newGateway(c *credential, ringfence, app string) *gateway {
	behind := &url.URL{Scheme: "http", Host: app}
	g := &gateway{
		client: c.client(),
		ask:    "https://" + ringfence + "/forward-auth?app=wiki&cert=rfc9440&answer=nginx",
	}
	g.app = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(behind)
		r.Out.Host = r.In.Host
		for name := range r.Out.Header {
			if strings.HasPrefix(name, "X-Ringfence-") || strings.Contains(name, "_") {
				r.Out.Header.Del(name)
			}
		}
		for _, name := range clientcert.Headers() {
			r.Out.Header.Del(name)
		}
		said, _ := r.In.Context().Value(answered{}).(http.Header)
		for _, name := range []string{headerUser, headerDevice, headerSession} {
			r.Out.Header.Set(name, said.Get(name))
		}
	}}
	return g
}

// answered is the key under which a request has Ringfence's answer with it.
type answered struct{}

func withAnswer(r *http.Request, said http.Header) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), answered{}, said))
}

// ServeHTTP lets in whom Ringfence lets in. Whatever goes wrong, it shuts.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	question, err := g.question(r)
	if err != nil {
		turnAway(w, nil)
		return
	}
	answer, err := g.client.Do(question) //nolint:gosec // its URL is the gateway's own, whatever the client asks for
	if err != nil {
		turnAway(w, nil)
		return
	}
	_, _ = io.Copy(io.Discard, answer.Body) // there is none; the connection is used again
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		turnAway(w, answer.Header)
		return
	}
	g.app.ServeHTTP(w, withAnswer(r, answer.Header))
}

// question is what Ringfence is asked. Nothing that the client sends gets through
// but its assertion, which is signed.
func (g *gateway) question(r *http.Request) (*http.Request, error) {
	q, err := http.NewRequestWithContext(r.Context(), http.MethodGet, g.ask, nil)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return nil, err
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		q.Header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(r.TLS.PeerCertificates[0].Raw)+":")
	}
	q.Header.Set("X-Forwarded-For", host)
	q.Header.Set("X-Forwarded-Host", r.Host)
	q.Header.Set("X-Forwarded-Method", r.Method)
	q.Header.Set("X-Forwarded-Uri", r.RequestURI)
	for _, token := range r.Header.Values(headerAssertion) {
		q.Header.Add(headerAssertion, token)
	}
	return q, nil
}

// turnAway says why, where that is known, and where to read what to do.
func turnAway(w http.ResponseWriter, said http.Header) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Type", "text/html; charset=utf-8")
	for _, name := range []string{headerDecision, headerReason, headerOwed, headerRemedy} {
		h.Set(name, said.Get(name))
	}
	w.WriteHeader(http.StatusForbidden)
	page := "<!doctype html><html lang=en><title>You cannot come in</title><h1>You cannot come in</h1>"
	if link := said.Get(headerRemedy); link != "" {
		page += `<p><a href="` + html.EscapeString(link) + `">What is wrong, and what you can do about it</a></p>`
	}
	_, _ = io.WriteString(w, page) // nobody is left to tell
}

// credential is a file that the server has made for a gateway: its certificate,
// its key, and the authority to know the server by.
type credential struct {
	own   tls.Certificate
	roots *x509.CertPool
}

// readCredential reads one. No error quotes the file.
func readCredential(path string) (*credential, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	own, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("the gateway's credential: %w", err)
	}
	c := &credential{own: own, roots: x509.NewCertPool()}
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		parsed, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the gateway's credential: %w", err)
		}
		if parsed.IsCA && parsed.CheckSignatureFrom(parsed) == nil {
			c.roots.AddCert(parsed)
			found = true
		}
	}
	if !found {
		return nil, errors.New("the gateway's credential has no authority to know the server by")
	}
	return c, nil
}

// client speaks to the server as the gateway, and to nobody else.
func (c *credential) client() *http.Client {
	config := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: c.roots, Certificates: []tls.Certificate{c.own}}
	return &http.Client{
		Timeout:       answerWithin,
		Transport:     &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
