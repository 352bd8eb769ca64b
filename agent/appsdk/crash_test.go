package appsdk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"ringfence/agent/appsdk/appsdktest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// The environment of a test binary that is to be an app which kills itself.
const (
	crashDir    = "APPSDK_TEST_CRASH_DIR"
	crashStep   = "APPSDK_TEST_CRASH_STEP"
	crashDo     = "APPSDK_TEST_CRASH_DO"
	crashServer = "APPSDK_TEST_CRASH_SERVER"
	crashClock  = "APPSDK_TEST_CRASH_CLOCK"
)

// frozen is a clock that stands.
type frozen int64

func (f frozen) Wall() int64   { return int64(f) }
func (f frozen) Boot() string  { return "1" }
func (f frozen) Uptime() int64 { return 0 }

// crashingApp does one thing, and dies by SIGKILL at the given step of it.
func crashingApp(dir string) int {
	at, err1 := strconv.Atoi(os.Getenv(crashStep))
	wall, err2 := strconv.ParseInt(os.Getenv(crashClock), 10, 64)
	roots, err3 := os.ReadFile(filepath.Join(dir, "roots.pem"))
	keys, err4 := appsdktest.OpenKeys(filepath.Join(dir, "keys"))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	c := newClocks()
	seen := 0
	s, err := open(&Options{
		Server: os.Getenv(crashServer), Roots: roots, Package: pkg, SignerSHA256: strings.Repeat("ab", 32), AppVersion: "9.0",
		Folder: filepath.Join(dir, "account"), Account: "work", Keys: keys, Clock: frozen(wall), Phone: wellPhone(c),
	}, deps{pinCost: quick, progress: func(string) {
		if seen++; seen == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal comes
		}
	}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = s.Close() }()
	if err := act(s, os.Getenv(crashDo), c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// act does what is named.
func act(s *SDK, what string, c *clocks) error {
	switch what {
	case "register":
		if err := s.Register(&person{subject: appsdktest.Subject, now: c.server}); !errors.Is(err, ErrRegistered) {
			return err
		}
	case "sign out":
		_, err := s.SignOut()
		return err
	case "wrong PIN":
		if _, err := s.Unlock("0000"); err != nil {
			return err
		}
	}
	if err := s.Sync(); err != nil && !errors.Is(err, ErrNotRegistered) {
		return err
	}
	return nil
}

// template is an app folder, with its key store, that lives can be copied from.
type template struct {
	dir    string
	server *appsdktest.Server
	clocks *clocks
}

// newTemplate makes one: registered and locked, with a file and one wrong PIN, or
// with nothing.
func newTemplate(t *testing.T, registered bool) template {
	b := &bench{t: t, clocks: newClocks(), dir: t.TempDir()}
	top := b.dir
	var err error
	if b.keys, err = appsdktest.OpenKeys(filepath.Join(top, "keys")); err != nil {
		t.Fatal(err)
	}
	b.server, b.phone = appsdktest.Start(t, b.clocks.server), wellPhone(b.clocks)
	b.in, b.app = &person{subject: appsdktest.Subject, now: b.clocks.server}, "9.0"
	b.deps = deps{pinCost: quick, progress: func(string) {}}
	b.dir = filepath.Join(top, "account")
	b.server.SetPolicy(policyOf(t, "access.pin_retries.wipe=2"))
	if err := errors.Join(
		os.WriteFile(filepath.Join(top, "roots.pem"), b.server.Roots(), 0o600),
		os.WriteFile(filepath.Join(top, "personal"), []byte("to my mother"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	if !registered {
		return template{top, b.server, b.clocks}
	}
	b.reopen()
	b.register()
	b.expect(EventLaunch, "need-pin set-pin")
	b.setPIN("7305")
	b.expect(EventActive, "proceed")
	b.write("letter", strings.Repeat("from the company ", 10000))
	b.write("another", "from the company")
	b.clocks.pass(time.Hour)
	b.expect(EventResume, "need-pin pin")
	b.unlock("1111", "need-pin pin")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return template{top, b.server, b.clocks}
}

// life is a copy of the template in memory, where the system has that.
func (m template) life(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "appsdk-crash-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.CopyFS(dir, os.DirFS(m.dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run is one life of the app, until it dies at a step or is done.
func (m template) run(t *testing.T, dir, what string, at int) (killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", crashDir+"="+dir, crashStep+"="+strconv.Itoa(at), crashDo+"="+what,
		crashServer+"="+m.server.Addr, crashClock+"="+strconv.FormatInt(m.clocks.Wall(), 10))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	t.Fatalf("%s: the app failed at step %d: %v\n%s", what, at, err, out)
	return false
}

// look opens the account after the last life, and says what it has come to.
func (m template) look(t *testing.T, dir string, see func(*SDK)) {
	t.Helper()
	keys, err := appsdktest.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, server: m.server, clocks: m.clocks, keys: keys, phone: wellPhone(m.clocks), dir: filepath.Join(dir, "account"), app: "9.0"}
	b.deps = deps{pinCost: quick, progress: func(string) {}}
	b.reopen()
	defer func() { _ = b.Close() }()
	see(b.SDK)
}

// TestKill kills the app at every step of what it does, and sees the next life
// come to the same end.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some hundred processes")
	}
	registered, empty := newTemplate(t, true), newTemplate(t, false)
	for _, c := range []struct {
		what     string
		again    string // what the next life does
		template template
		order    bool
		every    int
		decides  string
		check    func(t *testing.T, where string, dir string, o *appsdktest.Order)
	}{
		{"order", "order", registered, true, 1, "wiped wiped_by_order", registered.assertOrdered},
		{"sign out", "sign out", registered, false, 1, "block not_registered", registered.assertLeft(0)},
		{
			"wrong PIN", "wrong PIN", registered, false, 1, "wiped wiped_after_wrong_pins",
			registered.assertLeft(appprotectv1.SelfWipeCause_SELF_WIPE_CAUSE_PIN),
		},
		{"register", "register", empty, false, 2, "need-pin set-pin", empty.assertOneKey},
	} {
		t.Run(c.what, func(t *testing.T) {
			tried := 0
			for at := 1; ; at += c.every {
				where := fmt.Sprintf("killed at step %d", at)
				dir := c.template.life(t)
				if c.what != "register" {
					c.template.server.Rewind()
				}
				var o *appsdktest.Order
				if c.order {
					o = c.template.server.Order(appsdktest.Apps(pkg))
				}
				killed := c.template.run(t, dir, c.what, at)
				if killed {
					c.template.run(t, dir, c.again, 0)
				}
				c.template.look(t, dir, func(s *SDK) {
					if got := say(s.Decide(EventTimer)); got != c.decides {
						t.Errorf("%s: %s, want %s", where, got, c.decides)
					}
				})
				c.check(t, where, dir, o)
				if raw, err := os.ReadFile(filepath.Join(dir, "personal")); err != nil || string(raw) != "to my mother" {
					t.Errorf("%s: the personal side has %q, %v", where, raw, err)
				}
				if tried++; !killed || t.Failed() {
					break
				}
			}
			if tried < 10 {
				t.Errorf("only %d steps were tried", tried)
			}
		})
	}
}

// erased sees that only the state's key is left, and no content.
func erased(t *testing.T, where, dir string) {
	t.Helper()
	keys, err := appsdktest.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"work.state"}, keys.Names()); diff != "" {
		t.Errorf("%s: keys (-want +got):\n%s", where, diff)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "account", "files", "contents")); err == nil && len(entries) > 0 {
		t.Errorf("%s: %d contents are left", where, len(entries))
	}
}

