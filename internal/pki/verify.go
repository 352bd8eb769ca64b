package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxClientChain is how many certificates a TLS client may send.
const maxClientChain = 4

// ErrClient is the one answer to a client certificate that does not hold. What
// exactly is wrong with it is behind it, for the log.
var ErrClient = errors.New("client certificate is not valid here")

// Verified is a client certificate that holds, and what it was issued for. The
// zero value is a client that has shown none.
type Verified struct {
	Purpose Purpose
	Leaf    *x509.Certificate
}

// ClientCAs gives the anchors for TLS clients of the purposes: their issuing
// authorities alone. The root is no anchor, or the certificates of every purpose
// would be accepted. Purposes that are not for clients add nothing.
func (a *Authority) ClientCAs(clients ...Purpose) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, p := range clients {
		if slices.Contains(clientPurposes, p) {
			pool.AddCert(a.issuers[p].certificate)
		}
	}
	return pool
}

// VerifyClient verifies a client's certificates as they came, leaf first, at
// the given time, and gives the leaf with its purpose. It accepts what was issued
// for one of the purposes and nothing else; every error is ErrClient.
func (a *Authority) VerifyClient(raw [][]byte, now time.Time, clients ...Purpose) (Verified, error) {
	if len(raw) == 0 || len(raw) > maxClientChain {
		return Verified{}, fmt.Errorf("%w: %d certificates", ErrClient, len(raw))
	}
	if len(raw[0]) > maxCertificate {
		return Verified{}, fmt.Errorf("%w: %d octets", ErrClient, len(raw[0]))
	}
	leaf, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrClient, err)
	}
	// The issuing authorities are known and issue leaves only: whatever else the
	// client sent cannot help it.
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots:       a.ClientCAs(clients...),
		CurrentTime: now,
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrClient, err)
	}
	p, err := a.purposeOf(chains, clients)
	if err != nil {
		return Verified{}, err
	}
	return Verified{Purpose: p, Leaf: leaf}, nil
}

// VerifyConnection gives the certificate that the client of a connection to a
// listener of [Authority.ServerTLS] has shown, with its purpose, as VerifyClient
// does, at the given time. Its signature was verified when the connection was
// made, or the session that it resumes; whether it still holds is looked at here.
// Every error is ErrClient, also for a client that has shown none.
func (a *Authority) VerifyConnection(s *tls.ConnectionState, now time.Time, clients ...Purpose) (Verified, error) {
	if s == nil || len(s.PeerCertificates) == 0 || len(s.VerifiedChains) == 0 {
		return Verified{}, fmt.Errorf("%w: none was shown", ErrClient)
	}
	p, err := a.purposeOf(s.VerifiedChains, clients)
	if err != nil {
		return Verified{}, err
	}
	for _, c := range s.VerifiedChains[0] {
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return Verified{}, fmt.Errorf("%w: it holds from %s until %s", ErrClient, c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339))
		}
	}
	return Verified{Purpose: p, Leaf: s.VerifiedChains[0][0]}, nil
}

// purposeOf tells from the verified chains which of the purposes a certificate
// was issued for. The issuing authority says so, and nothing in the certificate
// does; every chain must lead to the same one, in one step.
func (a *Authority) purposeOf(chains [][]*x509.Certificate, clients []Purpose) (Purpose, error) {
	var found Purpose
	for _, chain := range chains {
		if len(chain) != 2 || chain[0].IsCA {
			return "", fmt.Errorf("%w: it is an authority, or not issued by one of ours", ErrClient)
		}
		i := slices.IndexFunc(clients, func(p Purpose) bool { return chain[1].Equal(a.issuers[p].certificate) })
		if i < 0 || found != "" && found != clients[i] {
			return "", fmt.Errorf("%w: not of one purpose", ErrClient)
		}
		found = clients[i]
	}
	if found == "" {
		return "", fmt.Errorf("%w: no chain", ErrClient)
	}
	return found, nil
}

// verifyConnection is the second lock on a listener's door, behind ClientCAs.
// It runs on resumed connections too.
func (a *Authority) verifyConnection(clients []Purpose) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return nil // whether one is needed is for the rule table to say
		}
		if _, err := a.purposeOf(s.VerifiedChains, clients); err != nil {
			return err
		}
		if a.now().After(s.PeerCertificates[0].NotAfter) {
			return ErrClient
		}
		return nil
	}
}
