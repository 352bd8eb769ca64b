package main

import (
	"strings"
	"testing"
	"time"

	"ringfence/agent/appsdk"
	"ringfence/internal/signin/signintest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestSDKMainJob is the whole story with the real SDK: sign in on a phone that
// nobody enrolled, be guarded, hear of another policy, and lose the account's data
// by an administrator's order and nothing else.
func TestSDKMainJob(t *testing.T) {
	pairApps(t, func(t *testing.T, one, two *server, p *signintest.Provider) {
		a := two.admin(t)
		a.guard(t, "mail", map[string]any{"data.send_to": "managed-apps", "data.clipboard": "managed-apps"})
		g := one.installs(t, p, "erin@example.com")
		before := g.personal(t)
		g.expect(t, appsdk.EventLaunch, "block not_registered")
		if err := g.Register(g.in); err != nil {
			t.Fatal(err)
		}
		g.expect(t, appsdk.EventLaunch, "need-pin set-pin")
		if _, err := g.mail(); err == nil {
			t.Error("the files are open before there is a PIN")
		}
		g.setsPIN(t)
		g.keeps(t)
		r := a.known(t, g.User())
		if r.GetStanding() != fit || r.GetAppliedRevision() != r.GetIntendedRevision() || r.GetModel() != "Pixel 9" || r.GetEpoch() != 1 {
			t.Errorf("administrators see %v", r)
		}
		g.bites(t)

		if err := g.Start(); err != nil {
			t.Fatal(err)
		}
		if !g.MayPrint() {
			t.Error("may not print before a policy says so")
		}
		a.guard(t, "print", map[string]any{"data.print_blocked": true})
		eventually(t, "the other policy", func() (bool, error) { return !g.MayPrint(), errNotYet })
		eventually(t, "the word that it is applied", func() (bool, error) {
			r = a.known(t, g.User())
			return r.GetAppliedRevision() == r.GetIntendedRevision(), errNotYet
		})
		g.expect(t, appsdk.EventActive, "proceed")

		order := a.order(t, r.GetId(), appData(mailPackage))
		g.becomes(t, "wiped wiped_by_order")
		g.gone(t)
		if g.personal(t) != before {
			t.Error("the personal account changed")
		}
		a.wiped(t, r.GetId(), order.GetId())
		g.again(t, a, r.GetId())
	})
}

// bites sees the gates of the main job's policy.
func (g *guarded) bites(t *testing.T) {
	t.Helper()
	for what, c := range map[string]struct {
		transfer appsdk.Transfer
		allowed  bool
	}{
		"send to a personal app":             {appsdk.Transfer{Gate: appsdk.GateSend, Package: "com.example.files"}, false},
		"send to a work app":                 {appsdk.Transfer{Gate: appsdk.GateSend, Package: "com.example.crm", Managed: true}, true},
		"copy to a personal app":             {appsdk.Transfer{Gate: appsdk.GateCopy, Package: "com.example.files", Text: "1,000,000"}, false},
		"copy to a work app":                 {appsdk.Transfer{Gate: appsdk.GateCopy, Package: "com.example.crm", Managed: true, Text: "1,000,000"}, true},
		"send to its own personal account":   {appsdk.Transfer{Gate: appsdk.GateSend, Package: mailPackage}, false},
		"receive from its personal account":  {appsdk.Transfer{Gate: appsdk.GateReceive, Package: mailPackage}, true},
		"through a gate that there is not":   {appsdk.Transfer{Gate: 999}, false},
		"within the account":                 {appsdk.Transfer{Gate: appsdk.GateSend, Package: mailPackage, Same: true, Managed: true}, true},
		"a screenshot, of which nobody says": {appsdk.Transfer{Gate: appsdk.GateScreen}, true},
	} {
		if got := g.May(&c.transfer); got.Allowed != c.allowed {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// wiped sees that the order is done, with a receipt that verifies, and took the
// registration with it.
func (a *admin) wiped(t *testing.T, registration, order string) {
	t.Helper()
	eventually(t, "the receipt", func() (bool, error) {
		res, err := a.wipe.GetWipe(t.Context(), &wipev1.GetWipeRequest{Id: order})
		return res.GetOrder().GetState() == wipev1.State_STATE_DONE, err
	})
	b := verifiedReceipt(t, a, order)
	if b.Receipt == nil {
		t.Fatal("there is no receipt")
	}
	var r *appprotectv1.Registration
	eventually(t, "the end of the registration", func() (bool, error) {
		r = a.registration(t, registration).GetRegistration()
		return r.GetState() == appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED, errNotYet
	})
	if !strings.HasPrefix(r.GetEndedWhy(), "wiped: ") || r.GetSelfWipe() != nil {
		t.Errorf("the registration: %v", r)
	}
}

// again signs in once more: the next epoch, with nothing of the one before.
func (g *guarded) again(t *testing.T, a *admin, id string) {
	t.Helper()
	g.launch(t)
	g.expect(t, appsdk.EventLaunch, "wiped wiped_by_order")
	g.signsIn(t)
	if r := a.registration(t, id).GetRegistration(); r.GetEpoch() != 2 || r.GetState() != appprotectv1.RegistrationState_REGISTRATION_STATE_ACTIVE {
		t.Errorf("registered again as %v", r)
	}
	files := must[interface {
		ReadFile(name string) ([]byte, error)
	}](t)(g.Files())
	if data, err := files.ReadFile("offer"); err == nil {
		t.Errorf("the mail of the epoch before is there: %q", data)
	}
	g.expect(t, appsdk.EventActive, "proceed")
}

// TestSDKPINs: too many wrong PINs shut the account until the person signs in
// again, or take it, as the policy says; and then the server is told, signed.
func TestSDKPINs(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		a := s.admin(t)
		a.guard(t, "mail", map[string]any{"access.pin_retries.block": 3, "access.recheck_after": "1m"})
		g := s.installs(t, p, "erin@example.com")
		g.works(t)
		s.clock.forward(2 * time.Minute)
		g.expect(t, appsdk.EventResume, "need-pin pin")
		for _, want := range []string{"need-pin pin", "need-pin pin", "need-pin reset-pin"} {
			if d := must[*appsdk.Decision](t)(g.Unlock("0000")); words(d) != want {
				t.Fatalf("a wrong PIN: %q, want %q", words(d), want)
			}
		}
		g.launch(t) // another life has no more tries
		if d := must[*appsdk.Decision](t)(g.Unlock(workPIN)); words(d) != "need-pin reset-pin" {
			t.Fatalf("the right PIN after too many: %q", words(d))
		}
		g.syncs(t)
		if got := a.registration(t, a.known(t, g.User()).GetId()).GetVerdict(); got.GetStanding() != blocked || got.GetFindings()[0].GetCheck() != "access.pin_retries" {
			t.Errorf("administrators see %v", got)
		}
		if err := g.SignInAgain(g.in); err != nil {
			t.Fatal(err)
		}
		if problems, err := g.ResetPIN("8412"); err != nil || problems != "" {
			t.Fatalf("ResetPIN: %q, %v", problems, err)
		}
		g.syncs(t) // the server's verdict was about the old PIN
		g.expect(t, appsdk.EventActive, "proceed")
		if text, err := g.mail(); err != nil || text != "ACME 1,000,000" {
			t.Errorf("read %q, %v", text, err)
		}

		a.guard(t, "mail", map[string]any{"access.pin_retries.wipe": 2, "access.recheck_after": "1m"})
		g.syncs(t)
		s.clock.forward(2 * time.Minute)
		g.expect(t, appsdk.EventResume, "need-pin pin")
		must[*appsdk.Decision](t)(g.Unlock("0000"))
		if d := must[*appsdk.Decision](t)(g.Unlock("0000")); words(d) != "wiped wiped_after_wrong_pins" {
			t.Errorf("after too many: %q", words(d))
		}
		g.gone(t)
		id := a.known(t, "erin@example.com").GetId()
		g.syncs(t)
		a.tells(t, s.roots(t), id, appprotectv1.SelfWipeCause_SELF_WIPE_CAUSE_PIN)
	})
}
