package main

import (
	"testing"

	"google.golang.org/grpc/codes"

	"ringfence/internal/identity"
	"ringfence/internal/sqldb/dbtest"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestBreaker: when too much of the fleet gets orders, everything that no phone
// has acknowledged stops, and two persons let it go on, or cancel it.
func TestBreaker(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a, bob := one.admin(t), two.colleague(t, "bob", identity.Approver)
		one.limit(t, func(l *wipev1.Limits) { l.BreakerFloor = 3 })
		ctx := t.Context()
		phones := one.joins(t, 5, "branch", "maria@example.com")
		mail := appData("com.example.mail")
		promise := func(h *handset, id string) error {
			_, err := h.wipe.ReportOrder(ctx, &wipev1.ReportOrderRequest{
				OrderId: id, Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}},
			})
			return err
		}
		var ids []string
		for _, h := range phones[:3] {
			ids = append(ids, a.order(t, h.id, mail).GetId())
			h.fetched(t)
		}
		wantStatus(t, "a promise before", promise(phones[0], ids[0]), codes.OK, "")
		if open := breakerOf(t, a); open.GetOpen() || open.GetRecent() != 3 || open.GetOpensAbove() != 3 {
			t.Errorf("the breaker is %v", open)
		}
		last := a.order(t, phones[3].id, mail)
		if open := breakerOf(t, bob); !open.GetOpen() || open.GetPaused() != 3 || open.GetWhy() == "" {
			t.Errorf("the breaker is %v, want it open with three orders paused", open)
		}
		if got := phones[3].fetched(t); len(got) != 0 {
			t.Errorf("while it is open a phone is given %q", got)
		}
		if got := phones[0].fetched(t); len(got) != 1 {
			t.Errorf("a phone that has promised is given %q, want what it must finish", got)
		}
		wantStatus(t, "a promise about what was fetched before", promise(phones[1], ids[1]), codes.FailedPrecondition, "ORDER_PAUSED")
		order := must[*wipev1.GetWipeResponse](t)(a.wipe.GetWipe(ctx, &wipev1.GetWipeRequest{Id: last.GetId()})).GetOrder()
		if !order.GetPaused() || order.GetState() != wipev1.State_STATE_PENDING {
			t.Errorf("the order is %v, want it paused", order)
		}
		create := func(scope *wipev1.Scope) error {
			_, err := a.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{RequestKey: newID(), DeviceId: phones[4].id, Scope: scope, Reason: "a test"})
			return err
		}
		wantStatus(t, "another wipe", create(mail), codes.FailedPrecondition, "BREAKER_OPEN")
		wantStatus(t, "a lock", create(&wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}), codes.OK, "")
		if got := phones[4].fetched(t); len(got) != 1 {
			t.Errorf("the phone to be locked is given %q", got)
		}

		stranger := two.colleague(t, "olga", identity.Operator)
		_, err := stranger.requests.CloseBreaker(ctx, &wipev1.CloseBreakerRequest{RequestKey: newID(), Reason: "a test"})
		wantStatus(t, "an operator closes it", err, codes.PermissionDenied, "ROLE_MAY_NOT")
		closing := must[*wipev1.CloseBreakerResponse](t)(a.requests.CloseBreaker(ctx, &wipev1.CloseBreakerRequest{RequestKey: newID(), Reason: "checked"})).GetRequest()
		wantState(t, "closing the breaker", closing, waiting)
		_, err = a.requests.ApproveRequest(ctx, &wipev1.ApproveRequestRequest{Id: closing.GetId()})
		wantStatus(t, "who asked", err, codes.PermissionDenied, "SELF_APPROVAL")
		bob.approve(t, closing)
		if got := phones[3].fetched(t); len(got) != 1 {
			t.Errorf("after it was closed the phone is given %q", got)
		}
		wantStatus(t, "a promise after", promise(phones[1], ids[1]), codes.OK, "")
	})
}

// TestCancelAll: the other way out.
func TestCancelAll(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a, bob := s.admin(t), s.colleague(t, "bob", identity.Approver)
		s.limit(t, func(l *wipev1.Limits) { l.BreakerFloor = 0 })
		h := s.joins(t, 1, "branch", "maria@example.com")[0]
		order := a.order(t, h.id, workProfile)
		closing := must[*wipev1.CloseBreakerResponse](t)(a.requests.CloseBreaker(t.Context(), &wipev1.CloseBreakerRequest{
			RequestKey: newID(), CancelAll: true, Reason: "the credential was stolen",
		})).GetRequest()
		bob.approve(t, closing)
		got := must[*wipev1.GetWipeResponse](t)(a.wipe.GetWipe(t.Context(), &wipev1.GetWipeRequest{Id: order.GetId()})).GetOrder()
		if got.GetState() != wipev1.State_STATE_CANCELLED || got.GetPaused() {
			t.Errorf("the order is %v", got)
		}
		if open := breakerOf(t, a); open.GetOpen() {
			t.Errorf("the breaker is %v", open)
		}
	})
}

func breakerOf(t *testing.T, a *admin) *wipev1.Breaker {
	t.Helper()
	return must[*wipev1.GetGovernanceResponse](t)(a.requests.GetGovernance(t.Context(), &wipev1.GetGovernanceRequest{})).GetBreaker()
}

// TestLimits: what is tighter holds at once, what is looser takes two.
func TestLimits(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a, bob := one.admin(t), two.colleague(t, "bob", identity.Approver)
		ctx := t.Context()
		limits := func() *wipev1.Limits {
			return must[*wipev1.GetGovernanceResponse](t)(bob.requests.GetGovernance(ctx, &wipev1.GetGovernanceRequest{})).GetLimits()
		}
		change := func(l *wipev1.Limits) (*wipev1.WipeRequest, error) {
			res, err := a.requests.ChangeLimits(ctx, &wipev1.ChangeLimitsRequest{RequestKey: newID(), Limits: l, Reason: "a test"})
			return res.GetRequest(), err
		}
		l := limits()
		l.PersonPerHour, l.PersonPerDay = 1, 1
		wantState(t, "tighter", must[*wipev1.WipeRequest](t)(change(l)), executed)
		phones := one.joins(t, 2, "branch", "maria@example.com")
		a.order(t, phones[0].id, workProfile)
		order := func() error {
			_, err := a.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{RequestKey: newID(), DeviceId: phones[1].id, Scope: workProfile, Reason: "a test"})
			return err
		}
		wantStatus(t, "beyond the budget", order(), codes.FailedPrecondition, "BUDGET_EXHAUSTED")
		l = limits()
		l.PersonPerHour, l.PersonPerDay, l.CoolingOff = 2, 2, nil
		r := must[*wipev1.WipeRequest](t)(change(l))
		wantState(t, "looser", r, waiting)
		if len(r.GetNeeds()) != 3 {
			t.Errorf("it needs a second person for %q, want three lines", r.GetNeeds())
		}
		wantStatus(t, "still beyond the budget", order(), codes.FailedPrecondition, "BUDGET_EXHAUSTED")
		bob.approve(t, r)
		wantStatus(t, "within the new budget", order(), codes.OK, "")
		_, err := change(l)
		wantStatus(t, "from limits that are no more", err, codes.Aborted, "LIMITS_CHANGED")
		_, err = two.colleague(t, "hr", identity.Owner, "hr").requests.ChangeLimits(ctx, &wipev1.ChangeLimitsRequest{
			RequestKey: newID(), Limits: limits(), Reason: "a test",
		})
		wantStatus(t, "an owner of one group", err, codes.PermissionDenied, "OUT_OF_SCOPE")
	})
}
