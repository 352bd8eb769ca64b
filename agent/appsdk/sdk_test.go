package appsdk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"ringfence/agent/appsdk/appsdktest"
)

// TestFirstDay goes through what most people do.
func TestFirstDay(t *testing.T) {
	b := newBench(t)
	b.expect(EventLaunch, "block not_registered")
	b.register()
	if !b.Registered() || b.User() != appsdktest.User {
		t.Errorf("registered %t as %q", b.Registered(), b.User())
	}
	b.expect(EventLaunch, "need-pin set-pin")
	if _, err := b.Files(); !errors.Is(err, ErrShut) {
		t.Errorf("Files before the PIN: %v", err)
	}
	b.setPIN("7305")
	b.expect(EventActive, "proceed")
	b.write("letter", "hello")
	b.reopen()
	b.expect(EventLaunch, "proceed") // not rested for long
	if got := b.read("letter"); got != "hello" {
		t.Errorf("read %q", got)
	}
	b.clocks.pass(31 * minute)
	b.expect(EventResume, "need-pin pin")
	if _, err := b.Files(); !errors.Is(err, ErrShut) {
		t.Errorf("Files while locked: %v", err)
	}
	b.unlock("0000", "need-pin pin")
	b.unlock("7305", "proceed")
	b.expect(EventActive, "proceed")
	b.clocks.pass(20 * minute)
	b.expect(EventActive, "proceed")
	b.clocks.pass(20 * minute)
	b.expect(EventResume, "proceed") // was active meanwhile
	b.clocks.reboot(minute)
	b.reopen()
	b.expect(EventLaunch, "need-pin pin")
	if err := b.Register(b.in); !errors.Is(err, ErrRegistered) {
		t.Errorf("Register again: %v", err)
	}
	applied := b.server.CheckIns[len(b.server.CheckIns)-1]
	if applied.GetReport().GetAppliedRevision() != policyOf(t).Revision() {
		t.Error("the server was not told what is applied")
	}
}

// TestUnsynced: each check-in says how much the app has not sent yet, which may
// look into its files for it.
func TestUnsynced(t *testing.T) {
	b := readyBench(t)
	last := func() uint32 {
		return b.server.CheckIns[len(b.server.CheckIns)-1].GetReport().GetUnsyncedChanges()
	}
	b.sync()
	if got := last(); got != 0 {
		t.Errorf("an app that does not say has %d unsynced changes", got)
	}
	b.work = &outbox{sdk: func() *SDK { return b.SDK }}
	b.reopen()
	b.work.unsent.Store(3)
	b.sync()
	if got := last(); got != 0 {
		t.Errorf("while its files are shut the app counted %d", got)
	}
	b.expect(EventLaunch, "proceed")
	for said, want := range map[int64]uint32{3: 3, 0: 0, -7: 0, 1_000_001: 1_000_000, 1<<63 - 1: 1_000_000} {
		b.work.unsent.Store(said)
		b.sync()
		if got := last(); got != want {
			t.Errorf("of %d unsynced changes the server hears %d", said, got)
		}
	}
}

// TestRegisterAgain: what got no answer is sent again as it was.
func TestRegisterAgain(t *testing.T) {
	b := newBench(t)
	lost := true
	b.server.After = func(method string) error {
		if method == "Register" && lost {
			lost = false
			return status.Error(codes.Unavailable, "gone")
		}
		return nil
	}
	if err := b.Register(b.in); err == nil {
		t.Fatal("a lost answer was no error")
	}
	b.reopen()
	b.register()
	if b.in.asked != 1 || len(b.server.Registers) != 2 || !proto.Equal(b.server.Registers[0], b.server.Registers[1]) {
		t.Errorf("signed in %d times; requests %v", b.in.asked, b.server.Registers)
	}
	if tag := b.server.Registers[0].GetDeviceTag(); tag != b.DeviceTag() || !tagPattern.MatchString(tag) {
		t.Errorf("tag %q, %q", tag, b.DeviceTag())
	}
}

// TestRegisterRefused: what the server does not want leaves nothing behind.
func TestRegisterRefused(t *testing.T) {
	for _, reason := range []string{"APP_NOT_ALLOWED", "PERSON_DISABLED", "NAME_TAKEN"} {
		b := newBench(t)
		b.server.Fail = func(method string) error {
			if method == "Register" {
				return appsdktest.Refusal(codes.FailedPrecondition, reason, "no")
			}
			return nil
		}
		err := b.Register(b.in)
		if refused, ok := errors.AsType[*Refused](err); !ok || refused.Reason != reason {
			t.Errorf("%s: %v", reason, err)
		}
		if names := b.keys.Names(); len(names) != 1 || names[0] != "work.state" {
			t.Errorf("%s: keys left: %v", reason, names)
		}
		b.expect(EventLaunch, "block not_registered")
	}
}

// TestRegisterChallengeLapsed: the person signs in once more.
func TestRegisterChallengeLapsed(t *testing.T) {
	b := newBench(t)
	first := true
	b.server.Fail = func(method string) error {
		if method == "Register" && first {
			first = false
			return appsdktest.Refusal(codes.FailedPrecondition, "CHALLENGE_EXPIRED", "too late")
		}
		return nil
	}
	b.register()
	if b.in.asked != 2 {
		t.Errorf("signed in %d times", b.in.asked)
	}
}

// TestRenew: the next certificate is used first, then the old key goes.
func TestRenew(t *testing.T) {
	b := newBench(t)
	b.register()
	before := b.st.Registration.Current
	b.clocks.pass(151 * day)
	b.sync()
	after := b.st.Registration
	if after.Current.Key == before.Key || after.Next != nil || len(b.st.Spent) != 0 {
		t.Errorf("before %v, after %v", before.Key, after)
	}
	if _, err := b.keys.PublicKey(before.Key); err == nil {
		t.Error("the old key is there")
	}
	b.sync()
}

