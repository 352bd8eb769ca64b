package wiperpc

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func TestFromRequest(t *testing.T) {
	r := wipe.Request{
		ID: "request-one", Kind: wipe.UserWipe, State: wipe.Executed, Reason: "left", By: wipe.Asker{Actor: "admin:alice", Person: "alice"},
		CreatedAt: monday, ExpiresAt: monday.Add(24 * time.Hour), Needs: []string{"more than five"},
		Decided: wipe.Decision{By: "admin:bob", Person: "bob", At: monday.Add(time.Minute), Words: "fine"},
		Scope:   wipe.OfWorkProfile(), Devices: []wipe.Enrollment{{Device: "device-one", Epoch: 3}, {Device: "device-two", Epoch: 1}},
		Plan: planDigest, HeldUntil: monday.Add(11 * time.Minute), User: "maria", LiftedAt: monday.Add(time.Hour), Outcome: "lifted by hand",
	}
	got, err := fromRequest(r)
	want := &wipev1.WipeRequest{
		Id: "request-one", Kind: wipev1.RequestKind_REQUEST_KIND_USER_WIPE, State: wipev1.RequestState_REQUEST_STATE_EXECUTED,
		Reason: "left", CreatedBy: "admin:alice", CreatedAt: timestamppb.New(monday), ExpiresAt: timestamppb.New(monday.Add(24 * time.Hour)),
		DecidedBy: "admin:bob", DecidedAt: timestamppb.New(monday.Add(time.Minute)), Decision: "fine",
		Summary: r.Summary(), Needs: []string{"more than five"}, Devices: 2, PlanDigest: planDigest,
		HeldUntil: timestamppb.New(monday.Add(11 * time.Minute)), User: "maria", LiftedAt: timestamppb.New(monday.Add(time.Hour)), Scope: workProfile(), Outcome: "lifted by hand",
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("fromRequest (-want +got):\n%s%v", diff, err)
	}
	fields := got.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.Name() != "hint" && !got.ProtoReflect().Has(f) {
			t.Errorf("%s is not filled", f.Name())
		}
	}
	for _, scope := range []wipe.Scope{{}, wholeDevice(t, device.Dedicated)} {
		r.Scope = scope
		if got, err := fromRequest(r); err != nil || got.GetScope() != nil {
			t.Errorf("%v is shown as scope %v, error %v", scope, got.GetScope(), err)
		}
	}
}

func TestFromPlanned(t *testing.T) {
	d := wipe.Planned{
		Facts: wipe.Facts{
			ID: "device-one", Epoch: 3, Ownership: device.Company, Mode: device.WorkProfile, Group: "sales", User: "maria", App: "com.a", LastContact: monday,
		},
		Unsynced: []wipe.App{{Package: "com.a", Changes: 2}},
		Outlook:  wipe.Outlook{Removes: []string{"one", "two"}},
	}
	want := &wipev1.PlannedDevice{
		DeviceId: "device-one", Epoch: 3, User: "maria", Group: "sales", Ownership: "company", Mode: "work-profile", Package: "com.a", LastContact: timestamppb.New(monday),
		Unsynced: []*wipev1.UnsyncedApp{{Package: "com.a", Changes: 2}}, Removes: []string{"one", "two"},
	}
	if diff := cmp.Diff(want, fromPlanned(d), protocmp.Transform()); diff != "" {
		t.Errorf("fromPlanned (-want +got):\n%s", diff)
	}
	d.Excluded = wipe.ErrNoWorkProfile
	want.Excluded, want.Removes, want.Unsynced = wipe.ErrNoWorkProfile.Error(), nil, nil
	if diff := cmp.Diff(want, fromPlanned(d), protocmp.Transform()); diff != "" {
		t.Errorf("excluded (-want +got):\n%s", diff)
	}
	d.Excluded, d.Facts.LastContact, d.Outlook.Removes = nil, time.Time{}, nil
	for n := range 13 {
		d.Outlook.Removes = append(d.Outlook.Removes, fmt.Sprint(n))
	}
	got := fromPlanned(d)
	if n := len(got.GetRemoves()); n != 11 || got.GetRemoves()[10] != "and 3 more" || got.GetLastContact() != nil {
		t.Errorf("a long list is shown as %q, contact %v", got.GetRemoves(), got.GetLastContact())
	}
	if len(d.Outlook.Removes) != 13 || d.Outlook.Removes[10] != "10" {
		t.Error("showing it changed the plan")
	}
}
