package mail

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/agent/appsdk"
	"ringfence/agent/appsdk/appsdktest"
	"ringfence/agent/phone"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestTwoAccounts: the work account is shut until somebody has signed in and set
// a PIN, its mails are encrypted, and the personal side is as it was.
func TestTwoAccounts(t *testing.T) {
	b := newBench(t)
	before := b.personal()
	b.expect(appsdk.EventLaunch, "block not_registered")
	if _, err := b.List(WorkAccount); !isShut(err, "not_registered") {
		t.Errorf("List before there is an account: %v", err)
	}
	b.ready()
	if got, err := b.Read(WorkAccount, "offer"); err != nil || got != "1000 pieces at 12" {
		t.Errorf("read %q, %v", got, err)
	}
	if got, err := b.List(WorkAccount); err != nil || cmp.Diff([]Mail{{"offer", 17}}, got) != "" {
		t.Errorf("work mails: %v, %v", got, err)
	}
	if got, err := b.List(PersonalAccount); err != nil || cmp.Diff([]Mail{{"birthday", 12}}, got) != "" {
		t.Errorf("personal mails: %v, %v", got, err)
	}
	if found := b.grep("1000 pieces"); found != nil {
		t.Errorf("a work mail lies open in %v", found)
	}
	if found := b.grep(pin); found != nil {
		t.Errorf("the PIN lies open in %v", found)
	}
	if got := b.personal(); got != before {
		t.Errorf("the personal side was %v, is %v", before, got)
	}
	if err := b.Work.SignIn(Server{Address: b.server.Addr, Roots: b.server.Roots()}, b); !errors.Is(err, appsdk.ErrRegistered) {
		t.Errorf("signed in twice: %v", err)
	}
	b.reopen()
	b.expect(appsdk.EventLaunch, "proceed") // not rested for long
	b.pass(31 * time.Minute)
	if _, err := b.Read(WorkAccount, "offer"); !isShut(err, "pin") {
		t.Errorf("after a rest: %v", err)
	}
	if tag := b.server.Registers[0].GetDeviceTag(); len(tag) != 32 || tag != b.Work.SDK().DeviceTag() {
		t.Errorf("the tag is %q", tag)
	}
	if id := b.server.Registers[0].GetApp(); id.GetPackage() != DefaultPackage || id.GetAppVersion() != "4.2" {
		t.Errorf("it registered as %v", id)
	}
}

// TestUnsynced: the app reports what the phone says that it has not sent.
func TestUnsynced(t *testing.T) {
	b := newBench(t)
	b.ready()
	for said, want := range map[string]uint32{"3": 3, "0": 0} {
		if err := b.phone.Set(map[string]string{"account.unsynced." + DefaultPackage: said}); err != nil {
			t.Fatal(err)
		}
		b.sync()
		if got := b.server.CheckIns[len(b.server.CheckIns)-1].GetReport().GetUnsyncedChanges(); got != want {
			t.Errorf("of %s unsynced changes the server hears %d", said, got)
		}
	}
}

func isShut(err error, key string) bool {
	shut, ok := errors.AsType[*Shut](err)
	return ok && shut.Decision.MessageKey == key
}

