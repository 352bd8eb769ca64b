package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// maxClientChain is how many certificates a TLS client may send.
const maxClientChain = 4

// ErrClient is the one answer to a client certificate that does not hold. What
// exactly is wrong with it is behind it, for the log.
var ErrClient = errors.New("client certificate is not valid here")

// ClientCAs gives the anchor for TLS clients of a purpose: the issuing
// authority alone. The root is no anchor, or the certificates of every purpose
// would be accepted. It is empty for purposes that are not for clients.
func (a *Authority) ClientCAs(p Purpose) *x509.CertPool {
	pool := x509.NewCertPool()
	if p == Device || p == Admin {
		pool.AddCert(a.issuers[p].certificate)
	}
	return pool
}

// VerifyClient verifies a client's certificates as they came, leaf first, at
// the given time, and gives the leaf. It accepts what was issued for the
// purpose and nothing else; every error is ErrClient.
func (a *Authority) VerifyClient(p Purpose, raw [][]byte, now time.Time) (*x509.Certificate, error) {
	if len(raw) == 0 || len(raw) > maxClientChain {
		return nil, fmt.Errorf("%w: %d certificates", ErrClient, len(raw))
	}
	if len(raw[0]) > maxCertificate {
		return nil, fmt.Errorf("%w: %d octets", ErrClient, len(raw[0]))
	}
	leaf, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrClient, err)
	}
	// The issuing authority is known and issues leaves only: whatever else the
	// client sent cannot help it.
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots:       a.ClientCAs(p),
		CurrentTime: now,
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrClient, err)
	}
	if leaf.IsCA {
		return nil, fmt.Errorf("%w: it is an authority", ErrClient)
	}
	return leaf, nil
}

// verifyConnection is the second lock on a listener's door, behind ClientCAs.
// It runs on resumed connections too.
func (a *Authority) verifyConnection(p Purpose) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return nil // whether one is needed is for the rule table to say
		}
		for _, chain := range s.VerifiedChains {
			if len(chain) != 2 || chain[0].IsCA || !chain[1].Equal(a.issuers[p].certificate) {
				return ErrClient
			}
		}
		if len(s.VerifiedChains) == 0 || a.now().After(s.PeerCertificates[0].NotAfter) {
			return ErrClient
		}
		return nil
	}
}
