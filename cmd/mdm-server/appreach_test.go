package main

import (
	"testing"

	"google.golang.org/grpc/codes"

	"ringfence/internal/enroll"
	"ringfence/internal/identity"
	"ringfence/internal/signin/signintest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

var lockOnly = &wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}

// TestAppsBeyondGroups: a registration is in no group, so that whoever is bound to
// groups finds none, by whatever call, and nothing that was ordered for one.
func TestAppsBeyondGroups(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		a := s.admin(t)
		a.guard(t, "mail", map[string]any{})
		m := s.registers(t, p, "erin@example.com")
		phone := s.joins(t, 1, "sales", "erin@example.com")[0]
		bound := s.appoint(t, enroll.Appointment{Name: "sales-desk", Role: identity.Owner, Groups: []string{"sales"}})
		ctx, data := t.Context(), appData(mailPackage)
		order := a.order(t, m.id, data)
		list := &wipev1.Target{Target: &wipev1.Target_Devices{Devices: &wipev1.DeviceList{Ids: []string{m.id, phone.id}}}}
		both := must[*wipev1.PlanWipesResponse](t)(a.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: list, Scope: lockOnly}))
		if len(both.GetDevices()) != 2 {
			t.Fatalf("whoever is bound to none plans for %v", both)
		}

		finds := map[string]func() error{
			"PlanWipe": func() error {
				_, err := bound.wipe.PlanWipe(ctx, &wipev1.PlanWipeRequest{DeviceId: m.id, Scope: data})
				return err
			},
			"CreateWipe": func() error {
				_, err := bound.wipe.CreateWipe(ctx, &wipev1.CreateWipeRequest{RequestKey: newID(), DeviceId: m.id, Scope: data, Reason: "a test"})
				return err
			},
			"GetWipe": func() error {
				_, err := bound.wipe.GetWipe(ctx, &wipev1.GetWipeRequest{Id: order.GetId()})
				return err
			},
			"GetWipeReceipt": func() error {
				_, err := bound.wipe.GetWipeReceipt(ctx, &wipev1.GetWipeReceiptRequest{Id: order.GetId()})
				return err
			},
			"CancelWipe": func() error {
				_, err := bound.wipe.CancelWipe(ctx, &wipev1.CancelWipeRequest{Id: order.GetId(), Reason: "a test"})
				return err
			},
			"PlanWipes": func() error {
				_, err := bound.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: list, Scope: data})
				return err
			},
			"CreateWipes": func() error {
				_, err := bound.requests.CreateWipes(ctx, &wipev1.CreateWipesRequest{RequestKey: newID(), Target: list, Scope: data, PlanDigest: both.GetPlanDigest(), Reason: "a test"})
				return err
			},
			"GetRequest": func() error {
				_, err := bound.requests.GetRequest(ctx, &wipev1.GetRequestRequest{Id: order.GetRequestId()})
				return err
			},
			"StopRequest": func() error {
				_, err := bound.requests.StopRequest(ctx, &wipev1.StopRequestRequest{Id: order.GetRequestId(), Reason: "a test"})
				return err
			},
			"GetLeaseStatus": func() error {
				_, err := bound.requests.GetLeaseStatus(ctx, &wipev1.GetLeaseStatusRequest{DeviceId: m.id})
				return err
			},
		}
		for name, find := range finds {
			wantStatus(t, name, find(), codes.NotFound, "")
		}
		orders := must[*wipev1.ListWipesResponse](t)(bound.wipe.ListWipes(ctx, &wipev1.ListWipesRequest{DeviceId: m.id}))
		requests := must[*wipev1.ListRequestsResponse](t)(bound.requests.ListRequests(ctx, &wipev1.ListRequestsRequest{}))
		if len(orders.GetOrders()) != 0 || len(requests.GetRequests()) != 0 {
			t.Errorf("it lists %v and %v", orders, requests)
		}
		hers := must[*wipev1.PlanWipesResponse](t)(bound.requests.PlanWipes(ctx, &wipev1.PlanWipesRequest{
			Target: &wipev1.Target{Target: &wipev1.Target_User{User: "erin@example.com"}}, Scope: lockOnly,
		}))
		if len(hers.GetDevices()) != 1 || hers.GetDevices()[0].GetDeviceId() != phone.id {
			t.Errorf("a plan for the person names %v", hers.GetDevices())
		}
		_, err := bound.requests.WipeUser(ctx, &wipev1.WipeUserRequest{RequestKey: newID(), User: "erin@example.com", PlanDigest: both.GetPlanDigest(), Reason: "a test"})
		wantStatus(t, "WipeUser", err, codes.PermissionDenied, "OUT_OF_SCOPE")
		_, err = bound.apps.GetRegistration(ctx, &appprotectv1.GetRegistrationRequest{RegistrationId: m.id})
		wantStatus(t, "GetRegistration", err, codes.PermissionDenied, "OUT_OF_SCOPE")
		if got := m.fetched(t); len(got) != 1 {
			t.Errorf("the order it could not reach: %q", got)
		}
	})
}
