package enroll

import (
	"context"
	"errors"
	"fmt"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Identify says which device showed the certificate with this serial number
// (lower-case hex), whose chain TLS has verified. The first use of an issued
// certificate makes it the current one, and the older one stops working.
//
// Errors, all Denied: [ErrCertificateUnknown], [ErrEnrollmentEnded],
// [ErrCertificateSuperseded].
func (s *Service) Identify(ctx context.Context, serial string) (identity.Caller, error) {
	if caller, ok := s.phones.get(serial); ok {
		return caller, nil
	}
	return s.find(ctx, serial)
}

func (s *Service) find(ctx context.Context, serial string) (caller identity.Caller, err error) {
	err = fault.Retry(ErrMoved, func() error {
		var err error
		caller, err = s.lookUp(ctx, serial)
		return err
	})
	return caller, err
}

func (s *Service) lookUp(ctx context.Context, serial string) (identity.Caller, error) {
	t := s.phones.ticket(serial)
	d, epoch, err := s.c.Devices.DeviceBySerial(ctx, serial)
	if errors.Is(err, ErrNoCertificate) {
		return identity.Caller{}, ErrCertificateUnknown
	}
	if err != nil {
		return identity.Caller{}, err
	}
	standing, err := d.Standing(epoch, serial)
	if err != nil {
		return identity.Caller{}, err
	}
	if standing == FirstUse {
		return s.promote(ctx, d, serial)
	}
	s.phones.put(t, serial, d.Caller())
	return d.Caller(), nil
}

// promote makes the issued certificate the current one. It is remembered at its
// second use.
func (s *Service) promote(ctx context.Context, d Device, serial string) (identity.Caller, error) {
	after, err := d.Apply(Event{Verb: Use, Epoch: d.Epoch, Serial: serial}, s.clock())
	if err != nil {
		return identity.Caller{}, err
	}
	detail := fmt.Sprintf("epoch %d, certificate %s takes the place of %s", d.Epoch, serial, d.Certificate.Serial)
	err = s.save(ctx, d, Change{Device: after, Entry: byDevice(ctx, d, "enroll.promote", detail)})
	return after.Caller(), err
}

// save stores a change, and forgets the record and what the device's certificates
// were worth.
func (s *Service) save(ctx context.Context, before Device, c Change) error {
	defer s.changing(before)()
	return s.c.Enrolments.Save(ctx, c)
}

// changing is called before a device is changed, and what it gives afterwards.
func (s *Service) changing(before Device) (done func()) {
	records := s.records.change(string(before.ID))
	phones := s.phones.change(before.Certificate.Serial, before.Next.Serial)
	return func() { records(); phones() }
}

// IdentifyAdmin says which administrator showed the certificate with this
// serial number (lower-case hex), whose chain TLS has verified.
//
// Errors, all Denied: [ErrCertificateUnknown], [ErrCertificateRevoked].
func (s *Service) IdentifyAdmin(ctx context.Context, serial string) (identity.Caller, error) {
	if caller, ok := s.admins.get(serial); ok {
		return caller, nil
	}
	t := s.admins.ticket(serial)
	a, err := s.c.Administrators.Administrator(ctx, serial)
	if errors.Is(err, ErrNoCertificate) {
		return identity.Caller{}, ErrCertificateUnknown
	}
	if err != nil {
		return identity.Caller{}, err
	}
	caller, err := a.Caller()
	if err != nil {
		return identity.Caller{}, err
	}
	s.admins.put(t, serial, caller)
	return caller, nil
}

// Device gives the record of a device, whoever asks, or [ErrNoDevice]. It is
// for other rooms; for administrators there is FindDevice.
func (s *Service) Device(ctx context.Context, id device.ID) (Device, error) {
	if d, ok := s.records.get(string(id)); ok {
		return d, nil
	}
	t := s.records.ticket(string(id))
	d, err := s.c.Devices.Device(ctx, id)
	if err == nil {
		s.records.put(t, string(id), d)
	}
	return d, err
}

// ListDevices gives one page of the devices that the administrator in ctx may
// see, and where the next one begins; that is zero on the last page. q.Limit
// must be at least 1; q.Groups is set here.
func (s *Service) ListDevices(ctx context.Context, q DeviceQuery) ([]Device, Cursor, error) {
	limit := q.Limit
	q.Limit, q.Groups = limit+1, scope(ctx)
	found, err := s.c.Devices.ListDevices(ctx, q)
	if err != nil {
		return nil, Cursor{}, err
	}
	page, next := split(found, limit, func(d Device) Cursor {
		return Cursor{At: d.CreatedAt, ID: string(d.ID)}
	})
	return page, next, nil
}
