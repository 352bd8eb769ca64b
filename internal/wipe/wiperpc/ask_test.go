package wiperpc

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

var planDigest = strings.Repeat("0a", 32)

func wantField(t *testing.T, what string, err error, field string) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || len(f.Fields) == 0 || f.Fields[0].Name != field {
		t.Errorf("%s: got error %v, want a complaint about %s", what, err, field)
	}
}

func TestToAsk(t *testing.T) {
	good := func() *wipev1.CreateWipeRequest {
		return &wipev1.CreateWipeRequest{
			RequestKey: "key-0001", DeviceId: "device-one", Scope: workProfile(), Reason: "lost",
			Lifetime: durationpb.New(time.Hour), Epoch: 3, PlanDigest: planDigest,
		}
	}
	got, err := toAsk(good())
	want := wipe.Ask{
		Key: "key-0001", Target: wipe.Target{Devices: []device.ID{"device-one"}}, Epoch: 3,
		Scope: wipe.OfWorkProfile(), Reason: "lost", Lifetime: time.Hour, Plan: planDigest,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("toAsk (-want +got):\n%s%v", diff, err)
	}
	for field, spoil := range map[string]func(*wipev1.CreateWipeRequest){
		"device_id": func(r *wipev1.CreateWipeRequest) { r.DeviceId = "../x" },
		"scope":     func(r *wipev1.CreateWipeRequest) { r.Scope = nil },
		"lifetime":  func(r *wipev1.CreateWipeRequest) { r.Lifetime = &durationpb.Duration{} },
	} {
		r := good()
		spoil(r)
		_, err := toAsk(r)
		wantField(t, "bad "+field, err, field)
	}
	endless := good()
	endless.Lifetime = &durationpb.Duration{Seconds: 1 << 60}
	_, err = toAsk(endless)
	wantField(t, "a lifetime beyond all time", err, "lifetime")
}

func TestToWideAsk(t *testing.T) {
	good := func() *wipev1.CreateWipesRequest {
		return &wipev1.CreateWipesRequest{
			RequestKey: "key-0001", Target: devicesTarget("device-one", "device-two"), Scope: appData("com.a"), Reason: "lost",
			PlanDigest: planDigest,
		}
	}
	scope, err := wipe.OfAppData([]string{"com.a"})
	if err != nil {
		t.Fatal(err)
	}
	for want, target := range map[string]*wipev1.Target{
		"devices": devicesTarget("device-one", "device-two"),
		"group":   {Target: &wipev1.Target_Group{Group: "sales"}},
		"user":    {Target: &wipev1.Target_User{User: "maria"}},
	} {
		r := good()
		r.Target = target
		got, err := toWideAsk(r)
		ask := wipe.Ask{Key: "key-0001", Scope: scope, Reason: "lost", Plan: planDigest, Target: map[string]wipe.Target{
			"devices": {Devices: []device.ID{"device-one", "device-two"}}, "group": {Group: "sales"}, "user": {User: "maria"},
		}[want]}
		if diff := cmp.Diff(ask, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", want, diff, err)
		}
	}
	for field, spoil := range map[string]func(*wipev1.CreateWipesRequest){
		"target":    func(r *wipev1.CreateWipesRequest) { r.Target = nil },
		"device_id": func(r *wipev1.CreateWipesRequest) { r.Target = devicesTarget("device-one", "../x") },
		"scope":     func(r *wipev1.CreateWipesRequest) { r.Scope = &wipev1.Scope{} },
		"lifetime":  func(r *wipev1.CreateWipesRequest) { r.Lifetime = durationpb.New(time.Second) },
	} {
		r := good()
		spoil(r)
		_, err := toWideAsk(r)
		wantField(t, "bad "+field, err, field)
	}
}

func devicesTarget(ids ...string) *wipev1.Target {
	return &wipev1.Target{Target: &wipev1.Target_Devices{Devices: &wipev1.DeviceList{Ids: ids}}}
}

func TestToUserAsk(t *testing.T) {
	got := toUserAsk(&wipev1.WipeUserRequest{RequestKey: "key-0001", User: "maria", Reason: "left", PlanDigest: planDigest})
	want := wipe.Ask{
		Key: "key-0001", Target: wipe.Target{User: "maria"}, Scope: wipe.OfWorkProfile(), Reason: "left", Plan: planDigest, Standing: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("toUserAsk (-want +got):\n%s", diff)
	}
}

func TestToWholeAsk(t *testing.T) {
	r := &wipev1.WipeWholeDeviceRequest{
		RequestKey: "key-0001", CompanyDeviceId: "device-one", Reason: "stolen", Lifetime: durationpb.New(time.Hour), Epoch: 3, PersonalSide: true,
	}
	got, err := toWholeAsk(r)
	want := wipe.WholeAsk{Key: "key-0001", Device: "device-one", Reason: "stolen", Lifetime: time.Hour, Epoch: 3, PersonalSide: true}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("toWholeAsk (-want +got):\n%s%v", diff, err)
	}
	r.Lifetime = &durationpb.Duration{}
	_, err = toWholeAsk(r)
	wantField(t, "bad lifetime", err, "lifetime")
	r.CompanyDeviceId = "../x"
	_, err = toWholeAsk(r)
	wantField(t, "bad device", err, "company_device_id")
}

func TestCursors(t *testing.T) {
	for _, want := range []wipe.Cursor{{}, {CreatedAt: monday, ID: "order-one"}} {
		got, err := toCursor(fromCursor(want))
		if err != nil || got != want {
			t.Errorf("got %v, error %v; want %v", got, err, want)
		}
	}
	for _, want := range []wipe.RequestCursor{{}, {CreatedAt: monday, ID: "request-one"}} {
		got, err := toRequestCursor(fromRequestCursor(want))
		if err != nil || got != want {
			t.Errorf("got %v, error %v; want %v", got, err, want)
		}
	}
	for _, bad := range []string{"x", "1", "1/", "x/order", "/order", strings.Repeat("9", 20) + "/order"} {
		if _, err := toCursor(bad); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%q: got error %v, want an invalid one", bad, err)
		}
	}
}
