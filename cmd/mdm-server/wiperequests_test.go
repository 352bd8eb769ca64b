package main

import (
	"testing"

	"google.golang.org/protobuf/types/known/durationpb"

	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// ofDevices, ofGroup and ofUser are targets.
func ofDevices(phones ...*handset) *wipev1.Target {
	var ids []string
	for _, h := range phones {
		ids = append(ids, h.id)
	}
	return &wipev1.Target{Target: &wipev1.Target_Devices{Devices: &wipev1.DeviceList{Ids: ids}}}
}

func ofGroup(name string) *wipev1.Target {
	return &wipev1.Target{Target: &wipev1.Target_Group{Group: name}}
}

func ofUser(name string) *wipev1.Target {
	return &wipev1.Target{Target: &wipev1.Target_User{User: name}}
}

// planned asks for what a plan says, and gives the request.
func (a *admin) planned(tb testing.TB, target *wipev1.Target, scope *wipev1.Scope) (*wipev1.WipeRequest, error) {
	tb.Helper()
	plan, err := a.requests.PlanWipes(tb.Context(), &wipev1.PlanWipesRequest{Target: target, Scope: scope})
	if err != nil {
		return nil, err
	}
	res, err := a.requests.CreateWipes(tb.Context(), &wipev1.CreateWipesRequest{
		RequestKey: newID(), Target: target, Scope: scope, Reason: "a test", PlanDigest: plan.GetPlanDigest(),
	})
	return res.GetRequest(), err
}

// ordersOf gives the orders that a request has led to.
func (a *admin) ordersOf(tb testing.TB, r *wipev1.WipeRequest) []*wipev1.Order {
	tb.Helper()
	res, err := a.wipe.ListWipes(tb.Context(), &wipev1.ListWipesRequest{RequestId: r.GetId()})
	if err != nil {
		tb.Fatal(err)
	}
	return res.GetOrders()
}

// fetched gives the ids of what the phone is given.
func (h *handset) fetched(tb testing.TB) (ids []string) {
	tb.Helper()
	res, err := h.wipe.FetchOrders(tb.Context(), &wipev1.FetchOrdersRequest{})
	if err != nil {
		tb.Fatal(err)
	}
	for _, o := range res.GetOrders() {
		ids = append(ids, o.GetOrderId())
	}
	return ids
}

// joins enrols phones of one person, in one group.
func (s *server) joins(tb testing.TB, n int, group, user string) (phones []*handset) {
	tb.Helper()
	a := s.admin(tb)
	for range n {
		phones = append(phones, s.join(tb, a.token(tb, func(r *enrollv1.CreateTokenRequest) { r.Group, r.User = group, user })))
	}
	return phones
}

// company enrols a phone of the company in a mode.
func (s *server) company(tb testing.TB, mode enrollv1.Mode) *handset {
	tb.Helper()
	secret := s.admin(tb).token(tb, func(r *enrollv1.CreateTokenRequest) {
		r.Group, r.User, r.Ownership, r.Mode = "kiosks", "", enrollv1.Ownership_OWNERSHIP_COMPANY, mode
	})
	return s.join(tb, secret, func(r *enrollv1.JoinRequest) { r.Mode = mode })
}

// wantState checks where a request stands.
func wantState(tb testing.TB, what string, r *wipev1.WipeRequest, want wipev1.RequestState) {
	tb.Helper()
	if r.GetState() != want {
		tb.Errorf("%s: %v, want %v", what, r, want)
	}
}

const (
	waiting  = wipev1.RequestState_REQUEST_STATE_WAITING
	executed = wipev1.RequestState_REQUEST_STATE_EXECUTED
	stopped  = wipev1.RequestState_REQUEST_STATE_STOPPED
)

// callRequests makes each call about requests, with a second person b.
func callRequests(t *testing.T, s *server, a, b *admin) {
	t.Helper()
	ctx := t.Context()
	s.joins(t, 2, "lab", "otto@example.com")
	r := must[*wipev1.WipeRequest](t)(a.planned(t, ofGroup("lab"), appData("com.example.mail")))
	wantState(t, "two devices", r, executed)
	got := must[*wipev1.GetRequestResponse](t)(a.requests.GetRequest(ctx, &wipev1.GetRequestRequest{Id: r.GetId()}))
	if len(got.GetDevices()) != 2 || got.GetRequest().GetHeldUntil() == nil {
		t.Errorf("the request is %v", got)
	}
	halted := must[*wipev1.StopRequestResponse](t)(a.requests.StopRequest(ctx, &wipev1.StopRequestRequest{Id: r.GetId(), Reason: "a test"}))
	if halted.GetCancelled() != 2 {
		t.Errorf("stopping cancelled %d orders, want 2", halted.GetCancelled())
	}
	plan := must[*wipev1.PlanWipesResponse](t)(a.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: ofUser("otto@example.com"), Scope: workProfile}))
	user := must[*wipev1.WipeUserResponse](t)(a.requests.WipeUser(ctx, &wipev1.WipeUserRequest{
		RequestKey: newID(), User: "otto@example.com", Reason: "a test", PlanDigest: plan.GetPlanDigest(),
	})).GetRequest()
	must[*wipev1.LiftUserWipeResponse](t)(a.requests.LiftUserWipe(ctx, &wipev1.LiftUserWipeRequest{Id: user.GetId(), Reason: "a test"}))

	kiosk := s.company(t, enrollv1.Mode_MODE_DEDICATED)
	whole := func() *wipev1.WipeRequest {
		plan := must[*wipev1.PlanWholeDeviceResponse](t)(a.company.PlanWholeDevice(ctx, &wipev1.PlanWholeDeviceRequest{CompanyDeviceId: kiosk.id}))
		return must[*wipev1.WipeWholeDeviceResponse](t)(a.company.WipeWholeDevice(ctx, &wipev1.WipeWholeDeviceRequest{
			RequestKey: newID(), CompanyDeviceId: kiosk.id, Reason: "a test", PlanDigest: plan.GetPlan().GetPlanDigest(),
		})).GetRequest()
	}
	must[*wipev1.RejectRequestResponse](t)(b.requests.RejectRequest(ctx, &wipev1.RejectRequestRequest{Id: whole().GetId(), Reason: "a test"}))
	b.approve(t, whole())
	fetched := must[*wipev1.FetchWholeDeviceOrdersResponse](t)(kiosk.company.FetchWholeDeviceOrders(ctx, &wipev1.FetchWholeDeviceOrdersRequest{}))
	if len(fetched.GetOrders()) != 1 {
		t.Errorf("the kiosk fetched %v", fetched)
	}
	listed := must[*wipev1.ListRequestsResponse](t)(a.requests.ListRequests(ctx, &wipev1.ListRequestsRequest{State: wipev1.RequestState_REQUEST_STATE_REJECTED}))
	if len(listed.GetRequests()) != 1 {
		t.Errorf("%d requests were rejected, want 1", len(listed.GetRequests()))
	}
}

