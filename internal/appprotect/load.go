package appprotect

import (
	"context"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// load fills the slot for a caller.
func (s *Service) load(ctx context.Context, slot *slot, caller identity.Caller) error {
	if err := s.loadStanding(ctx, slot, caller.Device); err != nil {
		return err
	}
	if err := s.loadCaller(ctx, slot, caller); err != nil {
		return err
	}
	return s.loadStanding(ctx, slot, caller.Device)
}

// loadStanding loads a registration and its state, in one reading where there is
// neither.
func (s *Service) loadStanding(ctx context.Context, slot *slot, id device.ID) error {
	if slot.registration != nil {
		return s.loadState(ctx, slot)
	}
	st, err := s.c.Registrations.Standing(ctx, id)
	if err != nil {
		return err
	}
	slot.registration, slot.state = &st.Registration, &st.State
	return nil
}

// loadCaller loads the registration of a caller, whose epoch must last.
func (s *Service) loadCaller(ctx context.Context, slot *slot, caller identity.Caller) error {
	// Another server, or Register, may have opened the caller's epoch since.
	if slot.registration != nil && slot.registration.Epoch < caller.Epoch {
		slot.unload()
	}
	if err := s.loadRegistration(ctx, slot, caller.Device); err != nil {
		return err
	}
	return slot.registration.present(caller.Epoch)
}

func (s *Service) loadRegistration(ctx context.Context, slot *slot, id device.ID) error {
	if slot.registration != nil {
		return nil
	}
	r, err := s.c.Registrations.Registration(ctx, id)
	if err != nil {
		return err
	}
	slot.registration = &r
	return nil
}

// loadState fills the slot, whose registration is loaded.
func (s *Service) loadState(ctx context.Context, slot *slot) error {
	if slot.state != nil {
		return nil
	}
	state, err := s.c.States.State(ctx, slot.registration.ID)
	if err != nil {
		return err
	}
	slot.state = &state
	return nil
}

// keep stores a state and notes it in the slot; ErrMoved where another was stored
// meanwhile.
func (s *Service) keep(ctx context.Context, slot *slot, next *State, entries []audit.Entry) error {
	next.Version++
	saved, err := s.c.States.SaveState(ctx, *next, entries...)
	switch {
	case err != nil:
		slot.unload()
		return err
	case !saved:
		slot.unload()
		return ErrMoved
	}
	slot.state = next
	return nil
}
