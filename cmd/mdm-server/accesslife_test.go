package main

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/signin/signintest"
	accessv1 "ringfence/proto/mdm/access/v1"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// visit is a phone and an app that a door is asked about, and the people who can
// change the answer.
type visit struct {
	one   *server // where changes are made
	a     *admin
	idp   *provisioner
	phone *handset
	// installed is the phone's client certificate that the policy asks for.
	installed *compliancev1.InstalledCertificate
	app       *account
	maria     string // her path in the directory

	g    *doorkeeper // asks another server, where there is one
	ears *listener
}

// Places of the sign-ins in the visit's WatchDecisions.
const (
	byPhone = 0 // to the mail
	byApp   = 1 // to the crm
)

// welcome sets up a phone and an app that are let in.
func welcome(t *testing.T, one, two *server, p *signintest.Provider) *visit {
	t.Helper()
	v := &visit{one: one, a: one.admin(t), idp: one.provisioner(t)}
	v.maria = v.idp.hire(t, "Maria@Example.com")
	v.a.apply(t, workPolicy(6))
	v.a.guard(t, "mail", map[string]any{"launch.rooted": "block"})
	v.a.place(t, "office", "192.0.2.0/24")
	v.a.rule(t, accessPolicy("work", compliantDevice, "mail"))
	v.a.rule(t, accessPolicy("accounts", protectedApp, "crm"))
	outside := accessPolicy("outside", shutDoor)
	outside.Spec.Conditions = &accessv1.Conditions{ExcludeLocations: &accessv1.Places{Names: []string{"office"}}}
	v.a.rule(t, outside)

	v.phone = one.join(t, v.a.token(t))
	v.app = one.registers(t, p, "erin@example.com")
	v.certify(t)
	v.checkIn(t, 8)
	v.app.stands(t)
	v.g = one.doorkeeper(t, "edge").moves(t, two)
	v.ears = v.g.listens(t, v.signIns()...)
	v.wants(t, "at the beginning", byPhone, allow)
	v.wants(t, "at the beginning", byApp, allow)
	return v
}

// workPolicy asks for a PIN and for a client certificate.
func workPolicy(digits uint32) *compliancev1.ApplyPolicyRequest {
	policy := pinPolicy("work", digits)
	policy.Spec.ClientCertificates = []*compliancev1.ClientCertificateProfile{{
		Alias: "work", CommonName: "{{device.id}}", KeyType: compliancev1.KeyType_KEY_TYPE_EC_P256, ValidityDays: 30,
	}}
	return policy
}

func (v *visit) signIns() []*accessv1.SignIn {
	return []*accessv1.SignIn{byPhone: v.phone.with("mail"), byApp: v.app.with("crm")}
}

// certify gets the phone another client certificate.
func (v *visit) certify(t *testing.T) {
	t.Helper()
	must[*compliancev1.IssueCertificateResponse](t)(v.phone.compliance.IssueCertificate(t.Context(), &compliancev1.IssueCertificateRequest{
		Alias: "work", CertificateRequest: newCSR(t, newKey(t)),
	}))
	all := must[*compliancev1.ListCertificatesResponse](t)(v.a.compliance.ListCertificates(t.Context(), &compliancev1.ListCertificatesRequest{DeviceId: v.phone.id})).GetCertificates()
	valid := slices.DeleteFunc(all, func(c *compliancev1.Certificate) bool { return c.GetRevokedAt() != nil })
	if len(valid) != 1 {
		t.Fatalf("valid certificates: %v", valid)
	}
	v.installed = &compliancev1.InstalledCertificate{Alias: "work", Serial: valid[0].GetSerial(), NotAfter: valid[0].GetNotAfter()}
}

// checkIn reports a PIN of so many digits.
func (v *visit) checkIn(t *testing.T, digits uint32) {
	t.Helper()
	manifest := must[*compliancev1.GetManifestResponse](t)(v.phone.compliance.GetManifest(t.Context(), &compliancev1.GetManifestRequest{}))
	r := report(v.one.clock.now(), digits, manifest.GetRevision())
	r.Posture.ClientCertificates = []*compliancev1.InstalledCertificate{v.installed}
	must[*compliancev1.CheckInResponse](t)(v.phone.compliance.CheckIn(t.Context(), r))
}

// appReports reports a healthy phone, or a rooted one.
func (v *visit) appReports(t *testing.T, rooted bool) {
	t.Helper()
	v.app.stands(t, func(r *appprotectv1.Report) { r.RootSignals.Rooted = rooted })
}

// wants sees that a door that asks now is answered so, and that one that listens
// hears it.
func (v *visit) wants(t *testing.T, when string, index uint32, want accessv1.Outcome) *accessv1.Decision {
	t.Helper()
	d := v.g.decides(t, v.signIns()[index])
	if d.GetOutcome() != want {
		t.Errorf("%s: %v, want %v: %v", when, d.GetOutcome(), want, d)
	}
	v.ears.hears(t, when, index, want)
	return d
}

// flip is a change that shuts a door, and what opens it again; nil where nothing
// does.
type flip struct {
	name  string
	index uint32
	// shuts is the outcome: what is owed can be cured, by whoever is at the door,
	// or not.
	shuts      accessv1.Outcome
	shut, open func(t *testing.T)
	// rule is the finding that says why; empty where it is no finding.
	rule string
}

