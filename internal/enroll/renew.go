package enroll

import (
	"context"
	"fmt"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Renew issues the next certificate of the caller's epoch. It becomes current
// at its first use; until then the caller's own keeps working, and another
// Renew takes its place.
//
// Errors: Invalid (the certificate request), [ErrKeyReused] (the key of another
// epoch), [ErrEnrollmentEnded], [ErrCertificateSuperseded], [ErrMoved].
func (s *Service) Renew(ctx context.Context, caller identity.Caller, csr []byte) (Grant, error) {
	p, err := s.prove(csr)
	if err != nil {
		return Grant{}, err
	}
	var granted Grant
	err = fault.Retry(ErrMoved, func() error {
		var err error
		granted, err = s.renew(ctx, caller, p)
		return err
	})
	return granted, err
}

func (s *Service) renew(ctx context.Context, caller identity.Caller, p proof) (Grant, error) {
	before, err := s.c.Devices.Device(ctx, caller.Device)
	if err != nil {
		return Grant{}, err
	}
	// Judged before the authority is put to work, and again with the result.
	if standing, err := before.Standing(caller.Epoch, caller.Serial); err != nil {
		return Grant{}, err
	} else if standing != Current {
		return Grant{}, ErrCertificateSuperseded
	}
	now := s.clock()
	issued, err := s.issue(DeviceTemplate(before.ID, before.Epoch, p.PublicKey, now, s.c.DeviceLifetime), p, now)
	if err != nil {
		return Grant{}, err
	}
	after, err := before.Apply(Event{
		Verb: Renew, Epoch: caller.Epoch, Serial: caller.Serial, Certificate: issued.Certificate(),
	}, now)
	if err != nil {
		return Grant{}, err
	}
	detail := fmt.Sprintf("epoch %d, certificate %s", after.Epoch, issued.Serial)
	err = s.save(ctx, before, Change{
		Device: after, Issued: &issued, Entry: audit.Of(ctx, "enroll.renew", target(after.ID), detail),
	})
	if err != nil {
		return Grant{}, err
	}
	return s.grant(issued), nil
}
