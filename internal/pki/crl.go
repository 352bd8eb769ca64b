package pki

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Revoked is one line of a revocation list.
type Revoked struct {
	// Serial is the certificate's serial number, as FormatSerial writes it.
	Serial string
	// At is when it was revoked; seconds count.
	At time.Time
	// Reason is a CRLReason (RFC 5280, 5.3.1); 0 is "unspecified".
	Reason int
}

// Validity is the time a revocation list speaks for.
type Validity struct {
	ThisUpdate, NextUpdate time.Time
}

// CRL signs the revocation list (RFC 5280, 5) of a purpose's issuing authority,
// DER. The number must grow with every list of that purpose.
func (a *Authority) CRL(p Purpose, revoked []Revoked, number *big.Int, v Validity) ([]byte, error) {
	issuer, ok := a.issuers[p]
	if !ok {
		return nil, fmt.Errorf("no authority issues certificates for %q", p)
	}
	if number == nil || number.Sign() < 0 {
		return nil, errors.New("revocation list: its number must not be negative")
	}
	if !v.ThisUpdate.Before(v.NextUpdate) {
		return nil, errors.New("revocation list: it would never be valid")
	}
	entries := make([]x509.RevocationListEntry, len(revoked))
	for i, r := range revoked {
		serial, err := ParseSerial(r.Serial)
		if err != nil {
			return nil, fmt.Errorf("revocation list: entry %d: %w", i+1, err)
		}
		if r.Reason < 0 || r.Reason > 10 || r.Reason == 7 {
			return nil, fmt.Errorf("revocation list: entry %d: %d is not a reason", i+1, r.Reason)
		}
		entries[i] = x509.RevocationListEntry{SerialNumber: serial, RevocationTime: r.At.UTC(), ReasonCode: r.Reason}
	}
	list := &x509.RevocationList{
		Number:                    number,
		ThisUpdate:                v.ThisUpdate.UTC(),
		NextUpdate:                v.NextUpdate.UTC(),
		RevokedCertificateEntries: entries,
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, issuer.certificate, issuer.key)
	if err != nil {
		return nil, fmt.Errorf("revocation list: %w", err)
	}
	return der, nil
}
