package wipe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ringfence/agent/answer"
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

// Result says how a round of orders went.
type Result struct {
	// Ended is true when a work profile was removed: the enrolment is over.
	Ended bool
	// Waiting is true when an order waits for the phone to be free.
	Waiting bool
}

// Recover finishes what the last life of the agent left half done, as far as
// that needs no server. It comes first at every start.
func (x *Executor) Recover(ctx context.Context) error {
	j, err := x.o.Device.LoadJournal()
	if err != nil || j.Current == nil {
		return err
	}
	x.o.Log.Info("an order is under way", "order", j.Current.OrderID, "phase", j.Current.Phase)
	switch j.Current.Phase {
	case Acknowledged:
		return x.remove(ctx, &j)
	case Reported:
		_, err := x.finish(&j)
		return err
	default:
		return nil
	}
}

// Execute first finishes the order under way, then carries out the given ones,
// oldest first. It returns the first error that keeps an order from going on;
// the order goes on at the next call.
func (x *Executor) Execute(ctx context.Context, via Reporter, orders []*wipev1.SignedOrder) (Result, error) {
	var r Result
	ended, err := x.resume(ctx, via)
	if err != nil || ended {
		r.Ended = ended
		return r, err
	}
	for _, signed := range orders {
		ended, waiting, err := x.handle(ctx, via, signed)
		r.Waiting = r.Waiting || waiting
		if err != nil || ended {
			r.Ended = ended
			return r, err
		}
	}
	return r, nil
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
	if j.Current.Phase == Acknowledged {
		if err := x.remove(ctx, &j); err != nil {
			return err
		}
	}
	if j.Current.Phase == Removed {
		if err := x.enter(&j, Reported); err != nil {
			return err
		}
	}
	_, err = x.finish(&j)
	return err
}

// handle takes one order from the server.
func (x *Executor) handle(ctx context.Context, via Reporter, signed *wipev1.SignedOrder) (ended, waiting bool, err error) {
	enrollment, err := x.o.Device.Enrollment()
	if err != nil {
		return false, false, err
	}
	now := x.o.Now()
	order, verdict := verify(signed, enrollment, now)
	if errors.Is(verdict, errUnwanted) {
		x.o.Log.Warn("an order is ignored", "order", answer.Clip(signed.GetOrderId()), "why", verdict)
		return false, false, nil
	}
	j, err := x.o.Device.LoadJournal()
	if err != nil {
		return false, false, err
	}
	if past := j.find(order.ID); past != nil && past.Phase != Dropped {
		return false, false, x.repeat(ctx, via, past)
	}
	if verdict != nil {
		return false, false, x.refuse(ctx, via, order, verdict)
	}
	if reason, err := x.o.Device.Busy(); err != nil || reason != "" {
		if err != nil {
			return false, false, err
		}
		return false, true, x.notNow(ctx, via, order, reason)
	}
	j.Current = &Entry{OrderID: order.ID, Epoch: order.Epoch, Scope: order.Scope, NotAfter: order.NotAfter}
	if err := x.enter(&j, Accepted); err != nil {
		return false, false, err
	}
	ended, err = x.resume(ctx, via)
	return ended, false, err
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
		case Acknowledged:
			err = x.remove(ctx, &j)
		case Removed:
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
	return x.save(j, string(p))
}

func (x *Executor) save(j *Journal, step string) error {
	x.o.Progress("before " + step)
	if err := x.o.Device.SaveJournal(*j); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	x.o.Progress("after " + step)
	return nil
}
