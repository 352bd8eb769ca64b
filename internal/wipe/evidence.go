package wipe

import (
	"context"

	"ringfence/internal/fault"
)

// Evidence is what a third party needs to see that a device has given its word.
type Evidence struct {
	Order Order
	// Signed is the order as a device can verify it. The content is the one the
	// device got; the signature around it is made when this is asked for.
	Signed []byte
	Proofs Proofs
}

// Evidence gives what the device has signed for an order, verified anew: what
// does not hold any more is an Internal fault, and not shown. Errors: ErrUnknown,
// also to who does not reach the order's device; ErrNotSignedFor.
func (s *Service) Evidence(ctx context.Context, id ID) (Evidence, error) {
	o, err := s.Get(ctx, id)
	if err != nil {
		return Evidence{}, err
	}
	proofs, err := s.store.Proofs(ctx, id)
	if err != nil {
		return Evidence{}, err
	}
	if proofs == (Proofs{}) {
		return Evidence{}, ErrNotSignedFor
	}
	if err := proofs.check(o); err != nil {
		return Evidence{}, fault.New(fault.Internal, "", "what the device signed for order %s does not hold any more", id).WithCause(err)
	}
	signed, err := s.signer.Sign(o)
	return Evidence{Order: o, Signed: signed, Proofs: proofs}, err
}

// check verifies the signatures, and that the two belong to the order as it
// stands. What the signed bytes say, the edge that can read them sees to.
func (p Proofs) check(o Order) error {
	c := o.Commitment
	switch {
	case (p.Commitment == nil) != (c == nil):
		return errStatement("and the order differ in the commitment")
	case (p.Receipt == nil) != (o.Receipt == nil):
		return errStatement("and the order differ in the receipt")
	}
	if c != nil {
		if DigestOf(p.Commitment.Content) != c.Digest {
			return errStatement("is not the commitment that was kept")
		}
		if err := p.Commitment.byDevice(); err != nil {
			return err
		}
	}
	switch {
	case p.Receipt == nil:
		return nil
	case c != nil:
		return p.Receipt.byKey(c.Key)
	default:
		return p.Receipt.byDevice()
	}
}
