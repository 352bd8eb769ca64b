package wiperpc

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantReason(t *testing.T, what string, err error, reason string) {
	t.Helper()
	if err == nil || fault.ReasonOf(err) != reason {
		t.Errorf("%s: got error %v (%s), want %s", what, err, fault.ReasonOf(err), reason)
	}
}

// TestRequestFromPlanToStop is a request for several devices as the wire tells it.
func TestRequestFromPlanToStop(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := serveAll(db)
		s.unsynced = map[device.ID][]wipe.App{"device-two": {{Package: "com.a", Changes: 3}}}
		alice := as(t, "alice", identity.Owner)
		target := &wipev1.Target{Target: &wipev1.Target_Group{Group: "sales"}}
		plan := must[*wipev1.PlanWipesResponse](t)(s.requests.PlanWipes(alice, &wipev1.PlanWipesRequest{Target: target, Scope: workProfile()}))
		var excluded, unsynced []string
		for _, d := range plan.GetDevices() {
			if d.GetExcluded() != "" {
				excluded = append(excluded, d.GetDeviceId())
			}
			for _, a := range d.GetUnsynced() {
				unsynced = append(unsynced, d.GetDeviceId()+" "+a.GetPackage())
			}
		}
		if plan.GetIncluded() != 3 || !slices.Equal(excluded, []string{"kiosk-one"}) || !slices.Equal(unsynced, []string{"device-two com.a"}) {
			t.Errorf("plan %v", plan)
		}
		if len(plan.GetNeeds()) != 1 || !strings.Contains(plan.GetNeeds()[0], "cooling-off") {
			t.Errorf("needs %q", plan.GetNeeds())
		}
		ask := &wipev1.CreateWipesRequest{
			RequestKey: "key-0001", Target: target, Scope: workProfile(), Reason: "the branch closes", PlanDigest: plan.GetPlanDigest(),
		}
		stale := &wipev1.CreateWipesRequest{RequestKey: "key-0002", Target: target, Scope: workProfile(), Reason: "no", PlanDigest: planDigest}
		_, err := s.requests.CreateWipes(alice, stale)
		wantReason(t, "another plan", err, "PLAN_CHANGED")
		r := must[*wipev1.CreateWipesResponse](t)(s.requests.CreateWipes(alice, ask)).GetRequest()
		if r.GetState() != wipev1.RequestState_REQUEST_STATE_EXECUTED || r.GetDevices() != 3 || r.GetHeldUntil() == nil || r.GetHint() != "" {
			t.Errorf("request %v", r)
		}
		got := must[*wipev1.GetRequestResponse](t)(s.requests.GetRequest(alice, &wipev1.GetRequestRequest{Id: r.GetId()}))
		if len(got.GetDevices()) != 3 || got.GetDevices()[0].GetEpoch() != 3 {
			t.Errorf("it names %v", got.GetDevices())
		}
		orders := must[*wipev1.ListWipesResponse](t)(s.admins.ListWipes(alice, &wipev1.ListWipesRequest{RequestId: r.GetId()})).GetOrders()
		if len(orders) != 3 || orders[0].GetHeldUntil() == nil || orders[0].GetRequestId() != r.GetId() || orders[0].GetSource() != wipev1.Source_SOURCE_ADMINISTRATOR {
			t.Errorf("orders %v", orders)
		}
		held := must[*wipev1.FetchOrdersResponse](t)(s.devices.FetchOrders(s.phone(t, "device-one"), &wipev1.FetchOrdersRequest{}))
		if len(held.GetOrders()) != 0 {
			t.Error("an order that is held was given")
		}
		stopped := must[*wipev1.StopRequestResponse](t)(s.requests.StopRequest(alice, &wipev1.StopRequestRequest{Id: r.GetId(), Reason: "wrong list"}))
		if stopped.GetCancelled() != 3 || stopped.GetTooLate() != 0 || stopped.GetRequest().GetState() != wipev1.RequestState_REQUEST_STATE_STOPPED {
			t.Errorf("stopped %v", stopped)
		}
	})
}

// ofOne asks for a whole device, which always waits.
func ofOne(key, id string, personalSide bool) *wipev1.WipeWholeDeviceRequest {
	return &wipev1.WipeWholeDeviceRequest{RequestKey: key, CompanyDeviceId: id, Reason: "stolen", PersonalSide: personalSide}
}

