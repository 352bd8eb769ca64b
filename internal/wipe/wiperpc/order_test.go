package wiperpc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func TestFromOrder(t *testing.T) {
	full := fullOrder(t)
	full.State, full.Receipt = wipe.Delivered, nil
	full.App = "com.a"
	full.Lease = &wipe.Lease{Number: 4, Lock: 24 * time.Hour, Wipe: 90 * 24 * time.Hour}
	open := wipe.Breaker{Since: monday}
	got, err := fromOrder(full, open)
	want := &wipev1.Order{
		Id: "order-one", DeviceId: "device-one", Epoch: 3, Scope: appData("com.a", "com.b"), State: wipev1.State_STATE_DELIVERED,
		Reason: "lost", CreatedBy: "admin:alice", CreatedAt: timestamppb.New(monday),
		ExpiresAt: timestamppb.New(monday.Add(time.Hour)), ChangedAt: timestamppb.New(monday.Add(time.Minute)),
		NotNowCount: 2, Outcome: "why",
		Confirmation: wipev1.Confirmation_CONFIRMATION_COMMITTED_NOT_CONFIRMED, Sequence: 7, RefusedCount: 1, LastRefusal: "epoch",
		Commitment: &wipev1.Commitment{
			CommittedAt: timestamppb.New(monday), Packages: []string{"com.a"}, Files: 1, SizeBytes: 2, Keys: 3, Certificates: 4, ReceiptKey: []byte("key"),
		},
		RequestId: "request-one", Source: wipev1.Source_SOURCE_ADMINISTRATOR, HeldUntil: timestamppb.New(monday.Add(10 * time.Minute)),
		Paused: true, Group: "sales", Package: "com.a",
		Lease: &wipev1.Lease{Number: 4, LockAfter: durationpb.New(24 * time.Hour), WipeAfter: durationpb.New(90 * 24 * time.Hour)},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("fromOrder (-want +got):\n%s%v", diff, err)
	}
	// The sample is full, so that a new field cannot be forgotten here; what
	// excludes something else in it is tested below.
	fields := got.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Name() != "receipt" && f.Name() != "whole_device" && !got.ProtoReflect().Has(f) {
			t.Errorf("%s is not filled", f.Name())
		}
	}
	done, err := fromOrder(fullOrder(t), open)
	receipt := &wipev1.Receipt{
		FinishedAt: timestamppb.New(monday), Packages: []string{"com.a"},
		FilesRemoved: 1, BytesRemoved: 2, KeysRemoved: 3, CertificatesRemoved: 4,
	}
	if diff := cmp.Diff(receipt, done.GetReceipt(), protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("receipt (-want +got):\n%s%v", diff, err)
	}
	if done.GetPaused() || done.GetConfirmation() != wipev1.Confirmation_CONFIRMATION_CONFIRMED {
		t.Errorf("what is done is shown as %v", done)
	}
}

// TestFromOrderOfWholeDevice: it has no scope, and says whether a personal side
// goes.
func TestFromOrderOfWholeDevice(t *testing.T) {
	for mode, personal := range map[device.Mode]bool{device.WorkProfile: true, device.FullyManaged: false} {
		o := fullOrder(t)
		o.Scope = wholeDevice(t, mode)
		got, err := fromOrder(o, wipe.Breaker{})
		if err != nil || got.GetScope() != nil || got.GetWholeDevice() == nil || got.GetWholeDevice().GetPersonalSide() != personal {
			t.Errorf("%s: got %v, error %v", mode, got, err)
		}
	}
	if _, err := fromOrder(wipe.Order{}, wipe.Breaker{}); err == nil {
		t.Error("an order of no scope is shown")
	}
}

// TestPaused: what the breaker holds back, and what it does not.
func TestPaused(t *testing.T) {
	open := wipe.Breaker{Since: monday}
	for _, s := range wipe.States() {
		o := wipe.Order{Scope: wipe.OfWorkProfile(), State: s}
		if got, want := paused(o, open), s == wipe.Pending || s == wipe.Delivered; got != want {
			t.Errorf("%s: paused is %v, want %v", s, got, want)
		}
		if paused(o, wipe.Breaker{}) {
			t.Errorf("%s: paused by a closed breaker", s)
		}
		o.Scope = wipe.OfLock()
		if paused(o, open) {
			t.Errorf("%s: a lock is paused", s)
		}
	}
}
