package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	serverLife     = 90 * day
	serverBackdate = 2 * day
)

var hostPattern = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// ServerTLS gives the TLS configuration of a listener that is reached under the
// given host names and IP addresses, TLS 1.3 only. Its certificate lives in
// memory, 90 days, and is replaced after two thirds of that.
//
// Clients of the purposes, Admin alone or any of the others, are verified if they
// show a certificate; whether they must is for the rule table to say. Without a
// purpose the listener asks for no certificate.
func (a *Authority) ServerTLS(names []string, clients ...Purpose) (*tls.Config, error) {
	if err := mayShareListener(clients); err != nil {
		return nil, err
	}
	s := &serverCertificate{authority: a}
	if err := s.setNames(names); err != nil {
		return nil, err
	}
	if _, err := s.get(nil); err != nil {
		return nil, err
	}
	c := &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{"h2"},
		GetCertificate: s.get,
		Time:           a.now,
	}
	if len(clients) > 0 {
		c.ClientAuth = tls.VerifyClientCertIfGiven
		c.ClientCAs = a.ClientCAs(clients...)
		c.VerifyConnection = a.verifyConnection(clients)
	}
	return c, nil
}

// mayShareListener refuses purposes that are not for clients, and a listener for
// administrators that others may speak to as well.
func mayShareListener(clients []Purpose) error {
	for _, p := range clients {
		if !slices.Contains(clientPurposes, p) {
			return fmt.Errorf("%q certificates are not for TLS clients", p)
		}
	}
	if len(clients) > 1 && slices.Contains(clients, Admin) {
		return errors.New("administrators share a listener with nobody")
	}
	return nil
}

// serverCertificate is a listener's certificate, renewed as needed.
type serverCertificate struct {
	authority *Authority
	dns       []string
	ips       []net.IP

	mu      sync.Mutex // guards the rest
	current *tls.Certificate
	renewAt time.Time
}

func (s *serverCertificate) setNames(names []string) error {
	if len(names) == 0 {
		return errors.New("server certificate: no host name")
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			s.ips = append(s.ips, ip)
			continue
		}
		host := strings.ToLower(strings.TrimSuffix(name, "."))
		if len(host) > 253 || !hostPattern.MatchString(host) {
			return fmt.Errorf("server certificate: %q is neither a host name nor an IP address", name)
		}
		s.dns = append(s.dns, host)
	}
	return nil
}

// get is a tls.Config.GetCertificate. Where renewing fails, the present
// certificate is shown for as long as it lasts.
func (s *serverCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	now := s.authority.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && now.Before(s.renewAt) {
		return s.current, nil
	}
	fresh, err := s.issue(now)
	switch {
	case err == nil:
		s.current, s.renewAt = fresh, now.Add(serverLife*2/3)
	case s.current == nil || now.After(s.current.Leaf.NotAfter):
		return nil, err
	}
	return s.current, nil
}

func (s *serverCertificate) issue(now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	subject := "ringfence"
	if len(s.dns) > 0 {
		subject = s.dns[0]
	}
	chain, leaf, err := s.authority.Issue(Server, Template{
		PublicKey: key.Public(),
		Subject:   pkix.Name{CommonName: subject},
		DNSNames:  s.dns,
		IPs:       s.ips,
		NotBefore: now.Add(-serverBackdate),
		NotAfter:  now.Add(serverLife),
	})
	if err != nil {
		return nil, err
	}
	// With the root behind it: a phone that joins may know the root by its pin
	// alone, and finds it here.
	chain = append(chain, s.authority.Roots()...)
	return &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}, nil
}
