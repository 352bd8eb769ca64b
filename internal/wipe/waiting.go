package wipe

import (
	"context"

	"ringfence/internal/device"
)

// Waiting reports whether orders wait for one epoch of a device: ordered and
// not settled, whatever state they are in. As long as they do, whoever ends
// that epoch or forgets the device takes an order away from its end.
func (s *Service) Waiting(ctx context.Context, id device.ID, epoch device.Epoch) (bool, error) {
	orders, err := s.store.Unsettled(ctx, id, epoch)
	return len(orders) > 0, err
}
