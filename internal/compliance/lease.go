package compliance

import (
	"context"
	"time"
)

// Lease is how long a device may be without contact before it protects the
// work side by itself. The zero value is none: it may be as long as it likes.
// This slice hands it on; what becomes of it is decided where leases are made.
type Lease struct {
	// Number grows with each change of the leases.
	Number uint64
	// LockAfter is how long until the device locks the work side.
	LockAfter time.Duration
	// WipeAfter is how long until it wipes the work side; 0 for never.
	WipeAfter time.Duration
}

// Leases says what leases there are.
type Leases interface {
	// Lease gives the lease of a group's devices, the zero Lease for none. Every
	// check-in asks, so that the answer comes from memory; with several servers
	// it may be a few seconds old. Errors are faults.
	Lease(ctx context.Context, group string) (Lease, error)
}

// terms are what is asked of one device beside the policies.
type terms struct {
	lease Lease
	// recalls are by number.
	recalls []Recall
}

// demand says what is asked of a device, by policies of a snapshot.
func (s *Service) demand(ctx context.Context, snap *snapshot, d Device) (*demand, error) {
	t := terms{recalls: snap.recalls.of(d.ID, d.Epoch)}
	if s.config.Leases != nil {
		var err error
		if t.lease, err = s.config.Leases.Lease(ctx, d.Group); err != nil {
			return nil, err
		}
	}
	return snap.demand(d, t), nil
}
