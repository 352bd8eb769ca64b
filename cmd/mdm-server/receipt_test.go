package main

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"ringfence/internal/receiptfile"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// verifiedReceipt gets what a phone has signed for an order, and verifies it as
// a third party would.
func verifiedReceipt(tb testing.TB, a *admin, order string) receiptfile.Bundle {
	tb.Helper()
	res, err := a.wipe.GetWipeReceipt(tb.Context(), &wipev1.GetWipeReceiptRequest{Id: order})
	if err != nil {
		tb.Fatal(err)
	}
	b, err := receiptfile.New(res, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestTwoWords: promise and receipt of a work-profile wipe over one server or
// two, with the mistakes that a phone could make in between.
func TestTwoWords(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a := two.admin(t)
		h := one.join(t, a.token(t))
		order := a.order(t, h.id, workProfile)
		signed, key := h.only(t), newKey(t)
		bare := &wipev1.ReportOrderRequest{
			OrderId: order.GetId(), Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}},
		}
		_, err := h.wipe.ReportOrder(t.Context(), bare)
		wantStatus(t, "a promise without a commitment", err, codes.InvalidArgument, "")
		promise := must[*wipev1.ReportOrderRequest](t)(h.promise(signed, key))
		thief := *h
		thief.key = newKey(t)
		_, err = h.wipe.ReportOrder(t.Context(), must[*wipev1.ReportOrderRequest](t)(thief.promise(signed, key)))
		wantStatus(t, "a commitment by another key", err, codes.InvalidArgument, "")
		must[*wipev1.ReportOrderResponse](t)(h.wipe.ReportOrder(t.Context(), promise))

		got := must[*wipev1.GetWipeResponse](t)(a.wipe.GetWipe(t.Context(), &wipev1.GetWipeRequest{Id: order.GetId()})).GetOrder()
		if got.GetConfirmation() != wipev1.Confirmation_CONFIRMATION_COMMITTED_NOT_CONFIRMED || got.GetCommitment().GetFiles() != 3 {
			t.Errorf("after the commitment: %v", got)
		}
		if b := verifiedReceipt(t, a, order.GetId()); b.Receipt != nil {
			t.Error("there is a receipt before there was one")
		}
		h.connect(t, two) // the rest over the other server
		must[*wipev1.ReportOrderResponse](t)(h.wipe.ReportOrder(t.Context(), promise))
		_, err = h.wipe.ReportOrder(t.Context(), must[*wipev1.ReportOrderRequest](t)(h.promise(signed, newKey(t))))
		wantStatus(t, "another commitment", err, codes.FailedPrecondition, "ORDER_COMMITTED")
		_, err = h.wipe.ReportOrder(t.Context(), must[*wipev1.ReportOrderRequest](t)(h.confirm(signed, promise, h.key)))
		wantStatus(t, "a receipt by the device key", err, codes.InvalidArgument, "")
		must[*wipev1.ReportOrderResponse](t)(h.wipe.ReportOrder(t.Context(), must[*wipev1.ReportOrderRequest](t)(h.confirm(signed, promise, key))))
		if b := verifiedReceipt(t, one.admin(t), order.GetId()); b.Receipt == nil || b.Commitment == nil {
			t.Error("the two words are not both there")
		}
	})
}

// TestCommittedNotConfirmed: a phone that promises and leaves has not wiped.
func TestCommittedNotConfirmed(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a := two.admin(t)
		h := one.join(t, a.token(t))
		order := a.order(t, h.id, workProfile)
		promise := must[*wipev1.ReportOrderRequest](t)(h.promise(h.only(t), newKey(t)))
		must[*wipev1.ReportOrderResponse](t)(h.wipe.ReportOrder(t.Context(), promise))
		must[*enrollv1.LeaveResponse](t)(h.enroll.Leave(t.Context(), &enrollv1.LeaveRequest{}))
		got := must[*wipev1.GetWipeResponse](t)(a.wipe.GetWipe(t.Context(), &wipev1.GetWipeRequest{Id: order.GetId()})).GetOrder()
		if got.GetState() != wipev1.State_STATE_EXPIRED || got.GetOutcome() != "committed, not confirmed: the enrolment ended" ||
			got.GetConfirmation() != wipev1.Confirmation_CONFIRMATION_COMMITTED_NOT_CONFIRMED || got.GetReceipt() != nil {
			t.Errorf("got %v", got)
		}
		if b := verifiedReceipt(t, a, order.GetId()); b.Receipt != nil {
			t.Error("there is a receipt from nowhere")
		}
	})
}
