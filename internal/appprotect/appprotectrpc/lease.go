package appprotectrpc

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/appprotect"
	"ringfence/internal/wire"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// leaseFormat is how every lease begins, so that nothing else that the same key
// signs can be taken for one.
const leaseFormat = "ringfence.appprotect.lease.v1"

// ContentSigner wraps content in a CMS SignedData by the lease signer.
type ContentSigner interface {
	// SignLease gives the DER of a SignedData that holds content.
	SignLease(content []byte) ([]byte, error)
}

// LeaseSigner is an appprotect.LeaseSigner: it encodes a lease as LeaseToSign and
// signs that.
type LeaseSigner struct{ content ContentSigner }

var _ appprotect.LeaseSigner = LeaseSigner{}

// NewLeaseSigner makes the signer of leases.
func NewLeaseSigner(c ContentSigner) LeaseSigner { return LeaseSigner{content: c} }

// SignLease gives the lease as an app can verify it. Errors are of the signer.
func (s LeaseSigner) SignLease(l appprotect.Lease) ([]byte, error) {
	content, err := encodeLease(l)
	if err != nil {
		return nil, fmt.Errorf("encode lease %d of %s: %w", l.Number, l.ID, err)
	}
	signed, err := s.content.SignLease(content)
	if err != nil {
		return nil, fmt.Errorf("sign lease %d of %s: %w", l.Number, l.ID, err)
	}
	return signed, nil
}

// encodeLease gives the same bytes for the same lease, always.
func encodeLease(l appprotect.Lease) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(&appprotectv1.LeaseToSign{
		Format:         leaseFormat,
		RegistrationId: string(l.ID),
		Epoch:          uint64(l.Epoch),
		Number:         l.Number,
		IssuedAt:       timestamppb.New(l.IssuedAt),
		PolicyRevision: l.PolicyRevision,
		BlockAfter:     wire.Span(l.BlockAfter),
		WipeAfter:      wire.Span(l.WipeAfter),
		Standing:       appprotectv1.Standing(l.Standing),
	})
}