// TestWholeDevice: for a device of the company, after another person's yes, in a
// service that no device of a person is answered by.
func TestWholeDevice(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := serveAll(db)
		alice, bob := as(t, "alice", identity.Owner), as(t, "bob", identity.Approver)
		for _, id := range []string{"device-one", "device-none"} {
			_, err := s.companies.WipeWholeDevice(alice, ofOne("key-0001", id, true))
			wantReason(t, id, err, "DEVICE_UNKNOWN")
		}
		_, err := s.companies.WipeWholeDevice(alice, ofOne("key-0001", "phone-of-work", false))
		wantReason(t, "a personal side", err, "PERSONAL_SIDE_WOULD_GO")
		r := must[*wipev1.WipeWholeDeviceResponse](t)(s.companies.WipeWholeDevice(alice, ofOne("key-0001", "phone-of-work", true))).GetRequest()
		if r.GetState() != wipev1.RequestState_REQUEST_STATE_WAITING || r.GetScope() != nil || len(r.GetNeeds()) == 0 || !strings.Contains(r.GetHint(), "2 other persons") {
			t.Errorf("request %v", r)
		}
		_, err = s.requests.ApproveRequest(alice, &wipev1.ApproveRequestRequest{Id: r.GetId()})
		wantReason(t, "one's own", err, "SELF_APPROVAL")
		r = must[*wipev1.ApproveRequestResponse](t)(s.requests.ApproveRequest(bob, &wipev1.ApproveRequestRequest{Id: r.GetId(), Comment: "seen it"})).GetRequest()
		if r.GetState() != wipev1.RequestState_REQUEST_STATE_EXECUTED || r.GetDecidedBy() != "admin:bob" || r.GetDecision() != "seen it" {
			t.Errorf("approved %v", r)
		}
		order := must[*wipev1.ListWipesResponse](t)(s.admins.ListWipes(alice, &wipev1.ListWipesRequest{DeviceId: "phone-of-work"})).GetOrders()[0]
		if order.GetScope() != nil || !order.GetWholeDevice().GetPersonalSide() {
			t.Errorf("order %v", order)
		}
		phone := s.phone(t, "phone-of-work")
		if plain := must[*wipev1.FetchOrdersResponse](t)(s.devices.FetchOrders(phone, &wipev1.FetchOrdersRequest{})); len(plain.GetOrders()) != 0 {
			t.Errorf("it is given as a plain order: %v", plain)
		}
		fetched := must[*wipev1.FetchWholeDeviceOrdersResponse](t)(s.company.FetchWholeDeviceOrders(phone, &wipev1.FetchWholeDeviceOrdersRequest{}))
		if len(fetched.GetOrders()) != 1 || fetched.GetOrders()[0].GetOrderId() != order.GetId() {
			t.Errorf("fetched %v", fetched)
		}
		for name, personal := range map[string]context.Context{"a personal phone": s.phone(t, "device-one"), "an administrator": alice} {
			if _, err := s.company.FetchWholeDeviceOrders(personal, &wipev1.FetchWholeDeviceOrdersRequest{}); err == nil || fault.KindOf(err) != fault.Denied {
				t.Errorf("%s: error %v", name, err)
			}
		}
		again := must[*wipev1.WipeWholeDeviceResponse](t)(s.companies.WipeWholeDevice(alice, ofOne("key-0001", "phone-of-work", true)))
		if again.GetRequest().GetId() != r.GetId() {
			t.Error("a repeated request made another one")
		}
		_, err = s.companies.WipeWholeDevice(alice, ofOne("key-0001", "kiosk-one", true))
		wantReason(t, "a reused key", err, "REQUEST_KEY_REUSED")
	})
}

