package wipe

import (
	"context"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// Change is an order as it shall be, and the entry that explains it.
type Change struct {
	Order Order
	Entry audit.Entry
	// Proof is what the device has signed with this change; nil for nothing.
	Proof *Proof
}

// Proofs is what a device has signed for one order; nil for what it has not.
type Proofs struct {
	Commitment *Proof
	Receipt    *Proof
}

// Orders keeps the orders. Every error is a fault.
type Orders interface {
	// Create saves a new order with its entry, gives it the device's next
	// Sequence, and returns it, all in one transaction in which no other order
	// for the device is created. An order of the same creator and request key
	// is returned instead of saving anything, or ErrKeyReused if its digest is
	// another. Otherwise what Admit says of the device's unsettled orders
	// holds.
	Create(ctx context.Context, o Order, e audit.Entry) (Order, error)
	// Save saves changed orders with their entries and proofs: all, or none and
	// ErrMoved if one of them is no longer at Version-1. The proof of an order
	// that is Done is its receipt's, otherwise its commitment's.
	Save(ctx context.Context, changes ...Change) error
	// Order gives one order, or ErrUnknown.
	Order(ctx context.Context, id ID) (Order, error)
	// Proofs gives what the device has signed for an order, as it was saved.
	Proofs(ctx context.Context, id ID) (Proofs, error)
	// ByKey gives the order of that creator and request key, or ErrUnknown.
	ByKey(ctx context.Context, createdBy, key string) (Order, error)
	// Unsettled gives the unsettled orders of one epoch, oldest first. It is
	// asked at each look of each phone: to find none must cost next to nothing.
	Unsettled(ctx context.Context, id device.ID, epoch device.Epoch) ([]Order, error)
	// List gives one page, newest first; empty after the last.
	List(ctx context.Context, q Query) ([]Order, error)
}

// Backlog finds what is left to do. Each gives at most limit orders.
type Backlog interface {
	// Overdue gives orders that nobody acknowledged before now, longest
	// overdue first.
	Overdue(ctx context.Context, now time.Time, limit int) ([]Order, error)
	// Unended gives orders that are done while the enrolment they end is not
	// known to have ended, oldest first.
	Unended(ctx context.Context, limit int) ([]Order, error)
	// After walks the unsettled orders by id; "" begins the walk.
	After(ctx context.Context, id ID, limit int) ([]Order, error)
}

// Store is both.
type Store interface {
	Orders
	Backlog
}

// Query shapes a listing. Zero fields do not filter.
type Query struct {
	Device device.ID
	State  State
	// After is where the previous page ended; the zero Cursor begins.
	After Cursor
	// Limit is how many orders a page holds at most.
	Limit int
}

// Cursor is a place in a listing: right after this order.
type Cursor struct {
	CreatedAt time.Time
	ID        ID
}

func (o Order) cursor() Cursor { return Cursor{CreatedAt: o.CreatedAt, ID: o.ID} }

// Devices knows the devices.
type Devices interface {
	// Facts gives what is known of one device, whether or not it is enrolled;
	// a NotFound fault if there never was one.
	Facts(ctx context.Context, id device.ID) (Facts, error)
}

// Enrollments ends enrolments.
type Enrollments interface {
	// End ends one epoch of a device and revokes its certificates. To end what
	// has ended, or never was, is no error.
	End(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error
}

// Signer makes an order into what a device can verify.
type Signer interface {
	// Sign gives the signed form of an order. It binds the order's id, device,
	// epoch, sequence, scope, CreatedAt and NotAfter, and nothing that changes.
	Sign(o Order) ([]byte, error)
	// Digest is of what Sign signs: the same for the same order, always.
	Digest(o Order) (Digest, error)
}

// Bell wakes a device.
type Bell interface {
	// Ring tells the device to look again. A ring may be lost.
	Ring(id device.ID)
}
