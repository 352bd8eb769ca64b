package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringfence/agent/appsdk"
	"ringfence/internal/signin/signintest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// copied copies a folder of the app elsewhere, as a backup does.
func (g *guarded) copied(tb testing.TB) string {
	tb.Helper()
	saved := filepath.Join(tb.TempDir(), "backup")
	if err := os.CopyFS(saved, os.DirFS(g.options.Folder)); err != nil {
		tb.Fatal(err)
	}
	return saved
}

// restores puts a backup in the place of the account's folder, or of a part of it,
// and launches the app.
func (g *guarded) restores(tb testing.TB, saved, part string) {
	tb.Helper()
	if err := g.Close(); err != nil {
		tb.Fatal(err)
	}
	place := filepath.Join(g.options.Folder, part)
	if err := errors.Join(os.RemoveAll(place), os.CopyFS(place, os.DirFS(filepath.Join(saved, part)))); err != nil {
		tb.Fatal(err)
	}
	g.launch(tb)
}

// sealed sees that nothing of the mail comes out.
func (g *guarded) sealed(tb testing.TB, where string) {
	tb.Helper()
	if d, err := g.Unlock(workPIN); err != nil || d.Outcome == appsdk.Proceed {
		tb.Errorf("%s: Unlock: %v, %v", where, d, err)
	}
	if text, err := g.mail(); err == nil {
		tb.Errorf("%s: read %q", where, text)
	}
}

// TestSDKRestoredBackup: what was saved before a wipe is not opened after it: not
// by the app as it was, not by the next registration, and not with the key store
// of that time, once there was contact.
func TestSDKRestoredBackup(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		a := s.admin(t)
		a.guard(t, "mail", map[string]any{})
		g := s.installs(t, p, "erin@example.com")
		g.works(t)
		saved, keys := g.copied(t), g.keys.Copy()
		id := a.known(t, g.User()).GetId()
		order := a.order(t, id, appData(mailPackage))
		g.syncs(t)
		a.wiped(t, id, order.GetId())

		g.restores(t, saved, "files")
		g.expect(t, appsdk.EventLaunch, "wiped wiped_by_order")
		g.sealed(t, "the files")
		g.restores(t, saved, "")
		g.expect(t, appsdk.EventLaunch, "block state_restored")
		g.sealed(t, "all of it")
		g.signsIn(t)
		if text, err := g.mail(); err == nil {
			t.Errorf("the next epoch reads %q", text)
		}
		g.restores(t, saved, "files")
		g.expect(t, appsdk.EventLaunch, "block files_unreadable")
		g.sealed(t, "the files, in the next epoch")

		g.options.Keys = keys // as no phone can
		g.restores(t, saved, "")
		g.syncs(t)
		g.expect(t, appsdk.EventLaunch, "block registration_ended")
		g.sealed(t, "with the key store")
	})
}

// TestSDKWrongSigner: an app that somebody else has signed is refused, and keeps
// nothing of the try.
func TestSDKWrongSigner(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		s.admin(t).guard(t, "mail", map[string]any{})
		g := s.installs(t, p, "erin@example.com", func(o *appsdk.Options) { o.SignerSHA256 = wrongSigner })
		if refused, ok := errors.AsType[*appsdk.Refused](g.Register(g.in)); !ok || refused.Reason != "APP_NOT_ALLOWED" {
			t.Errorf("Register: %v", refused)
		}
		if got := strings.Join(g.keys.Names(), " "); got != "work.state" || g.Registered() {
			t.Errorf("keys left: %s", got)
		}
		g.expect(t, appsdk.EventLaunch, "block not_registered")
	})
}