// TestWipes: each way in which the account's data goes; the personal side stays
// byte for byte, and a backup brings nothing back.
func TestWipes(t *testing.T) {
	for _, c := range []struct {
		name, policy, want string
		cause              func(*bench)
	}{
		{"by order", "access.pin_length=4", "wiped wiped_by_order", func(b *bench) {
			b.server.Order(appsdktest.Apps(DefaultPackage))
			b.sync()
		}},
		{"wrong PINs", "access.pin_retries.wipe=3", "wiped wiped_after_wrong_pins", func(b *bench) {
			b.pass(31 * time.Minute)
			for range 3 {
				b.reopen() // the count outlives the process
				if _, err := b.Work.SDK().Unlock("0000"); err != nil {
					b.t.Fatal(err)
				}
			}
		}},
		{"offline", "launch.offline.wipe=24h", "wiped wiped_offline", func(b *bench) { b.pass(25 * time.Hour) }},
		{"signed out", "access.pin_length=4", "block not_registered", func(b *bench) {
			if _, err := b.Work.SDK().SignOut(); err != nil {
				b.t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.ready(c.policy)
			before, work := b.personal(), filepath.Join(b.dir, "data/user/0", DefaultPackage, "work-account")
			backup := t.TempDir()
			if err := os.CopyFS(backup, os.DirFS(work)); err != nil {
				t.Fatal(err)
			}
			c.cause(b)
			b.expect(appsdk.EventLaunch, c.want)
			if err := b.Work.SDK().Sync(); err != nil && !errors.Is(err, appsdk.ErrNotRegistered) {
				t.Fatal(err)
			}
			if b.Work.SDK().Registered() {
				t.Error("the app thinks that it is registered")
			}
			b.server.Do(func() {
				if _, _, ended := b.server.Registration(); !ended {
					t.Error("the server does not know")
				}
			})
			if err := b.App.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(work); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(work, os.DirFS(backup)); err != nil {
				t.Fatal(err)
			}
			b.App = b.openApp()
			b.expect(appsdk.EventLaunch, "block state_restored")
			if got := b.personal(); got != before {
				t.Errorf("the personal side was %v, is %v", before, got)
			}
		})
	}
}

// TestSignInAnew: after all of that a person can sign in again.
func TestSignInAnew(t *testing.T) {
	b := newBench(t)
	b.ready()
	o := b.server.Order(appsdktest.Apps(DefaultPackage))
	b.sync()
	b.server.Do(func() {
		if o.State != wipev1.State_STATE_DONE {
			t.Errorf("the order is %v", o.State)
		}
	})
	b.ready()
	if mails, err := b.List(WorkAccount); err != nil || len(mails) != 1 {
		t.Errorf("work mails: %v, %v", mails, err)
	}
	if err := os.RemoveAll(filepath.Join(b.dir, "data/user/0", DefaultPackage, "work-account", "container")); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	b.expect(appsdk.EventLaunch, "block state_restored")
	b.ready()
}

// TestPhoneCounts: what the phone is like reaches the launch checks.
func TestPhoneCounts(t *testing.T) {
	b := newBench(t)
	b.ready("launch.device_lock.block=medium", "launch.rooted=block", "launch.integrity.warn=basic")
	for _, c := range []struct{ key, bad, good, want string }{
		{"pin.complexity", "low", "high", "block set_device_lock"},
		{"root.rooted", "true", "false", "block restore_system"},
		{"integrity", "failed", "certified", "warn integrity"},
	} {
		if err := b.phone.Set(map[string]string{c.key: c.bad}); err != nil {
			t.Fatal(err)
		}
		b.expect(appsdk.EventResume, c.want)
		if err := b.phone.Set(map[string]string{c.key: c.good}); err != nil {
			t.Fatal(err)
		}
		b.expect(appsdk.EventResume, "proceed")
	}
}

func TestNames(t *testing.T) {
	b := newBench(t)
	for _, bad := range []string{"", "../birthday", "a/b", ".hidden", "a\nb"} {
		for _, account := range []Account{WorkAccount, PersonalAccount} {
			if err := b.Write(account, bad, "x"); err == nil {
				t.Errorf("%s: %q named a mail", account, bad)
			}
		}
	}
	if _, err := b.Read(PersonalAccount, "none"); !errors.Is(err, ErrNoMail) {
		t.Errorf("a mail that is not there: %v", err)
	}
	if _, err := b.Read("third", "x"); !errors.Is(err, ErrNoAccount) {
		t.Errorf("a third account: %v", err)
	}
	if _, err := Open(Options{Phone: b.phone, Package: "com.example.none"}); !errors.Is(err, phone.ErrNoApp) {
		t.Errorf("an app that is not installed: %v", err)
	}
	if _, err := Open(Options{Phone: b.phone, Package: DefaultPackage}); !errors.Is(err, phone.ErrAppOpen) {
		t.Errorf("opened twice: %v", err)
	}
}