func TestListRequests(t *testing.T) {
	s := serveAll(dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	alice := as(t, "alice", identity.Owner)
	for _, id := range []string{"phone-of-work", "kiosk-one"} {
		must[*wipev1.WipeWholeDeviceResponse](t)(s.companies.WipeWholeDevice(alice, ofOne("key-"+id, id, true)))
		s.now = s.now.Add(time.Second)
	}
	lab := must[*wipev1.CreateWipeResponse](t)(s.admins.CreateWipe(alice, &wipev1.CreateWipeRequest{
		RequestKey: "key-lab-1", DeviceId: "device-six", Scope: appData("com.a"), Reason: "lost",
	}))
	if lab.GetOrder().GetRequestId() != lab.GetRequest().GetId() {
		t.Errorf("an order of request %q came from %q", lab.GetRequest().GetId(), lab.GetOrder().GetRequestId())
	}
	list := func(ctx context.Context, r *wipev1.ListRequestsRequest) (summaries []string) {
		for more := true; more; more = r.GetPageToken() != "" {
			page := must[*wipev1.ListRequestsResponse](t)(s.requests.ListRequests(ctx, r))
			for _, r := range page.GetRequests() {
				summaries = append(summaries, r.GetSummary())
			}
			r.PageToken = page.GetNextPageToken()
		}
		return summaries
	}
	for name, tt := range map[string]struct {
		ctx     context.Context
		request *wipev1.ListRequestsRequest
		want    int
	}{
		"all, in pages":     {alice, &wipev1.ListRequestsRequest{PageSize: 1}, 3},
		"those that wait":   {alice, &wipev1.ListRequestsRequest{State: wipev1.RequestState_REQUEST_STATE_WAITING}, 2},
		"of another kind":   {alice, &wipev1.ListRequestsRequest{Kind: wipev1.RequestKind_REQUEST_KIND_LEASE}, 0},
		"of a group":        {as(t, "carol", identity.Viewer, "lab"), &wipev1.ListRequestsRequest{}, 1},
		"of no such group":  {as(t, "carol", identity.Viewer, "none"), &wipev1.ListRequestsRequest{}, 0},
		"of both its group": {as(t, "carol", identity.Viewer, "lab", "sales"), &wipev1.ListRequestsRequest{}, 3},
	} {
		if got := list(tt.ctx, tt.request); len(got) != tt.want {
			t.Errorf("%s: %q, want %d", name, got, tt.want)
		}
	}
	_, err := s.requests.GetRequest(as(t, "carol", identity.Viewer, "sales"), &wipev1.GetRequestRequest{Id: lab.GetRequest().GetId()})
	wantReason(t, "a request beyond the groups", err, "REQUEST_UNKNOWN")
	first := must[*wipev1.ListRequestsResponse](t)(s.requests.ListRequests(alice, &wipev1.ListRequestsRequest{PageSize: 1}))
	for name, bad := range map[string]*wipev1.ListRequestsRequest{
		"another listing's token": {PageToken: first.GetNextPageToken(), State: wipev1.RequestState_REQUEST_STATE_WAITING},
		"an unknown state":        {State: 99},
		"an unknown kind":         {Kind: 99},
	} {
		if _, err := s.requests.ListRequests(alice, bad); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestGoverning: limits, leases and what is told of them.
func TestGoverning(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := serveAll(db)
		alice, bob := as(t, "alice", identity.Owner), as(t, "bob", identity.Approver)
		limits := must[*wipev1.GetGovernanceResponse](t)(s.requests.GetGovernance(alice, &wipev1.GetGovernanceRequest{})).GetLimits()
		limits.PersonPerDay--
		tighter := must[*wipev1.ChangeLimitsResponse](t)(s.requests.ChangeLimits(alice, &wipev1.ChangeLimitsRequest{RequestKey: "key-0001", Limits: limits, Reason: "tighter"}))
		_, err := s.requests.ChangeLimits(alice, &wipev1.ChangeLimitsRequest{RequestKey: "key-0002", Limits: limits, Reason: "from an old version"})
		wantReason(t, "an old version", err, "LIMITS_CHANGED")
		limits.Version, limits.PersonPerDay = limits.GetVersion()+1, 500
		looser := must[*wipev1.ChangeLimitsResponse](t)(s.requests.ChangeLimits(alice, &wipev1.ChangeLimitsRequest{RequestKey: "key-0003", Limits: limits, Reason: "looser"}))
		if tighter.GetRequest().GetState() != wipev1.RequestState_REQUEST_STATE_EXECUTED || looser.GetRequest().GetState() != wipev1.RequestState_REQUEST_STATE_WAITING {
			t.Errorf("tighter is %v, looser %v", tighter, looser)
		}
		rejected := must[*wipev1.RejectRequestResponse](t)(s.requests.RejectRequest(bob, &wipev1.RejectRequestRequest{Id: looser.GetRequest().GetId(), Reason: "why?"}))
		if rejected.GetRequest().GetState() != wipev1.RequestState_REQUEST_STATE_REJECTED || rejected.GetRequest().GetDecision() != "why?" {
			t.Errorf("rejected %v", rejected)
		}
		_, err = s.requests.CloseBreaker(alice, &wipev1.CloseBreakerRequest{RequestKey: "key-0004", CancelAll: true, Reason: "x"})
		wantReason(t, "a closed breaker", err, "BREAKER_CLOSED")

		lease := must[*wipev1.SetLeaseResponse](t)(s.requests.SetLease(alice, &wipev1.SetLeaseRequest{
			RequestKey: "key-0005", Group: "sales", LockAfter: durationpb.New(24 * time.Hour), WipeAfter: durationpb.New(7 * 24 * time.Hour), Reason: "policy 7",
		}))
		must[*wipev1.ApproveRequestResponse](t)(s.requests.ApproveRequest(bob, &wipev1.ApproveRequestRequest{Id: lease.GetRequest().GetId()}))
		leases := must[*wipev1.ListLeasesResponse](t)(s.requests.ListLeases(alice, &wipev1.ListLeasesRequest{})).GetLeases()
		if len(leases) != 1 || leases[0].GetGroup() != "sales" || leases[0].GetLease().GetNumber() == 0 || leases[0].GetSetBy() != "admin:alice" {
			t.Fatalf("leases %v", leases)
		}
		phone, number := s.phone(t, "device-one"), leases[0].GetLease().GetNumber()
		_, err = s.devices.FetchLease(phone, &wipev1.FetchLeaseRequest{Number: number + 1})
		wantReason(t, "another lease", err, "LEASE_MOVED")
		order := must[*wipev1.FetchLeaseResponse](t)(s.devices.FetchLease(phone, &wipev1.FetchLeaseRequest{Number: number})).GetOrder()
		again := must[*wipev1.FetchLeaseResponse](t)(s.devices.FetchLease(phone, &wipev1.FetchLeaseRequest{Number: number})).GetOrder()
		if order.GetOrderId() == "" || order.GetOrderId() != again.GetOrderId() {
			t.Errorf("fetched %v, then %v", order, again)
		}
		s.now = s.now.Add(8 * 24 * time.Hour)
		status := must[*wipev1.GetLeaseStatusResponse](t)(s.requests.GetLeaseStatus(alice, &wipev1.GetLeaseStatusRequest{DeviceId: "device-one"}))
		if status.GetStanding() != wipev1.LeaseStanding_LEASE_STANDING_PRESUMED_WIPED || status.GetOrderId() != order.GetOrderId() || status.GetHeld().GetNumber() != number {
			t.Errorf("status %v", status)
		}
		_, err = s.requests.GetLeaseStatus(alice, &wipev1.GetLeaseStatusRequest{DeviceId: "../x"})
		wantField(t, "an odd device", err, "device_id")
	})
}

// TestUserWipe: it stands until it is lifted.
func TestUserWipe(t *testing.T) {
	s := serveAll(dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	alice := as(t, "alice", identity.Owner)
	target := &wipev1.Target{Target: &wipev1.Target_User{User: "maria"}}
	plan := must[*wipev1.PlanWipesResponse](t)(s.requests.PlanWipes(alice, &wipev1.PlanWipesRequest{Target: target, Scope: workProfile()}))
	ask := &wipev1.WipeUserRequest{RequestKey: "key-0001", User: "maria", Reason: "account taken over", PlanDigest: plan.GetPlanDigest()}
	r := must[*wipev1.WipeUserResponse](t)(s.requests.WipeUser(alice, ask)).GetRequest()
	if r.GetKind() != wipev1.RequestKind_REQUEST_KIND_USER_WIPE || r.GetUser() != "maria" || r.GetDevices() != 2 {
		t.Errorf("request %v", r)
	}
	second := &wipev1.WipeUserRequest{RequestKey: "key-0002", User: "maria", Reason: "again", PlanDigest: plan.GetPlanDigest()}
	_, err := s.requests.WipeUser(alice, second)
	wantReason(t, "a second one", err, "USER_WIPE_STANDS")
	lifted := must[*wipev1.LiftUserWipeResponse](t)(s.requests.LiftUserWipe(alice, &wipev1.LiftUserWipeRequest{Id: r.GetId(), Reason: "safe again"}))
	if lifted.GetCancelled() != 2 || lifted.GetRequest().GetLiftedAt() == nil {
		t.Errorf("lifted %v", lifted)
	}
}
