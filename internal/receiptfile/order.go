package receiptfile

import (
	"crypto/x509"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"ringfence/internal/pki"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const (
	// wholeFormat is how every order for a whole device begins, and
	// statementFormat every statement.
	wholeFormat     = "ringfence.wipe.whole-device-order.v1"
	statementFormat = "ringfence.wipe.statement.v1"
)

// signedOrder verifies the order and takes out what was signed.
func (e *evidence) signedOrder() error {
	roots := e.response.GetRoots()
	if len(roots) != 1 {
		return fmt.Errorf("there are %d roots, one is understood", len(roots))
	}
	var err error
	if e.root, err = x509.ParseCertificate(roots[0]); err != nil {
		return err
	}
	e.order, _, err = pki.VerifySigned(e.response.GetSignedOrder(), []*x509.Certificate{e.root}, pki.OrdersKeyUsage, e.now)
	if err != nil {
		return err
	}
	shown := e.response.GetOrder()
	if e.signed, err = readOrder(e.order, shown.GetWholeDevice() != nil); err != nil {
		return err
	}
	same := proto.Equal(e.signed, &wipev1.Order{
		Id: shown.GetId(), DeviceId: shown.GetDeviceId(), Epoch: shown.GetEpoch(), Sequence: shown.GetSequence(),
		Scope: shown.GetScope(), WholeDevice: shown.GetWholeDevice(), Lease: shown.GetLease(),
		CreatedAt: e.signed.GetCreatedAt(), ExpiresAt: e.signed.GetExpiresAt(),
	})
	if !same {
		return errors.New("another order is signed than is shown")
	}
	e.files[Root], e.files[Order] = certificatePEM(e.root), e.response.GetSignedOrder()
	return nil
}

// readOrder reads what was signed, as the kind of order it is said to be: neither
// can be read as the other, because what is not known is not taken.
func readOrder(content []byte, whole bool) (*wipev1.Order, error) {
	if whole {
		m := &wipev1.WholeDeviceOrderToSign{}
		if err := read(content, m); err != nil {
			return nil, err
		}
		if m.GetFormat() != wholeFormat {
			return nil, errors.New("what is signed is no order for a whole device")
		}
		return &wipev1.Order{
			Id: m.GetOrderId(), DeviceId: m.GetDeviceId(), Epoch: m.GetEpoch(), Sequence: m.GetSequence(),
			CreatedAt: m.GetIssuedAt(), ExpiresAt: m.GetNotAfter(),
			WholeDevice: &wipev1.WholeDevice{PersonalSide: m.GetPersonalSide()},
		}, nil
	}
	m := &wipev1.OrderToSign{}
	if err := read(content, m); err != nil {
		return nil, err
	}
	if m.GetScope().GetScope() == nil {
		return nil, errors.New("what is signed orders nothing")
	}
	return &wipev1.Order{
		Id: m.GetOrderId(), DeviceId: m.GetDeviceId(), Epoch: m.GetEpoch(), Sequence: m.GetSequence(),
		CreatedAt: m.GetIssuedAt(), ExpiresAt: m.GetNotAfter(), Scope: m.GetScope(), Lease: m.GetLease(),
	}, nil
}

func read(content []byte, m proto.Message) error {
	if err := proto.Unmarshal(content, m); err != nil {
		return err
	}
	if len(m.ProtoReflect().GetUnknown()) > 0 {
		return errors.New("what is signed has a part that is not understood")
	}
	return nil
}

// about reports whether a statement says that it is about the order. For a whole
// device it has no word of the scope: the digest says it.
func (e *evidence) about(m *wipev1.Statement) bool {
	o := e.signed
	return m.GetFormat() == statementFormat && m.GetOrderId() == o.GetId() && m.GetDeviceId() == o.GetDeviceId() &&
		m.GetEpoch() == o.GetEpoch() && m.GetSequence() == o.GetSequence() && proto.Equal(m.GetScope(), o.GetScope())
}

// endsEnrolment reports whether nothing is left to manage afterwards: what is
// removed is then committed to first.
func endsEnrolment(o *wipev1.Order) bool {
	s := o.GetScope()
	return o.GetWholeDevice() != nil || s.GetWorkProfile() != nil || s.GetRelinquish() != nil
}

// task says what an order tells the phone to do.
func task(o *wipev1.Order) string {
	s := o.GetScope()
	switch {
	case o.GetWholeDevice().GetPersonalSide():
		return "put the whole device back to how it left the factory, its personal side included"
	case o.GetWholeDevice() != nil:
		return "put the whole device back to how it left the factory"
	case s.GetRelinquish() != nil:
		return "remove the work profile, and give the device up to the person who has it"
	case s.GetLock() != nil:
		return "lock the work side; nothing is removed"
	case s.GetAppData() != nil:
		return fmt.Sprintf("remove the work data of these apps: %q", s.GetAppData().GetPackages())
	default:
		return "remove the work profile"
	}
}
