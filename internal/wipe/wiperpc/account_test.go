package wiperpc

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// register adds a registration of an app to the office, whose app gives its id.
func (o *office) register(id device.ID, app string) {
	o.devices[id] = wipe.Facts{
		ID: id, Epoch: 2, Enrolled: true, Ownership: device.Personal, Mode: device.AppAccount, User: "maria", App: app, LastContact: monday,
	}
}

// app is a registered app, calling.
func (o *office) app(t *testing.T, id device.ID) context.Context {
	f := o.devices[id]
	return identity.With(t.Context(), identity.Caller{
		Kind: identity.App, Device: id, Epoch: f.Epoch, Ownership: f.Ownership, Mode: f.Mode, User: f.User, Package: f.App,
	})
}

// TestAccountFromPlanToReceipt is the wipe of one work account as the wire tells
// it: planned, ordered, fetched by the app, promised, and done by its own key.
func TestAccountFromPlanToReceipt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := serveAll(db)
		s.register("account-one", "com.a")
		alice, app := as(t, "alice", identity.Owner), s.app(t, "account-one")
		plan := must[*wipev1.PlanWipeResponse](t)(s.admins.PlanWipe(alice, &wipev1.PlanWipeRequest{DeviceId: "account-one", Scope: appData("com.a")}))
		want := &wipev1.PlannedDevice{
			DeviceId: "account-one", Epoch: 2, User: "maria", Ownership: "personal", Mode: "app-account", Package: "com.a",
			LastContact: timestamppb.New(monday), Removes: plan.GetRemoves(),
		}
		if diff := cmp.Diff(want, plan.GetDevice(), protocmp.Transform()); diff != "" || !plan.GetEndsEnrollment() ||
			!slices.Contains(plan.GetRemoves(), "the work account's data in com.a") || !slices.Contains(plan.GetKeeps(), "everything else on the phone") {
			t.Errorf("plan %v (-want +got):\n%s", plan, diff)
		}
		for scope, reason := range map[*wipev1.Scope]string{
			workProfile(): "SCOPE_NOT_FOR_MODE", appData("com.b"): "OTHER_APP", appData("com.a", "com.b"): "OTHER_APP",
		} {
			_, err := s.admins.CreateWipe(alice, &wipev1.CreateWipeRequest{RequestKey: "key-0001", DeviceId: "account-one", Scope: scope, Reason: "left"})
			wantReason(t, scope.String(), err, reason)
		}
		made := must[*wipev1.CreateWipeResponse](t)(s.admins.CreateWipe(alice, &wipev1.CreateWipeRequest{
			RequestKey: "key-0001", DeviceId: "account-one", Scope: appData("com.a"), Reason: "left", Epoch: 2, PlanDigest: plan.GetPlanDigest(),
		}))
		order := made.GetOrder()
		if order.GetPackage() != "com.a" || order.GetGroup() != "" || made.GetPaused() {
			t.Errorf("got %v", made)
		}
		given := must[*wipev1.FetchOrdersResponse](t)(s.devices.FetchOrders(app, &wipev1.FetchOrdersRequest{})).GetOrders()
		if len(given) != 1 || given[0].GetOrderId() != order.GetId() {
			t.Fatalf("fetched %v", given)
		}
		receipt := &wipev1.Receipt{FinishedAt: timestamppb.New(monday), Packages: []string{"com.a"}, FilesRemoved: 3, KeysRemoved: 1}
		promise := &wipev1.ReportOrderRequest{OrderId: order.GetId(), Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}}}
		for _, report := range []*wipev1.ReportOrderRequest{promise, confirm(t, order, receipt, nil)} {
			must[*wipev1.ReportOrderResponse](t)(s.devices.ReportOrder(app, report))
		}
		if f := s.office.devices["account-one"]; f.Enrolled {
			t.Error("the registration has not ended")
		}
		shown := must[*wipev1.GetWipeReceiptResponse](t)(s.admins.GetWipeReceipt(alice, &wipev1.GetWipeReceiptRequest{Id: order.GetId()}))
		if shown.GetCommitment() != nil || shown.GetReceipt() == nil || shown.GetOrder().GetState() != wipev1.State_STATE_DONE {
			t.Errorf("receipt %v", shown)
		}
	})
}

