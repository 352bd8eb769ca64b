package wipe

import (
	"context"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
)

// Matter is what somebody wants to decide about: it says what must lie on the
// desk. Zero fields ask for nothing.
type Matter struct {
	// Now is the time that budgets are counted at; without it nothing is counted.
	Now time.Time
	// By and Key find a request that was made before.
	By  string
	Key string
	// Request is one by its id.
	Request RequestID
	// Person and Credential are whose spending counts.
	Person     string
	Credential string
	// Devices are those whose unsettled orders are needed.
	Devices []device.ID
	// OrdersOf is the request whose unsettled orders are needed.
	OrdersOf RequestID
	// Paused: every order that no device has acknowledged, locks apart.
	Paused bool
	// User is whose standing wipe is needed.
	User string
}

// Desk is everything that a decision may depend on, as it is, and as it stays
// until the decision is saved: whoever decides at a desk does so alone.
type Desk struct {
	Limits  Limits
	Breaker Breaker
	Leases  []GroupLease
	Spent   Spent
	// Repeated is the request of that key, Request the one of that id; nil for
	// none.
	Repeated *Request
	Request  *Request
	// Standing is the standing wipe of the person; nil for none.
	Standing *Request
	// Orders are those that the Matter asks for, each once, by device and
	// sequence.
	Orders []Order
	// Asked counts the person's requests of the last day that needed a second
	// person, whatever became of them.
	Asked int
	// Alerted is whether the person's exhausted budget was recorded within the
	// last hour.
	Alerted bool
}

// Booking is what was decided: all of it is saved, or none.
type Booking struct {
	// Request is new if its Version is 1, else it takes the place of the
	// version just below.
	Request *Request
	// Orders are new ones; the store gives them their sequence.
	Orders []Change
	// Changes are of orders on the desk.
	Changes []Change
	// Limits, Breaker and Lease take the place of what there is; nil leaves it.
	Limits  *Limits
	Breaker *Breaker
	Lease   *GroupLease
	// Entries are those beside the ones of the orders.
	Entries []audit.Entry
	// Alert notes for whom an exhausted budget has been recorded.
	Alert string
	// Err is what the caller hears although this was saved.
	Err error
}

// Desks is where everything is decided that budgets, the breaker or a second
// person have a say in. It is the one way in which an order comes to be.
type Desks interface {
	// Decide lays out what the matter asks for, lets decide make up its mind,
	// and saves what it gives in one transaction, in which nobody else decides
	// at a desk of this installation. It gives what was saved, new orders with
	// their sequence. Decide may be called again; it changes nothing itself. Its
	// error undoes everything.
	Decide(ctx context.Context, m Matter, decide func(Desk) (Booking, error)) (Booking, error)
	// Survey gives the desk without deciding anything.
	Survey(ctx context.Context, m Matter) (Desk, error)
	// Breaker tells how the breaker stands. It is asked for each device that has
	// orders.
	Breaker(ctx context.Context) (Breaker, error)
	// Paused counts the orders that no device has acknowledged, locks apart.
	Paused(ctx context.Context) (int, error)
	// Leases gives the leases there are, by group. It is asked at each check-in:
	// it must cost next to nothing, and may be a few seconds old.
	Leases(ctx context.Context) ([]GroupLease, error)
}

// Requests reads requests.
type Requests interface {
	// GetRequest gives one with its devices, or ErrNoRequest.
	GetRequest(ctx context.Context, id RequestID) (Request, error)
	// ListRequests gives one page, newest first, without their devices; Devices
	// then holds as many zero values.
	ListRequests(ctx context.Context, q RequestQuery) ([]Request, error)
	// OverdueRequests gives requests that wait and expired before now.
	OverdueRequests(ctx context.Context, now time.Time, limit int) ([]Request, error)
	// StandingWipes walks the standing wipes of persons by id.
	StandingWipes(ctx context.Context, after RequestID, limit int) ([]Request, error)
}

// RequestQuery shapes a listing. Zero fields do not filter.
type RequestQuery struct {
	State RequestState
	Kind  RequestKind
	// Groups bounds it to requests all of whose groups are among these, to leases
	// of these groups, and to what concerns everybody; nil does not. An empty list
	// is of no group.
	Groups []string
	After  RequestCursor
	Limit  int
}

// RequestCursor is a place in a listing: right after this request.
type RequestCursor struct {
	CreatedAt time.Time
	ID        RequestID
}

func (r Request) cursor() RequestCursor { return RequestCursor{CreatedAt: r.CreatedAt, ID: r.ID} }

// LeaseHolders keeps which enrolment holds a signed order for which lease.
type LeaseHolders interface {
	// Hold notes that the enrolment is given the order for a lease, and gives it
	// the device's next sequence; what it was given for the same lease before
	// is given again. What it was given for others is kept: the answer may never
	// arrive.
	Hold(ctx context.Context, h LeaseHolder, e audit.Entry) (LeaseHolder, error)
	// Holder gives what the enrolment was given last; ErrUnknown for nothing.
	Holder(ctx context.Context, e Enrollment) (LeaseHolder, error)
	// Held gives what the enrolment was given under that order, last or before;
	// ErrUnknown for nothing.
	Held(ctx context.Context, e Enrollment, id ID) (LeaseHolder, error)
	// Invoke saves the order that a holder reports on, as new. For the breaker it
	// counts from now, and not from when the device was given it. The order of
	// that id is given if it is there already.
	Invoke(ctx context.Context, o Order, e audit.Entry) (Order, error)
}
