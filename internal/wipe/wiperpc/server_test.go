package wiperpc

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
	"ringfence/internal/wipe/wipedb"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// office is some phones and everything around the service.
type office struct {
	devices   map[device.ID]wipe.Facts
	unsynced  map[device.ID][]wipe.App
	approvers int
	ids       int
	fleet     int // enrolled devices
	now       time.Time
}

func newOffice() *office {
	o := &office{devices: map[device.ID]wipe.Facts{}, approvers: 2, fleet: 1000, now: monday}
	for i, id := range []device.ID{"device-one", "device-two", "device-six", "phone-of-work", "kiosk-one"} {
		f := wipe.Facts{
			ID: id, Epoch: 3, Enrolled: true, Ownership: device.Personal, Mode: device.WorkProfile, Group: "sales", User: "maria", LastContact: monday,
		}
		switch {
		case i == 2:
			f.Group, f.User = "lab", "otto"
		case i >= 3:
			f.Ownership, f.User = device.Company, "otto"
		}
		if i == 4 {
			f.Mode = device.Dedicated
		}
		o.devices[id] = f
	}
	return o
}

func (o *office) Facts(_ context.Context, id device.ID) (wipe.Facts, error) {
	f, ok := o.devices[id]
	if !ok {
		return wipe.Facts{}, fault.New(fault.NotFound, "", "no such device")
	}
	return f, nil
}

func (o *office) Select(_ context.Context, t wipe.Target, _ int) (found []wipe.Facts, err error) {
	for id, f := range o.devices {
		if slices.Contains(t.Devices, id) || f.Enrolled && (t.Group != "" && f.Group == t.Group || t.User != "" && f.User == t.User) {
			found = append(found, f)
		}
	}
	return found, nil
}

func (o *office) Enrolled(context.Context) (int, error) { return o.fleet, nil }

func (o *office) Unsynced(context.Context, []device.ID) (map[device.ID][]wipe.App, error) {
	return o.unsynced, nil
}

func (o *office) Approvers(context.Context, string, []string) (int, error) { return o.approvers, nil }

func (o *office) Revoked(context.Context, string) (bool, error) { return false, nil }

func (o *office) End(_ context.Context, id device.ID, _ device.Epoch, _ string) error {
	f := o.devices[id]
	f.Enrolled = false
	o.devices[id] = f
	return nil
}

func (o *office) Ring(device.ID) {}

func (o *office) newID() string {
	o.ids++
	return fmt.Sprintf("id-%06d", o.ids)
}

// servers are every side of one service.
type servers struct {
	*office
	service   *wipe.Service
	devices   *DeviceServer
	admins    *AdminServer
	requests  *RequestServer
	company   *CompanyDeviceServer
	companies *CompanyDeviceAdminServer
}

func serveAll(db *sqldb.DB) servers {
	o := newOffice()
	s := wipe.New(wipe.Config{
		Store: wipedb.New(db), Devices: o, Apps: o, People: o, Enrollments: o, Signer: NewSigner(new(content)), Bell: o,
		Now: func() time.Time { return o.now }, NewID: o.newID,
	})
	return servers{
		o, s, NewDeviceServer(s, handsetChain), NewAdminServer(s, [][]byte{[]byte("root")}), NewRequestServer(s),
		NewCompanyDeviceServer(s), NewCompanyDeviceAdminServer(s),
	}
}

func serve(db *sqldb.DB) (*DeviceServer, *AdminServer) {
	s := serveAll(db)
	return s.devices, s.admins
}

// as is an administrator who has been here for long.
func as(t *testing.T, name string, role identity.Role, groups ...string) context.Context {
	return identity.With(t.Context(), identity.Caller{
		Kind: identity.Admin, Name: name, Person: name, Role: role, Groups: groups, Serial: "5e" + name, Since: monday.Add(-1000 * time.Hour),
	})
}

// phone is one of the office's devices, calling.
func (o *office) phone(t *testing.T, id device.ID) context.Context {
	f := o.devices[id]
	return identity.With(t.Context(), identity.Caller{
		Kind: identity.Device, Device: id, Epoch: f.Epoch, Ownership: f.Ownership, Mode: f.Mode, Group: f.Group, User: f.User,
	})
}

func callers(t *testing.T) (admin, phone context.Context) {
	return as(t, "alice", identity.Owner), newOffice().phone(t, "device-one")
}

