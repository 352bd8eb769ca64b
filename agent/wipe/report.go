package wipe

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent/answer"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// acknowledge promises to act. Only the server's plain yes lets the order go
// on; a no ends it with nothing removed; silence leaves it as it is.
func (x *Executor) acknowledge(ctx context.Context, via Reporter, j *Journal) error {
	request := &wipev1.ReportOrderRequest{
		OrderId: j.Current.OrderID,
		Report:  &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}},
	}
	var err error
	if request.Statement, err = signCommitment(via, j.Current); err != nil {
		return err
	}
	x.o.Progress("before acknowledging")
	response, err := via.ReportOrder(ctx, request)
	x.o.Progress("after acknowledging")
	switch {
	case err == nil && response.GetState() == wipev1.State_STATE_ACKNOWLEDGED:
		j.act()
		return x.enter(j, Acknowledged)
	case err == nil:
		return x.end(j, Cancelled, "the server has it as "+strings.ToLower(strings.TrimPrefix(response.GetState().String(), "STATE_")))
	case answer.Ended(err):
		return errors.Join(err, x.end(j, Dropped, "the enrolment is over"))
	case paused(err):
		if err := x.end(j, Dropped, answer.Text(err)); err != nil {
			return err
		}
		return errPaused
	case status.Code(err) == codes.FailedPrecondition:
		return x.end(j, Cancelled, answer.Text(err))
	case answer.Final(err):
		return x.end(j, Dropped, answer.Text(err))
	default:
		return err
	}
}

// tell tells the server what the phone has committed itself to under a lease,
// which it has done by now: whatever the server answers, but silence and "not
// now", the phone goes on.
func (x *Executor) tell(ctx context.Context, via Reporter, j *Journal) error {
	request := &wipev1.ReportOrderRequest{
		OrderId: j.Current.OrderID,
		Report:  &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}},
	}
	var err error
	if request.Statement, err = signCommitment(via, j.Current); err != nil {
		return err
	}
	x.o.Progress("before telling")
	_, err = via.ReportOrder(ctx, request)
	x.o.Progress("after telling")
	switch {
	case err == nil:
		return x.enter(j, Told)
	case paused(err):
		return errPaused
	case answer.Ended(err), answer.Final(err):
		x.o.Log.Error("the server does not keep what was done under the lease", "order", j.Current.OrderID, "why", answer.Text(err))
		j.Current.Outcome = "removed under the lease; the server did not keep it: " + answer.Text(err)
		return x.enter(j, Reported)
	default:
		return err
	}
}

// paused reports whether the server holds an order back for now.
func paused(err error) bool {
	return status.Code(err) == codes.FailedPrecondition && answer.Reason(err) == "ORDER_PAUSED"
}

// reportDone gives the receipt. Every answer but silence means that there is
// nothing left to tell: the phone has acted, whatever the server makes of it.
func (x *Executor) reportDone(ctx context.Context, via Reporter, j *Journal) error {
	x.o.Progress("before reporting")
	err := x.sendReceipt(ctx, via, j.Current)
	x.o.Progress("after reporting")
	switch {
	case err == nil, answer.Ended(err) && j.Current.Scope.Ends():
		return x.enter(j, Reported)
	case paused(err):
		return errPaused
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
	statement, err := x.signReceipt(via, e)
	if err != nil {
		return fmt.Errorf("sign the receipt: %w", err)
	}
	_, err = via.ReportOrder(ctx, &wipev1.ReportOrderRequest{
		OrderId:   e.OrderID,
		Report:    &wipev1.ReportOrderRequest_Done{Done: e.Receipt.wire()},
		Statement: statement,
	})
	return err
}

// repeat answers an order that has ended here: with what was said then, or by
// refusing it. It never acts again.
func (x *Executor) repeat(ctx context.Context, via Reporter, past *Entry) error {
	x.o.Log.Warn("an order came again", "order", past.OrderID, "phase", past.Phase)
	var err error
	switch {
	case past.Phase == Refused:
		err = x.sendFailed(ctx, via, past.OrderID, past.Outcome)
	case past.Receipt != nil && !past.Scope.Ends():
		err = x.sendReceipt(ctx, via, past)
	default: // a one-time key is gone with the answer to its receipt
		return x.refuse(ctx, via, past.OrderID, &refusal{wipev1.Refusal_REFUSAL_SEQUENCE, "it has ended here as " + string(past.Phase)})
	}
	if answer.Final(err) {
		return nil
	}
	return err
}

// refuse tells the server that what came as an order is none. Of what came only
// the id is named, by which the server gave it; an id that is none cannot be.
func (x *Executor) refuse(ctx context.Context, via Reporter, id string, why *refusal) error {
	x.o.Log.Warn("an order is refused", "order", answer.Clip(id), "why", why)
	if !orderPattern.MatchString(id) {
		return nil
	}
	_, err := via.ReportOrder(ctx, &wipev1.ReportOrderRequest{
		OrderId: id,
		Report:  &wipev1.ReportOrderRequest_Refused{Refused: &wipev1.Refused{Reason: why.reason, Detail: answer.Clip(why.detail)}},
	})
	if answer.Final(err) {
		return nil
	}
	return err
}

// fail tells the server that this phone cannot carry the order out, which is a
// good one.
func (x *Executor) fail(ctx context.Context, via Reporter, o Order, why error) error {
	x.o.Log.Warn("an order cannot be carried out", "order", o.ID, "why", why)
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
		OrderID: o.ID, DeviceID: o.DeviceID, Epoch: o.Epoch, Sequence: o.Sequence, NotAfter: o.NotAfter,
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
