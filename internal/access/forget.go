package access

import (
	"context"

	"ringfence/internal/device"
)

// Forget erases what is kept of a phone or of a registration that has ended for
// good: what was known of it, and the sign-ins with it. A decision or a Remember
// that is under way meanwhile may yet store what it knew: call it again when
// whoever was at it has gone on. Safe to repeat.
func (s *Service) Forget(ctx context.Context, id device.ID) error {
	s.flushing.Lock() // what is just being stored is forgotten too
	defer s.flushing.Unlock()
	s.seen.forget(id)
	if err := s.c.Samples.ForgetSamplesOf(ctx, id); err != nil {
		return err
	}
	return s.c.History.ForgetMomentsOf(ctx, id)
}

// forget drops what is pending of an id. It is not lost: it was to be forgotten.
func (s *sampler) forget(id device.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.pending {
		if key.device == id || key.registration == id {
			delete(s.pending, key)
		}
	}
}