func createRequest(n int, s *wipev1.Scope) *wipev1.CreateWipeRequest {
	return &wipev1.CreateWipeRequest{RequestKey: fmt.Sprintf("key-%04d", n), DeviceId: "device-one", Scope: s, Reason: "lost"}
}

// TestFromPlanToReceipt is one wipe as the wire tells it.
func TestFromPlanToReceipt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		devices, admins := serve(db)
		admin, phone := callers(t)
		plan, err := admins.PlanWipe(admin, &wipev1.PlanWipeRequest{DeviceId: "device-one", Scope: workProfile()})
		if err != nil || plan.GetEpoch() != 3 || !plan.GetEndsEnrollment() || len(plan.GetRemoves()) == 0 || len(plan.GetKeeps()) == 0 {
			t.Fatalf("plan %v, error %v", plan, err)
		}
		if d := plan.GetDevice(); len(plan.GetPlanDigest()) != 64 || d.GetUser() != "maria" || d.GetMode() != "work-profile" || len(plan.GetNeeds()) != 0 {
			t.Errorf("plan %v", plan)
		}
		created, err := admins.CreateWipe(admin, createRequest(1, workProfile()))
		if err != nil {
			t.Fatal(err)
		}
		id := created.GetOrder().GetId()
		fetched, err := devices.FetchOrders(phone, &wipev1.FetchOrdersRequest{})
		if err != nil || len(fetched.GetOrders()) != 1 || fetched.GetOrders()[0].GetOrderId() != id {
			t.Fatalf("fetched %v, error %v", fetched, err)
		}
		receipt := &wipev1.Receipt{FinishedAt: timestamppb.New(monday), Packages: []string{"com.a"}, FilesRemoved: 4}
		committed := commit(t, created.GetOrder())
		for _, r := range []*wipev1.ReportOrderRequest{
			{OrderId: id, Report: &wipev1.ReportOrderRequest_NotNow{NotNow: &wipev1.NotNow{Reason: "in a call"}}},
			{OrderId: id, Report: &wipev1.ReportOrderRequest_Refused{Refused: &wipev1.Refused{Reason: wipev1.Refusal_REFUSAL_SIGNATURE}}},
			committed,
			confirm(t, created.GetOrder(), receipt, committed.GetStatement()),
		} {
			if _, err := devices.ReportOrder(phone, r); err != nil {
				t.Fatalf("%v: %v", r, err)
			}
		}
		got, err := admins.GetWipe(admin, &wipev1.GetWipeRequest{Id: id})
		want := created.GetOrder()
		want.State, want.NotNowCount, want.Receipt = wipev1.State_STATE_DONE, 1, receipt
		want.RefusedCount, want.LastRefusal, want.Confirmation = 1, "signature", wipev1.Confirmation_CONFIRMATION_CONFIRMED
		want.Commitment = &wipev1.Commitment{
			CommittedAt: timestamppb.New(monday), Packages: []string{"com.a"}, Files: 4, SizeBytes: 5, Keys: 6, Certificates: 7, ReceiptKey: oneTime.Public(),
		}
		if diff := cmp.Diff(want, got.GetOrder(), protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("order (-want +got):\n%s%v", diff, err)
		}
	})
}

