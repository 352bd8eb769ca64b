package wipe

import (
	"bytes"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// CompanyDevice is a phone as its company's own: what can be done to it and to
// no other. A Device gives it with its Enrollment, and a personal phone has none
// to give: whatever it is handed, there is nothing here that reads an order for
// a whole device, and nothing that knows a step of one.
type CompanyDevice interface {
	// HasPersonalSide reports whether there is a person's side, which a reset
	// would take along.
	HasPersonalSide() bool
	// ResetSteps names the steps that put the phone back to how it left the
	// factory, in order, all but what its agent needs to say so. A name means the
	// same after a restart. They are of no meaning to a Remover.
	ResetSteps() ([]string, error)
	Taker
}

// wholeDeviceFormat is how the content of every order for a whole device
// begins.
const wholeDeviceFormat = "ringfence.wipe.whole-device-order.v1"

// wholeDeviceStart are the octets of it: the format is the field with the
// smallest number, and messages are serialised deterministically.
var wholeDeviceStart = protowire.AppendString(protowire.AppendTag(nil, 101, protowire.BytesType), wholeDeviceFormat)

// company is an enrolment of a phone that is the company's.
type company struct {
	device     CompanyDevice
	enrollment Enrollment
}

// company gives the enrolment as one of a company's phone; false on any other.
func (e Enrollment) company() (company, bool) {
	return company{device: e.Company, enrollment: e}, e.Company != nil
}

// verify checks a signed order for the whole device as the function verify does
// any other.
func (c company) verify(signed *wipev1.SignedWholeDeviceOrder, now time.Time) (Order, error) {
	m := &wipev1.WholeDeviceOrderToSign{}
	content, err := open(signed.GetSignedData(), c.enrollment, now, m)
	if err != nil {
		return Order{}, err
	}
	if !bytes.HasPrefix(content, wholeDeviceStart) || m.GetFormat() != wholeDeviceFormat {
		return Order{}, unwanted(wipev1.Refusal_REFUSAL_SIGNATURE, "its content is not an order for a whole device")
	}
	if err := addressed(m, signed.GetOrderId(), c.enrollment); err != nil {
		return Order{}, err
	}
	o := orderOf(m, content)
	o.Scope = Scope{Kind: WholeDevice}
	switch {
	case now.After(o.NotAfter):
		return Order{}, unwanted(wipev1.Refusal_REFUSAL_TIME, "it ended at %s", o.NotAfter.Format(time.RFC3339))
	case hasUnknown(m.ProtoReflect()):
		return o, impossible("it asks something this agent does not know")
	case c.device.HasPersonalSide() && !m.GetPersonalSide():
		return o, impossible("this phone has a personal side, which the order knows nothing of")
	}
	return o, nil
}
