package main

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"ringfence/internal/signin/signintest"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const (
	fit     = appprotectv1.Standing_STANDING_OK
	blocked = appprotectv1.Standing_STANDING_BLOCK
	toWipe  = appprotectv1.Standing_STANDING_WIPE
)

// pairApps is pair, with a provider.
func pairApps(t *testing.T, run func(t *testing.T, one, two *server, p *signintest.Provider)) {
	t.Run("one server on sqlite", func(t *testing.T) {
		p := provide(t)
		s := install(t, dbtest.DSN(t, sqldb.SQLite), trusting(p)).start(t)
		run(t, s, s, p)
	})
	t.Run("two servers on postgres", func(t *testing.T) {
		p := provide(t)
		i := install(t, dbtest.DSN(t, sqldb.Postgres), trusting(p))
		one := i.start(t)
		run(t, one, i.start(t), p)
	})
}

// TestAppLife: an app that nobody enrolled signs its person in at a real provider,
// gets its policy and a lease, is judged, hears of another policy at once, and
// leaves.
func TestAppLife(t *testing.T) {
	pairApps(t, func(t *testing.T, one, two *server, p *signintest.Provider) {
		a := one.admin(t)
		early := one.asks(t, p, "erin@example.com")
		_, err := early.client.Register(t.Context(), early.RegisterRequest)
		wantStatus(t, "without a policy", err, codes.FailedPrecondition, "APP_NOT_ALLOWED")

		a.guard(t, "mail", map[string]any{"data.send_to": "managed-apps", "launch.os_version.block": "15", "launch.offline.block": "12h"})
		m := one.registers(t, p, "erin@example.com")
		if m.user != "erin@example.com" || m.epoch != 1 {
			t.Errorf("registered as %q in epoch %d", m.user, m.epoch)
		}
		first := must[*appprotectv1.CheckInResponse](t)(m.checksIn(t))
		if first.GetVerdict().GetStanding() != fit || !first.GetPolicy().GetGoverned() || first.GetPolicy().GetRevision() != first.GetPolicyRevision() {
			t.Fatalf("the first answer: %v", first)
		}
		l := m.lease(t, first.GetLease())
		if l.GetRegistrationId() != m.id || l.GetEpoch() != 1 || l.GetNumber() != 1 || l.GetPolicyRevision() != first.GetPolicyRevision() ||
			l.GetBlockAfter().AsDuration() != 12*time.Hour || l.GetWipeAfter().AsDuration() == 0 {
			t.Errorf("the lease: %v", l)
		}

		m.moves(t, two)
		stream := must[appprotectv1.AppService_WatchClient](t)(m.app.Watch(t.Context(), &appprotectv1.WatchRequest{}))
		must[*appprotectv1.WatchResponse](t)(stream.Recv())
		a.guard(t, "mail", map[string]any{"data.send_to": "none", "launch.os_version.block": "17"})
		must[*appprotectv1.WatchResponse](t)(stream.Recv())
		again := must[*appprotectv1.CheckInResponse](t)(m.checksIn(t))
		if v := again.GetVerdict(); v.GetStanding() != blocked || len(v.GetFindings()) != 1 || v.GetFindings()[0].GetCheck() != "launch.os_version" ||
			v.GetFindings()[0].GetThreshold() != "at least 17" || v.GetFindings()[0].GetRemedyKey() != "update_os" {
			t.Errorf("the verdict: %v", v)
		}
		if again.GetPolicyRevision() == first.GetPolicyRevision() || again.GetPolicy() == nil {
			t.Error("the policy did not change")
		}

		seen := a.registration(t, m.id)
		if r := seen.GetRegistration(); r.GetUser() != m.user || r.GetPackage() != mailPackage || r.GetStanding() != blocked ||
			r.GetIntendedRevision() != again.GetPolicyRevision() || r.GetAppliedRevision() != "" || len(seen.GetExplanation().GetPolicies()) != 1 {
			t.Errorf("administrators see %v", seen)
		}
		must[*appprotectv1.LeaveResponse](t)(m.app.Leave(t.Context(), &appprotectv1.LeaveRequest{Why: &appprotectv1.LeaveRequest_SignedOut{SignedOut: &appprotectv1.SignedOut{}}}))
		_, err = m.checksIn(t)
		wantStatus(t, "after it left", err, codes.Unauthenticated, "ENROLLMENT_ENDED")
		for err = nil; err == nil; {
			_, err = stream.Recv()
		}
		wantStatus(t, "the open stream", err, codes.Unauthenticated, "ENROLLMENT_ENDED")
	})
}

