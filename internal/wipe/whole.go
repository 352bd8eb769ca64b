package wipe

import (
	"cmp"
	"context"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// WholeAsk is what an administrator asks one device of the company as a whole
// for. It names no scope: that is made from the device's record, and for a device
// of a person there is none to make.
type WholeAsk struct {
	// Key makes it safe to repeat.
	Key    string
	Device device.ID
	// Epoch is the enrolment it is meant for; 0 means the present one.
	Epoch  device.Epoch
	Reason string
	// Lifetime is how long the device may take to begin; 0 means
	// DefaultLifetime.
	Lifetime time.Duration
	// Plan is the digest of the plan that was seen; it needs none.
	Plan string
	// PersonalSide says that it is known that a personal side goes too, where
	// there is one.
	PersonalSide bool
}

// ask gives the request for an enrolment of the device.
func (a WholeAsk) ask(s Scope, e device.Epoch) Ask {
	return Ask{
		Key: a.Key, Target: Target{Devices: []device.ID{a.Device}}, Epoch: e, Scope: s, Reason: a.Reason, Lifetime: a.Lifetime,
		Plan: a.Plan,
	}
}

// fits says whether it may be asked for so: who has not said that a personal side
// is known to go does not take one.
func (a WholeAsk) fits(s Scope) error {
	if s.personal && !a.PersonalSide {
		return ErrPersonalSide
	}
	return nil
}

// PlanWhole answers what AskWhole would do, and does nothing. It says of a personal
// side that it would go, and refuses none. Errors: NotFound.
func (s *Service) PlanWhole(ctx context.Context, id device.ID) (Preview, error) {
	f, scope, err := s.wholeOf(ctx, identity.From(ctx), id)
	if err != nil {
		return Preview{}, err
	}
	return s.Plan(ctx, Ask{Target: Target{Devices: []device.ID{id}}, Epoch: f.Epoch, Scope: scope})
}

// wholeOf gives a device of the company that the caller reaches, and its scope.
// Any other is not there.
func (s *Service) wholeOf(ctx context.Context, c identity.Caller, id device.ID) (Facts, Scope, error) {
	f, err := s.devices.Facts(ctx, id)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return Facts{}, Scope{}, err
	}
	scope, ok := OfWholeDevice(f.Ownership, f.Mode)
	if err != nil || !ok || !c.Reaches(f.Group) {
		return Facts{}, Scope{}, missing([]device.ID{id}, nil)
	}
	return f, scope, nil
}

// AskWhole asks in the name of the caller in ctx that a device of the company
// goes back to how it left the factory. The request waits for a second person,
// always. The same again gives the first request, as it is now. A device that is
// not the company's is not there. Errors: Invalid, NotFound, ErrPersonalSide,
// ErrEpochMoved, ErrPlanChanged, ErrKeyReused, those of Judge, Plan and Admit.
func (s *Service) AskWhole(ctx context.Context, a WholeAsk) (Request, error) {
	if err := checkKey(a.Key, a.Reason); err != nil {
		return Request{}, err
	}
	c := identity.From(ctx)
	by, err := askerOf(c)
	if err != nil {
		return Request{}, err
	}
	if err := MayAsk(by.Role, WholeDevice, 1); err != nil {
		return Request{}, err
	}
	desk, err := s.desks.Survey(ctx, Matter{By: by.Actor, Key: a.Key})
	if err != nil {
		return Request{}, err
	}
	if desk.Repeated != nil {
		return a.repeats(*desk.Repeated)
	}
	f, scope, err := s.wholeOf(ctx, c, a.Device)
	if err != nil {
		return Request{}, err
	}
	if err := a.fits(scope); err != nil {
		return Request{}, err
	}
	// Bound to the enrolment whose mode was looked at: another may have another.
	r, _, err := s.Ask(ctx, a.ask(scope, cmp.Or(a.Epoch, f.Epoch)))
	return r, err
}

// repeats gives the first request of the key, if this one asks for the same.
func (a WholeAsk) repeats(first Request) (Request, error) {
	if len(first.Devices) != 1 || a.fits(first.Scope) != nil || a.Epoch != 0 && a.Epoch != first.Devices[0].Epoch {
		return Request{}, ErrKeyReused
	}
	if a.ask(first.Scope, first.Devices[0].Epoch).digest() != first.Digest || first.Scope.kind != WholeDevice {
		return Request{}, ErrKeyReused
	}
	return first, nil
}
