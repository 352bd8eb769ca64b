package appprotect

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"ringfence/internal/apprules"
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
		RenewAfter: c.IssuedAt.Add(min(s.c.Limits.Certificate, c.ExpiresAt.Sub(c.IssuedAt)) / 3 * 2).Truncate(time.Second),
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

// longestCertificate bounds the life of a certificate.
const longestCertificate = 400 * 24 * time.Hour

// certified is how long a certificate lives: an app renews it when two thirds of
// Limits.Certificate are over, and one that is out of reach meanwhile can still
// come back with it until its lease has wiped the account. What lets nobody in
// any more is the end of the epoch, at once.
func (s *Service) certified(ctx context.Context, r *Registration) (time.Duration, error) {
	at, err := s.bearings(ctx, r)
	if err != nil {
		return 0, err
	}
	wipe := apprules.Offline.Wipe.Of(at.Settings)
	if wipe == 0 || wipe > longestCertificate {
		return longestCertificate, nil
	}
	return min(wipe+s.c.Limits.Certificate, longestCertificate), nil
}

// issue has a certificate made for the present epoch of a registration.
func (s *Service) issue(ctx context.Context, r *Registration, p proof, now time.Time) (Certificate, error) {
	life, err := s.certified(ctx, r)
	if err != nil {
		return Certificate{}, err
	}
	chain, serial, expires, err := s.c.Authority.IssueApp(r.ID, r.Epoch, p.public, now.Add(-backdate), now.Add(life))
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
	c, err := s.issue(ctx, &r, p, s.clock())
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
