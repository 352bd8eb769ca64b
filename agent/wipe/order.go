package wipe

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/pki"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

var orderPattern = regexp.MustCompile(`^[a-z0-9-]{8,64}$`)

// Order is an order that has been verified: it is from the order signer, for
// this phone and this enrolment, and its time has not passed.
type Order struct {
	ID       string
	DeviceID string
	Epoch    uint64
	Sequence uint64
	Scope    Scope
	IssuedAt time.Time
	NotAfter time.Time
	// Digest is the SHA-256 of what was signed.
	Digest [sha256.Size]byte
}

// refusal says why what came as an order is no good order for this phone now.
type refusal struct {
	reason wipev1.Refusal
	detail string
}

func (r *refusal) Error() string { return "order is not for this phone now: " + r.detail }

// errImpossible is an order from the right signer to this phone which it cannot
// carry out: it tells the server so.
var errImpossible = errors.New("order cannot be carried out")

func unwanted(reason wipev1.Refusal, format string, args ...any) error {
	return &refusal{reason: reason, detail: fmt.Sprintf(format, args...)}
}

func impossible(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errImpossible, fmt.Sprintf(format, args...))
}

// verify checks a signed order against the enrolment at the given time. Signer,
// addressee and time come first: only what passes them can be carried out, or be
// an errImpossible; everything else is a refusal. The sequence is for the
// journal to judge.
//
// An order for a whole device has none of an OrderToSign's fields: it is another
// order than the one it was given as. So is one with a lease, which is no order
// for now.
func verify(signed *wipev1.SignedOrder, e Enrollment, now time.Time) (Order, error) {
	m, o, err := read(signed, e, now)
	if err != nil {
		return o, err
	}
	if m.GetLease() != nil {
		return Order{}, unwanted(wipev1.Refusal_REFUSAL_IDENTITY, "it is an order with a lease, and no order for now")
	}
	if now.After(o.NotAfter) {
		return Order{}, unwanted(wipev1.Refusal_REFUSAL_TIME, "it ended at %s", o.NotAfter.Format(time.RFC3339))
	}
	if hasUnknown(m.ProtoReflect()) {
		return o, impossible("it asks something this agent does not know")
	}
	o.Scope, err = scopeOf(m.GetScope(), e)
	return o, err
}

// read checks signer and addressee of an order, and reads all of it but its
// scope.
func read(signed *wipev1.SignedOrder, e Enrollment, now time.Time) (*wipev1.OrderToSign, Order, error) {
	m := &wipev1.OrderToSign{}
	content, err := open(signed.GetSignedData(), e, now, m)
	if err != nil {
		return nil, Order{}, err
	}
	if err := addressed(m, signed.GetOrderId(), e); err != nil {
		return nil, Order{}, err
	}
	return m, orderOf(m, content), nil
}

// open verifies who signed, and reads the content into m.
func open(signedData []byte, e Enrollment, now time.Time, m proto.Message) (content []byte, err error) {
	content, _, err = pki.VerifySigned(signedData, e.Roots, pki.OrdersKeyUsage, now)
	if err != nil {
		return nil, unwanted(wipev1.Refusal_REFUSAL_SIGNATURE, "%v", err)
	}
	if err := proto.Unmarshal(content, m); err != nil {
		return nil, unwanted(wipev1.Refusal_REFUSAL_SIGNATURE, "its content is not an order")
	}
	return content, nil
}

// content is what the contents of both kinds of orders say of themselves.
type content interface {
	GetOrderId() string
	GetDeviceId() string
	GetEpoch() uint64
	GetSequence() uint64
	GetIssuedAt() *timestamppb.Timestamp
	GetNotAfter() *timestamppb.Timestamp
}

func orderOf(m content, signed []byte) Order {
	return Order{
		ID: m.GetOrderId(), DeviceID: m.GetDeviceId(), Epoch: m.GetEpoch(), Sequence: m.GetSequence(),
		IssuedAt: m.GetIssuedAt().AsTime(), NotAfter: m.GetNotAfter().AsTime(), Digest: sha256.Sum256(signed),
	}
}

// addressed checks that an order is the one it was given as, for this phone and
// this enrolment, and has its times.
func addressed(m content, id string, e Enrollment) error {
	switch {
	case m.GetOrderId() != id || !orderPattern.MatchString(id):
		return unwanted(wipev1.Refusal_REFUSAL_IDENTITY, "its id does not hold")
	case e.DeviceID == "" || m.GetDeviceId() != e.DeviceID:
		return unwanted(wipev1.Refusal_REFUSAL_DEVICE, "it is for another phone")
	case e.Epoch == 0 || m.GetEpoch() != e.Epoch:
		return unwanted(wipev1.Refusal_REFUSAL_EPOCH, "it is for enrolment %d, this is %d", m.GetEpoch(), e.Epoch)
	case m.GetNotAfter().CheckValid() != nil || m.GetIssuedAt().CheckValid() != nil:
		return unwanted(wipev1.Refusal_REFUSAL_TIME, "its times do not hold")
	}
	return nil
}

// hasUnknown reports whether a message, or one inside it, has a field that this
// agent does not know. A wipe that is understood in part is not understood.
func hasUnknown(m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	found := false
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() != nil && !f.IsList() && !f.IsMap() {
			found = hasUnknown(v.Message())
		}
		return !found
	})
	return found
}
