package appprotect

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// backdate lets a phone whose clock is a day slow see its certificate as valid.
// It gives nobody anything: what counts is the registration.
const backdate = 25 * time.Hour

// Grant is a certificate and what goes with it.
type Grant struct {
	// Chain is DER, leaf first, without the root.
	Chain [][]byte
	// TrustBundle is the root certificates, DER.
	TrustBundle [][]byte
	// RenewAfter is when to ask for the next certificate.
	RenewAfter time.Time
}

func (s *Service) grant(c *Certificate) Grant {
	return Grant{
		Chain: c.Chain, TrustBundle: s.c.Authority.TrustBundle(),
		// After two thirds of its life.
		RenewAfter: c.IssuedAt.Add(c.ExpiresAt.Sub(c.IssuedAt) / 3 * 2).Truncate(time.Second),
	}
}

// proof is what is left of a certificate request once it has been checked.
type proof struct {
	public any
	// key is of the SubjectPublicKeyInfo in its one canonical form, so that a
	// second encoding of a key is not a second key.
	key Digest
}

func (s *Service) prove(der []byte) (proof, error) {
	csr, err := s.c.Authority.ParseCSR(der)
	if err != nil {
		return proof{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(csr.PublicKey)
	if err != nil {
		return proof{}, fmt.Errorf("encode public key: %w", err)
	}
	return proof{csr.PublicKey, sha256.Sum256(spki)}, nil
}

// issue has a certificate made for the present epoch of a registration.
func (s *Service) issue(r *Registration, p proof, now time.Time) (Certificate, error) {
	chain, serial, expires, err := s.c.Authority.IssueApp(
		r.ID, r.Epoch, p.public, now.Add(-backdate), now.Add(s.c.Limits.Certificate))
	if err != nil {
		return Certificate{}, err
	}
	return Certificate{
		Serial: serial, ID: r.ID, Epoch: r.Epoch, Key: p.key, Chain: chain,
		IssuedAt: now, ExpiresAt: expires.UTC().Truncate(time.Microsecond),
	}, nil
}

// Renew issues another certificate to the caller's epoch. The older ones work
// until they expire.
//
// Errors: Invalid (the certificate request), [ErrKeyReused] (the key of another
// epoch), [ErrEnded].
func (s *Service) Renew(ctx context.Context, caller identity.Caller, csr []byte) (Grant, error) {
	p, err := s.prove(csr)
	if err != nil {
		return Grant{}, err
	}
	r, err := s.present(ctx, caller)
	if err != nil {
		return Grant{}, err
	}
	c, err := s.issue(&r, p, s.clock())
	if err != nil {
		return Grant{}, err
	}
	e := byApp(caller, "appprotect.renew", fmt.Sprintf("epoch %d, certificate %s", c.Epoch, c.Serial))
	if err := s.c.Registrations.Certify(ctx, c, e); err != nil {
		return Grant{}, err
	}
	return s.grant(&c), nil
}

// present gives the registration of a caller whose epoch has not ended.
func (s *Service) present(ctx context.Context, caller identity.Caller) (Registration, error) {
	r, err := s.c.Registrations.Registration(ctx, caller.Device)
	if err == nil {
		err = r.present(caller.Epoch)
	}
	return r, err
}

// present is ErrEnded for an epoch that has ended.
func (r *Registration) present(epoch device.Epoch) error {
	if r.Epoch != epoch || !r.Lasts() {
		return ErrEnded
	}
	return nil
}

// Identify says which app showed the certificate with this serial number
// (lower-case hex), whose chain TLS has verified.
//
// Errors, all Denied: [ErrCertificateUnknown], [ErrEnded].
func (s *Service) Identify(ctx context.Context, serial string) (identity.Caller, error) {
	caller, known, ticket := s.apps.get(serial)
	if known {
		return caller, nil
	}
	r, epoch, err := s.c.Registrations.BySerial(ctx, serial)
	if errors.Is(err, ErrNoCertificate) {
		return identity.Caller{}, ErrCertificateUnknown
	}
	if err == nil {
		err = r.present(epoch)
	}
	if err != nil {
		return identity.Caller{}, err
	}
	caller = r.caller(serial)
	s.apps.put(ticket, caller)
	return caller, nil
}

// caller is the app when it shows the certificate with this serial number.
func (r *Registration) caller(serial string) identity.Caller {
	return identity.Caller{
		Kind: identity.App, Device: r.ID, Epoch: r.Epoch,
		Ownership: device.Personal, Mode: device.AppAccount,
		User: r.Person.Name, Package: r.Package, Serial: serial,
	}
}
