package compliance

import (
	"bytes"
	"context"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// Holder says to which device's epoch a client certificate was issued: the one of
// this serial number, and no other of that name. It is for doors, which have
// verified its chain and that its time has not passed.
//
// Errors, all Denied: ErrCertificateUnknown, ErrCertificateRevoked. Whether the
// epoch lasts is not looked at: the end of one revokes its certificates.
func (s *Service) Holder(ctx context.Context, serial string, der []byte) (device.ID, device.Epoch, error) {
	c, err := s.config.Certificates.Certificate(ctx, serial)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return "", 0, ErrCertificateUnknown
	case err != nil:
		return "", 0, err
	case len(c.Chain) == 0 || !bytes.Equal(c.Chain[0], der):
		return "", 0, ErrCertificateUnknown
	case c.Revocation != nil:
		return "", 0, ErrCertificateRevoked
	}
	return c.Key.Device, c.Key.Epoch, nil
}

// Issued says to which device a client certificate was issued, revoked or not;
// false where there is none of this serial number.
func (s *Service) Issued(ctx context.Context, serial string) (id device.ID, known bool, err error) {
	c, err := s.config.Certificates.Certificate(ctx, serial)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return "", false, nil
	}
	return c.Key.Device, err == nil, err
}
