package wipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Options are the parts of an Executor. Progress is optional.
type Options struct {
	Device Device
	Now    func() time.Time
	Log    *slog.Logger
	// Progress hears of each step just before and just after it. Tests kill the
	// process in it.
	Progress func(step string)
}

// Executor carries out orders, one at a time. It is not for concurrent use.
type Executor struct{ o Options }

// New makes an Executor.
func New(o Options) *Executor {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Executor{o: o}
}

// Fetched are the orders that a server gave, each as what it gave it.
type Fetched struct {
	Orders []*wipev1.SignedOrder
	// WholeDevice are refused on a phone that is not the company's.
	WholeDevice []*wipev1.SignedWholeDeviceOrder
}

// without leaves an order out.
func (f Fetched) without(id string) Fetched {
	return Fetched{
		Orders: slices.DeleteFunc(slices.Clone(f.Orders), func(s *wipev1.SignedOrder) bool { return s.GetOrderId() == id }),
		WholeDevice: slices.DeleteFunc(slices.Clone(f.WholeDevice), func(s *wipev1.SignedWholeDeviceOrder) bool {
			return s.GetOrderId() == id
		}),
	}
}

// Result says how a round of orders went.
type Result struct {
	// Ended is true when an order took the enrolment with it.
	Ended bool
	// Waiting is true when an order waits: for the phone to be free, or for the
	// server to go on with it.
	Waiting bool
}

// errPaused ends a round: the server holds the order back for now, and those
// after it would pass it by.
var errPaused = errors.New("the server holds the order back")

// Recover finishes what the last life of the agent left half done, as far as
// that needs no server. It comes first at every start.
func (x *Executor) Recover(ctx context.Context) error {
	j, err := x.o.Device.LoadJournal()
	if err != nil {
		return err
	}
	if j.Current == nil {
		return x.o.Device.DropReceiptKeys()
	}
	x.o.Log.Info("an order is under way", "order", j.Current.OrderID, "phase", j.Current.Phase)
	switch j.Current.Phase {
	case Acknowledged, Committed:
		return x.remove(ctx, &j)
	case Reported:
		_, err := x.finish(&j)
		return err
	default:
		return nil
	}
}

// Begun reports whether an order has begun to remove what the enrolment goes
// with: whatever else is asked of the phone is void.
func (x *Executor) Begun() (bool, error) {
	j, err := x.o.Device.LoadJournal()
	return j.begun(), err
}

// Execute first finishes the order under way, then carries out the given ones
// in the order of their sequence. It returns the first error that keeps an order
// from going on; the order goes on at the next call.
func (x *Executor) Execute(ctx context.Context, via Reporter, given Fetched) (Result, error) {
	r, err := x.execute(ctx, via, given)
	if errors.Is(err, errPaused) {
		return Result{Waiting: true}, nil
	}
	return r, err
}

func (x *Executor) execute(ctx context.Context, via Reporter, given Fetched) (Result, error) {
	resumed, ended, err := x.resumed(ctx, via)
	if err != nil || ended {
		return Result{Ended: ended}, err
	}
	// The list is from before the end of that one: it does not come again.
	orders, err := x.verified(ctx, via, given.without(resumed))
	if err != nil {
		return Result{}, err
	}
	var r Result
	busy := ""
	for _, o := range orders {
		if busy, err = x.handle(ctx, via, o, busy); err != nil {
			return r, err
		}
		r.Waiting = busy != ""
		if r.Ended, err = x.resume(ctx, via); err != nil || r.Ended {
			return r, err
		}
	}
	return r, nil
}

// resumed finishes the order under way and names it; "" without one.
func (x *Executor) resumed(ctx context.Context, via Reporter) (id string, ended bool, err error) {
	j, err := x.o.Device.LoadJournal()
	if err != nil || j.Current == nil {
		return "", false, err
	}
	ended, err = x.resume(ctx, via)
	return j.Current.OrderID, ended, err
}

// candidate is an order that is this phone's, and what keeps it from being
// carried out.
type candidate struct {
	Order
	impossible error
}

