package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"ringfence/internal/enroll"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestSecondPerson: six work profiles wait for another person, over one server or
// two, and what a person asked for that person cannot approve.
func TestSecondPerson(t *testing.T) {
	pair(t, func(t *testing.T, one, two *server) {
		a, bob := one.admin(t), two.colleague(t, "bob", identity.Approver)
		phones := one.joins(t, 6, "branch", "maria@example.com")
		r := must[*wipev1.WipeRequest](t)(a.planned(t, ofDevices(phones...), workProfile))
		wantState(t, "six work profiles", r, waiting)
		if len(r.GetNeeds()) != 1 || !strings.Contains(r.GetNeeds()[0], "6 devices") || !strings.Contains(r.GetHint(), "approve request") {
			t.Errorf("it needs %q, hint %q", r.GetNeeds(), r.GetHint())
		}
		if orders := a.ordersOf(t, r); len(orders) != 0 {
			t.Fatalf("%d orders before anybody approved", len(orders))
		}
		approve := func(a *admin) error {
			_, err := a.requests.ApproveRequest(t.Context(), &wipev1.ApproveRequestRequest{Id: r.GetId()})
			return err
		}
		wantStatus(t, "who asked", approve(a), codes.PermissionDenied, "SELF_APPROVAL")
		back := two.clock.back(seasoned)
		other := two.appoint(t, enroll.Appointment{Name: "admin-laptop", Person: "admin", Role: identity.Approver})
		back()
		wantStatus(t, "another credential of the same person", approve(other), codes.PermissionDenied, "SELF_APPROVAL")
		wantStatus(t, "an operator", approve(two.colleague(t, "olga", identity.Operator)), codes.PermissionDenied, "ROLE_MAY_NOT")
		wantStatus(t, "an approver of another group", approve(two.colleague(t, "hr", identity.Approver, "hr")), codes.NotFound, "REQUEST_UNKNOWN")

		r = bob.approve(t, r)
		wantState(t, "after the approval", r, executed)
		wantStatus(t, "approving again", approve(bob), codes.OK, "")
		orders := a.ordersOf(t, r)
		if len(orders) != 6 || r.GetHeldUntil() == nil || r.GetDecidedBy() != "admin:bob" {
			t.Fatalf("%d orders, request %v", len(orders), r)
		}
		for _, o := range orders {
			if held := o.GetHeldUntil().AsTime(); !held.Equal(r.GetHeldUntil().AsTime()) || o.GetState() != wipev1.State_STATE_PENDING {
				t.Errorf("order %v, want it pending and held until %v", o, r.GetHeldUntil().AsTime())
			}
		}
		if got := phones[0].fetched(t); len(got) != 0 {
			t.Errorf("during the cooling-off the phone is given %q", got)
		}
		halted := must[*wipev1.StopRequestResponse](t)(bob.requests.StopRequest(t.Context(), &wipev1.StopRequestRequest{Id: r.GetId(), Reason: "wrong list"}))
		if halted.GetCancelled() != 6 || halted.GetTooLate() != 0 {
			t.Errorf("stopped: %v", halted)
		}
		one.clock.forward(11 * time.Minute)
		for _, h := range phones {
			if got := h.fetched(t); len(got) != 0 {
				t.Errorf("what was stopped is given: %q", got)
			}
		}
	})
}

// TestCoolingOffEnds: after it the phones are rung and get their orders.
func TestCoolingOffEnds(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a := s.admin(t)
		phones := s.joins(t, 2, "branch", "maria@example.com")
		stream := phones[0].watch(t)
		r := must[*wipev1.WipeRequest](t)(a.planned(t, ofGroup("branch"), workProfile))
		wantState(t, "two work profiles", r, executed)
		if got := phones[0].fetched(t); len(got) != 0 {
			t.Errorf("during the cooling-off the phone is given %q", got)
		}
		s.clock.forward(11 * time.Minute)
		s.parts.sweepOrders(t.Context())
		if _, err := stream.Recv(); err != nil {
			t.Errorf("the ring: %v", err)
		}
		for _, h := range phones {
			if got := h.fetched(t); len(got) != 1 {
				t.Errorf("after the cooling-off the phone is given %q", got)
			}
		}
	})
}