// callGovernance makes each call about what bounds everybody.
func callGovernance(t *testing.T, s *server, a, b *admin) {
	t.Helper()
	ctx := t.Context()
	h := s.joins(t, 1, "field", "eva@example.com")[0]
	lease := must[*wipev1.SetLeaseResponse](t)(a.requests.SetLease(ctx, &wipev1.SetLeaseRequest{
		RequestKey: newID(), Group: "field", LockAfter: durationpb.New(day), WipeAfter: durationpb.New(7 * day), Reason: "a test",
	})).GetRequest()
	wantState(t, "a first lease", lease, waiting)
	b.approve(t, lease)
	leases := must[*wipev1.ListLeasesResponse](t)(a.requests.ListLeases(ctx, &wipev1.ListLeasesRequest{})).GetLeases()
	if len(leases) != 1 || leases[0].GetGroup() != "field" {
		t.Fatalf("leases %v", leases)
	}
	must[*wipev1.FetchLeaseResponse](t)(h.wipe.FetchLease(ctx, &wipev1.FetchLeaseRequest{Number: leases[0].GetLease().GetNumber()}))
	must[*wipev1.GetLeaseStatusResponse](t)(a.requests.GetLeaseStatus(ctx, &wipev1.GetLeaseStatusRequest{DeviceId: h.id}))

	limits := must[*wipev1.GetGovernanceResponse](t)(a.requests.GetGovernance(ctx, &wipev1.GetGovernanceRequest{})).GetLimits()
	limits.BreakerFloor = 0
	must[*wipev1.ChangeLimitsResponse](t)(a.requests.ChangeLimits(ctx, &wipev1.ChangeLimitsRequest{RequestKey: newID(), Limits: limits, Reason: "a test"}))
	a.order(t, h.id, appData("com.example.mail"))
	if got := must[*wipev1.GetGovernanceResponse](t)(a.requests.GetGovernance(ctx, &wipev1.GetGovernanceRequest{})).GetBreaker(); !got.GetOpen() {
		t.Errorf("the breaker is %v", got)
	}
	b.approve(t, must[*wipev1.CloseBreakerResponse](t)(a.requests.CloseBreaker(ctx, &wipev1.CloseBreakerRequest{RequestKey: newID(), Reason: "a test"})).GetRequest())
}
