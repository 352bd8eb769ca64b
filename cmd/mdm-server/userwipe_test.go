package main

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// wipeUser asks for everything of a person.
func (a *admin) wipeUser(tb testing.TB, user string) (*wipev1.WipeRequest, error) {
	tb.Helper()
	plan, err := a.requests.PlanWipes(tb.Context(), &wipev1.PlanWipesRequest{Target: ofUser(user), Scope: workProfile, Standing: true})
	if err != nil {
		return nil, err
	}
	res, err := a.requests.WipeUser(tb.Context(), &wipev1.WipeUserRequest{
		RequestKey: newID(), User: user, Reason: "account taken over", PlanDigest: plan.GetPlanDigest(),
	})
	return res.GetRequest(), err
}

// TestUserWipe: everything of a person goes, what enrols meanwhile too, until it
// is lifted; what enrols then is left alone.
func TestUserWipe(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a := one.admin(t)
		const maria = "maria@example.com"
		phones := one.joins(t, 2, "branch", maria)
		bystander := one.joins(t, 1, "branch", "otto@example.com")[0]
		r := must[*wipev1.WipeRequest](t)(a.wipeUser(t, maria))
		wantState(t, "two phones", r, executed)
		_, err := a.wipeUser(t, maria)
		wantStatus(t, "a second one", err, codes.FailedPrecondition, "USER_WIPE_STANDS")
		one.clock.forward(11 * time.Minute)
		for _, h := range phones {
			if got := h.fetched(t); len(got) != 1 {
				t.Errorf("a phone of hers is given %q", got)
			}
		}
		if got := bystander.fetched(t); len(got) != 0 {
			t.Errorf("a phone of somebody else is given %q", got)
		}

		later := two.joins(t, 1, "branch", maria)[0]
		if got := later.fetched(t); len(got) != 0 {
			t.Errorf("before anybody looked the new phone is given %q", got)
		}
		two.parts.sweepOrders(t.Context())
		if got := later.fetched(t); len(got) != 1 {
			t.Errorf("her new phone is given %q", got)
		}
		orders := a.ordersOf(t, r)
		if len(orders) != 3 || slices.ContainsFunc(orders, func(o *wipev1.Order) bool { return o.GetSource() != wipev1.Source_SOURCE_USER }) {
			t.Errorf("orders %v", orders)
		}
		must[*wipev1.ReportOrderResponse](t)(phones[0].wipe.ReportOrder(t.Context(), must[*wipev1.ReportOrderRequest](t)(phones[0].promise(phones[0].only(t), newKey(t)))))

		lifted := must[*wipev1.LiftUserWipeResponse](t)(a.requests.LiftUserWipe(t.Context(), &wipev1.LiftUserWipeRequest{Id: r.GetId(), Reason: "safe again"}))
		if lifted.GetCancelled() != 2 || lifted.GetTooLate() != 1 || lifted.GetRequest().GetLiftedAt() == nil {
			t.Errorf("lifted: %v", lifted)
		}
		clean := one.joins(t, 1, "branch", maria)[0]
		two.parts.sweepOrders(t.Context())
		for name, h := range map[string]*handset{"her next phone": clean, "her second phone": phones[1], "the one from in between": later} {
			if got := h.fetched(t); len(got) != 0 {
				t.Errorf("after it was lifted %s is given %q", name, got)
			}
		}
	})
}

// TestUserWipeFollowsEpochs: an order is bound to the enrolment that it found;
// the next enrolment of the same phone gets its own.
func TestUserWipeFollowsEpochs(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a := s.admin(t)
		tag := func(r *enrollv1.JoinRequest) { r.HardwareTag = "phone-of-maria" }
		first := s.join(t, a.token(t), tag)
		r := must[*wipev1.WipeRequest](t)(a.wipeUser(t, "maria@example.com"))
		second := s.join(t, a.token(t), tag)
		if first.id != second.id {
			t.Fatalf("the same phone is %s and %s", first.id, second.id)
		}
		s.parts.sweepOrders(t.Context())
		epochs := map[uint64]wipev1.State{}
		for _, o := range a.ordersOf(t, r) {
			epochs[o.GetEpoch()] = o.GetState()
		}
		if len(epochs) != 2 || epochs[1] != wipev1.State_STATE_EXPIRED || epochs[2] != wipev1.State_STATE_PENDING {
			t.Errorf("orders by epoch: %v", epochs)
		}
	})
}

