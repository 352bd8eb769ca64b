package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/agent"
	"ringfence/agent/phone"
	"ringfence/agent/session"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb/dbtest"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// newTimed makes a phone that goes by the installation's clock, also for how long
// it is switched on.
func newTimed(tb testing.TB, c *clock) *virtual {
	tb.Helper()
	v := &virtual{dir: tb.TempDir()}
	v.write(tb, "data/user/0/com.example.gallery/files/beach.jpg", "sand and sea")
	began := c.now()
	p, err := phone.Open(v.dir, phone.Options{
		Create: true, Now: c.now, Uptime: func() (string, time.Duration) { return "the one life", c.now().Sub(began) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = p.Close() })
	v.phone, v.agent = p, agent.New(p, agent.Options{Now: c.now})
	return v
}

// enrol enrols the phone with a token and puts work on it.
func (v *virtual) enrol(tb testing.TB, s *server, secret, mode string) {
	tb.Helper()
	e, err := v.agent.Enroll(tb.Context(), session.EnrollOptions{
		Server: s.at.Device, Token: secret, Roots: []byte(s.credential.CA), Model: "Pixel 9", OSVersion: "16", Mode: mode,
	})
	if err != nil {
		tb.Fatal(err)
	}
	v.id = e.DeviceID
	if mode == "work-profile" {
		v.write(tb, "data/user/10/com.example.crm/databases/deals.db", "ACME 1,000,000")
	}
}

func (v *virtual) has(tb testing.TB, name string) bool {
	tb.Helper()
	_, err := os.Stat(filepath.Join(v.dir, filepath.FromSlash(name)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		tb.Fatal(err)
	}
	return err == nil
}

func (v *virtual) once(tb testing.TB) {
	tb.Helper()
	if err := v.agent.Once(tb.Context()); err != nil {
		tb.Fatalf("the agent: %v", err)
	}
}

// TestBranchCloses is a bulk wipe with real agents: it waits for a second person
// and for its cooling-off, and takes the work sides and nothing else.
func TestBranchCloses(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a, bob := s.admin(t), s.colleague(t, "bob", identity.Approver)
		s.limit(t, func(l *wipev1.Limits) { l.QuorumAbove = 2 })
		running, stop := context.WithCancel(t.Context())
		defer stop()
		var phones []*virtual
		var before []string
		ended := make(chan error, 3)
		for range 3 {
			v := newTimed(t, s.clock)
			v.enrol(t, s, a.token(t, func(r *enrollv1.CreateTokenRequest) { r.Group = "branch" }), "work-profile")
			phones, before = append(phones, v), append(before, v.personal(t))
			go func() { ended <- v.agent.Run(running) }()
		}
		r := must[*wipev1.WipeRequest](t)(a.planned(t, ofGroup("branch"), workProfile))
		wantState(t, "three phones", r, waiting)
		bob.approve(t, r)
		for _, v := range phones {
			if !v.has(t, "data/user/10/com.example.crm/databases/deals.db") {
				t.Error("work is gone before the cooling-off is over")
			}
		}
		s.clock.forward(11 * time.Minute)
		s.parts.sweepOrders(t.Context())
		for range phones {
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("an agent ended with %v", err)
				}
			case <-time.After(patience):
				t.Fatal("an agent did not end with its enrolment")
			}
		}
		for _, o := range a.ordersOf(t, r) {
			if o.GetState() != wipev1.State_STATE_DONE {
				t.Errorf("order %v", o)
			}
			verifiedReceipt(t, a, o.GetId())
		}
		for i, v := range phones {
			if v.has(t, "data/user/10") || v.personal(t) != before[i] {
				t.Errorf("phone %d: work there: %v, personal side changed: %v", i, v.has(t, "data/user/10"), v.personal(t) != before[i])
			}
		}
	})
}

