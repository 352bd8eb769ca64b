package wiperpc

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// ContentSigner wraps content in a CMS SignedData by the order signer.
type ContentSigner interface {
	// SignOrder gives the DER of a SignedData that holds content.
	SignOrder(content []byte) ([]byte, error)
}

// Signer is a wipe.Signer: it encodes an order as OrderToSign, or as
// WholeDeviceOrderToSign where that is what it is, and signs that.
type Signer struct{ content ContentSigner }

var _ wipe.Signer = Signer{}

// NewSigner makes the signer of orders.
func NewSigner(c ContentSigner) Signer { return Signer{content: c} }

// Sign gives the order as a device can verify it.
func (s Signer) Sign(o wipe.Order) ([]byte, error) {
	content, err := encode(o)
	if err != nil {
		return nil, fmt.Errorf("encode order %s: %w", o.ID, err)
	}
	signed, err := s.content.SignOrder(content)
	if err != nil {
		return nil, fmt.Errorf("sign order %s: %w", o.ID, err)
	}
	return signed, nil
}

// Digest is of the content that Sign wraps.
func (s Signer) Digest(o wipe.Order) (wipe.Digest, error) {
	content, err := encode(o)
	if err != nil {
		return wipe.Digest{}, fmt.Errorf("encode order %s: %w", o.ID, err)
	}
	return wipe.DigestOf(content), nil
}

// wholeFormat is how every order for a whole device begins. Its fields have
// numbers of their own, so that neither kind of order can be read as the other.
const wholeFormat = "ringfence.wipe.whole-device-order.v1"

var errWholeLease = errors.New("no lease takes a whole device")

// encode gives the same bytes for the same order, always.
func encode(o wipe.Order) ([]byte, error) {
	m, err := toSign(o)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// toSign gives what is signed of an order: its own message for each of the two.
func toSign(o wipe.Order) (proto.Message, error) {
	if o.Scope.Kind() == wipe.WholeDevice {
		if o.Lease != nil {
			return nil, errWholeLease
		}
		return &wipev1.WholeDeviceOrderToSign{
			Format:       wholeFormat,
			OrderId:      string(o.ID),
			DeviceId:     string(o.Device),
			Epoch:        uint64(o.Epoch),
			IssuedAt:     timestamppb.New(o.CreatedAt),
			NotAfter:     timestamppb.New(o.NotAfter),
			Sequence:     o.Sequence,
			PersonalSide: o.Scope.PersonalSide(),
		}, nil
	}
	scope, err := fromScope(o.Scope)
	if err != nil {
		return nil, err
	}
	return &wipev1.OrderToSign{
		OrderId:  string(o.ID),
		DeviceId: string(o.Device),
		Epoch:    uint64(o.Epoch),
		Scope:    scope,
		IssuedAt: timestamppb.New(o.CreatedAt),
		NotAfter: timestamppb.New(o.NotAfter),
		Sequence: o.Sequence,
		Lease:    fromLease(o.Lease),
	}, nil
}
