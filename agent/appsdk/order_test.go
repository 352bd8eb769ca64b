package appsdk

import (
	"errors"
	"testing"

	"ringfence/agent/appsdk/appsdktest"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestOrder: an order takes the account, is confirmed, and ends the registration.
func TestOrder(t *testing.T) {
	b := readyBench(t)
	o := b.server.Order(appsdktest.Apps(pkg))
	b.sync()
	if o.State != wipev1.State_STATE_DONE || len(o.Reports) != 2 {
		t.Fatalf("the order is %v after %v", o.State, o.Reports)
	}
	if r := o.Reports[1].GetDone(); r.GetFilesRemoved() == 0 || r.GetKeysRemoved() != 2 || r.GetPackages()[0] != pkg {
		t.Errorf("receipt %v", r)
	}
	b.expect(EventLaunch, "wiped wiped_by_order")
	b.assertErased("after the order")
	b.reopen()
	b.expect(EventLaunch, "wiped wiped_by_order")
	if err := b.Sync(); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("Sync: %v", err)
	}
	b.register()
	b.expect(EventLaunch, "need-pin set-pin")
}

// TestOrderThatIsNot: what is not for exactly this takes nothing.
func TestOrderThatIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		scope *wipev1.Scope
		edit  func(*wipev1.OrderToSign)
		says  func(*wipev1.ReportOrderRequest) bool
	}{
		"another app":     {appsdktest.Apps("com.example.other"), nil, failed},
		"two apps":        {appsdktest.Apps(pkg, "com.example.other"), nil, failed},
		"no app":          {appsdktest.Apps(), nil, failed},
		"a work profile":  {&wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}, nil, failed},
		"a lock":          {&wipev1.Scope{Scope: &wipev1.Scope_Lock{Lock: &wipev1.Lock{}}}, nil, failed},
		"another's":       {appsdktest.Apps(pkg), func(m *wipev1.OrderToSign) { m.DeviceId = "ffffffffffffffffffffffffffffffff" }, refused},
		"another epoch's": {appsdktest.Apps(pkg), func(m *wipev1.OrderToSign) { m.Epoch = 9 }, refused},
		"old":             {appsdktest.Apps(pkg), func(m *wipev1.OrderToSign) { m.NotAfter = m.GetIssuedAt(); m.NotAfter.Seconds -= 60 }, refused},
		"another's id":    {appsdktest.Apps(pkg), func(m *wipev1.OrderToSign) { m.OrderId = "order-99999999" }, refused},
		"with a lease":    {appsdktest.Apps(pkg), func(m *wipev1.OrderToSign) { m.Lease = &wipev1.Lease{Number: 1} }, refused},
	} {
		t.Run(name, func(t *testing.T) {
			b := readyBench(t)
			var edits []func(*wipev1.OrderToSign)
			if c.edit != nil {
				edits = append(edits, c.edit)
			}
			o := b.server.Order(c.scope, edits...)
			b.sync()
			if len(o.Reports) == 0 || !c.says(o.Reports[0]) {
				t.Errorf("said %v", o.Reports)
			}
			b.expect(EventLaunch, "proceed")
			if got := b.read("letter"); got != "from the company" {
				t.Errorf("read %q", got)
			}
		})
	}
}

func failed(r *wipev1.ReportOrderRequest) bool  { return r.GetFailed() != nil }
func refused(r *wipev1.ReportOrderRequest) bool { return r.GetRefused() != nil }