// TestSDKSecondApp: whoever claims another app's device tag has nothing by it:
// another person has a registration beside it, and a copy of the app that the same
// person signs in with begins a new epoch, with nothing in it.
func TestSDKSecondApp(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		a := s.admin(t)
		a.guard(t, "mail", map[string]any{})
		g := s.installs(t, p, "erin@example.com")
		g.works(t)
		id := a.known(t, g.User()).GetId()

		otto := s.installs(t, p, "otto@example.com", func(o *appsdk.Options) { o.DeviceTag = g.DeviceTag() })
		otto.works(t)
		if his := a.known(t, "otto@example.com"); his.GetId() == id || his.GetDeviceTag() != g.DeviceTag() {
			t.Errorf("another person has %v", his)
		}
		g.syncs(t)
		g.expect(t, appsdk.EventActive, "proceed")

		order := a.order(t, id, appData(mailPackage))
		otto.syncs(t)
		otto.expect(t, appsdk.EventActive, "proceed")
		double := s.installs(t, p, "erin@example.com")
		double.signsIn(t)
		double.expect(t, appsdk.EventActive, "proceed")
		if text, err := double.mail(); err == nil {
			t.Errorf("a second app reads %q", text)
		}
		if r := a.registration(t, id).GetRegistration(); r.GetEpoch() != 2 {
			t.Errorf("the second app is %v", r)
		}
		double.syncs(t)
		double.expect(t, appsdk.EventActive, "proceed") // the order was for the first
		g.syncs(t)
		g.expect(t, appsdk.EventActive, "block registration_ended")
		if res := must[*appprotectv1.ListRegistrationsResponse](t)(a.apps.ListRegistrations(t.Context(), &appprotectv1.ListRegistrationsRequest{DeviceTag: phoneTag})); len(res.GetRegistrations()) != 2 {
			t.Errorf("on this phone there are %v", res)
		}
		eventually(t, "the end of the order", func() (bool, error) { return a.over(t, order.GetId()), errNotYet })
	})
}

// TestSDKTwin: of two phones with one key store, which there cannot be, the one
// whose reports come late is not heard: it gets no lease by repeating what the
// other has said.
func TestSDKTwin(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		s.admin(t).guard(t, "mail", map[string]any{"launch.offline.block": "2h", "access.pin_required": false})
		g := s.installs(t, p, "erin@example.com")
		g.works(t)
		twin := &guarded{home: g.home, keys: g.keys.Copy(), phone: g.phone, clock: g.clock, in: g.in, options: g.options}
		twin.options.Folder, twin.options.Keys = g.copied(t), twin.keys
		twin.launch(t)
		t.Cleanup(func() { _ = twin.Close() })
		for range 3 {
			g.syncs(t)
		}
		s.clock.forward(3 * time.Hour)
		if err := twin.Sync(); err == nil || !strings.Contains(err.Error(), "REPORT_OVERTAKEN") {
			t.Errorf("the twin is heard: %v", err)
		}
		twin.expect(t, appsdk.EventLaunch, "block go_online")
		g.syncs(t)
		g.expect(t, appsdk.EventLaunch, "proceed")
	})
}

// TestSDKCertificateRanOut: a phone that was away for longer than its certificate
// lasts has wiped the account and can tell nobody; its person signs in again all
// the same.
func TestSDKCertificateRanOut(t *testing.T) {
	eachApps(t, func(t *testing.T, s *server, p *signintest.Provider) {
		a := s.admin(t)
		a.guard(t, "mail", map[string]any{"launch.offline.wipe": "1d"})
		g := s.installs(t, p, "erin@example.com")
		g.works(t)
		id := a.known(t, g.User()).GetId()
		p.Lifetime(3000 * day)
		s.clock.forward(20 * day)
		g.launch(t)
		g.expect(t, appsdk.EventLaunch, "wiped wiped_offline")
		if err := g.Sync(); err == nil || !strings.Contains(err.Error(), "CERTIFICATE_EXPIRED") {
			t.Fatalf("with a certificate whose time is over: %v", err)
		}
		if untold, err := g.SignOut(); err != nil || !untold {
			t.Errorf("SignOut: %t, %v", untold, err)
		}
		g.signsIn(t)
		if r := a.registration(t, id).GetRegistration(); r.GetEpoch() != 2 {
			t.Errorf("registered again as %v", r)
		}
	})
}
