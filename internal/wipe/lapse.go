package wipe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Lease gives the lease of a group; the zero Lease for none. It is cheap: see
// Desks.Leases.
func (s *Service) Lease(ctx context.Context, group string) (Lease, error) {
	leases, err := s.desks.Leases(ctx)
	return leaseOf(leases, group), err
}

// Leases gives the leases of the groups that the caller in ctx reaches, by group,
// and that of every group without its own.
func (s *Service) Leases(ctx context.Context) ([]GroupLease, error) {
	leases, err := s.desks.Leases(ctx)
	c := identity.From(ctx)
	return slices.DeleteFunc(leases, func(l GroupLease) bool { return l.Group != "" && !c.Reaches(l.Group) }), err
}

// FetchLease gives the calling device the order, signed in advance, for the
// lease of that number. Errors: ErrLeaseMoved, ErrLeaseNeverWipes,
// ErrBreakerOpen.
func (s *Service) FetchLease(ctx context.Context, c identity.Caller, number uint64) (Delivery, error) {
	if !c.Is(identity.Device) {
		return Delivery{}, errNotDevice
	}
	d, err := s.desks.Survey(ctx, Matter{})
	if err != nil {
		return Delivery{}, err
	}
	lease := leaseOf(d.Leases, c.Group)
	switch {
	case lease.Number != number:
		return Delivery{}, ErrLeaseMoved
	case lease.Wipe == 0 || !c.Mode.HasWorkProfile():
		return Delivery{}, ErrLeaseNeverWipes
	case d.Breaker.Open():
		return Delivery{}, ErrBreakerOpen
	}
	h := LeaseHolder{
		Enrollment: Enrollment{Device: c.Device, Epoch: c.Epoch}, Lease: lease, Order: ID("lease-" + s.newID()), FetchedAt: s.time(),
	}
	h, err = s.leases.Hold(ctx, h, audit.By(ctx, "wipe.hold", "device/"+string(c.Device),
		fmt.Sprintf("epoch %d holds the order for lease %d: wipes its work side after %s without contact", c.Epoch, number, days(lease.Wipe))))
	if err != nil {
		return Delivery{}, err
	}
	o := h.order(Facts{Group: c.Group, Ownership: c.Ownership})
	signed, err := s.signer.Sign(o)
	return Delivery{Order: o, Signed: signed}, err
}

// invoke makes the order that a device holds for its lease into one that exists,
// if that is what the device promises to act on: with its first word, and only if
// that word holds. Any other order is left as it is.
func (s *Service) invoke(ctx context.Context, c identity.Caller, id ID, e Event, may func(Order) error) error {
	if _, err := s.store.Order(ctx, id); !errors.Is(err, ErrUnknown) || e.Kind != Acknowledge {
		return err
	}
	// It may act under an older lease than the last: that answer was lost.
	h, err := s.leases.Held(ctx, Enrollment{Device: c.Device, Epoch: c.Epoch}, id)
	if err != nil {
		return err
	}
	o := h.order(Facts{Group: c.Group, Ownership: c.Ownership})
	o.ChangedAt = s.time()
	if err := may(o); err != nil {
		return err
	}
	if _, err := o.Apply(e, o.ChangedAt); err != nil {
		return err
	}
	if err := s.strain(ctx); err != nil {
		return err
	}
	_, err = s.leases.Invoke(ctx, o, entry(ctx, "wipe.lapse", o, fmt.Sprintf("order %s: %s; the device acts by itself", o.ID, o.Reason)))
	return err
}

// strain opens the breaker if one order more, which no administrator asked for, is
// too many. It comes before that order: whoever fails in between tries again.
func (s *Service) strain(ctx context.Context) error {
	m := Matter{Now: s.time()}
	d, err := s.desks.Survey(ctx, m)
	if err != nil || d.Breaker.Open() {
		return err
	}
	fleet, err := s.devices.Enrolled(ctx)
	if err != nil || !d.Breaker.strained(d.Limits, d.Spent.Breaker, 1, fleet, m.Now).Open() {
		return err
	}
	_, err = s.desks.Decide(ctx, m, func(d Desk) (Booking, error) {
		var b Booking
		if b.strainBy(1, d, fleet, m.Now); b.Breaker == nil {
			return Booking{}, errRepeated
		}
		return b, nil
	})
	if errors.Is(err, errRepeated) {
		return nil // somebody else has opened it
	}
	return err
}

// LeaseStatus tells how far the lease of a device has run. A registration of an
// app has none here: its app has one of its own. Errors: NotFound.
func (s *Service) LeaseStatus(ctx context.Context, id device.ID) (LeaseStatus, error) {
	f, err := s.devices.Facts(ctx, id)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return LeaseStatus{}, err
	}
	if err != nil || !identity.From(ctx).Reaches(f.Group) {
		return LeaseStatus{}, missing([]device.ID{id}, nil)
	}
	if !f.Enrolled || f.Mode == device.AppAccount {
		return LeaseStatus{Standing: NoLease, LastContact: f.LastContact}, nil
	}
	lease, err := s.Lease(ctx, f.Group)
	if err != nil {
		return LeaseStatus{}, err
	}
	h, err := s.leases.Holder(ctx, Enrollment{Device: id, Epoch: f.Epoch})
	if errors.Is(err, ErrUnknown) {
		return judgeLease(lease, nil, f.LastContact, s.time()), nil
	}
	if err != nil {
		return LeaseStatus{}, err
	}
	return judgeLease(lease, &h, f.LastContact, s.time()), nil
}
