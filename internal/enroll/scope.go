package enroll

import (
	"context"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// An administrator's credential may be bound to groups. Devices and tokens of
// other groups do not exist for it: they are not found, and not listed. What
// the server does by itself, or on its command line, is bound to nothing.

// scope gives the groups that the caller in ctx is bound to: nil for none, an
// empty list for callers who have no business with administrators' requests.
func scope(ctx context.Context) []string {
	switch c := identity.From(ctx); c.Kind {
	case identity.Anonymous:
		return nil
	case identity.Admin:
		return c.Groups
	default:
		return []string{}
	}
}

// reaches reports whether the group is within the scope of the caller in ctx.
func reaches(ctx context.Context, group string) bool {
	c := identity.From(ctx)
	return c.Kind == identity.Anonymous || c.Reaches(group)
}

// FindDevice gives the record of a device as far as the administrator in ctx
// may see it, or [ErrNoDevice].
func (s *Service) FindDevice(ctx context.Context, id device.ID) (Device, error) {
	d, err := s.c.Devices.Device(ctx, id)
	if err != nil {
		return Device{}, err
	}
	if err := mustReach(ctx, d); err != nil {
		return Device{}, err
	}
	return d, nil
}

// mustReach is ErrNoDevice for a device beyond the scope of the caller in ctx.
func mustReach(ctx context.Context, d Device) error {
	if !reaches(ctx, d.Group) {
		return ErrNoDevice
	}
	return nil
}
