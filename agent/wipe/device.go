package wipe

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"

	"google.golang.org/grpc"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// ErrNotEnrolled is a Device's answer when it belongs to nobody.
var ErrNotEnrolled = errors.New("the phone is not enrolled")

// Enrollment is what an order is checked against.
type Enrollment struct {
	DeviceID string
	Epoch    uint64
	// HasWorkProfile is true where work lives in a profile of its own.
	HasWorkProfile bool
	// Company is the phone as the company's own; nil on a personal phone.
	Company CompanyDevice
	// Roots are the roots that the phone trusts for orders.
	Roots []*x509.Certificate
}

// Device is the phone as this package needs it.
type Device interface {
	// Enrollment gives the present enrolment; ErrNotEnrolled without one.
	Enrollment() (Enrollment, error)
	// Busy says why the phone cannot act now, for example "in a call"; "" when
	// it can.
	Busy() (string, error)
	// LoadJournal gives the journal; the zero one on a new phone.
	LoadJournal() (Journal, error)
	// SaveJournal replaces the journal. It is durable when it returns.
	SaveJournal(Journal) error
	Remover
	ReceiptKeys
	// DestroyIdentity ends the enrolment on the phone, and says why: its keys and
	// certificates are gone when it returns. Doing it again changes nothing.
	DestroyIdentity(why string) error
}

// Remover takes things away, step by step. It must be unable to name anything
// but the work profile and the named apps' work data, what the company
// restricts on its own phone, and the lock of the work side.
type Remover interface {
	// Steps names the steps for a scope, in order. A name means the same after
	// a restart. WholeDevice is no scope of a Remover: see CompanyDevice.
	Steps(Scope) ([]string, error)
	Taker
}

// Taker takes the steps that were named to it.
type Taker interface {
	// Measure counts what a step would remove now.
	Measure(step string) (Tally, error)
	// Remove takes a step. It may find some or all of it done already. It calls
	// progress often, so that tests can interrupt it anywhere.
	Remove(step string, progress func()) error
}

// ReceiptKeys holds the one-time keys that confirm wipes that end the
// enrolment. They lie outside the work profile, and leave the phone's key store
// never.
type ReceiptKeys interface {
	// ReceiptKey gives the P-256 key of an order, and makes it, durably, where
	// there is none.
	ReceiptKey(orderID string) (crypto.Signer, error)
	// DropReceiptKeys destroys all of them.
	DropReceiptKeys() error
}

// Reporter tells the server how far an order is.
type Reporter interface {
	// SignAsDevice signs content, with SHA-256, by the key of the device
	// certificate that reports are sent with: it may be another at each call.
	SignAsDevice(content []byte) (signature []byte, err error)
	// ReportOrder is the call of mdm.wipe.v1.
	ReportOrder(context.Context, *wipev1.ReportOrderRequest, ...grpc.CallOption) (*wipev1.ReportOrderResponse, error)
}