func TestListAndCancel(t *testing.T) {
	devices, admins := serve(dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	admin, phone := callers(t)
	for n := range 5 {
		if _, err := admins.CreateWipe(admin, createRequest(n, appData(fmt.Sprintf("com.app%d", n)))); err != nil {
			t.Fatal(err)
		}
	}
	third, _ := admins.ListWipes(admin, &wipev1.ListWipesRequest{PageSize: 3})
	id := third.GetOrders()[2].GetId()
	cancelled, err := admins.CancelWipe(admin, &wipev1.CancelWipeRequest{Id: id, Reason: "found it"})
	if err != nil || cancelled.GetOrder().GetState() != wipev1.State_STATE_CANCELLED || cancelled.GetOrder().GetOutcome() != "found it" {
		t.Fatalf("cancelled %v, error %v", cancelled, err)
	}
	acknowledge := &wipev1.ReportOrderRequest{OrderId: id, Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}}}
	if _, err := devices.ReportOrder(phone, acknowledge); fault.ReasonOf(err) != "ORDER_CANCELLED" {
		t.Errorf("acknowledged what was cancelled: %v", err)
	}

	list := func(r *wipev1.ListWipesRequest) (got []string, token string) {
		page, err := admins.ListWipes(admin, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.GetOrders() {
			got = append(got, o.GetScope().GetAppData().GetPackages()[0])
		}
		return got, page.GetNextPageToken()
	}
	request := &wipev1.ListWipesRequest{PageSize: 2, DeviceId: "device-one", State: wipev1.State_STATE_PENDING}
	var all [][]string
	for {
		page, token := list(request)
		all = append(all, page)
		if token == "" {
			break
		}
		request.PageToken = token
	}
	want := [][]string{{"com.app4", "com.app3"}, {"com.app1", "com.app0"}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	for name, r := range map[string]*wipev1.ListWipesRequest{
		"another listing's token": {PageToken: request.GetPageToken()},
		"no token at all":         {PageToken: "!"},
		"an unknown state":        {State: 99},
		"an odd device":           {DeviceId: "../x"},
	} {
		if _, err := admins.ListWipes(admin, r); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s: got error %v, want an invalid one", name, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	devices, admins := serve(dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	admin, phone := callers(t)
	if _, err := admins.CreateWipe(admin, createRequest(1, workProfile())); err != nil {
		t.Fatal(err)
	}
	moved := createRequest(3, workProfile())
	moved.Epoch = 2
	unknown := createRequest(4, workProfile())
	unknown.DeviceId = "device-none"
	tests := map[string]struct {
		call   func() (any, error)
		kind   fault.Kind
		reason string
	}{
		"pending":     {func() (any, error) { return admins.CreateWipe(admin, createRequest(2, workProfile())) }, fault.Refused, "ORDER_PENDING"},
		"key reused":  {func() (any, error) { return admins.CreateWipe(admin, createRequest(1, appData("com.a"))) }, fault.Conflict, "REQUEST_KEY_REUSED"},
		"epoch moved": {func() (any, error) { return admins.CreateWipe(admin, moved) }, fault.Conflict, "EPOCH_MOVED"},
		"no device":   {func() (any, error) { return admins.CreateWipe(admin, unknown) }, fault.NotFound, "DEVICE_UNKNOWN"},
		"no scope":    {func() (any, error) { return admins.CreateWipe(admin, createRequest(5, nil)) }, fault.Invalid, ""},
		"plan pending": {func() (any, error) {
			return admins.PlanWipe(admin, &wipev1.PlanWipeRequest{DeviceId: "device-one", Scope: workProfile()})
		}, fault.Refused, "ORDER_PENDING"},
		"plan of no scope":  {func() (any, error) { return admins.PlanWipe(admin, &wipev1.PlanWipeRequest{DeviceId: "device-one"}) }, fault.Invalid, ""},
		"plan of no device": {func() (any, error) { return admins.PlanWipe(admin, &wipev1.PlanWipeRequest{Scope: workProfile()}) }, fault.Invalid, ""},
		"get unknown":       {func() (any, error) { return admins.GetWipe(admin, &wipev1.GetWipeRequest{Id: "order-none"}) }, fault.NotFound, "ORDER_UNKNOWN"},
		"cancel unknown": {func() (any, error) {
			return admins.CancelWipe(admin, &wipev1.CancelWipeRequest{Id: "order-none", Reason: "x"})
		}, fault.NotFound, "ORDER_UNKNOWN"},
		"report nothing": {func() (any, error) {
			return devices.ReportOrder(phone, &wipev1.ReportOrderRequest{OrderId: "id-000002"})
		}, fault.Invalid, ""},
		"report unknown": {func() (any, error) {
			return devices.ReportOrder(phone, &wipev1.ReportOrderRequest{OrderId: "order-none", Report: &wipev1.ReportOrderRequest_Acknowledged{}})
		}, fault.NotFound, "ORDER_UNKNOWN"},
		"fetch as an administrator": {func() (any, error) { return devices.FetchOrders(admin, &wipev1.FetchOrdersRequest{}) }, fault.Denied, ""},
	}
	for name, tt := range tests {
		if _, err := tt.call(); err == nil || fault.KindOf(err) != tt.kind || fault.ReasonOf(err) != tt.reason {
			t.Errorf("%s: got error %v (%s %s), want %s %s", name, err, fault.KindOf(err), fault.ReasonOf(err), tt.kind, tt.reason)
		}
	}
}