func (m template) assertOrdered(t *testing.T, where, dir string, o *appsdktest.Order) {
	erased(t, where, dir)
	m.server.Do(func() {
		if o.State != wipev1.State_STATE_DONE {
			t.Errorf("%s: the order is %v", where, o.State)
		}
		var first *wipev1.Receipt
		for _, r := range o.Reports {
			receipt := r.GetDone()
			if receipt == nil {
				continue
			}
			if first == nil {
				first = receipt
			}
			if diff := cmp.Diff(first, receipt, protocmp.Transform()); diff != "" {
				t.Errorf("%s: the receipt changed (-first +later):\n%s", where, diff)
			}
		}
		if first.GetFilesRemoved() < 4 || first.GetBytesRemoved() < 170000 || first.GetKeysRemoved() != 2 {
			t.Errorf("%s: receipt %v", where, first)
		}
	})
}

func (m template) assertLeft(cause appprotectv1.SelfWipeCause) func(*testing.T, string, string, *appsdktest.Order) {
	return func(t *testing.T, where, dir string, _ *appsdktest.Order) {
		erased(t, where, dir)
		m.server.Do(func() {
			w := &appprotectv1.SelfWipe{}
			if err := proto.Unmarshal(m.server.Left.GetSelfWipe().GetContent(), w); err != nil || w.GetCause() != cause {
				t.Errorf("%s: left %v, %v", where, m.server.Left, err)
			}
			if (cause == 0) != (m.server.Left.GetSignedOut() != nil) {
				t.Errorf("%s: left %v", where, m.server.Left)
			}
			if cause != 0 && (w.GetFilesRemoved() < 4 || w.GetBytesRemoved() < 170000) {
				t.Errorf("%s: said %v", where, w)
			}
		})
	}
}

// assertOneKey sees that no key to sign with is lost sight of.
func (m template) assertOneKey(t *testing.T, where, dir string, _ *appsdktest.Order) {
	keys, err := appsdktest.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	if names := keys.Names(); len(names) != 2 {
		t.Errorf("%s: keys %v", where, names)
	}
}
