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

// Orders keeps the orders; Desks makes them. Every error is a fault.
type Orders interface {
	// Save saves changed orders with their entries and proofs: all, or none and
	// ErrMoved if one of them is no longer at Version-1. The proof of an order
	// that is Done is its receipt's, otherwise its commitment's.
	Save(ctx context.Context, changes ...Change) error
	// Renumber gives an order that no device has acknowledged, at Version-1, its
	// device's next sequence, with its entry, and returns it; ErrMoved if it is
	// no longer at that version.
	Renumber(ctx context.Context, o Order, e audit.Entry) (Order, error)
	// Acted gives the highest sequence that the device has acknowledged, in any
	// of its epochs; 0 for none. What it did for a lease does not count.
	Acted(ctx context.Context, id device.ID) (uint64, error)
	// Order gives one order, or ErrUnknown.
	Order(ctx context.Context, id ID) (Order, error)
	// Proofs gives what the device has signed for an order, as it was saved.
	Proofs(ctx context.Context, id ID) (Proofs, error)
	// Unsettled gives the unsettled orders of one epoch by their sequence. It is
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
	// Unended gives orders that are done while the enrolment, or the registration,
	// they end is not known to have ended, oldest first.
	Unended(ctx context.Context, limit int) ([]Order, error)
	// Released gives devices that have orders which can be given since: they came
	// to be without a cooling-off, or theirs ended, after
	// from and not after to.
	Released(ctx context.Context, from, to time.Time) ([]device.ID, error)
	// After walks the unsettled orders by id; "" begins the walk.
	After(ctx context.Context, id ID, limit int) ([]Order, error)
}

// Store is all that is kept.
type Store interface {
	Orders
	Backlog
	Desks
	Requests
	LeaseHolders
}

// Query shapes a listing. Zero fields do not filter.
type Query struct {
	Device  device.ID
	State   State
	Request RequestID
	// Groups bounds it to orders of devices of these; nil does not. An empty list
	// is of no group.
	Groups []string
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

// Devices knows the devices, and the registrations of apps. No two of either have
// one id.
type Devices interface {
	// Facts gives what is known of one of them, whether or not it is enrolled;
	// a NotFound fault if there never was one.
	Facts(ctx context.Context, id device.ID) (Facts, error)
	// Select gives what is known of those of a target: those named that
	// there are, each once, or those enrolled of a group or a person; in a group
	// there are devices only. More than limit are Invalid.
	Select(ctx context.Context, t Target, limit int) ([]Facts, error)
	// Enrolled counts the enrolled devices and registrations, of which the breaker
	// allows a share; it may be a minute old.
	Enrolled(ctx context.Context) (int, error)
}

// Apps knows what work apps have not sent yet.
type Apps interface {
	// Unsynced gives the apps with changes that their server does not have,
	// of those devices that have any.
	Unsynced(ctx context.Context, ids []device.ID) (map[device.ID][]App, error)
}

// People knows the administrators.
type People interface {
	// Approvers counts the other persons who could approve what concerns these
	// groups; nil is what concerns everybody.
	Approvers(ctx context.Context, besides string, groups []string) (int, error)
	// Revoked reports whether the credential with that serial number was revoked;
	// so is one that nobody knows.
	Revoked(ctx context.Context, credential string) (bool, error)
}

// Enrollments ends enrolments, and registrations.
type Enrollments interface {
	// End ends one epoch of a device or of a registration, and revokes its
	// certificates. To end what has ended, or never was, is no error.
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