// TestAppStrangers: who is not the person, the app or the key that they say.
func TestAppStrangers(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		a := s.admin(t)
		a.guard(t, "mail", map[string]any{})
		refused := func(what string, ask asking, code codes.Code, reason string) {
			t.Helper()
			_, err := ask.client.Register(t.Context(), ask.RegisterRequest)
			wantStatus(t, what, err, code, reason)
		}
		refused("another signer", s.asks(t, p, "erin@example.com", func(r *appprotectv1.RegisterRequest) { r.App.SignerSha256 = wrongSigner }),
			codes.FailedPrecondition, "APP_NOT_ALLOWED")
		refused("a token for another key", s.asks(t, p, "erin@example.com", func(r *appprotectv1.RegisterRequest) {
			r.CertificateRequest = newCSR(t, newKey(t))
		}), codes.PermissionDenied, "SIGN_IN_REFUSED")
		foreign := provide(t)
		refused("a token of another provider", s.asks(t, foreign, "erin@example.com"), codes.PermissionDenied, "SIGN_IN_REFUSED")
		made := s.asks(t, p, "erin@example.com", func(r *appprotectv1.RegisterRequest) { r.Challenge = make([]byte, 32) })
		refused("a challenge that was never given", made, codes.FailedPrecondition, "CHALLENGE_EXPIRED")

		ask := s.asks(t, p, "erin@example.com")
		m := s.admitted(t, ask, must[*appprotectv1.RegisterResponse](t)(ask.client.Register(t.Context(), ask.RegisterRequest)))
		same := must[*appprotectv1.RegisterResponse](t)(ask.client.Register(t.Context(), ask.RegisterRequest))
		if same.GetRegistrationId() != m.id || same.GetEpoch() != 1 {
			t.Errorf("the same Register again: %v", same)
		}
		ask.App.AppVersion = "2.1"
		refused("another Register with its challenge", ask, codes.FailedPrecondition, "CHALLENGE_EXPIRED")

		// Another person's app that claims the same tag has nothing of hers.
		thief := s.registers(t, p, "otto@example.com")
		if thief.id == m.id {
			t.Fatal("two persons have one registration")
		}
		must[*wipev1.CreateWipeResponse](t)(a.wipe.CreateWipe(t.Context(), &wipev1.CreateWipeRequest{
			RequestKey: newID(), DeviceId: m.id, Scope: appData(mailPackage), Reason: "a test",
		}))
		if got := thief.fetched(t); len(got) != 0 {
			t.Errorf("another's app is given %q", got)
		}
		if got := m.fetched(t); len(got) != 1 {
			t.Errorf("hers is given %q", got)
		}
		stolen := m.only(t)
		_, err := thief.wipe.ReportOrder(t.Context(), must[*wipev1.ReportOrderRequest](t)(m.promise(stolen, nil)))
		wantStatus(t, "a report on another's order", err, codes.NotFound, "")

		// A report that comes again, or late, changes nothing.
		if got := m.stands(t); got != fit {
			t.Fatalf("a healthy phone stands %v", got)
		}
		report := healthy(s.clock.now())
		report.OsVersion = "4"
		_, err = m.app.CheckIn(t.Context(), &appprotectv1.CheckInRequest{Number: 1, Report: report})
		wantStatus(t, "another report of that number", err, codes.FailedPrecondition, "REPORT_OVERTAKEN")
		phone := s.join(t, a.token(t))
		_, err = appprotectv1.NewAppServiceClient(phone.conn).CheckIn(t.Context(), &appprotectv1.CheckInRequest{Number: 9, Report: report})
		wantStatus(t, "a device that checks in as an app", err, codes.PermissionDenied, "CALLER_NOT_ALLOWED")
		_, err = m.enroll.Leave(t.Context(), &enrollv1.LeaveRequest{})
		wantStatus(t, "an app that leaves as a device", err, codes.PermissionDenied, "CALLER_NOT_ALLOWED")
	})
}