// TestPlanChanged: what is no longer as planned is not ordered, and not approved.
func TestPlanChanged(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a, bob := s.admin(t), s.colleague(t, "bob", identity.Approver)
		phones := s.joins(t, 6, "branch", "maria@example.com")
		ctx := t.Context()
		plan := must[*wipev1.PlanWipesResponse](t)(a.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: ofGroup("branch"), Scope: workProfile}))
		if plan.GetIncluded() != 6 || plan.GetDevices()[0].GetUser() != "maria@example.com" || plan.GetDevices()[0].GetOwnership() != "personal" ||
			plan.GetDevices()[0].GetLastContact() == nil || len(plan.GetNeeds()) != 2 {
			t.Errorf("the plan says %v", plan)
		}
		r := must[*wipev1.WipeRequest](t)(a.planned(t, ofGroup("branch"), workProfile))
		must[*enrollv1.LeaveResponse](t)(phones[0].enroll.Leave(ctx, &enrollv1.LeaveRequest{}))
		_, err := a.requests.CreateWipes(ctx, &wipev1.CreateWipesRequest{
			RequestKey: newID(), Target: ofGroup("branch"), Scope: workProfile, Reason: "a test", PlanDigest: plan.GetPlanDigest(),
		})
		wantStatus(t, "a request for an old plan", err, codes.Aborted, "PLAN_CHANGED")
		_, err = bob.requests.ApproveRequest(ctx, &wipev1.ApproveRequestRequest{Id: r.GetId()})
		wantStatus(t, "an approval of an old plan", err, codes.Aborted, "PLAN_CHANGED")
		got := must[*wipev1.GetRequestResponse](t)(a.requests.GetRequest(ctx, &wipev1.GetRequestRequest{Id: r.GetId()})).GetRequest()
		wantState(t, "the request", got, wipev1.RequestState_REQUEST_STATE_VOID)
		if orders := a.ordersOf(t, r); len(orders) != 0 {
			t.Errorf("%d orders of a void request", len(orders))
		}
	})
}

// TestNobodyApproves: a request ends after a day, with one administrator as with
// many.
func TestNobodyApproves(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	a := s.admin(t)
	s.joins(t, 6, "branch", "maria@example.com")
	r := must[*wipev1.WipeRequest](t)(a.planned(t, ofGroup("branch"), workProfile))
	wantState(t, "with nobody to approve", r, waiting)
	if !strings.Contains(r.GetHint(), "mdm-server admin create") {
		t.Errorf("the hint %q does not say how to appoint somebody", r.GetHint())
	}
	bob := s.colleague(t, "bob", identity.Approver)
	s.clock.forward(day + time.Minute)
	_, err := bob.requests.ApproveRequest(t.Context(), &wipev1.ApproveRequestRequest{Id: r.GetId()})
	wantStatus(t, "too late", err, codes.FailedPrecondition, "REQUEST_EXPIRED")
	s.parts.sweepOrders(t.Context())
	got := must[*wipev1.GetRequestResponse](t)(a.requests.GetRequest(t.Context(), &wipev1.GetRequestRequest{Id: r.GetId()})).GetRequest()
	wantState(t, "after a day", got, wipev1.RequestState_REQUEST_STATE_EXPIRED)
}

// TestNewCredential: it has one device, then one more with a second person's
// approval, and none within the hour.
func TestNewCredential(t *testing.T) {
	s := install(t, dbtest.DSN(t, sqldb.SQLite), nil).start(t)
	bob := s.colleague(t, "bob", identity.Approver)
	fresh := s.appoint(t, enroll.Appointment{Name: "nina", Role: identity.Owner})
	phones := s.joins(t, 3, "branch", "maria@example.com")
	fresh.order(t, phones[0].id, workProfile)
	ask := func(h *handset) (*wipev1.CreateWipeResponse, error) {
		return fresh.wipe.CreateWipe(t.Context(), &wipev1.CreateWipeRequest{RequestKey: newID(), DeviceId: h.id, Scope: workProfile, Reason: "a test"})
	}
	_, err := ask(phones[1])
	wantStatus(t, "a second device within the hour", err, codes.FailedPrecondition, "BUDGET_EXHAUSTED")
	s.clock.forward(61 * time.Minute)
	second := must[*wipev1.CreateWipeResponse](t)(ask(phones[1]))
	if second.GetOrder() != nil {
		t.Errorf("a second device within a day got %v", second.GetOrder())
	}
	wantState(t, "a second device within a day", second.GetRequest(), waiting)
	wantState(t, "approved", bob.approve(t, second.GetRequest()), executed)
	if got := phones[1].fetched(t); len(got) != 1 {
		t.Errorf("the phone is given %q", got)
	}
	s.clock.forward(day)
	fresh.order(t, phones[2].id, workProfile)
}

