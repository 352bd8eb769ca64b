package appsdk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent/appsdk/appsdktest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// TestNobodyDecides: files that were opened are not for ever, also where the app
// asks nobody any more.
func TestNobodyDecides(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(b *bench)
		handle  bool // whether who has them open can read on, until Files or Decide
	}{
		"the lease runs out":     {func(b *bench) { b.clocks.pass(day) }, true},
		"the clock is set back":  {func(b *bench) { b.clocks.set(-time.Hour) }, true},
		"the server shuts it":    {func(b *bench) { b.stands(appprotectv1.Standing_STANDING_BLOCK) }, false},
		"the server is to wipe":  {func(b *bench) { b.stands(appprotectv1.Standing_STANDING_WIPE) }, false},
		"the registration ended": {func(b *bench) { b.server.EndRegistration(); b.sync() }, false},
		"an order":               {func(b *bench) { b.server.Order(appsdktest.Apps(pkg)); b.sync() }, false},
		"a PIN is asked for":     {func(b *bench) { b.clocks.pass(time.Hour); b.unlock("0000", "need-pin pin") }, false},
		"nothing was to be given": {func(b *bench) {
			b.clocks.pass(time.Hour)
			if d, err := b.PassBiometric(); err != nil || say(d) != "need-pin pin" {
				b.t.Errorf("PassBiometric: %v, %v", d, err)
			}
		}, false},
		"the phone gives nothing": {func(b *bench) {
			b.SDK.o.Phone = blindPhone{}
			if d, err := b.Unlock("7305"); err != nil || say(d) != "block phone_unknown" {
				b.t.Errorf("Unlock: %v, %v", d, err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := readyBench(t)
			held, err := b.Files()
			if err != nil {
				t.Fatal(err)
			}
			c.happens(b)
			if _, err := held.ReadFile("letter"); (err == nil) != c.handle {
				t.Errorf("whoever has them open reads: %v", err)
			}
			if _, err := b.Files(); !errors.Is(err, ErrShut) {
				t.Errorf("Files: %v", err)
			}
			if _, err := held.ReadFile("letter"); err == nil {
				t.Error("whoever had them open reads on")
			}
		})
	}
}

func (b *bench) stands(s appprotectv1.Standing) {
	b.server.Do(func() { b.server.Standing = s })
	b.sync()
}

// blindPhone gives neither facts nor an error.
type blindPhone struct{}

func (blindPhone) Look() (*Facts, error) { return nil, nil }

// TestBlindPhone: a phone that gives nothing opens nothing, and nothing falls over.
func TestBlindPhone(t *testing.T) {
	b := readyBench(t)
	b.SDK.o.Phone = blindPhone{}
	if err := b.Sync(); err == nil {
		t.Error("checked in without a look")
	}
	b.expect(EventLaunch, "block phone_unknown")
	if b.MayPrint() {
		t.Error("a gate is open")
	}
	if err := b.SignInAgain(b.in); err == nil {
		t.Error("signed in without a look")
	}
	if _, err := b.SignOut(); err != nil {
		t.Error(err)
	}
	if err := b.Register(b.in); err == nil {
		t.Error("registered without a look")
	}
}

// TestGatesWhileShut: what shuts the account shuts its gates.
func TestGatesWhileShut(t *testing.T) {
	b := readyBench(t, "launch.rooted=wipe", "launch.os_version.warn=15")
	b.phone.edit(func(f *Facts) { f.OSVersion = "14" })
	b.expect(EventActive, "warn update_os")
	if a := b.May(&Transfer{Gate: GatePrint}); !a.Allowed {
		t.Errorf("a warning shuts a gate: %+v", a)
	}
	b.phone.edit(func(f *Facts) { f.Rooted = true })
	if a := b.May(&Transfer{Gate: GatePrint}); a.Allowed || a.Setting != "launch.rooted" || a.MessageKey == "" {
		t.Errorf("on a rooted phone: %+v", a)
	}
	b.phone.edit(func(f *Facts) { f.Rooted = false })
	b.stands(appprotectv1.Standing_STANDING_BLOCK)
	if a := b.May(&Transfer{Gate: GateNotify}); a.Allowed || a.Setting != "server" {
		t.Errorf("shut by the server: %+v", a)
	}
	b.stands(appprotectv1.Standing_STANDING_OK)
	if a := b.May(&Transfer{Gate: GatePrint}); !a.Allowed {
		t.Errorf("afterwards: %+v", a)
	}
}

// TestWipeOnAFullDisk: a lease that has run out takes the data, also where not a
// word can be written down.
func TestWipeOnAFullDisk(t *testing.T) {
	b := readyBench(t, "launch.offline.wipe=20d")
	b.clocks.pass(20 * day)
	full := errors.New("no space left")
	b.keys.Fail = func(op, name string) error {
		if op == "raise" && name == "work.state" {
			return full
		}
		return nil
	}
	b.expect(EventLaunch, "block wiping")
	b.assertErased("on a full disk")
	b.keys.Fail = nil
	b.reopen()
	b.expect(EventLaunch, "wiped wiped_offline")
}

// TestKeyThatStays: a key store that fails once keeps the data for that moment,
// not what is read of it, and not the wipe.
func TestKeyThatStays(t *testing.T) {
	b := readyBench(t)
	held, err := b.Files()
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	b.keys.Fail = func(op, name string) error {
		if op == "destroy" && name == "work.files" && failures < 2 {
			failures++
			return errors.New("the key store is busy")
		}
		return nil
	}
	if _, err := b.SignOut(); err == nil {
		t.Error("signed out, and the key is there")
	}
	if _, err := held.ReadFile("letter"); err == nil {
		t.Error("it is read on")
	}
	b.expect(EventLaunch, "block not_registered") // the next one takes it
	b.assertErased("the second time")
}

// TestAnothersSignIn: who signs in for a registration does not sign in for the one
// that has come in its place meanwhile.
func TestAnothersSignIn(t *testing.T) {
	b := newBench(t)
	b.server.SetPolicy(policyOf(t, "access.sign_in_required=true"))
	b.register()
	b.expect(EventLaunch, "need-pin sign-in set-pin")
	swap := &swapping{person: b.in, then: func() {
		if err := b.locked(func(st *state) error {
			st.Registration.Subject = "u-2"
			return nil
		}); err != nil {
			t.Error(err)
		}
	}}
	if err := b.SignInAgain(swap); !errors.Is(err, errToken) {
		t.Errorf("SignInAgain: %v", err)
	}
	b.expect(EventLaunch, "need-pin sign-in set-pin")
}

type swapping struct {
	*person
	then func()
}

func (s *swapping) IDToken(r *SignInRequest) (string, error) {
	defer s.then()
	return s.person.IDToken(r)
}

// TestOneSignInOnePIN: who signed in has set one PIN by it; the next person who
// holds the phone sets none.
func TestOneSignInOnePIN(t *testing.T) {
	b := readyBench(t)
	if err := b.SignInAgain(b.in); err != nil {
		t.Fatal(err)
	}
	if problems, err := b.ResetPIN("8412"); err != nil || problems != "" {
		t.Fatalf("ResetPIN: %q, %v", problems, err)
	}
	if _, err := b.ResetPIN("9630"); !errors.Is(err, ErrShut) {
		t.Errorf("a second one: %v", err)
	}
	b.clocks.pass(time.Hour)
	b.unlock("8412", "proceed")
}

// TestCertificateRanOut: an account whose certificate the server takes no more can
// be signed out, and registered again.
func TestCertificateRanOut(t *testing.T) {
	b := readyBench(t)
	b.server.Do(func() {
		b.server.Fail = func(method string) error {
			if method == "Register" || method == "BeginRegistration" || b.server.Calls["Register"] > 1 {
				return nil
			}
			return appsdktest.Refusal(codes.Unauthenticated, "CERTIFICATE_EXPIRED", "its time is over")
		}
	})
	if untold, err := b.SignOut(); err != nil || !untold {
		t.Fatalf("SignOut: %t, %v", untold, err)
	}
	b.register()
	b.expect(EventLaunch, "need-pin set-pin")
}

// TestWipedWhileCheckingIn: the answer to a report brings nothing back that was
// wiped while it was on its way.
func TestWipedWhileCheckingIn(t *testing.T) {
	b := readyBench(t, "access.pin_retries.wipe=1")
	b.clocks.pass(time.Hour)
	b.server.Do(func() {
		b.server.EditCheckIn = func(*appprotectv1.CheckInResponse) {
			if d, err := b.Unlock("0000"); err != nil || d.Outcome != Wiped {
				t.Errorf("Unlock: %v, %v", d, err)
			}
		}
	})
	_ = b.Sync()
	if b.st.Lease != nil || b.st.Policy != nil {
		t.Errorf("there is a lease: %+v", b.st.Lease)
	}
	b.expect(EventLaunch, "wiped wiped_after_wrong_pins")
}

// TestRenewalThatNeverEnds: a server that takes none of its own certificates is
// not asked without a pause.
func TestRenewalThatNeverEnds(t *testing.T) {
	b := readyBench(t)
	b.clocks.pass(151 * day)
	b.server.Do(func() {
		b.server.Fail = func(method string) error {
			if method == "FetchOrders" && b.server.Calls["FetchOrders"]%2 == 0 {
				return appsdktest.Refusal(codes.Unauthenticated, "CERTIFICATE_UNKNOWN", "who?")
			}
			return nil
		}
		b.server.Calls["FetchOrders"] = 0
	})
	waits := make(chan time.Duration, 100)
	b.SDK.wait = waitRecorder(waits)
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-waits:
	case <-time.After(20 * time.Second):
		t.Error("it never waits")
	}
	b.Stop()
}

