package compliance

import (
	"context"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// reached gives what is known of a device. ErrNoDevice where there is none, and
// where it is in a group that the caller's credential does not cover: the two
// look the same.
func (s *Service) reached(ctx context.Context, id device.ID) (Device, error) {
	facts, err := s.config.Devices.Facts(ctx, id)
	if err != nil && fault.KindOf(err) == fault.NotFound || err == nil && !identity.From(ctx).Reaches(facts.Group) {
		return Device{}, ErrNoDevice
	}
	return facts, err
}

// reach is ErrNoDevice for a device that the caller does not reach. Who reaches
// everything need not be looked at.
func (s *Service) reach(ctx context.Context, id device.ID) error {
	if identity.From(ctx).Everywhere() {
		return nil
	}
	_, err := s.reached(ctx, id)
	return err
}

// ListCertificates gives up to limit certificates, newest first, of one device
// or of all (""), older than the sequence number before (0: from the newest).
// ErrNoDevice for a device that the caller does not reach; of all devices, those
// are left out whose group the caller's credential does not cover, or whose
// enrolment has ended where it does not cover every group.
func (s *Service) ListCertificates(ctx context.Context, id device.ID, before uint64, limit int) ([]Certificate, error) {
	q := CertificateQuery{Device: id, Before: before, Limit: limit}
	if id == "" {
		q.Groups = groupsOf(ctx)
	} else if err := s.reach(ctx, id); err != nil {
		return nil, err
	}
	return s.config.Certificates.Issued(ctx, q)
}

// Standings gives the standings of devices as last judged, by id. Devices that
// have none, or that the caller does not reach, are left out.
func (s *Service) Standings(ctx context.Context, ids []device.ID) ([]DeviceStanding, error) {
	return s.config.Reports.Standings(ctx, ids, groupsOf(ctx))
}

// groupsOf gives the groups that the caller's credential covers; nil for every
// group, which only an administrator's can.
func groupsOf(ctx context.Context) []string {
	caller := identity.From(ctx)
	if caller.Everywhere() {
		return nil
	}
	if caller.Kind != identity.Admin {
		return []string{}
	}
	return caller.Groups
}

// WorkApps gives, of devices that have reported in their present enrolment, the
// apps of the work side and what a wipe would lose in them. A device without an
// entry has not reported; one that has no work apps has an empty one. It is for
// other parts of the server, whatever the caller reaches, and takes a few
// queries for ten thousand devices.
func (s *Service) WorkApps(ctx context.Context, ids []device.ID) (map[device.ID][]WorkApp, error) {
	return s.config.Reports.WorkApps(ctx, ids)
}
