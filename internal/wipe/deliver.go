package wipe

import (
	"context"
	"errors"
	"slices"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Delivery is an order as a device gets it.
type Delivery struct {
	Order  Order
	Signed []byte
}

var (
	errNoOrders  = fault.New(fault.Denied, "", "only an enrolled device, or a registered app, has orders")
	errNotDevice = fault.New(fault.Denied, "", "only an enrolled device has such orders")
)

// hasOrders reports whether the caller is somebody that orders are for. An app
// says which it is, and a device is none.
func hasOrders(c identity.Caller) bool {
	return c.Is(identity.Device) && c.Package == "" || c.Is(identity.App) && c.Package != ""
}

// Fetch gives the orders that the device, or the app, must carry out in this epoch,
// oldest first and at most MaxOpen, and notes them as delivered. An order is given
// until it ends; one whose time is over, or that is held, is not given. One that
// the device has gone past meanwhile gets a new sequence. Where there is nothing
// new to note, nothing is written. Orders for the whole device are not among them.
func (s *Service) Fetch(ctx context.Context, c identity.Caller) ([]Delivery, error) {
	if !hasOrders(c) {
		return nil, errNoOrders
	}
	return s.fetch(ctx, c, func(orders []Order) []Order {
		return slices.DeleteFunc(orders, func(o Order) bool { return o.Scope.kind == WholeDevice || o.App != c.Package })
	})
}

// FetchWhole gives the orders for the whole device, in the same way, to a device
// of the company.
func (s *Service) FetchWhole(ctx context.Context, c identity.Caller) ([]Delivery, error) {
	switch {
	case !c.Is(identity.Device):
		return nil, errNotDevice
	case c.Ownership != device.Company:
		return nil, ErrNotCompany
	}
	return s.fetch(ctx, c, func(orders []Order) []Order {
		return slices.DeleteFunc(orders, func(o Order) bool { return o.Scope.kind != WholeDevice })
	})
}

// fetch gives those of the device's orders that are wanted.
func (s *Service) fetch(ctx context.Context, c identity.Caller, mine func([]Order) []Order) ([]Delivery, error) {
	for range tries {
		orders, err := s.store.Unsettled(ctx, c.Device, c.Epoch)
		if err != nil || len(orders) == 0 {
			return nil, err
		}
		b, err := s.desks.Breaker(ctx)
		if err != nil {
			return nil, err
		}
		orders, err = s.renumbered(ctx, mine(givable(orders, b, s.time())))
		if errors.Is(err, ErrMoved) {
			continue
		}
		if err != nil {
			return nil, err
		}
		given, changes, err := s.deliver(ctx, orders)
		if err != nil || len(changes) == 0 {
			return given, err
		}
		err = s.store.Save(ctx, changes...)
		if err == nil {
			return given, nil
		}
		if !errors.Is(err, ErrMoved) {
			return nil, err
		}
	}
	return nil, ErrMoved
}

// givable gives the orders of a device that it may be given now. What the device
// has acknowledged it must finish. What it carries out for its lease it has been
// given before.
func givable(orders []Order, b Breaker, now time.Time) []Order {
	return slices.DeleteFunc(slices.Clone(orders), func(o Order) bool {
		return o.State.Final() || o.Lease != nil && o.State != Acknowledged || o.overdue(now) || o.held(b, now)
	})
}

// deliver signs what can still be carried out. It signs before anything is
// noted: what cannot be signed has not been delivered.
func (s *Service) deliver(ctx context.Context, orders []Order) (given []Delivery, changes []Change, err error) {
	e := Event{Kind: Deliver}
	for _, o := range orders {
		next, err := o.Apply(e, s.time())
		if err != nil {
			continue // it has ended, or its time has
		}
		signed, err := s.signer.Sign(next)
		if err != nil {
			return nil, nil, err
		}
		given = append(given, Delivery{Order: next, Signed: signed})
		if next.Version != o.Version {
			changes = append(changes, Change{Order: next, Entry: happened(ctx, next, e)})
		}
		if len(given) == MaxOpen {
			break
		}
	}
	return given, changes, nil
}

// Report keeps what the device says of one of its orders and gives the order
// as it is now. The device may act only after its Acknowledge was answered
// without an error. The same report twice counts once. Errors: ErrUnknown (no
// such order for this device and epoch), Invalid, ErrCancelled, ErrExpired,
// ErrFinished, ErrPaused, ErrAcknowledged, ErrNotAcknowledged, ErrCommitted.
//
// A work profile reported done ends the enrolment, and the data of an app the
// registration that the order is for. If that fails the report is kept
// nevertheless, the error is returned, and Sweep or the device's next try ends it.
func (s *Service) Report(ctx context.Context, c identity.Caller, id ID, e Event) (Order, error) {
	switch {
	case !hasOrders(c):
		return Order{}, errNoOrders
	case !e.Kind.byDevice():
		return Order{}, fault.InvalidField("report", "is not for a device to say")
	}
	b, err := s.desks.Breaker(ctx)
	if err != nil {
		return Order{}, err
	}
	acted := uint64(0)
	if e.Kind == Acknowledge {
		if acted, err = s.store.Acted(ctx, c.Device); err != nil {
			return Order{}, err
		}
	}
	may := s.reportedBy(c, e, standing{b, acted})
	if err := s.invoke(ctx, c, id, e, may); err != nil {
		return Order{}, err
	}
	o, err := s.apply(ctx, id, e, may)
	if err != nil {
		return Order{}, err
	}
	if e.Kind == Finish && o.State == Done && !o.settled() {
		return o, s.endEnrollment(ctx, o)
	}
	return o, nil
}

// reportedBy admits to the orders of one epoch of one device, or registration. To anyone else
// there is no such order. A refusal may be of an order for an older epoch, which
// the device was given all the same. What the device has signed must name the
// order as the order signer signed it.
//
// An order that is held is not taken up, even by a device that was given it
// before; nor is one whose number the device has gone past, which comes again
// with another. One that a device carries out by itself has happened: nothing
// holds it any more.
func (s *Service) reportedBy(c identity.Caller, e Event, now standing) func(Order) error {
	return func(o Order) error {
		if o.Device != c.Device || o.App != c.Package || o.Epoch != c.Epoch && e.Kind != Refuse {
			return ErrUnknown
		}
		if e.Kind == Acknowledge && o.Lease == nil && (o.held(now.breaker, s.time()) || o.passed(now.acted)) {
			return ErrPaused
		}
		if e.Statement == nil {
			return nil
		}
		want, err := s.signer.Digest(o)
		if err != nil {
			return err
		}
		if e.Statement.OrderDigest != want {
			return errStatement("is about another order")
		}
		return nil
	}
}

// endEnrollment does what must follow a wiped work profile, or work account. A
// caller who hangs up does not stop it.
func (s *Service) endEnrollment(ctx context.Context, o Order) error {
	ctx = context.WithoutCancel(ctx)
	wiped := "work profile wiped"
	if o.App != "" {
		wiped = "work account wiped"
	}
	if err := s.enrollments.End(ctx, o.Device, o.Epoch, wiped+" by order "+string(o.ID)); err != nil {
		return err
	}
	return s.EnrollmentEnded(ctx, o.Device, o.Epoch, wiped)
}
