package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/access/forwardauth/proxytest"
	"ringfence/internal/enroll"
	"ringfence/internal/identity"
	"ringfence/internal/pki"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// openDoors has a server listen for gateways, under the name that the examples
// give it.
func openDoors(c *Config) {
	opened()(c)
	c.Access.BaseURL = "https://" + proxytest.Door + ":8445"
}

// gateway makes the credential of a gateway as the command line does, and gives
// the file: certificate, key and authority in one.
func (s *server) gateway(tb testing.TB, name string) []byte {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name+".pem")
	as := enroll.Appointment{Name: name, Role: identity.Gateway}
	if err := s.parts.newAdministrator(tb.Context(), as, path, s.at); err != nil {
		tb.Fatal(err)
	}
	return must[[]byte](tb)(os.ReadFile(path))
}

// gatewayTLS is how a gateway speaks to the doors.
func (s *server) gatewayTLS(tb testing.TB, name string) *tls.Config {
	tb.Helper()
	file := s.gateway(tb, name)
	pair := must[tls.Certificate](tb)(tls.X509KeyPair(file, file))
	return &tls.Config{
		RootCAs: s.roots(tb), ServerName: proxytest.Door, MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair},
		// As proxies do, and Caddy cannot be told otherwise.
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
}

// wikiPolicy lets nobody into the wiki but over a connection that shows the
// certificate of a phone that meets the rules.
func wikiPolicy() *accessv1.ApplyAccessPolicyRequest {
	return &accessv1.ApplyAccessPolicyRequest{Name: "wiki", Spec: &accessv1.AccessPolicySpec{
		State: accessv1.PolicyState_POLICY_STATE_ON, IncludePeople: &accessv1.People{Everyone: true},
		Apps: &accessv1.Apps{Include: []string{"wiki"}},
		Grant: &accessv1.Grant{Operator: accessv1.Operator_OPERATOR_AND, Controls: []accessv1.Control{
			accessv1.Control_CONTROL_CERTIFICATE_BOUND_SESSION, accessv1.Control_CONTROL_COMPLIANT_DEVICE,
		}},
		MaxAge: &accessv1.MaxAge{Compliance: durationpb.New(24 * time.Hour)},
	}}
}

// phoneAuthorities are whose certificates a gateway takes from phones, in PEM:
// those of a purpose, with the root above. Caddy reads the first of a file alone.
func (s *server) phoneAuthorities(p pki.Purpose) []byte {
	return []byte(pemText("CERTIFICATE", s.parts.authority.Issuer(p).Raw, s.parts.authority.Roots()[0]))
}

// servingPair is a certificate for a name, as a gateway shows it to people.
func (s *server) servingPair(tb testing.TB, name string) proxytest.Pair {
	tb.Helper()
	config := must[*tls.Config](tb)(s.parts.authority.ServerTLS([]string{name}))
	c := must[*tls.Certificate](tb)(config.GetCertificate(&tls.ClientHelloInfo{ServerName: name}))
	key := must[[]byte](tb)(x509.MarshalPKCS8PrivateKey(c.PrivateKey))
	return proxytest.Pair{
		Certificate: []byte(pemText("CERTIFICATE", c.Certificate...)),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}
}

// page is what somebody got over HTTPS.
type page struct {
	status int
	header http.Header
	body   string
}

// browser opens pages at one address, whatever their host, showing a certificate
// or none. What it is sent it keeps nowhere: each page is a connection of its own.
func (s *server) browser(tb testing.TB, address string, shows *tls.Certificate) func(url string, headers ...string) (page, error) {
	tb.Helper()
	config := &tls.Config{RootCAs: s.roots(tb), MinVersion: tls.VersionTLS12}
	if shows != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shows, nil }
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: config, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	return func(url string, headers ...string) (page, error) {
		req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, nil)
		if err != nil {
			return page{}, err
		}
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			req.Header.Add(name, value)
		}
		res, err := client.Do(req)
		if err != nil {
			return page{}, err
		}
		defer func() { _ = res.Body.Close() }() // it is read to its end
		body, err := io.ReadAll(res.Body)
		return page{res.StatusCode, res.Header, string(body)}, err
	}
}
