package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"
)

// holderPurposes are those whose certificates a phone shows to proxies of the
// organisation.
var holderPurposes = []Purpose{Device, App, Profile}

// Held is a certificate that holds: what it was issued for, and its serial number
// as FormatSerial writes it.
type Held struct {
	Purpose Purpose
	Serial  string
}

// VerifyHolder verifies, at the given time, a certificate that a phone has shown
// to a proxy and the proxy has passed on, DER. It accepts what was issued to a
// device, to an app, or by a policy for TLS clients; every error is ErrClient.
// Whether the certificate is revoked is not looked at here.
//
// The signature of octets that were seen before is not computed again; the time
// is looked at each time.
func (a *Authority) VerifyHolder(der []byte, now time.Time) (Held, error) {
	if len(der) > maxCertificate {
		return Held{}, fmt.Errorf("%w: %d octets", ErrClient, len(der))
	}
	key := sha256.Sum256(der)
	s, ok := a.signed.get(key)
	if !ok {
		var err error
		if s, err = a.verifyHolder(der, now); err != nil {
			return Held{}, err
		}
		a.signed.put(key, s)
	}
	if now.Before(s.from) || now.After(s.until) {
		return Held{}, fmt.Errorf("%w: it holds from %s until %s", ErrClient, s.from.Format(time.RFC3339), s.until.Format(time.RFC3339))
	}
	return s.held, nil
}

// verifyHolder verifies a certificate that was not seen before.
func (a *Authority) verifyHolder(der []byte, now time.Time) (seen, error) {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return seen{}, fmt.Errorf("%w: %w", ErrClient, err)
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
		return seen{}, fmt.Errorf("%w: %w", ErrClient, err)
	}
	p, err := a.purposeOf(chains, holderPurposes)
	if err != nil {
		return seen{}, err
	}
	return signedBy(Held{p, FormatSerial(leaf.SerialNumber)}, leaf, a.issuers[p].certificate), nil
}