// verified gives the good orders by sequence, and refuses the others aloud.
func (x *Executor) verified(ctx context.Context, via Reporter, given Fetched) ([]candidate, error) {
	if len(given.Orders)+len(given.WholeDevice) == 0 {
		return nil, nil
	}
	enrollment, err := x.o.Device.Enrollment()
	if err != nil {
		return nil, err
	}
	var orders []candidate
	take := func(id string, o Order, err error) error {
		if r, ok := errors.AsType[*refusal](err); ok {
			return x.refuse(ctx, via, id, r)
		}
		orders = append(orders, candidate{o, err})
		return nil
	}
	for _, s := range given.Orders {
		o, err := verify(s, enrollment, x.o.Now())
		if err := take(s.GetOrderId(), o, err); err != nil {
			return nil, err
		}
	}
	for _, s := range given.WholeDevice {
		var o Order
		err := unwanted(wipev1.Refusal_REFUSAL_IDENTITY, "this phone is not the company's: it has no such orders")
		if c, ok := enrollment.company(); ok {
			o, err = c.verify(s, x.o.Now())
		}
		if err := take(s.GetOrderId(), o, err); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(orders, func(a, b candidate) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return orders, nil
}

// EnrollmentEnded is to be called when the server says that the enrolment is
// over. An order that the server never saw acknowledged dies with it; one that
// was acknowledged is finished, because that was promised, and counts as
// reported: a work-profile order ends the enrolment by its own report.
func (x *Executor) EnrollmentEnded(ctx context.Context) error {
	j, err := x.o.Device.LoadJournal()
	if err != nil || j.Current == nil {
		return err
	}
	if j.Current.Phase == Accepted {
		return x.end(&j, Dropped, "the enrolment ended before the server kept the acknowledgement")
	}
	if j.Current.Phase == Acknowledged || j.Current.Phase == Committed {
		if err := x.remove(ctx, &j); err != nil || j.Current == nil {
			return err
		}
	}
	if j.Current.Phase == Removed || j.Current.Phase == Told {
		if err := x.enter(&j, Reported); err != nil {
			return err
		}
	}
	_, err = x.finish(&j)
	return err
}

// handle takes one order from the server, and makes it the one under way if
// nothing is against it. Busy is why an earlier order has to wait: a later one
// then waits too, because whoever acts on it never acts on the earlier one.
func (x *Executor) handle(ctx context.Context, via Reporter, o candidate, busy string) (string, error) {
	j, err := x.o.Device.LoadJournal()
	if err != nil {
		return busy, err
	}
	if past := j.find(o.ID); past != nil && past.Phase != Dropped {
		return busy, x.repeat(ctx, via, past)
	}
	switch {
	case j.passed(o.Order):
		return busy, x.refuse(ctx, via, o.ID, &refusal{
			wipev1.Refusal_REFUSAL_SEQUENCE, fmt.Sprintf("its sequence is %d, acted on is %d", o.Sequence, j.Acted.Sequence),
		})
	case o.impossible != nil:
		return busy, x.fail(ctx, via, o.Order, o.impossible)
	}
	if busy == "" {
		if busy, err = x.o.Device.Busy(); err != nil {
			return busy, err
		}
	}
	if busy != "" {
		return busy, x.notNow(ctx, via, o.Order, busy)
	}
	return "", x.accept(&j, o.Order)
}

// accept makes an order the one under way. Where the enrolment goes with it, it
// is written down what the phone will sign, before it is said for the first time.
func (x *Executor) accept(j *Journal, o Order) error {
	if err := x.take(j, o); err != nil {
		return err
	}
	return x.enter(j, Accepted)
}

func (x *Executor) take(j *Journal, o Order) error {
	j.Current = &Entry{
		OrderID: o.ID, DeviceID: o.DeviceID, Epoch: o.Epoch, Sequence: o.Sequence, Digest: o.Digest[:],
		Scope: o.Scope, NotAfter: o.NotAfter,
	}
	if !o.Scope.Ends() {
		return nil
	}
	if err := x.commit(j.Current); err != nil {
		return fmt.Errorf("write the commitment: %w", err)
	}
	return nil
}

// resume takes the order under way to its end, from whatever phase it is in.
func (x *Executor) resume(ctx context.Context, via Reporter) (ended bool, err error) {
	j, err := x.o.Device.LoadJournal()
	if err != nil {
		return false, err
	}
	for j.Current != nil {
		switch j.Current.Phase {
		case Accepted:
			err = x.acknowledge(ctx, via, &j)
		case Acknowledged, Committed:
			err = x.remove(ctx, &j)
		case Removed:
			if j.Current.Lease {
				err = x.tell(ctx, via, &j)
			} else {
				err = x.reportDone(ctx, via, &j)
			}
		case Told:
			err = x.reportDone(ctx, via, &j)
		case Reported:
			return x.finish(&j)
		default:
			err = fmt.Errorf("the journal has an order in unknown phase %q", j.Current.Phase)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// enter writes the next phase of the order under way, durably.
func (x *Executor) enter(j *Journal, p Phase) error {
	j.Current.Phase, j.Current.ChangedAt = p, x.o.Now()
	return x.save(j, string(p))
}

func (x *Executor) end(j *Journal, p Phase, outcome string) error {
	id := j.Current.OrderID
	j.end(p, outcome, x.o.Now())
	x.o.Log.Info("an order ended", "order", id, "phase", p, "outcome", outcome)
	if err := x.save(j, string(p)); err != nil {
		return err
	}
	// Afterwards: an order under way can always be confirmed.
	return x.o.Device.DropReceiptKeys()
}

func (x *Executor) save(j *Journal, step string) error {
	x.o.Progress("before " + step)
	if err := x.o.Device.SaveJournal(*j); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	x.o.Progress("after " + step)
	return nil
}
