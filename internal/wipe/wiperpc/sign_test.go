package wiperpc

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

type content struct {
	got []byte
	err error
}

func (c *content) SignOrder(b []byte) ([]byte, error) {
	c.got = b
	return []byte("signed"), c.err
}

// TestSign: what is signed says who, what, which enrolment and until when, in
// the same bytes each time, and nothing that changes with the order's state.
func TestSign(t *testing.T) {
	o, c := fullOrder(t), new(content)
	signed, err := NewSigner(c).Sign(o)
	if err != nil || string(signed) != "signed" {
		t.Fatalf("got %q, error %v", signed, err)
	}
	var got wipev1.OrderToSign
	if err := proto.Unmarshal(c.got, &got); err != nil {
		t.Fatal(err)
	}
	want := &wipev1.OrderToSign{
		OrderId: "order-one", DeviceId: "device-one", Epoch: 3, Scope: appData("com.a", "com.b"),
		IssuedAt: timestamppb.New(monday), NotAfter: timestamppb.New(monday.Add(time.Hour)), Sequence: 7,
	}
	if diff := cmp.Diff(want, &got, protocmp.Transform()); diff != "" {
		t.Errorf("signed (-want +got):\n%s", diff)
	}
	first := c.got
	if digest, err := NewSigner(c).Digest(o); err != nil || digest != wipe.DigestOf(first) {
		t.Errorf("the digest is %v, error %v; it is not of what is signed", digest, err)
	}
	o.State, o.NotNow, o.Version, o.ChangedAt, o.Receipt = wipe.Acknowledged, 5, 9, monday.Add(time.Hour), nil
	o.HeldUntil, o.Group, o.Person = time.Time{}, "other", "bob"
	if _, err := NewSigner(c).Sign(o); err != nil || !slices.Equal(first, c.got) {
		t.Errorf("the signed bytes changed with the state; error %v", err)
	}
	for name, change := range map[string]func(*wipe.Order){
		"id":       func(o *wipe.Order) { o.ID = "order-two" },
		"device":   func(o *wipe.Order) { o.Device = "device-two" },
		"epoch":    func(o *wipe.Order) { o.Epoch = device.Epoch(4) },
		"sequence": func(o *wipe.Order) { o.Sequence++ },
		"scope":    func(o *wipe.Order) { o.Scope = wipe.OfWorkProfile() },
		"issued":   func(o *wipe.Order) { o.CreatedAt = monday.Add(time.Second) },
		"notAfter": func(o *wipe.Order) { o.NotAfter = monday.Add(2 * time.Hour) },
		"lease":    func(o *wipe.Order) { o.Lease = &wipe.Lease{Number: 1, Wipe: 90 * 24 * time.Hour} },
	} {
		other := fullOrder(t)
		change(&other)
		if _, err := NewSigner(c).Sign(other); err != nil || slices.Equal(first, c.got) {
			t.Errorf("another %s signs the same bytes; error %v", name, err)
		}
	}
	c.err = errors.New("no key")
	if _, err := NewSigner(c).Sign(o); !errors.Is(err, c.err) {
		t.Errorf("got error %v, want %v", err, c.err)
	}
	if _, err := NewSigner(c).Sign(wipe.Order{}); err == nil {
		t.Error("an order of no scope was signed")
	}
	if _, err := NewSigner(c).Digest(wipe.Order{}); err == nil {
		t.Error("an order of no scope has a digest")
	}
}

// TestSignLease: an order in advance says so, in what is signed.
func TestSignLease(t *testing.T) {
	o, c := fullOrder(t), new(content)
	o.Scope, o.Lease = wipe.OfWorkProfile(), &wipe.Lease{Number: 4, Wipe: 90 * 24 * time.Hour}
	if _, err := NewSigner(c).Sign(o); err != nil {
		t.Fatal(err)
	}
	var got wipev1.OrderToSign
	if err := proto.Unmarshal(c.got, &got); err != nil {
		t.Fatal(err)
	}
	want := &wipev1.Lease{Number: 4, WipeAfter: durationpb.New(90 * 24 * time.Hour)}
	if diff := cmp.Diff(want, got.GetLease(), protocmp.Transform()); diff != "" {
		t.Errorf("lease (-want +got):\n%s", diff)
	}
}

// TestSignWholeDevice: the order for a whole device begins with its format, and
// neither kind of order can be read as the other.
func TestSignWholeDevice(t *testing.T) {
	for mode, personal := range map[device.Mode]bool{device.WorkProfile: true, device.FullyManaged: false, device.Dedicated: false} {
		o, c := fullOrder(t), new(content)
		o.Scope = wholeDevice(t, mode)
		if _, err := NewSigner(c).Sign(o); err != nil {
			t.Fatal(err)
		}
		var got wipev1.WholeDeviceOrderToSign
		if err := proto.Unmarshal(c.got, &got); err != nil {
			t.Fatal(err)
		}
		want := &wipev1.WholeDeviceOrderToSign{
			Format: "ringfence.wipe.whole-device-order.v1", OrderId: "order-one", DeviceId: "device-one", Epoch: 3,
			IssuedAt: timestamppb.New(monday), NotAfter: timestamppb.New(monday.Add(time.Hour)), Sequence: 7, PersonalSide: personal,
		}
		if diff := cmp.Diff(want, &got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mode, diff)
		}
		if at := bytes.Index(c.got, []byte(want.GetFormat())); at < 0 || at > 4 {
			t.Errorf("the format is at byte %d: it does not come first", at)
		}
		var other wipev1.OrderToSign
		if err := proto.Unmarshal(c.got, &other); err == nil && len(other.ProtoReflect().GetUnknown()) != len(c.got) {
			t.Errorf("read as an order of the other kind it says %v", &other)
		}
		o.Lease = &wipe.Lease{Number: 1}
		if _, err := NewSigner(c).Sign(o); err == nil {
			t.Error("a lease over a whole device was signed")
		}
	}
	o, c := fullOrder(t), new(content)
	if _, err := NewSigner(c).Sign(o); err != nil {
		t.Fatal(err)
	}
	var whole wipev1.WholeDeviceOrderToSign
	if err := proto.Unmarshal(c.got, &whole); err == nil && len(whole.ProtoReflect().GetUnknown()) != len(c.got) {
		t.Errorf("an order reads as one for a whole device: %v", &whole)
	}
}

// TestNumbersDoNotMeet: no field of one kind of order has the number of a field
// of the other.
func TestNumbersDoNotMeet(t *testing.T) {
	one, two := (&wipev1.OrderToSign{}).ProtoReflect().Descriptor().Fields(), (&wipev1.WholeDeviceOrderToSign{}).ProtoReflect().Descriptor().Fields()
	for i := range one.Len() {
		if f := two.ByNumber(one.Get(i).Number()); f != nil {
			t.Errorf("%s and %s have one number", one.Get(i).FullName(), f.FullName())
		}
	}
}