// TestLeaseRunsOut: a phone that hears nothing for longer than its lease takes its
// work side away by itself, under an order that it holds. Until it says so the
// server presumes, and says that it does.
func TestLeaseRunsOut(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a, bob := s.admin(t), s.colleague(t, "bob", identity.Approver)
		ctx := t.Context()
		v := newTimed(t, s.clock)
		v.enrol(t, s, a.token(t, func(r *enrollv1.CreateTokenRequest) { r.Group = "field" }), "work-profile")
		before := v.personal(t)
		v.once(t)
		lease := must[*wipev1.SetLeaseResponse](t)(a.requests.SetLease(ctx, &wipev1.SetLeaseRequest{
			RequestKey: newID(), Group: "field", LockAfter: durationpb.New(day), WipeAfter: durationpb.New(7 * day), Reason: "a test",
		})).GetRequest()
		wantState(t, "a first lease", lease, waiting)
		status := func() *wipev1.GetLeaseStatusResponse {
			return must[*wipev1.GetLeaseStatusResponse](t)(a.requests.GetLeaseStatus(ctx, &wipev1.GetLeaseStatusRequest{DeviceId: v.id}))
		}
		if got := status().GetStanding(); got != wipev1.LeaseStanding_LEASE_STANDING_NONE {
			t.Errorf("before the approval the lease is %v", got)
		}
		bob.approve(t, lease)
		s.clock.forward(time.Minute)
		v.once(t)
		held := status()
		if held.GetStanding() != wipev1.LeaseStanding_LEASE_STANDING_HELD || held.GetHeld().GetNumber() == 0 || held.GetOrderId() == "" {
			t.Fatalf("after a look the lease is %v", held)
		}
		if orders := must[*wipev1.ListWipesResponse](t)(a.wipe.ListWipes(ctx, &wipev1.ListWipesRequest{})).GetOrders(); len(orders) != 0 {
			t.Errorf("an order that nobody acts on is listed: %v", orders)
		}

		s.clock.forward(2 * day)
		if got := status().GetStanding(); got != wipev1.LeaseStanding_LEASE_STANDING_PRESUMED_LOCKED {
			t.Errorf("after two days the lease is %v", got)
		}
		s.clock.forward(6 * day)
		if got := status().GetStanding(); got != wipev1.LeaseStanding_LEASE_STANDING_PRESUMED_WIPED {
			t.Errorf("after eight days the lease is %v", got)
		}
		if !v.has(t, "data/user/10") {
			t.Fatal("the phone did something while it was not running")
		}
		v.once(t) // the phone wakes up, and finds how late it is before anything else
		if v.has(t, "data/user/10") || v.personal(t) != before {
			t.Errorf("work there: %v, personal side changed: %v", v.has(t, "data/user/10"), v.personal(t) != before)
		}
		order := must[*wipev1.GetWipeResponse](t)(a.wipe.GetWipe(ctx, &wipev1.GetWipeRequest{Id: held.GetOrderId()})).GetOrder()
		if order.GetState() != wipev1.State_STATE_DONE || order.GetSource() != wipev1.Source_SOURCE_LEASE || order.GetLease().GetNumber() != held.GetHeld().GetNumber() {
			t.Errorf("the order is %v", order)
		}
		verifiedReceipt(t, a, order.GetId())
		if got := status().GetStanding(); got != wipev1.LeaseStanding_LEASE_STANDING_NONE {
			t.Errorf("afterwards the lease is %v", got)
		}
	})
}

// TestKioskGoesBack: a company's device is reset by the agent on it, and says so.
func TestKioskGoesBack(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a, bob := s.admin(t), s.colleague(t, "bob", identity.Approver)
		ctx := t.Context()
		v := newTimed(t, s.clock)
		v.enrol(t, s, a.token(t, func(r *enrollv1.CreateTokenRequest) {
			r.Ownership, r.Mode = enrollv1.Ownership_OWNERSHIP_COMPANY, enrollv1.Mode_MODE_DEDICATED
		}), "dedicated")
		r := must[*wipev1.WipeWholeDeviceResponse](t)(a.company.WipeWholeDevice(ctx, &wipev1.WipeWholeDeviceRequest{
			RequestKey: newID(), CompanyDeviceId: v.id, Reason: "a test",
		})).GetRequest()
		v.once(t)
		if !v.has(t, "data/user/0/com.example.gallery/files/beach.jpg") {
			t.Error("it acted before anybody approved")
		}
		bob.approve(t, r)
		v.once(t)
		if v.has(t, "data/user/0/com.example.gallery/files/beach.jpg") {
			t.Error("what was on the device is still there")
		}
		orders := a.ordersOf(t, r)
		if len(orders) != 1 || orders[0].GetState() != wipev1.State_STATE_DONE || orders[0].GetReceipt().GetFilesRemoved() == 0 {
			t.Fatalf("orders %v", orders)
		}
		verifiedReceipt(t, a, orders[0].GetId())
	})
}