// TestWipeUserTakesAccounts: the plan that a standing wipe refers to names
// registrations, and another plan of the same person does not.
func TestWipeUserTakesAccounts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := serveAll(db)
		s.register("account-one", "com.a")
		alice := as(t, "alice", identity.Owner)
		target := &wipev1.Target{Target: &wipev1.Target_User{User: "maria"}}
		ask := &wipev1.WipeUserRequest{RequestKey: "key-0001", User: "maria", Reason: "left"}
		plain := must[*wipev1.PlanWipesResponse](t)(s.requests.PlanWipes(alice, &wipev1.PlanWipesRequest{Target: target, Scope: workProfile()}))
		ask.PlanDigest = plain.GetPlanDigest()
		_, err := s.requests.WipeUser(alice, ask)
		wantReason(t, "a plan without them", err, "PLAN_CHANGED")
		plan := must[*wipev1.PlanWipesResponse](t)(s.requests.PlanWipes(alice, &wipev1.PlanWipesRequest{Target: target, Scope: workProfile(), Standing: true}))
		if plan.GetIncluded() != plain.GetIncluded()+1 {
			t.Errorf("%d in the plan, %d without registrations", plan.GetIncluded(), plain.GetIncluded())
		}
		ask.PlanDigest = plan.GetPlanDigest()
		r := must[*wipev1.WipeUserResponse](t)(s.requests.WipeUser(alice, ask)).GetRequest()
		orders := must[*wipev1.ListWipesResponse](t)(s.admins.ListWipes(alice, &wipev1.ListWipesRequest{RequestId: r.GetId(), DeviceId: "account-one"})).GetOrders()
		if len(orders) != 1 || orders[0].GetPackage() != "com.a" || !slices.Equal(orders[0].GetScope().GetAppData().GetPackages(), []string{"com.a"}) {
			t.Errorf("orders %v", orders)
		}
		group := &wipev1.Target{Target: &wipev1.Target_Group{Group: "sales"}}
		_, err = s.requests.PlanWipes(alice, &wipev1.PlanWipesRequest{Target: group, Scope: workProfile(), Standing: true})
		if err == nil {
			t.Error("everything of a group was planned")
		}
	})
}

// TestPolicyOnTheWire: administrators see where an order came from, and that it is
// paused.
func TestPolicyOnTheWire(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := serveAll(db)
		s.register("account-one", "com.a")
		if _, err := s.service.WipeByPolicy(s.app(t, "account-one"), "account-one", 2, "rooted"); err != nil {
			t.Fatal(err)
		}
		order := must[*wipev1.ListWipesResponse](t)(s.admins.ListWipes(as(t, "alice", identity.Owner), &wipev1.ListWipesRequest{})).GetOrders()[0]
		want := &wipev1.Order{Source: wipev1.Source_SOURCE_POLICY, CreatedBy: "server", Reason: "rooted", Package: "com.a", DeviceId: "account-one"}
		got := &wipev1.Order{
			Source: order.GetSource(), CreatedBy: order.GetCreatedBy(), Reason: order.GetReason(), Package: order.GetPackage(), DeviceId: order.GetDeviceId(),
			RequestId: order.GetRequestId(), Paused: order.GetPaused(),
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	})
}

// TestTrippingTheBreaker: the request that is too many says so in its answer, as
// does a later one that finds everything paused.
func TestTrippingTheBreaker(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := serveAll(db)
		s.fleet = 40 // of which ten orders are let through
		alice, otto := as(t, "alice", identity.Owner), as(t, "otto", identity.Owner)
		for n := range 9 {
			made := must[*wipev1.CreateWipeResponse](t)(s.admins.CreateWipe(alice, createRequest(n, appData("com.a"+string(rune('a'+n))))))
			if made.GetPaused() {
				t.Fatalf("order %d is paused", n)
			}
		}
		target := &wipev1.Target{Target: &wipev1.Target_Group{Group: "sales"}}
		plan := must[*wipev1.PlanWipesResponse](t)(s.requests.PlanWipes(otto, &wipev1.PlanWipesRequest{Target: target, Scope: workProfile()}))
		ask := &wipev1.CreateWipesRequest{RequestKey: "key-0099", Target: target, Scope: workProfile(), Reason: "x", PlanDigest: plan.GetPlanDigest()}
		for range 2 {
			if made := must[*wipev1.CreateWipesResponse](t)(s.requests.CreateWipes(otto, ask)); !made.GetPaused() || made.GetRequest() == nil {
				t.Errorf("the request that opens the breaker is answered %v", made)
			}
		}
		again := must[*wipev1.CreateWipeResponse](t)(s.admins.CreateWipe(alice, createRequest(0, appData("com.aa"))))
		if !again.GetPaused() || !again.GetOrder().GetPaused() {
			t.Errorf("an order from before is answered %v", again)
		}
	})
}
