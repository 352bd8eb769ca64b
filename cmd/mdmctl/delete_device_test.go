package main

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// DeleteDevice keeps a tombstone of an enrolled device whose model says so.
func (f *fake) DeleteDevice(_ context.Context, r *enrollv1.DeleteDeviceRequest) (*enrollv1.DeleteDeviceResponse, error) {
	d, err := f.device(r.GetId())
	if err != nil {
		return nil, err
	}
	d.DeletedAt, d.DeletedBy = ago(0), "admin:alice"
	if d.GetModel() != "orders wait" {
		d.State, d.Model, d.OsVersion, d.User = enrollv1.DeviceState_DEVICE_STATE_RETIRED, "", "", ""
		d.PurgedAt = ago(0)
	}
	return &enrollv1.DeleteDeviceResponse{Device: d}, nil
}

func TestDeleteDevice(t *testing.T) {
	const notice = `The record of device device-00000001 (Pixel 9, user maria@example.com) will be erased and its enrolment ended, once no order waits for it.
Nothing is removed from the phone: order a wipe first where work data must go.
`
	args := []string{"delete", "device", phone, "--reason", "sold"}
	b := serve(t).fill()
	b.check(b.run(args...), 2, "", notice+"mdmctl: nobody is there to confirm: repeat with --yes\n")
	b.check(b.with(runOptions{asks: true, stdin: "no\n"}, args...), 1, "", notice+"Delete it? [y/N] mdmctl: not confirmed: nothing was done\n")
	if n := sent[*enrollv1.DeleteDeviceRequest](b); n != 0 {
		t.Errorf("%d requests without a yes", n)
	}
	b.check(b.with(runOptions{asks: true, stdin: "y\n"}, args...), 0,
		"device/device-00000001 deleted; nothing was removed from the phone\n", notice+"Delete it? [y/N] ")
	b.check(b.run(append(args, "--yes")...), 0, "device/device-00000001 is deleted already; nothing was done\n", "")
	want := &enrollv1.DeleteDeviceRequest{Id: phone, Reason: "sold", Epoch: 2}
	if diff := cmp.Diff(want, last[*enrollv1.DeleteDeviceRequest](b), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if n := sent[*enrollv1.DeleteDeviceRequest](b); n != 1 {
		t.Errorf("%d requests, want one", n)
	}
	if got := b.run("delete", "device", phone); got.code != 2 || !strings.Contains(got.errOut, "reason") {
		t.Errorf("without a reason: %+v", got)
	}
	if got := b.run("delete", "device", "nobody-at-all", "--reason", "x", "--yes"); got.code != 3 {
		t.Errorf("nobody: %+v", got)
	}
	b.failures["DeleteDevice"] = no(codes.Aborted, "the device has enrolled again since", "EPOCH_MOVED")
	b.devices[0].PurgedAt = nil
	if got := b.run(append(args, "--yes")...); got.code != 4 {
		t.Errorf("enrolled again: %+v", got)
	}
}

// TestDeleteDeviceLater: where orders wait the answer says so, and so does
// every view of the device.
func TestDeleteDeviceLater(t *testing.T) {
	b := serve(t).fill()
	b.devices[0].Model = "orders wait"
	args := []string{"delete", "device", phone, "--reason", "sold", "--yes"}
	if got := b.run(args...); got.code != 0 || got.out != "device/device-00000001 is deleted when its orders are settled\n" {
		t.Errorf("%+v", got)
	}
	if got := b.run(append(args, "-o", "json")...); got.code != 0 || !strings.Contains(got.out, `"deletedBy": "admin:alice"`) {
		t.Errorf("as JSON: %+v", got)
	}
	if got := b.run("get", "devices", "--deleted"); !strings.Contains(got.out, "device-00000001   deleting ") {
		t.Errorf("listed as:\n%s", got.out)
	}
	if !last[*enrollv1.ListDevicesRequest](b).GetShowDeleted() {
		t.Error("--deleted is not asked for")
	}
	if got := b.run("describe", "device", phone); !strings.Contains(got.out, "2026-11-22 12:00:00Z (0s ago) by admin:alice; kept until its orders are settled") {
		t.Errorf("described as:\n%s%s", got.out, got.errOut)
	}
	b.devices[0].PurgedAt = ago(0)
	if got := b.run("get", "devices"); !strings.Contains(got.out, "device-00000001   deleted ") {
		t.Errorf("listed as:\n%s", got.out)
	}
	if got := b.run("describe", "device", phone); !strings.Contains(got.out, "by admin:alice; erased 2026-11-22 12:00:00Z") || strings.Contains(got.out, "Model") {
		t.Errorf("described as:\n%s", got.out)
	}
}
