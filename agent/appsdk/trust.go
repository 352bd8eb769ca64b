package appsdk

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

// anchor is what the app knows of the server before it registers: certificates of
// roots, or the pin of one.
type anchor struct {
	roots []*x509.Certificate
	pin   []byte
}

func newAnchor(roots []byte, pin string) (anchor, error) {
	switch {
	case len(roots) > 0 && pin != "":
		return anchor{}, errors.New("give the server's root certificate or its pin, not both")
	case len(roots) > 0:
		parsed, err := pki.ParseCertificatesPEM(roots, maxRoots)
		if err != nil {
			return anchor{}, fmt.Errorf("the server's root certificates: %w", err)
		}
		return anchor{roots: parsed}, nil
	case pin != "":
		text, ok := strings.CutPrefix(pin, pinPrefix)
		raw, err := hex.DecodeString(text)
		if !ok || err != nil || len(raw) != sha256.Size {
			return anchor{}, errors.New("a pin is sha256: and 64 hex digits, the SHA-256 of the root certificate (DER)")
		}
		return anchor{pin: raw}, nil
	default:
		return anchor{}, errors.New("the server's root certificate, or its pin, is needed: without it the app cannot know its server")
	}
}

// has reports whether c is one of the anchors.
func (a anchor) has(c *x509.Certificate) bool {
	if a.pin != nil {
		sum := sha256.Sum256(c.Raw)
		return slices.Equal(sum[:], a.pin)
	}
	return slices.ContainsFunc(a.roots, c.Equal)
}

// tls gives the configuration for a server that is known by the anchor.
func (a anchor) tls(host string, now func() time.Time) *tls.Config {
	config := baseTLS(host, now)
	if a.pin == nil {
		config.RootCAs = poolOf(a.roots)
		return config
	}
	// The pin names a root that the app does not have: it is found in what the
	// server sends, and the chain is then verified under it alone.
	config.InsecureSkipVerify = true // VerifyConnection does it instead, on every handshake
	config.VerifyConnection = func(s tls.ConnectionState) error {
		i := slices.IndexFunc(s.PeerCertificates, a.has)
		if i < 0 {
			return errors.New("none of the server's certificates has the pinned digest: it is another server, or it does not send its root")
		}
		others := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			others.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
			DNSName: host, Roots: poolOf(s.PeerCertificates[i : i+1]), Intermediates: others,
			CurrentTime: now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		})
		return err
	}
	return config
}

func baseTLS(host string, now func() time.Time) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, ServerName: host, Time: now, NextProtos: []string{"h2"}}
}

func poolOf(roots []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range roots {
		pool.AddCert(c)
	}
	return pool
}

// hostOf checks the form of a server's address and gives its host.
func hostOf(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" || strings.ContainsAny(address, "/ \t\r\n") {
		return "", fmt.Errorf("%q is not a server's address: write host:port, for example mdm.example.com:8443", address)
	}
	return host, nil
}
