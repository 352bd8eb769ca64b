package enroll

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/identity"
)

// CreateAdministrator issues a certificate to an administrator. csr is a
// PKCS#10 request in DER, made by whoever will hold the key. No RPC leads here:
// it is for whoever can log in to the server.
//
// Errors: Invalid (the field of the appointment, the certificate request),
// [ErrKeyReused].
func (s *Service) CreateAdministrator(ctx context.Context, as Appointment, csr []byte) (Administrator, Grant, error) {
	as = as.normal()
	if err := s.checkAppointment(ctx, as); err != nil {
		return Administrator{}, Grant{}, err
	}
	p, err := s.prove(csr)
	if err != nil {
		return Administrator{}, Grant{}, err
	}
	now := s.clock()
	issued, err := s.c.Authority.IssueAdmin(AdminTemplate(as.Name, p.PublicKey, now, s.c.AdminLifetime))
	if err != nil {
		return Administrator{}, Grant{}, err
	}
	issued.IssuedAt = now
	a := Administrator{
		Serial: issued.Serial, Appointment: as, Key: p.Key,
		CreatedAt: now, CreatedBy: actor(ctx), ExpiresAt: issued.ExpiresAt,
	}
	detail := fmt.Sprintf("role %s, person %s, groups %s, certificate %s, until %s", a.Role, a.Person,
		cmp.Or(strings.Join(a.Groups, " "), "all"), a.Serial, a.ExpiresAt.Format(time.RFC3339))
	err = s.c.Administrators.CreateAdministrator(ctx, a, audit.Of(ctx, "enroll.admin.create", "administrator/"+a.Name, detail))
	if err != nil {
		return Administrator{}, Grant{}, err
	}
	return a, s.grant(issued), nil
}

func (s *Service) checkAppointment(ctx context.Context, as Appointment) error {
	if err := as.check(); err != nil {
		return err
	}
	known, err := s.c.Administrators.ListAdministrators(ctx)
	if err != nil {
		return err
	}
	return as.besides(known)
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

// Approvers counts who could let go what that person asks for: the other
// persons who hold a credential that works, whose role may approve and which
// reaches all of the groups; nil is every group there is. Several credentials of
// one person count once.
func (s *Service) Approvers(ctx context.Context, besides string, groups []string) (int, error) {
	all, err := s.c.Administrators.ListAdministrators(ctx)
	if err != nil {
		return 0, err
	}
	now, persons := s.clock(), make(map[string]bool)
	for _, a := range all {
		if a.Person != besides && a.Role.May(identity.Approve) && a.works(now) && a.reaches(groups) {
			persons[a.Person] = true
		}
	}
	return len(persons), nil
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
	e := audit.Of(ctx, "enroll.admin.revoke", "administrator/"+before.Name, "certificate "+serial)
	defer s.admins.change(serial)()
	return s.c.Administrators.RevokeAdministrator(ctx, serial, s.clock(), e)
}