// TestNothingForOthers: what the SDK writes is its user's alone, and its log holds
// no secret.
func TestNothingForOthers(t *testing.T) {
	b := newBench(t)
	log := &lines{}
	b.SDK.o.Log = log
	b.register()
	b.setPIN("7305")
	b.expect(EventActive, "proceed")
	b.write("letter", "from the company")
	b.clocks.pass(time.Hour)
	b.unlock("0000", "need-pin pin")
	b.server.Do(func() { b.server.Fail = func(string) error { return status.Error(codes.Internal, "no") } })
	_ = b.Sync()
	_, _ = b.SignOut()
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", path, info.Mode())
		}
		data, _ := os.ReadFile(path)
		for _, secret := range []string{"7305", "0000", "from the company", appsdktest.Subject, appsdktest.User, "letter"} {
			if strings.Contains(string(data), secret) && len(secret) > 4 {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, secret := range []string{"7305", "0000", "from the company", "eyJ", "letter"} {
		if strings.Contains(log.text(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, log.text())
		}
	}
}

// TestBootNotKnown: on a phone that does not know any more for how long it has
// been on, time passes all the same, and nothing is wiped for it.
func TestBootNotKnown(t *testing.T) {
	b := readyBench(t, "launch.offline.wipe=20d")
	boot := b.clocks.boot
	b.clocks.boot = ""
	b.clocks.pass(31 * minute)
	b.expect(EventResume, "need-pin pin")
	b.unlock("7305", "proceed")
	b.sync() // contact while it is not known
	b.clocks.pass(30 * day)
	b.expect(EventLaunch, "block go_online")
	b.sync()
	b.clocks.boot = boot // and it has been on for a month
	b.clocks.pass(minute)
	b.expect(EventLaunch, "need-pin pin")
	b.unlock("7305", "proceed")
}
