package wipe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Plan answers what Ask would do, device by device, and does nothing. Key,
// Reason and Plan may be missing. Errors: Invalid, NotFound, ErrEpochMoved. A
// device that cannot have the order is in the plan and says why.
func (s *Service) Plan(ctx context.Context, a Ask) (Preview, error) {
	c := identity.From(ctx)
	by, err := askerOf(c)
	if err != nil {
		return Preview{}, err
	}
	if err := a.checkTarget(); err != nil {
		return Preview{}, err
	}
	facts, err := s.resolve(ctx, c, a)
	if err != nil {
		return Preview{}, err
	}
	m := s.matter(by, facts)
	m.User = a.Target.User
	desk, err := s.desks.Survey(ctx, m)
	if err != nil {
		return Preview{}, err
	}
	p := foresee(facts, a.terms(), desk.Orders, s.time())
	if err := s.explain(ctx, &p); err != nil {
		return Preview{}, err
	}
	p.Needs, err = s.needed(a, by, len(p.Included()), desk)
	return p, err
}

// needed says what stands between an ask and its orders, or why it would be
// refused.
func (s *Service) needed(a Ask, by Asker, devices int, d Desk) ([]string, error) {
	if a.Standing && d.Standing != nil {
		return []string{ErrUserWipeStands.Error()}, nil
	}
	r, err := Judge(Case{By: by, Scope: a.Scope.kind, Devices: devices}, d.Limits, d.Breaker, d.Spent, s.time())
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal {
		return []string{f.Error()}, nil
	}
	var needs []string
	for _, why := range r.Needs {
		needs = append(needs, "a second person: "+why)
	}
	if r.Hold > 0 {
		needs = append(needs, fmt.Sprintf("a cooling-off of %s, in which it can be stopped", r.Hold))
	}
	return needs, err
}

// resolve gives the devices of a target, as far as the caller reaches. One that
// is named and not reached is not there.
func (s *Service) resolve(ctx context.Context, c identity.Caller, a Ask) ([]Facts, error) {
	facts, err := s.devices.Select(ctx, a.Target, MaxTargets)
	if err != nil {
		return nil, err
	}
	facts = slices.DeleteFunc(facts, func(f Facts) bool { return !c.Reaches(f.Group) })
	if want := len(a.Target.Devices); want > 0 && len(facts) != want {
		return nil, missing(a.Target.Devices, facts)
	}
	if a.Epoch != 0 && facts[0].Epoch != a.Epoch {
		return nil, fault.New(ErrEpochMoved.Kind, ErrEpochMoved.Reason, "the device is in epoch %d, not %d", facts[0].Epoch, a.Epoch)
	}
	return facts, nil
}

// missing says which of the devices was not found; if none, one is named twice.
func missing(ids []device.ID, found []Facts) error {
	known := make(map[device.ID]bool, len(found))
	for _, f := range found {
		known[f.ID] = true
	}
	for _, id := range ids {
		if !known[id] {
			return fault.New(fault.NotFound, "DEVICE_UNKNOWN", "no such device: %s", id)
		}
	}
	return fault.InvalidField("target.devices", "names a device twice")
}

// explain says what each device would lose, and which apps would lose changes.
func (s *Service) explain(ctx context.Context, p *Preview) error {
	ids := make([]device.ID, len(p.Devices))
	for i, d := range p.Devices {
		ids[i] = d.Facts.ID
	}
	apps, err := s.apps.Unsynced(ctx, ids)
	if err != nil {
		return err
	}
	for i := range p.Devices {
		d := &p.Devices[i]
		d.Outlook, d.Unsynced = Foresee(d.Facts, d.scope), apps[d.Facts.ID]
	}
	return nil
}
