package main

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"ringfence/agent/appsdk"
	"ringfence/internal/signin/signintest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// TestSDKVerdict: what the phone is decides at once, offline too; the server's
// verdict turns with it, and the wipe that a policy asks for is the server's order.
func TestSDKVerdict(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		a := s.admin(t)
		a.guard(t, "mail", map[string]any{"launch.os_version.warn": "16", "launch.os_version.block": "15", "launch.rooted": "wipe"})
		g := s.installs(t, p, "erin@example.com")
		g.works(t)
		before, id := g.personal(t), a.known(t, g.User()).GetId()
		for _, c := range []struct {
			os, want string
			standing appprotectv1.Standing
		}{
			{"15.1", "warn update_os", appprotectv1.Standing_STANDING_WARN},
			{"14", "block update_os", blocked},
			{"16", "proceed", fit},
		} {
			g.phone.edit(func(f *appsdk.Facts) { f.OSVersion = c.os })
			g.expect(t, appsdk.EventResume, c.want)
			_, err := g.Files()
			if open := err == nil; open != (c.standing != blocked) {
				t.Errorf("Android %s: the files are open: %v", c.os, open)
			}
			g.syncs(t)
			if got := a.registration(t, id).GetRegistration().GetStanding(); got != c.standing {
				t.Errorf("Android %s: administrators see %v, want %v", c.os, got, c.standing)
			}
		}
		g.phone.edit(func(f *appsdk.Facts) { f.Rooted = true })
		g.expect(t, appsdk.EventResume, "block wipe_pending")
		g.syncs(t)
		g.expect(t, appsdk.EventResume, "wiped wiped_by_order")
		g.gone(t)
		if g.personal(t) != before {
			t.Error("the personal account changed")
		}
		if r := a.registration(t, id).GetRegistration(); !strings.HasPrefix(r.GetEndedWhy(), "wiped: ") || r.GetSelfWipe() != nil {
			t.Errorf("the registration: %v", r)
		}
	})
}

// TestSDKDisabledAccount: whom the identity provider disables is shut out over the
// app's open Watch, and let in again.
func TestSDKDisabledAccount(t *testing.T) {
	pairApps(t, func(t *testing.T, one, two *server, p *signintest.Provider) {
		a, idp := two.admin(t), two.provisioner(t)
		a.guard(t, "mail", map[string]any{"launch.account_disabled": "block"})
		erin := idp.hire(t, "erin@example.com")
		g := one.installs(t, p, "erin@example.com")
		g.works(t)
		if err := g.Start(); err != nil {
			t.Fatal(err)
		}
		files, err := g.Files()
		if err != nil {
			t.Fatal(err)
		}
		idp.activate(t, erin, false)
		eventually(t, "the end of reading", func() (bool, error) { // by whoever has the files open, and asks nobody
			_, err := files.ReadFile("offer")
			return err != nil, errNotYet
		})
		if got := words(g.Decide(appsdk.EventTimer)); got != "block ask_for_account" {
			t.Errorf("decided %q", got)
		}
		if g.MayPrint() {
			t.Error("a gate is open")
		}
		idp.activate(t, erin, true)
		eventually(t, "the way in", func() (bool, error) { // also where no server has told the app's
			return g.Decide(appsdk.EventResume).Outcome == appsdk.Proceed, errNotYet
		})

		a.guard(t, "mail", map[string]any{"launch.account_disabled": "wipe"})
		idp.activate(t, erin, false)
		g.becomes(t, "wiped wiped_by_order")
		g.gone(t)
	})
}

// TestSDKOffline: a phone that is away is shut, then wiped by the app alone; once
// it is back the server hears of it, with evidence that anybody can check.
func TestSDKOffline(t *testing.T) {
	pairApps(t, func(t *testing.T, one, two *server, p *signintest.Provider) {
		a := two.admin(t)
		a.guard(t, "mail", map[string]any{"launch.offline.block": "2h", "launch.offline.wipe": "2d", "access.pin_required": false})
		g := one.installs(t, p, "erin@example.com")
		g.works(t)
		before, id := g.personal(t), a.known(t, g.User()).GetId()
		g.clock.away(3 * time.Hour)
		if _, err := g.Files(); err == nil {
			t.Error("the files are open, though nobody decided")
		}
		g.expect(t, appsdk.EventResume, "block go_online")
		g.syncs(t)
		g.expect(t, appsdk.EventResume, "proceed")
		g.clock.away(2 * day)
		g.launch(t)
		g.expect(t, appsdk.EventLaunch, "wiped wiped_offline")
		g.gone(t)
		if g.personal(t) != before {
			t.Error("the personal account changed")
		}
		if r := a.registration(t, id).GetRegistration(); r.GetState() != appprotectv1.RegistrationState_REGISTRATION_STATE_ACTIVE {
			t.Errorf("before it said so: %v", r)
		}
		if err := g.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "its word", func() (bool, error) {
			return a.registration(t, id).GetRegistration().GetSelfWipe() != nil, errNotYet
		})
		a.tells(t, one.roots(t), id, appprotectv1.SelfWipeCause_SELF_WIPE_CAUSE_LEASE)
		g.signsIn(t)
		if r := a.registration(t, id).GetRegistration(); r.GetEpoch() != 2 || r.GetSelfWipe() != nil {
			t.Errorf("registered again as %v", r)
		}
	})
}

// tells verifies what an app said of a wipe of its own, as anybody could who has
// the roots.
func (a *admin) tells(t *testing.T, roots *x509.CertPool, id string, cause appprotectv1.SelfWipeCause) {
	t.Helper()
	res := a.registration(t, id)
	r, chain := res.GetRegistration(), res.GetSelfWipeChain()
	w, m := r.GetSelfWipe(), new(appprotectv1.SelfWipe)
	if err := proto.Unmarshal(w.GetContent(), m); err != nil || len(chain) < 2 {
		t.Fatalf("it says %v: %v", w, err)
	}
	leaf := must[*x509.Certificate](t)(x509.ParseCertificate(chain[0]))
	others := x509.NewCertPool()
	others.AddCert(must[*x509.Certificate](t)(x509.ParseCertificate(chain[1])))
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: others, CurrentTime: r.GetEndedAt().AsTime(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		t.Errorf("its certificate: %v", err)
	}
	digest := sha256.Sum256(w.GetContent())
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || !ecdsa.VerifyASN1(key, digest[:], w.GetSignature()) {
		t.Error("its signature does not hold")
	}
	if m.GetRegistrationId() != id || m.GetEpoch() != r.GetEpoch() || m.GetCause() != cause || m.GetLeaseNumber() == 0 || m.GetFilesRemoved() == 0 {
		t.Errorf("it says %v", m)
	}
	if r.GetState() != appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED || r.GetEndedWhy() != "self wiped" {
		t.Errorf("the registration: %v", r)
	}
}
