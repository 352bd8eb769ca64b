package appprotect

import (
	"context"

	"ringfence/internal/device"
)

// Present is what other parts of the server go by: one registration as it is
// judged now.
type Present struct {
	Standing
	// Approved: the app is one that the organisation knows, by its signer.
	Approved bool
	// Generation is that of the policies it is judged by.
	Generation uint64
}

// Present judges a registration now. It changes nothing. Errors:
// [ErrNoRegistration], also where the registration is over.
func (s *Service) Present(ctx context.Context, id device.ID) (Present, error) {
	standing, err := s.Registration(ctx, id)
	if err != nil {
		return Present{}, err
	}
	r := &standing.Registration
	if !r.Lasts() {
		return Present{}, ErrNoRegistration
	}
	at, err := s.bearings(ctx, r)
	if err != nil {
		return Present{}, err
	}
	snap, err := s.catalog.latest(ctx)
	if err != nil {
		return Present{}, err
	}
	return Present{
		Standing:   Standing{Registration: *r, State: *standing.State.now(r, at, s.clock())},
		Approved:   snap.app(r.Package, r.SignerSHA256) != nil,
		Generation: at.generation,
	}, nil
}
