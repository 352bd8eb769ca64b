// Package trust is what one side, a phone or an app, knows its server by: first a
// root certificate that came to it in another way, or the pin of one, and from then
// on the roots that it joined under. It checks what the server issues, and
// connects.
package trust

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"ringfence/internal/pki"
)

const (
	pinPrefix = "sha256:"
	maxRoots  = 20
)

// Anchor is what one knows of a server before one joins: certificates of roots, or
// the pin of one.
type Anchor struct {
	roots []*x509.Certificate
	pin   []byte
}

// NewAnchor reads the roots (PEM) or the pin ("sha256:" and the hex SHA-256 of
// the root certificate's DER), exactly one of which must be given.
func NewAnchor(roots []byte, pin string) (Anchor, error) {
	switch {
	case len(roots) > 0 && pin != "":
		return Anchor{}, errors.New("give the server's root certificate or its pin, not both")
	case len(roots) > 0:
		parsed, err := pki.ParseCertificatesPEM(roots, maxRoots)
		if err != nil {
			return Anchor{}, fmt.Errorf("the server's root certificates: %w", err)
		}
		return Anchor{roots: parsed}, nil
	case pin != "":
		text, ok := strings.CutPrefix(pin, pinPrefix)
		raw, err := hex.DecodeString(text)
		if !ok || err != nil || len(raw) != sha256.Size {
			return Anchor{}, errors.New("a pin is sha256: and 64 hex digits, the SHA-256 of the root certificate (DER)")
		}
		return Anchor{pin: raw}, nil
	default:
		return Anchor{}, errors.New("the server's root certificate, or its pin, is needed: without it nobody can know the server")
	}
}

// Has reports whether c is one of the anchors.
func (a Anchor) Has(c *x509.Certificate) bool {
	if a.pin != nil {
		sum := sha256.Sum256(c.Raw)
		return slices.Equal(sum[:], a.pin)
	}
	return slices.ContainsFunc(a.roots, c.Equal)
}

// TLS gives the configuration for a server that is known by the anchor.
func (a Anchor) TLS(host string, now func() time.Time) *tls.Config {
	config := TLS(a.roots, host, now)
	if a.pin == nil {
		return config
	}
	// The pin names a root that is not here: it is found in what the
	// server sends, and the chain is then verified under it alone.
	config.InsecureSkipVerify = true // VerifyConnection does it instead, on every handshake
	config.VerifyConnection = func(s tls.ConnectionState) error {
		i := slices.IndexFunc(s.PeerCertificates, a.Has)
		if i < 0 {
			return errors.New("none of the server's certificates has the pinned digest: it is another server, or it does not send its root")
		}
		others := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			others.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
			DNSName:       host,
			Roots:         poolOf(s.PeerCertificates[i : i+1]),
			Intermediates: others,
			CurrentTime:   now(),
			KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		})
		return err
	}
	return config
}

// TLS gives the configuration for a server under one of these roots.
func TLS(roots []*x509.Certificate, host string, now func() time.Time) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: host,
		RootCAs:    poolOf(roots),
		Time:       now,
		NextProtos: []string{"h2"},
	}
}

func poolOf(roots []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range roots {
		pool.AddCert(c)
	}
	return pool
}

// ParseRoots reads a trust bundle as it comes over the wire: 1 to 20
// certificates of authorities.
func ParseRoots(bundle [][]byte) ([]*x509.Certificate, error) {
	if len(bundle) == 0 || len(bundle) > maxRoots {
		return nil, fmt.Errorf("the trust bundle has %d certificates, 1 to %d are possible", len(bundle), maxRoots)
	}
	roots := make([]*x509.Certificate, len(bundle))
	for i, der := range bundle {
		c, err := x509.ParseCertificate(der)
		if err != nil || !c.IsCA {
			return nil, fmt.Errorf("certificate %d of the trust bundle is not an authority's", i+1)
		}
		roots[i] = c
	}
	return roots, nil
}

// Host checks the form of a server's address and gives its host.
func Host(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" || strings.ContainsAny(address, "/ \t\r\n") {
		return "", fmt.Errorf("%q is not a server's address: write host:port, for example mdm.example.com:8443", address)
	}
	return host, nil
}