// TestRenewedAndLost: a renewed certificate that the server does not take goes.
func TestRenewedAndLost(t *testing.T) {
	b := newBench(t)
	b.register()
	before := b.st.Registration.Current.Key
	b.clocks.pass(151 * day)
	b.server.Fail = func(method string) error {
		if method == "FetchOrders" && b.server.Calls["Renew"] == 1 {
			b.server.Fail = nil
			return appsdktest.Refusal(codes.Unauthenticated, "CERTIFICATE_UNKNOWN", "who?")
		}
		return nil
	}
	b.sync()
	if r := b.st.Registration; r.Next != nil || r.Current.Key == before {
		t.Errorf("after two renewals: %+v", r)
	}
}

// TestSignOut: the account goes first, and then the server is told, also later.
func TestSignOut(t *testing.T) {
	b := readyBench(t)
	b.server.Fail = func(string) error { return status.Error(codes.Unavailable, "gone") }
	untold, err := b.SignOut()
	if err != nil || !untold {
		t.Fatalf("SignOut: %t, %v", untold, err)
	}
	b.assertErased("signed out, offline")
	b.expect(EventLaunch, "block not_registered")
	b.reopen()
	b.server.Do(func() { b.server.Fail = nil })
	b.sync()
	if b.server.Left.GetSignedOut() == nil {
		t.Errorf("left %v", b.server.Left)
	}
	if names := b.keys.Names(); len(names) != 1 {
		t.Errorf("keys left: %v", names)
	}
	b.register()
	b.expect(EventLaunch, "need-pin set-pin")
}

// TestEnded: the server's word shuts the account, and takes nothing; the lease
// takes it.
func TestEnded(t *testing.T) {
	b := readyBench(t, "launch.offline.block=1d", "launch.offline.wipe=10d")
	b.server.EndRegistration()
	b.sync()
	b.expect(EventLaunch, "block registration_ended")
	if _, err := os.Stat(filepath.Join(b.dir, "files", "contents")); err != nil {
		t.Errorf("the files went: %v", err)
	}
	for _, name := range b.keys.Names() {
		if name != "work.files" && name != "work.pin" && name != "work.state" {
			t.Errorf("key %s is there", name)
		}
	}
	b.reopen()
	b.clocks.pass(10 * day)
	b.expect(EventLaunch, "wiped wiped_offline")
	b.assertErased("after the lease")
	b.register()
	b.expect(EventLaunch, "need-pin set-pin")
}

// TestSignOutOfNothing: what was begun goes too.
func TestSignOutOfNothing(t *testing.T) {
	b := newBench(t)
	b.in.fail = errors.New("the browser was closed")
	if err := b.Register(b.in); !errors.Is(err, b.in.fail) {
		t.Fatalf("Register: %v", err)
	}
	if untold, err := b.SignOut(); err != nil || untold {
		t.Errorf("SignOut: %t, %v", untold, err)
	}
	if names := b.keys.Names(); len(names) != 1 || names[0] != "work.state" {
		t.Errorf("keys left: %v", names)
	}
}

// TestOptions: what cannot be is not opened.
func TestOptions(t *testing.T) {
	b := newBench(t)
	for name, edit := range map[string]func(*Options){
		"no server":      func(o *Options) { o.Server = "" },
		"no root":        func(o *Options) { o.Roots = nil },
		"root and pin":   func(o *Options) { o.Pin = "sha256:00" },
		"a bad pin":      func(o *Options) { o.Roots, o.Pin = nil, "sha256:00" },
		"no folder":      func(o *Options) { o.Folder = "" },
		"a path account": func(o *Options) { o.Account = "../home" },
		"no keys":        func(o *Options) { o.Keys = nil },
		"no package":     func(o *Options) { o.Package = "mail" },
		"no signer":      func(o *Options) { o.SignerSHA256 = "AB" },
		"no version":     func(o *Options) { o.AppVersion = "new" },
		"a bad tag":      func(o *Options) { o.DeviceTag = "me" },
	} {
		o := b.options()
		edit(o)
		if s, err := Open(o); err == nil {
			t.Errorf("%s: opened", name)
			_ = s.Close()
		}
	}
	if _, err := Open(nil); err == nil {
		t.Error("nothing was opened")
	}
}

// TestPinnedServer: the pin of the root is as good as the root, another is not.
func TestPinnedServer(t *testing.T) {
	b := newBench(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.server.Authority.Roots()[0])
	for pin, good := range map[string]bool{hex.EncodeToString(sum[:]): true, strings.Repeat("0", 64): false} {
		o := b.options()
		o.Roots, o.Pin, o.Folder, o.Account = nil, "sha256:"+pin, b.dir+pin[:8], "a"+pin[:8]
		s, err := open(o, b.deps)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Register(b.in); (err == nil) != good {
			t.Errorf("%s: %v", pin, err)
		}
		_ = s.Close()
	}
}

// TestTwoAccounts: two work accounts in one app do not meet.
func TestTwoAccounts(t *testing.T) {
	b := readyBench(t)
	o := b.options()
	o.Folder, o.Account, o.DeviceTag = b.dir+"-2", "other", b.DeviceTag()
	other, err := open(o, b.deps)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if other.DeviceTag() != b.DeviceTag() || other.Registered() {
		t.Errorf("tag %q, registered %t", other.DeviceTag(), other.Registered())
	}
	if _, err := other.SignOut(); err != nil {
		t.Fatal(err)
	}
	b.expect(EventActive, "proceed")
	if got := b.read("letter"); got != "from the company" {
		t.Errorf("read %q", got)
	}
}
