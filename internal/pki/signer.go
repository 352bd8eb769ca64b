package pki

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

const (
	signerLife = 2 * year
	// signerSpare is how long a signing certificate must still hold for whatever
	// is signed with it. A device verifies an order when it acts, up to a year
	// after it was signed, and an app its lease at every launch.
	signerSpare = year
)

// signer signs one kind of message, with a certificate that carries the usage of
// that kind alone and comes from the root itself.
type signer struct {
	purpose Purpose

	mu      sync.Mutex // guards current
	current holder
}

// holder gives the certificate and key to sign with, and replaces them in time.
func (s *signer) holder(a *Authority) (holder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := a.now()
	if lasts(s.current, now) {
		return s.current, nil
	}
	h, err := s.load(a)
	if err != nil {
		return holder{}, err
	}
	if !lasts(h, now) {
		if h, err = s.renew(a, now); err != nil {
			return holder{}, err
		}
	}
	s.current = h
	return h, nil
}

// lasts reports whether h holds long enough. A certificate from the future was
// made by a clock that has been put back since: devices would refuse it.
func lasts(h holder, now time.Time) bool {
	return h.certificate != nil && now.Add(signerSpare).Before(h.certificate.NotAfter) && now.After(h.certificate.NotBefore)
}

func (s *signer) path(a *Authority) string { return filepath.Join(a.dir, string(s.purpose)+".pem") }

// load gives the zero holder where there is none.
func (s *signer) load(a *Authority) (holder, error) {
	h, err := loadHolder(s.path(a))
	if errors.Is(err, fs.ErrNotExist) {
		return holder{}, nil
	}
	if err != nil {
		return holder{}, err
	}
	if err := h.certificate.CheckSignatureFrom(a.root.certificate); err != nil {
		return holder{}, fmt.Errorf("%s.pem was not issued by the root", s.purpose)
	}
	if !s.fits(h.certificate) {
		return holder{}, fmt.Errorf("%s.pem is not the %[1]s certificate", s.purpose)
	}
	return h, nil
}

// fits reports whether a certificate is for this signer's messages and for
// nothing else.
func (s *signer) fits(c *x509.Certificate) bool {
	own := usagesOf(s.purpose).unknown[0]
	return !c.IsCA && len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 1 && c.UnknownExtKeyUsage[0].Equal(own)
}

// renew makes a new certificate under the lock, unless another process just did.
func (s *signer) renew(a *Authority, now time.Time) (holder, error) {
	unlock, err := lockDir(a.dir)
	if err != nil {
		return holder{}, err
	}
	defer unlock()
	if h, err := s.load(a); err != nil || lasts(h, now) {
		return h, err
	}
	serial := newSerial()
	h, err := sign(&x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: fmt.Sprintf("Ringfence %s %s", s.purpose, FormatSerial(serial)[:8])},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(signerLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		UnknownExtKeyUsage:    usagesOf(s.purpose).unknown,
		BasicConstraintsValid: true,
	}, elliptic.P256(), &a.root)
	if err != nil {
		return holder{}, err
	}
	return h, saveHolder(s.path(a), h)
}
