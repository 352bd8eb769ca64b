package pki

import (
	"crypto/x509"
	"fmt"
	"time"
)

// holderPurposes are those whose certificates a phone shows to proxies of the
// organisation.
var holderPurposes = []Purpose{Device, App, Profile}

// VerifyHolder verifies, at the given time, a certificate that a phone has shown
// to a proxy and the proxy has passed on, DER. It accepts what was issued to a
// device, to an app, or by a policy for TLS clients; every error is ErrClient.
// Whether the certificate is revoked is not looked at here.
func (a *Authority) VerifyHolder(der []byte, now time.Time) (Verified, error) {
	if len(der) > maxCertificate {
		return Verified{}, fmt.Errorf("%w: %d octets", ErrClient, len(der))
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrClient, err)
	}
	// As in ClientCAs, the issuing authorities are the anchors, and not the root.
	anchors := x509.NewCertPool()
	for _, p := range holderPurposes {
		anchors.AddCert(a.issuers[p].certificate)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: anchors, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrClient, err)
	}
	p, err := a.purposeOf(chains, holderPurposes)
	if err != nil {
		return Verified{}, err
	}
	return Verified{Purpose: p, Leaf: leaf}, nil
}
