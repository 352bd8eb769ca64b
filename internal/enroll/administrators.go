package enroll

import (
	"context"
	"fmt"
	"time"

	"ringfence/internal/fault"
)

// CreateAdministrator issues a certificate to an administrator. csr is a
// PKCS#10 request in DER, made by whoever will hold the key. No RPC leads here:
// it is for whoever can log in to the server.
//
// Errors: Invalid (the name, the certificate request), [ErrKeyReused].
func (s *Service) CreateAdministrator(ctx context.Context, name string, csr []byte) (Administrator, Grant, error) {
	if !namePattern.MatchString(name) {
		return Administrator{}, Grant{}, fault.InvalidField("name", "must match %s", namePattern)
	}
	p, err := s.prove(csr)
	if err != nil {
		return Administrator{}, Grant{}, err
	}
	now := s.clock()
	issued, err := s.c.Authority.IssueAdmin(AdminTemplate(name, p.PublicKey, now, s.c.AdminLifetime))
	if err != nil {
		return Administrator{}, Grant{}, err
	}
	issued.IssuedAt = now
	a := Administrator{
		Serial: issued.Serial, Name: name, Key: p.Key,
		CreatedAt: now, CreatedBy: actor(ctx), ExpiresAt: issued.ExpiresAt,
	}
	detail := fmt.Sprintf("certificate %s, until %s", a.Serial, a.ExpiresAt.Format(time.RFC3339))
	err = s.c.Administrators.CreateAdministrator(ctx, a, by(ctx, "enroll.admin.create", "administrator/"+name, detail))
	if err != nil {
		return Administrator{}, Grant{}, err
	}
	return a, s.grant(issued), nil
}

// ListAdministrators gives all administrators' certificates, oldest first, with
// those that were revoked or have expired.
func (s *Service) ListAdministrators(ctx context.Context) ([]Administrator, error) {
	return s.c.Administrators.ListAdministrators(ctx)
}

// HasAdministrators reports whether an administrator was ever made. Revoked
// ones count: to revoke the last one must not make a new one at the next start.
func (s *Service) HasAdministrators(ctx context.Context) (bool, error) {
	all, err := s.c.Administrators.ListAdministrators(ctx)
	return len(all) > 0, err
}

// RevokeAdministrator stops an administrator's certificate from working and
// gives it as it is then. Doing so again changes nothing.
//
// Errors: [ErrNoCertificate].
func (s *Service) RevokeAdministrator(ctx context.Context, serial string) (Administrator, error) {
	before, err := s.c.Administrators.Administrator(ctx, serial)
	if err != nil {
		return Administrator{}, err
	}
	e := by(ctx, "enroll.admin.revoke", "administrator/"+before.Name, "certificate "+serial)
	a, err := s.c.Administrators.RevokeAdministrator(ctx, serial, s.clock(), e)
	s.admins.forget(serial)
	return a, err
}
