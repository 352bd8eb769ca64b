package phone

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/agent/lease"
	"ringfence/agent/wipe"
)

// TestWorkLock: the person opens what an order has locked, and contact what the
// lease has; neither opens the other's.
func TestWorkLock(t *testing.T) {
	p := open(t, t.TempDir())
	order := func() {
		t.Helper()
		takeAll(t, p, wipe.Scope{Kind: wipe.Lock})
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	open := func() error { return p.Set(map[string]string{"work_locked": "false"}) }
	want := func(byOrder, byLease bool) {
		t.Helper()
		w, err := p.WorkLock()
		if err != nil || (w.Order != nil) != byOrder || (w.Lease != nil) != byLease {
			t.Errorf("%+v, %v; want locked by an order: %v, by the lease: %v", w, err, byOrder, byLease)
		}
	}
	want(false, false)
	do(open())
	order()
	want(true, false)
	do(p.OpenWork())
	want(true, false)
	do(open())
	want(false, false)
	do(p.LockWork("there was no contact"))
	do(p.LockWork("the clock was set back"))
	if w, err := p.WorkLock(); err != nil || w.Lease.Why != "there was no contact" || !w.Lease.Since.Equal(atNoon) {
		t.Errorf("%+v, %v", w.Lease, err)
	}
	if err := open(); err == nil || !strings.Contains(err.Error(), "in contact with its server again") {
		t.Errorf("the person opened what the lease had locked: %v", err)
	}
	order()
	if err := open(); err == nil {
		t.Error("the person opened what the lease had locked")
	}
	want(true, true)
	do(p.OpenWork())
	want(true, false)
	do(open())
	want(false, false)
	if err := p.Set(map[string]string{"work_locked": "true"}); err == nil {
		t.Error("the person locked it by order")
	}
	order()
	do(p.LockWork("x"))
	do(p.SaveLease(lease.Record{DeviceID: "this-phone", Epoch: 1}))
	do(p.Forget("it is over"))
	want(false, false)
	if r, err := p.LoadLease(); err != nil || r.DeviceID != "" {
		t.Errorf("the lease outlived the enrolment: %+v, %v", r, err)
	}
}

// TestSetIsWhole: nothing is opened, and nothing set, where one of both cannot be.
func TestSetIsWhole(t *testing.T) {
	p := open(t, t.TempDir())
	takeAll(t, p, wipe.Scope{Kind: wipe.Lock})
	if err := p.Set(map[string]string{"work_locked": "false", "busy": "perhaps"}); err == nil {
		t.Fatal("set")
	}
	if w, err := p.WorkLock(); err != nil || w.Order == nil {
		t.Errorf("opened: %+v, %v", w, err)
	}
	if err := p.LockWork("x"); err != nil {
		t.Fatal(err)
	}
	if err := p.Set(map[string]string{"work_locked": "false", "busy": "true"}); err == nil {
		t.Fatal("set")
	}
	if s, err := p.Settings(); err != nil || s.Busy {
		t.Errorf("set: %+v, %v", s, err)
	}
}

// TestLeaseOnDisk: it is read as it was written, to the last unit.
func TestLeaseOnDisk(t *testing.T) {
	p := open(t, t.TempDir())
	at := atNoon.Add(123456789 * time.Nanosecond)
	want := lease.Record{
		DeviceID: "this-phone", Epoch: 3, Terms: lease.Terms{Number: 4, LockAfter: time.Hour, WipeAfter: 2*time.Hour + 1},
		Order:       &wipe.Lease{Number: 4, OrderID: "lease-0004", SignedData: []byte{0, 255}, WipeAfter: 3, VerifiedAt: at},
		LastContact: at, Locked: &lease.Locked{Since: at, Why: "x"},
		Silence: &lease.Silence{Since: at, Seen: 5, Off: 6, Wall: 7, Latest: at, SetBack: 8, Last: lease.Reading{Wall: at, Boot: "b", Up: 9}},
	}
	if err := p.SaveLease(want); err != nil {
		t.Fatal(err)
	}
	got, err := p.LoadLease()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lease (-want +got):\n%s", diff)
	}
}
