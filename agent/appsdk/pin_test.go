package appsdk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"ringfence/agent/appsdk/appsdktest"
)

func (b *bench) lock() {
	b.t.Helper()
	b.clocks.pass(31 * minute)
	b.sync()
}

// TestWrongPINs: the account asks for a new PIN, by the person who registered.
func TestWrongPINs(t *testing.T) {
	b := readyBench(t, "access.pin_retries.block=3")
	b.lock()
	b.expect(EventResume, "need-pin pin")
	b.unlock("1", "need-pin pin")
	if d := b.Decide(EventTimer); d.TriesLeft != 2 {
		t.Errorf("%d tries left", d.TriesLeft)
	}
	b.reopen()
	b.unlock("2", "need-pin pin")
	b.unlock("3", "need-pin reset-pin")
	b.unlock("7305", "need-pin reset-pin") // the right one comes too late
	if _, err := b.ResetPIN("8416"); !errors.Is(err, ErrShut) {
		t.Errorf("ResetPIN without a sign-in: %v", err)
	}
	b.in.subject = "u-2"
	if err := b.SignInAgain(b.in); err == nil {
		t.Error("another person signed in")
	}
	b.in.subject = appsdktest.Subject
	if err := b.SignInAgain(b.in); err != nil {
		t.Fatal(err)
	}
	if problems, err := b.ResetPIN("84"); err != nil || problems != "pin_too_short" {
		t.Errorf("ResetPIN: %q, %v", problems, err)
	}
	if problems, err := b.ResetPIN("8416"); err != nil || problems != "" {
		t.Fatalf("ResetPIN: %q, %v", problems, err)
	}
	b.expect(EventActive, "proceed")
	b.lock()
	b.expect(EventResume, "need-pin pin")
	b.unlock("7305", "need-pin pin")
	b.unlock("8416", "proceed")
	if got := b.read("letter"); got != "from the company" {
		t.Errorf("read %q", got)
	}
}

// TestTooManyWrongPINs: the account goes at once.
func TestTooManyWrongPINs(t *testing.T) {
	b := readyBench(t, "access.pin_retries.wipe=2")
	b.lock()
	b.expect(EventResume, "need-pin pin")
	b.unlock("1", "need-pin pin")
	b.reopen()
	b.unlock("2", "wiped wiped_after_wrong_pins")
	b.assertErased("after wrong PINs")
	b.sync()
	if b.server.Left.GetSelfWipe() == nil {
		t.Errorf("left %v", b.server.Left)
	}
	b.expect(EventLaunch, "wiped wiped_after_wrong_pins")
}

// TestOldPINs: expiry, change, and history.
func TestOldPINs(t *testing.T) {
	b := readyBench(t, "access.pin_expires_after=30d", "access.pin_history=2", "access.simple_pin_blocked=true")
	b.clocks.pass(30 * day)
	b.sync()
	b.expect(EventLaunch, "need-pin change-pin")
	for _, c := range []struct{ present, given, want string }{
		{"0000", "8416", "pin_wrong"},
		{"7305", "1234", "pin_too_simple"},
		{"7305", "7305", "pin_used_before"},
		{"7305", "8416", ""},
		{"8416", "7305", "pin_used_before"},
		{"8416", "9527", ""},
		{"9527", "7305", ""}, // two PINs ago
	} {
		if got, err := b.ChangePIN(c.present, c.given); err != nil || got != c.want {
			t.Errorf("ChangePIN(%s, %s): %q, %v, want %q", c.present, c.given, got, err, c.want)
		}
	}
	b.expect(EventActive, "proceed")
}

// TestSignInAtLaunch: both are asked for, in any order.
func TestSignInAtLaunch(t *testing.T) {
	b := readyBench(t, "access.pin_required=true")
	b.server.SetPolicy(policyOf(t, "access.sign_in_required=true"))
	b.lock()
	b.expect(EventResume, "need-pin sign-in pin")
	b.unlock("7305", "need-pin sign-in")
	if err := b.SignInAgain(b.in); err != nil {
		t.Fatal(err)
	}
	b.expect(EventResume, "proceed")
	b.in.fail = errors.New("the browser was closed")
	b.lock()
	if err := b.SignInAgain(b.in); !errors.Is(err, b.in.fail) {
		t.Errorf("SignInAgain: %v", err)
	}
	b.expect(EventResume, "need-pin sign-in pin")
}