// TestScopedWipes: an administrator of one group plans, orders and sees within
// it, and what is outside does not exist.
func TestScopedWipes(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	a, hr := s.admin(t), s.colleague(t, "hr", identity.Operator, "hr")
	ctx := t.Context()
	inside, outside := s.joins(t, 1, "hr", "maria@example.com")[0], s.joins(t, 2, "sales", "maria@example.com")
	order := a.order(t, outside[0].id, appData("com.example.mail"))
	done := must[*wipev1.ReportOrderRequest](t)(outside[0].done(outside[0].only(t), &wipev1.Receipt{FinishedAt: order.GetCreatedAt()}))
	for _, report := range []*wipev1.ReportOrderRequest{
		{OrderId: order.GetId(), Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}}}, done,
	} {
		must[*wipev1.ReportOrderResponse](t)(outside[0].wipe.ReportOrder(ctx, report))
	}
	request := must[*wipev1.WipeRequest](t)(a.planned(t, ofDevices(append(outside, inside)...), appData("com.example.crm")))

	calls := map[string]func() error{
		"PlanWipe": func() error {
			_, err := hr.wipe.PlanWipe(ctx, &wipev1.PlanWipeRequest{DeviceId: outside[0].id, Scope: workProfile})
			return err
		},
		"CreateWipe": func() error {
			_, err := hr.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{RequestKey: newID(), DeviceId: outside[0].id, Scope: workProfile, Reason: "a test"})
			return err
		},
		"GetWipe": func() error {
			_, err := hr.wipe.GetWipe(ctx, &wipev1.GetWipeRequest{Id: order.GetId()})
			return err
		},
		"GetWipeReceipt": func() error {
			_, err := hr.wipe.GetWipeReceipt(ctx, &wipev1.GetWipeReceiptRequest{Id: order.GetId()})
			return err
		},
		"CancelWipe": func() error {
			_, err := hr.wipe.CancelWipe(ctx, &wipev1.CancelWipeRequest{Id: order.GetId(), Reason: "a test"})
			return err
		},
		"PlanWipes": func() error { _, err := hr.planned(t, ofDevices(outside[0], inside), workProfile); return err },
		"GetRequest": func() error {
			_, err := hr.requests.GetRequest(ctx, &wipev1.GetRequestRequest{Id: request.GetId()})
			return err
		},
		"StopRequest": func() error {
			_, err := hr.requests.StopRequest(ctx, &wipev1.StopRequestRequest{Id: request.GetId(), Reason: "a test"})
			return err
		},
		"GetLeaseStatus": func() error {
			_, err := hr.requests.GetLeaseStatus(ctx, &wipev1.GetLeaseStatusRequest{DeviceId: outside[0].id})
			return err
		},
	}
	for name, call := range calls {
		wantStatus(t, name, call(), codes.NotFound, "")
	}
	if got := must[*wipev1.ListWipesResponse](t)(hr.wipe.ListWipes(ctx, &wipev1.ListWipesRequest{})).GetOrders(); len(got) != 1 || got[0].GetDeviceId() != inside.id {
		t.Errorf("orders listed: %v", got)
	}
	if got := must[*wipev1.ListRequestsResponse](t)(hr.requests.ListRequests(ctx, &wipev1.ListRequestsRequest{})).GetRequests(); len(got) != 0 {
		t.Errorf("requests listed: %v", got)
	}
	plan := must[*wipev1.PlanWipesResponse](t)(hr.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: ofUser("maria@example.com"), Scope: workProfile}))
	if len(plan.GetDevices()) != 1 || plan.GetDevices()[0].GetDeviceId() != inside.id {
		t.Errorf("of a person with phones in two groups the plan names %v", plan.GetDevices())
	}
	_, err := hr.wipeUser(t, "maria@example.com")
	wantStatus(t, "everything of a person", err, codes.PermissionDenied, "OUT_OF_SCOPE")
	must[*wipev1.WipeRequest](t)(hr.planned(t, ofGroup("hr"), workProfile))
}