// flips are all that must shut a door at once.
func (v *visit) flips() []flip {
	apply := func(r *compliancev1.ApplyPolicyRequest) func(t *testing.T) {
		return func(t *testing.T) { t.Helper(); v.a.apply(t, r) }
	}
	guard := func(settings map[string]any) func(t *testing.T) {
		return func(t *testing.T) { t.Helper(); v.a.guard(t, "mail", settings) }
	}
	var order *wipev1.Order
	return []flip{
		{
			"a PIN that is too short", byPhone, owes,
			func(t *testing.T) { v.checkIn(t, 4) }, func(t *testing.T) { v.checkIn(t, 8) }, "pin.work_profile.minimum_length",
		},
		{"a policy that asks for a longer PIN", byPhone, owes, apply(workPolicy(12)), apply(workPolicy(6)), "pin.work_profile.minimum_length"},
		{
			"a certificate that is revoked", byPhone, owes,
			func(t *testing.T) {
				must[*compliancev1.RevokeCertificateResponse](t)(v.a.compliance.RevokeCertificate(t.Context(), &compliancev1.RevokeCertificateRequest{
					Serial: v.installed.GetSerial(), Reason: "a test",
				}))
			},
			func(t *testing.T) { v.certify(t); v.checkIn(t, 8) }, "client_certificate.work",
		},
		{
			"an order that waits", byPhone, owes,
			func(t *testing.T) { order = v.a.order(t, v.phone.id, workProfile) },
			func(t *testing.T) {
				must[*wipev1.CancelWipeResponse](t)(v.a.wipe.CancelWipe(t.Context(), &wipev1.CancelWipeRequest{Id: order.GetId(), Reason: "found"}))
			}, "wipe.ordered",
		},
		{
			"a policy that blocks", byPhone, deny,
			func(t *testing.T) { v.a.rule(t, accessPolicy("emergency", shutDoor, "mail")) },
			func(t *testing.T) { v.a.unrule(t, "emergency") }, "",
		},
		{
			"a location that moves away", byPhone, deny,
			func(t *testing.T) { v.a.place(t, "office", "198.51.100.0/24") },
			func(t *testing.T) { v.a.place(t, "office", "192.0.2.0/24") }, "",
		},
		{
			"a person out of use in the directory", byPhone, deny,
			func(t *testing.T) { v.idp.activate(t, v.maria, false) },
			func(t *testing.T) { v.idp.activate(t, v.maria, true) }, "",
		},
		{
			"an app on a rooted phone", byApp, owes,
			func(t *testing.T) { v.appReports(t, true) }, func(t *testing.T) { v.appReports(t, false) }, "launch.rooted",
		},
		{
			"an app policy that asks for a newer system", byApp, owes,
			guard(map[string]any{"launch.rooted": "block", "launch.os_version.block": "17"}), guard(map[string]any{"launch.rooted": "block"}), "launch.os_version",
		},
		{
			"an app that is retired", byApp, owes,
			func(t *testing.T) {
				must[*appprotectv1.RetireRegistrationResponse](t)(v.a.apps.RetireRegistration(t.Context(), &appprotectv1.RetireRegistrationRequest{RegistrationId: v.app.id, Reason: "a test"}))
			}, nil, "",
		},
		{
			"a phone that is retired", byPhone, owes,
			func(t *testing.T) {
				must[*enrollv1.RetireDeviceResponse](t)(v.a.enroll.RetireDevice(t.Context(), &enrollv1.RetireDeviceRequest{Id: v.phone.id, Reason: "a test"}))
			}, nil, "",
		},
	}
}

// TestDecisionsFollow: each change shuts the door at once for whoever asks, at
// whichever server, and is heard by whoever listens without anybody looking again
// by the time; what cures it opens the door again.
func TestDecisionsFollow(t *testing.T) {
	pairDoors(t, unhurried, func(t *testing.T, one, two *server, p *signintest.Provider) {
		v := welcome(t, one, two, p)
		for _, f := range v.flips() {
			f.shut(t)
			d := v.wants(t, f.name, f.index, f.shuts)
			if f.rule != "" {
				i := slices.IndexFunc(findings(d), func(n *accessv1.AccessFinding) bool { return n.GetRule() == f.rule })
				if i < 0 || findings(d)[i].GetRemedy() == "" {
					t.Errorf("%s: the findings are %v, want one of %s, with its remedy", f.name, findings(d), f.rule)
				}
			}
			if f.open != nil {
				f.open(t)
				v.wants(t, f.name+", cured", f.index, allow)
			}
		}
	})
}

// TestEvidenceAges: what nobody has looked at for a day lets nobody in.
func TestEvidenceAges(t *testing.T) {
	pairDoors(t, nil, func(t *testing.T, one, two *server, p *signintest.Provider) {
		v := welcome(t, one, two, p)
		one.clock.forward(day + 1)
		for index, in := range v.signIns() {
			if d := v.g.decides(t, in); d.GetOutcome() != owes {
				t.Errorf("sign-in %d a day later: %v", index, d)
			}
		}
		v.checkIn(t, 8)
		if d := v.g.decides(t, v.signIns()[byPhone]); d.GetOutcome() != allow || !d.GetCachedUntil().AsTime().After(timestamppb.New(one.clock.now()).AsTime()) {
			t.Errorf("after a check-in: %v", d)
		}
	})
}
