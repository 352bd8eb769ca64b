package wipe

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent/answer"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// acknowledge promises to act. Only the server's plain yes lets the order go
// on; a no ends it with nothing removed; silence leaves it as it is.
func (x *Executor) acknowledge(ctx context.Context, via Reporter, j *Journal) error {
	id := j.Current.OrderID
	x.o.Progress("before acknowledging")
	response, err := via.ReportOrder(ctx, &wipev1.ReportOrderRequest{
		OrderId: id,
		Report:  &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}},
	})
	x.o.Progress("after acknowledging")
	switch {
	case err == nil && response.GetState() == wipev1.State_STATE_ACKNOWLEDGED:
		return x.enter(j, Acknowledged)
	case err == nil:
		return x.end(j, Cancelled, "the server has it as "+strings.ToLower(strings.TrimPrefix(response.GetState().String(), "STATE_")))
	case answer.Ended(err):
		return errors.Join(err, x.end(j, Dropped, "the enrolment is over"))
	case status.Code(err) == codes.FailedPrecondition:
		return x.end(j, Cancelled, answer.Text(err))
	case answer.Final(err):
		return x.end(j, Dropped, answer.Text(err))
	default:
		return err
	}
}

// reportDone gives the receipt. Every answer but silence means that there is
// nothing left to tell: the phone has acted, whatever the server makes of it.
func (x *Executor) reportDone(ctx context.Context, via Reporter, j *Journal) error {
	x.o.Progress("before reporting")
	err := x.sendReceipt(ctx, via, j.Current)
	x.o.Progress("after reporting")
	switch {
	case err == nil, answer.Ended(err) && j.Current.Scope.WorkProfile:
		return x.enter(j, Reported)
	case answer.Ended(err):
		j.Current.Outcome = "removed; the enrolment ended before the report"
		if saved := x.enter(j, Reported); saved != nil {
			return saved
		}
		_, finished := x.finish(j)
		return errors.Join(err, finished)
	case answer.Final(err):
		x.o.Log.Error("the server does not keep the receipt", "order", j.Current.OrderID, "why", answer.Text(err))
		j.Current.Outcome = "removed; the server did not keep the receipt: " + answer.Text(err)
		return x.enter(j, Reported)
	default:
		return err
	}
}

func (x *Executor) sendReceipt(ctx context.Context, via Reporter, e *Entry) error {
	_, err := via.ReportOrder(ctx, &wipev1.ReportOrderRequest{
		OrderId: e.OrderID,
		Report:  &wipev1.ReportOrderRequest_Done{Done: e.Receipt.wire()},
	})
	return err
}

// repeat answers an order that has ended here as it was answered then. It never
// acts again.
func (x *Executor) repeat(ctx context.Context, via Reporter, past *Entry) error {
	x.o.Log.Warn("an order came again", "order", past.OrderID, "phase", past.Phase)
	var err error
	switch {
	case past.Phase == Refused:
		err = x.sendFailed(ctx, via, past.OrderID, past.Outcome)
	case past.Receipt != nil:
		err = x.sendReceipt(ctx, via, past)
	}
	if answer.Final(err) {
		return nil
	}
	return err
}

// refuse tells the server that this phone cannot carry the order out.
func (x *Executor) refuse(ctx context.Context, via Reporter, o Order, why error) error {
	x.o.Log.Warn("an order is refused", "order", o.ID, "why", why)
	reason := answer.Clip(why.Error())
	if err := x.sendFailed(ctx, via, o.ID, reason); err != nil && !answer.Final(err) {
		return err
	}
	j, err := x.o.Device.LoadJournal()
	if err != nil {
		return err
	}
	now := x.o.Now()
	j.remember(Entry{
		OrderID: o.ID, Epoch: o.Epoch, NotAfter: o.NotAfter,
		Phase: Refused, ChangedAt: now, Outcome: reason,
	}, now)
	return x.save(&j, string(Refused))
}

func (x *Executor) sendFailed(ctx context.Context, via Reporter, orderID, reason string) error {
	_, err := via.ReportOrder(ctx, &wipev1.ReportOrderRequest{
		OrderId: orderID,
		Report:  &wipev1.ReportOrderRequest_Failed{Failed: &wipev1.Failed{Reason: reason}},
	})
	return err
}

// notNow puts the order back. That it did not arrive matters little: the server
// gives the order again.
func (x *Executor) notNow(ctx context.Context, via Reporter, o Order, reason string) error {
	x.o.Log.Info("an order has to wait", "order", o.ID, "why", reason)
	_, err := via.ReportOrder(ctx, &wipev1.ReportOrderRequest{
		OrderId: o.ID,
		Report:  &wipev1.ReportOrderRequest_NotNow{NotNow: &wipev1.NotNow{Reason: answer.Clip(reason)}},
	})
	if answer.Final(err) {
		return nil
	}
	return err
}