// TestBiometric: instead of the PIN for a while, and not with a new finger.
func TestBiometric(t *testing.T) {
	b := readyBench(t, "access.recheck_after=5m", "access.pin_after_biometric_change=true")
	b.phone.edit(func(f *Facts) { f.Biometric, f.BiometricClass, f.BiometricEnrolled = Fingerprint, 3, "set 1" })
	b.clocks.pass(10 * minute)
	b.expect(EventResume, "need-pin pin") // enrolled after the PIN was given
	if d, err := b.PassBiometric(); err != nil || say(d) != "need-pin pin" {
		t.Errorf("PassBiometric: %v, %v", d, err)
	}
	b.unlock("7305", "proceed")
	b.clocks.pass(10 * minute)
	b.expect(EventResume, "need-pin biometric")
	if d, err := b.PassBiometric(); err != nil || say(d) != "proceed" {
		t.Errorf("PassBiometric: %v, %v", d, err)
	}
	b.expect(EventResume, "proceed")
}

// TestNoPINWithoutItsKey: a key store that has lost the PIN's key opens nothing.
func TestNoPINWithoutItsKey(t *testing.T) {
	b := readyBench(t)
	b.lock()
	b.expect(EventResume, "need-pin pin")
	if err := b.keys.Destroy("work.pin"); err != nil {
		t.Fatal(err)
	}
	if d, err := b.Unlock("7305"); err == nil || d.Outcome != Block {
		t.Errorf("Unlock: %v, %v", d, err)
	}
}

// TestCountedBeforeChecked: a try that could not be written down is not checked.
func TestCountedBeforeChecked(t *testing.T) {
	b := readyBench(t)
	b.lock()
	b.expect(EventResume, "need-pin pin")
	b.keys.Fail = func(op, _ string) error {
		if op == "raise" {
			return errors.New("the key store is busy")
		}
		return nil
	}
	if d, err := b.Unlock("7305"); err == nil || d.Outcome != Block {
		t.Errorf("Unlock: %v, %v", d, err)
	}
	if _, err := b.Files(); !errors.Is(err, ErrShut) {
		t.Errorf("Files: %v", err)
	}
	b.keys.Fail = nil
	b.unlock("7305", "proceed")
}

// TestPINCounter: whatever happens in between, new lives, restored files, a key
// store that fails, nobody ever gets more tries than the policy has.
func TestPINCounter(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	master := readyBench(t, "access.pin_retries.wipe=4", "access.recheck_after=1m")
	master.clocks.pass(5 * minute)
	master.expect(EventResume, "need-pin pin")
	if err := master.Close(); err != nil {
		t.Fatal(err)
	}
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		top := filepath.Join(t.TempDir(), fmt.Sprint(round))
		b := *master
		b.keys, b.dir = master.keys.Copy(), filepath.Join(top, "account")
		if err := os.CopyFS(b.dir, os.DirFS(master.dir)); err != nil {
			rt.Fatal(err)
		}
		s, err := open(b.options(), b.deps)
		if err != nil {
			rt.Fatal(err)
		}
		b.SDK = s
		defer func() { _ = b.Close() }()
		saved := filepath.Join(top, "saved")
		tries := 0
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"wrong", "wrong", "reopen", "save", "restore", "fail"}).Draw(rt, "step") {
			case "wrong":
				before := b.st.PIN.Failures
				d, err := b.Unlock("0000")
				if err != nil {
					rt.Fatal(err)
				}
				if d.Outcome == NeedPIN {
					tries++
					if b.st.PIN.Failures != before+1 {
						rt.Fatalf("%d failures after %d", b.st.PIN.Failures, before)
					}
				}
			case "reopen":
				b.reopen()
			case "save":
				_ = os.RemoveAll(saved)
				if err := os.CopyFS(saved, os.DirFS(b.dir)); err != nil {
					rt.Fatal(err)
				}
			case "restore":
				if _, err := os.Stat(saved); err != nil {
					continue
				}
				_ = b.Close()
				b.SDK = nil
				if err := errors.Join(os.RemoveAll(b.dir), os.CopyFS(b.dir, os.DirFS(saved))); err != nil {
					rt.Fatal(err)
				}
				b.reopen()
			case "fail":
				n := 0
				b.keys.Fail = func(string, string) error {
					if n++; n == 1 {
						return errors.New("the key store is busy")
					}
					return nil
				}
				_, _ = b.Unlock("0000")
				b.keys.Fail = nil
			}
			if tries >= 4 {
				rt.Fatalf("%d wrong PINs, and the account is there", tries)
			}
		}
	})
}