// TestAppWipe: an order for one registration takes the account's data, with a
// receipt that anybody can verify, and ends the registration; the next one is
// another epoch, which the order is not for.
func TestAppWipe(t *testing.T) {
	pairApps(t, func(t *testing.T, one, two *server, p *signintest.Provider) {
		a := one.admin(t)
		a.guard(t, "mail", map[string]any{})
		m := two.registers(t, p, "erin@example.com")
		for reason, scope := range map[string]*wipev1.Scope{"SCOPE_NOT_FOR_MODE": workProfile, "OTHER_APP": appData("com.example.other")} {
			_, err := a.wipe.CreateWipe(t.Context(), &wipev1.CreateWipeRequest{RequestKey: newID(), DeviceId: m.id, Scope: scope, Reason: "a test"})
			wantStatus(t, "a scope that is not for it", err, codes.FailedPrecondition, reason)
		}
		order := a.order(t, m.id, appData(mailPackage))
		if res := must[*appprotectv1.CheckInResponse](t)(m.checksIn(t)); !res.GetOrdersWaiting() {
			t.Error("the check-in does not say that an order waits")
		}
		if id := m.wipes(t); id != order.GetId() {
			t.Errorf("order %s, want %s", id, order.GetId())
		}
		got := must[*wipev1.GetWipeResponse](t)(a.wipe.GetWipe(t.Context(), &wipev1.GetWipeRequest{Id: order.GetId()})).GetOrder()
		if got.GetState() != wipev1.State_STATE_DONE || got.GetConfirmation() != wipev1.Confirmation_CONFIRMATION_CONFIRMED {
			t.Errorf("the order: %v", got)
		}
		if b := verifiedReceipt(t, a, order.GetId()); b.Receipt == nil {
			t.Error("there is no receipt")
		}
		_, err := m.checksIn(t)
		wantStatus(t, "after the wipe", err, codes.Unauthenticated, "ENROLLMENT_ENDED")
		if r := a.registration(t, m.id).GetRegistration(); r.GetState() != appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED {
			t.Errorf("the registration: %v", r)
		}

		next := one.registers(t, p, "erin@example.com")
		if next.id != m.id || next.epoch != 2 {
			t.Errorf("the next registration: %s epoch %d", next.id, next.epoch)
		}
		if got := next.fetched(t); len(got) != 0 {
			t.Errorf("the next epoch is given %q", got)
		}
		// An order of epoch 2 is void in epoch 3.
		void := a.order(t, next.id, appData(mailPackage))
		third := two.registers(t, p, "erin@example.com")
		if got := third.fetched(t); len(got) != 0 || third.epoch != 3 {
			t.Errorf("epoch %d is given %q", third.epoch, got)
		}
		eventually(t, "the end of the order", func() (bool, error) {
			o, err := a.wipe.GetWipe(t.Context(), &wipev1.GetWipeRequest{Id: void.GetId()})
			return o.GetOrder().GetState() == wipev1.State_STATE_EXPIRED, err
		})
	})
}

// TestUserWipeTakesApps: a wipe of a person takes phones and accounts alike, and
// what registers later, until it is lifted.
func TestUserWipeTakesApps(t *testing.T) {
	pairApps(t, func(t *testing.T, one, two *server, p *signintest.Provider) {
		a := one.admin(t)
		a.guard(t, "mail", map[string]any{})
		const maria = "maria@example.com"
		phone := one.joins(t, 1, "branch", maria)[0]
		m, bystander := one.registers(t, p, maria), one.registers(t, p, "otto@example.com")
		r := must[*wipev1.WipeRequest](t)(a.wipeUser(t, maria))
		if r.GetDevices() != 2 {
			t.Errorf("the request takes %d", r.GetDevices())
		}
		one.clock.forward(11 * time.Minute)
		if got := phone.fetched(t); len(got) != 1 {
			t.Errorf("her phone is given %q", got)
		}
		if got := bystander.fetched(t); len(got) != 0 {
			t.Errorf("a bystander is given %q", got)
		}
		m.wipes(t)
		back := two.registers(t, p, maria)
		two.parts.sweepOrders(t.Context())
		if got := back.fetched(t); len(got) != 1 {
			t.Errorf("she signs in again and is given %q", got)
		}
		must[*wipev1.LiftUserWipeResponse](t)(a.requests.LiftUserWipe(t.Context(), &wipev1.LiftUserWipeRequest{Id: r.GetId(), Reason: "safe again"}))
		two.parts.sweepOrders(t.Context())
		if got := back.fetched(t); len(got) != 0 {
			t.Errorf("after it was lifted she is given %q", got)
		}
	})
}

// TestPolicyWipe: a verdict that says wipe shuts the app, and the order is the
// server's, charged to nobody and bound by the breaker.
func TestPolicyWipe(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		a := s.admin(t)
		a.guard(t, "mail", map[string]any{"launch.rooted": "wipe"})
		m := s.registers(t, p, "erin@example.com")
		if got := m.stands(t); got != fit {
			t.Fatalf("a healthy phone stands %v", got)
		}
		rooted := func(r *appprotectv1.Report) { r.RootSignals = &appprotectv1.RootSignals{Rooted: true} }
		res := must[*appprotectv1.CheckInResponse](t)(m.checksIn(t, rooted))
		if res.GetVerdict().GetStanding() != toWipe || !res.GetOrdersWaiting() {
			t.Errorf("a rooted phone: %v", res)
		}
		id := m.wipes(t)
		o := must[*wipev1.GetWipeResponse](t)(a.wipe.GetWipe(t.Context(), &wipev1.GetWipeRequest{Id: id})).GetOrder()
		if o.GetSource() != wipev1.Source_SOURCE_POLICY || o.GetCreatedBy() != "server" || o.GetState() != wipev1.State_STATE_DONE {
			t.Errorf("the order: %v", o)
		}
	})
}