// TestWholeDevice: only for a phone of the company, and only after another
// person's yes.
func TestWholeDevice(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a, bob := s.admin(t), s.colleague(t, "bob", identity.Approver)
		ctx := t.Context()
		personal := s.joins(t, 1, "branch", "maria@example.com")[0]
		kiosk, work := s.company(t, enrollv1.Mode_MODE_DEDICATED), s.company(t, enrollv1.Mode_MODE_WORK_PROFILE)
		ask := func(a *admin, h *handset, side bool) (*wipev1.WipeRequest, error) {
			res, err := a.company.WipeWholeDevice(ctx, &wipev1.WipeWholeDeviceRequest{
				RequestKey: newID(), CompanyDeviceId: h.id, Reason: "a test", PersonalSide: side,
			})
			return res.GetRequest(), err
		}
		_, err := ask(a, personal, true)
		wantStatus(t, "a personal phone", err, codes.NotFound, "DEVICE_UNKNOWN")
		_, err = a.company.PlanWholeDevice(ctx, &wipev1.PlanWholeDeviceRequest{CompanyDeviceId: personal.id})
		wantStatus(t, "a plan for a personal phone", err, codes.NotFound, "DEVICE_UNKNOWN")
		plan := must[*wipev1.PlanWholeDeviceResponse](t)(a.company.PlanWholeDevice(ctx, &wipev1.PlanWholeDeviceRequest{CompanyDeviceId: work.id}))
		if !plan.GetPersonalSide() || len(plan.GetPlan().GetRemoves()) == 0 || len(plan.GetPlan().GetNeeds()) == 0 {
			t.Errorf("the plan for a phone with a personal side is %v", plan)
		}
		_, err = ask(a, work, false)
		wantStatus(t, "a personal side that nobody thought of", err, codes.FailedPrecondition, "PERSONAL_SIDE_WOULD_GO")
		_, err = ask(s.colleague(t, "desk", identity.HelpDesk), kiosk, false)
		wantStatus(t, "the help desk", err, codes.PermissionDenied, "ROLE_MAY_NOT")
		_, err = ask(s.colleague(t, "hr", identity.Operator, "hr"), kiosk, false)
		wantStatus(t, "an operator of another group", err, codes.NotFound, "DEVICE_UNKNOWN")

		for h, side := range map[*handset]bool{kiosk: false, work: true} {
			r := must[*wipev1.WipeRequest](t)(ask(a, h, side))
			wantState(t, "a whole device", r, waiting)
			fetch := func() []*wipev1.SignedWholeDeviceOrder {
				return must[*wipev1.FetchWholeDeviceOrdersResponse](t)(h.company.FetchWholeDeviceOrders(ctx, &wipev1.FetchWholeDeviceOrdersRequest{})).GetOrders()
			}
			if got := fetch(); len(got) != 0 {
				t.Errorf("before the approval the phone is given %v", got)
			}
			bob.approve(t, r)
			orders := a.ordersOf(t, r)
			if len(orders) != 1 || orders[0].GetScope() != nil || orders[0].GetWholeDevice() == nil || orders[0].GetWholeDevice().GetPersonalSide() != side {
				t.Fatalf("orders %v", orders)
			}
			if got := h.fetched(t); len(got) != 0 {
				t.Errorf("it is given as an order that every phone may get: %q", got)
			}
			ids := []string{}
			for _, o := range fetch() {
				ids = append(ids, o.GetOrderId())
			}
			if !slices.Equal(ids, []string{orders[0].GetId()}) {
				t.Errorf("the phone is given %q", ids)
			}
		}
		_, err = personal.company.FetchWholeDeviceOrders(ctx, &wipev1.FetchWholeDeviceOrdersRequest{})
		wantStatus(t, "a personal phone asks", err, codes.PermissionDenied, "NOT_COMPANY_OWNED")
	})
}
