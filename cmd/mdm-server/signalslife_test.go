package main

import (
	"testing"
	"time"

	"ringfence/internal/signin/signintest"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// What is told of a device, in words.
const (
	created    = "credential-change create"
	revoked    = "credential-change revoke"
	renewed    = "credential-change update"
	turnedFit  = "device-compliance-change not-compliant compliant"
	turnedBad  = "device-compliance-change compliant not-compliant"
	signedOut  = "session-revoked"
	riskHigh   = "risk-level-change LOW HIGH"
	riskLow    = "risk-level-change HIGH LOW"
	mariasName = "maria@example.com"
)

// TestSignals: whatever ends or changes what a phone may do reaches a receiver as
// a token that anybody can verify, in the order in which it happened; also where
// the receiver speaks to one server and the phone to another.
func TestSignals(t *testing.T) {
	r := receives(t)
	tune := func(c *Config) { unhurried(c); calling(r)(c) }
	pairDoors(t, tune, func(t *testing.T, one, two *server, _ *signintest.Provider) {
		a, r := one.admin(t), receives(t)
		p := two.partner(t, a, "idp", "ssf.manage")
		p.streams(t, r)
		a.apply(t, workPolicy(6))
		v := &visit{one: one, a: a, phone: one.join(t, a.token(t))}
		id, target := v.phone.id, "device/"+v.phone.id
		told := []string{created}
		hears := func(target, action string, words ...string) {
			t.Helper()
			told = append(told, words...)
			e := p.arrives(t, r, id, told...)
			a.wantCause(t, e, target, action)
			wantSubject(t, one, e, mariasName)
		}
		hears(target, "enroll.join")

		v.certify(t)
		certificate := "certificate/" + v.installed.GetSerial()
		hears(certificate, "compliance.certificate.issue", created)
		v.checkIn(t, 8)
		hears(target, "compliance.standing", turnedFit)
		v.checkIn(t, 4)
		hears(target, "compliance.standing", turnedBad)
		v.checkIn(t, 8)
		hears(target, "compliance.standing", turnedFit)
		v.checkIn(t, 8) // nothing is new

		must[*compliancev1.RevokeCertificateResponse](t)(a.compliance.RevokeCertificate(t.Context(), &compliancev1.RevokeCertificateRequest{
			Serial: v.installed.GetSerial(), Reason: "a test",
		}))
		hears(target, "compliance.standing", revoked, turnedBad)
		a.wantCause(t, p.taken(t, r, id)[len(told)-2], certificate, "compliance.certificate.revoke")
		v.certify(t)
		v.checkIn(t, 8)
		hears(target, "compliance.standing", created, turnedFit)

		order := a.order(t, id, workProfile)
		hears(target, "wipe.order", signedOut)
		must[*wipev1.CancelWipeResponse](t)(a.wipe.CancelWipe(t.Context(), &wipev1.CancelWipeRequest{Id: order.GetId(), Reason: "found"}))
		must[*enrollv1.RenewResponse](t)(v.phone.enroll.Renew(t.Context(), &enrollv1.RenewRequest{CertificateRequest: newCSR(t, newKey(t))}))
		hears(target, "enroll.renew", renewed)
		must[*enrollv1.RetireDeviceResponse](t)(a.enroll.RetireDevice(t.Context(), &enrollv1.RetireDeviceRequest{Id: id, Reason: "left Maria's bag in a taxi"}))
		hears(target, "enroll.retire", turnedBad, signedOut)
	})
}

// TestSignalsOfApps: an app on a rooted phone ends its sessions and tells of the
// danger; once it is cured, both are taken back.
func TestSignalsOfApps(t *testing.T) {
	r := receives(t)
	pairDoors(t, calling(r), func(t *testing.T, one, two *server, provider *signintest.Provider) {
		a, r := one.admin(t), receives(t)
		p := two.partner(t, a, "idp", "ssf.manage")
		p.streams(t, r)
		a.guard(t, "mail", map[string]any{"launch.rooted": "block"})
		m := one.registers(t, provider, "erin@example.com")
		rooted := func(r *appprotectv1.Report) { r.RootSignals.Rooted = true }
		told := []string{created}
		hears := func(action string, words ...string) {
			t.Helper()
			told = append(told, words...)
			e := p.arrives(t, r, m.id, told...)
			a.wantCause(t, e, "registration/"+m.id, action)
			wantSubject(t, one, e, "erin@example.com")
		}
		m.stands(t)
		hears("appprotect.standing", turnedFit)
		m.stands(t, rooted)
		hears("appprotect.standing", turnedBad, riskHigh, signedOut)
		m.stands(t)
		hears("appprotect.standing", turnedFit, riskLow)
		must[*appprotectv1.RetireRegistrationResponse](t)(a.apps.RetireRegistration(t.Context(), &appprotectv1.RetireRegistrationRequest{RegistrationId: m.id, Reason: "a test"}))
		hears("appprotect.end", turnedBad, signedOut)
	})
}

// TestSignalsOfTime: what nobody has looked at for a day is told of, though
// nobody did anything.
func TestSignalsOfTime(t *testing.T) {
	r := receives(t)
	s := install(t, dbtest.DSN(t, sqldb.SQLite), calling(r)).start(t)
	a := s.admin(t)
	p := s.partner(t, a, "idp", "ssf.manage")
	p.streams(t, r)
	h := s.join(t, a.token(t))
	h.reports(t, 8)
	p.arrives(t, r, h.id, created, turnedFit)
	s.clock.forward(day + time.Minute)
	e := p.arrives(t, r, h.id, created, turnedFit, turnedBad)
	a.wantCause(t, e, "device/"+h.id, "compliance.standing")
	if _, claims := e.kind(); claims["initiating_entity"] != "policy" {
		t.Errorf("a verdict that turned by itself: %v", claims)
	}
}

// TestSignalsOfPolicy: a policy that asks for more is told of every phone at once,
// not when the next sweep comes.
func TestSignalsOfPolicy(t *testing.T) {
	r := receives(t)
	pairDoors(t, func(c *Config) { unhurried(c); calling(r)(c) }, func(t *testing.T, one, two *server, _ *signintest.Provider) {
		began, a, r := time.Now(), one.admin(t), receives(t)
		p := two.partner(t, a, "idp", "ssf.manage")
		p.streams(t, r)
		a.apply(t, pinPolicy("work", 6))
		phones := make([]*handset, 5)
		for i := range phones {
			phones[i] = one.join(t, a.token(t))
			phones[i].reports(t, 8)
		}
		a.apply(t, pinPolicy("work", 12))
		for _, h := range phones {
			e := p.arrives(t, r, h.id, created, turnedFit, turnedBad)
			a.wantCause(t, e, "device/"+h.id, "compliance.standing")
		}
		if time.Since(began) >= sweepEvery/2 {
			t.Error("it came with the sweep")
		}
	})
}

// TestSignalsOfAnotherPerson: a phone that changes hands ends the sessions of who
// had it, not of who has it now.
func TestSignalsOfAnotherPerson(t *testing.T) {
	r := receives(t)
	pairDoors(t, func(c *Config) { unhurried(c); calling(r)(c) }, func(t *testing.T, one, two *server, _ *signintest.Provider) {
		a, r := one.admin(t), receives(t)
		p := two.partner(t, a, "idp", "ssf.manage")
		p.streams(t, r)
		tag := func(r *enrollv1.JoinRequest) { r.HardwareTag = "phone-that-changes-hands" }
		first := one.join(t, a.token(t), tag)
		first.reports(t, 8)
		p.arrives(t, r, first.id, created, turnedFit)
		second := two.join(t, a.token(t, func(r *enrollv1.CreateTokenRequest) { r.User = "Otto@example.com" }), tag)
		if second.id != first.id {
			t.Fatalf("the phone is %s, and was %s", second.id, first.id)
		}
		p.arrives(t, r, first.id, created, turnedFit, turnedBad, signedOut, created)
		for i, e := range p.taken(t, r, first.id) {
			user := mariasName
			if i == 4 {
				user = "otto@example.com"
			}
			wantSubject(t, one, e, user)
		}
		second.reports(t, 8)
		wantSubject(t, one, p.arrives(t, r, first.id, created, turnedFit, turnedBad, signedOut, created, turnedFit), "otto@example.com")
	})
}
