package agent_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io/fs"
	"log/slog"
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

	"ringfence/agent"
	"ringfence/agent/agenttest"
	"ringfence/agent/phone"
	"ringfence/agent/wipe"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// The environment of a test binary that is to be an agent which kills itself.
const (
	crashDir  = "AGENT_TEST_CRASH_DIR"
	crashStep = "AGENT_TEST_CRASH_STEP"
	crashLog  = "AGENT_TEST_CRASH_LOG"
	crashUp   = "AGENT_TEST_CRASH_UP"
)

// onFor is the uptime of a phone that is on for so long.
func onFor(up time.Duration) func() (string, time.Duration) {
	return func() (string, time.Duration) { return "one life", up }
}

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// crashingAgent looks once, and dies by SIGKILL at the given step of a wipe.
func crashingAgent(dir string) int {
	at, err := strconv.Atoi(os.Getenv(crashStep))
	if err != nil {
		return 3
	}
	up, err := time.ParseDuration(os.Getenv(crashUp))
	if err != nil {
		return 3
	}
	p, err := phone.Open(dir, phone.Options{Now: time.Now, Uptime: onFor(up)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	if _, err := p.Claim(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	steps, err := os.OpenFile(os.Getenv(crashLog), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 3
	}
	seen := 0
	a := agent.New(p, agent.Options{
		Now: time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Progress: func(step string) {
			seen++
			fmt.Fprintln(steps, step)
			if seen == at {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // the signal comes
			}
		},
	})
	if err := a.Once(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// crash runs the agent on a phone until it dies at a step, or is done. The phone
// is on for longer than any lease.
func crash(t *testing.T, dir string, at int) (killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", crashUp+"=48h",
		crashDir+"="+dir, crashStep+"="+strconv.Itoa(at), crashLog+"="+logOf(dir))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	// An agent that finds its enrolment gone has nothing to do.
	if strings.Contains(string(out), "the phone is not enrolled") {
		return false
	}
	t.Fatalf("the agent failed at step %d: %v\n%s", at, err, out)
	return false
}

func logOf(dir string) string { return dir + ".steps" }

// TestWipeSurvivesKill kills the agent at every step of a wipe, and sees the
// next one finish it: once, whole, and with the person's files as they were.
func TestWipeSurvivesKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some hundred processes")
	}
	t.Parallel()
	for _, c := range []struct {
		name      string
		ownership enrollv1.Ownership
		kind      wipe.Kind
		lease     bool
		order     func(*agenttest.Server) *agenttest.Order
		every     int // how many steps lie between two tries
		again     int // the step of the second life at which it dies too; 0 for none
	}{
		{"work profile", personally, wipe.WorkProfile, false, scoped(agenttest.WorkProfile()), 1, 0},
		{"work profile, twice", personally, wipe.WorkProfile, false, scoped(agenttest.WorkProfile()), 4, 3},
		{"apps", personally, wipe.AppData, false, scoped(agenttest.Apps("com.example.mail", "com.example.chat")), 1, 0},
		{"relinquish", companys, wipe.Relinquish, false, scoped(agenttest.Relinquish()), 2, 0},
		{"whole device", companys, wipe.WholeDevice, false, func(s *agenttest.Server) *agenttest.Order { return s.OrderWholeDevice(true) }, 1, 0},
		{"lease", personally, wipe.WorkProfile, true, leased, 1, 0},
		{"lease, twice", personally, wipe.WorkProfile, true, leased, 4, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := agenttest.Start(t, time.Now)
			s.Ownership = c.ownership
			template, _, a := enrolled(t, s)
			s.SetManifest(manifest(s))
			if c.lease {
				s.SetLease(1, time.Hour, 2*time.Hour)
			}
			if err := a.Once(t.Context()); err != nil {
				t.Fatal(err)
			}
			at := 1
			for killAt(t, life{s: s, template: template, kind: c.kind, lease: c.lease, order: c.order, at: at, again: c.again}) {
				at += c.every
			}
			if at < 20 {
				t.Errorf("only %d steps were tried", at)
			}
		})
	}
}

const (
	personally = enrollv1.Ownership_OWNERSHIP_PERSONAL
	companys   = enrollv1.Ownership_OWNERSHIP_COMPANY
)

func scoped(scope *wipev1.Scope) func(*agenttest.Server) *agenttest.Order {
	return func(s *agenttest.Server) *agenttest.Order { return s.Order(scope) }
}

// leased orders nothing: the phone has the order.
func leased(s *agenttest.Server) *agenttest.Order { return s.LeaseOrder(1) }

// life is one life of a phone: a copy of one that has joined, a wipe, a step to
// die at, and a step for its second life to die at.
type life struct {
	s         *agenttest.Server
	template  string
	kind      wipe.Kind
	lease     bool
	order     func(*agenttest.Server) *agenttest.Order
	at, again int
}

// killAt goes through one life, and reports whether there was such a step.
func killAt(t *testing.T, l life) (killed bool) {
	t.Helper()
	where := fmt.Sprintf("killed at step %d", l.at)
	dir := memoryDir(t)
	if err := os.CopyFS(dir, os.DirFS(l.template)); err != nil {
		t.Fatal(err)
	}
	p := openPhone(t, dir, nil)
	personal, work, err := p.Digests()
	if err != nil {
		t.Fatal(err)
	}
	l.s.Rewind()
	l.s.Do(func() {
		l.s.OnAcknowledge = func(string) { // the first; a second may find a removal begun
			l.s.OnAcknowledge = nil
			if _, now, err := p.Digests(); !l.lease && (err != nil || now != work) {
				t.Errorf("%s: something was removed before the acknowledgement was kept (%v)", where, err)
			}
		}
	})
	o := l.order(l.s)
	want := expected(t, p, l.kind, o.Scope)
	if killed = crash(t, dir, l.at); killed {
		if l.again > 0 {
			crash(t, dir, l.again)
		}
		if crash(t, dir, 0) {
			t.Fatalf("%s: the last life was killed", where)
		}
	}
	assertDone(t, where, l.s, o, want)
	j, err := p.LoadJournal()
	if err != nil || j.Current != nil || len(j.Past) != 1 || j.Past[0].Phase != wipe.Finished || j.Acted.Sequence != j.Past[0].Sequence || j.Past[0].Lease != l.lease {
		t.Errorf("%s: journal %+v (%v)", where, j, err)
	}
	assertOnce(t, where, dir)
	if l.kind == wipe.WholeDevice {
		assertReset(t, where, dir)
		return killed
	}
	if after := personalDigest(t, p); after != personal {
		t.Errorf("%s: the personal side changed", where)
	}
	if l.kind != wipe.AppData {
		assertWiped(t, dir)
	} else if state, err := p.LoadState(); err != nil || state.Enrollment == nil || state.Enrollment.Ended != nil {
		t.Errorf("%s: the enrolment did not stay: %+v (%v)", where, state, err)
	}
	if g, err := p.GivenUp(); err != nil || (g != nil) != (l.kind == wipe.Relinquish) {
		t.Errorf("%s: given up: %v (%v)", where, g, err)
	}
	return killed
}

// assertReset sees that nothing is left on the phone but what its agent keeps.
func assertReset(t *testing.T, where, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && path == filepath.Join(dir, "agent") {
			return fs.SkipDir
		}
		if err == nil && !e.IsDir() {
			t.Errorf("%s: %s is still there", where, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// memoryDir gives a temporary folder in memory where the system has one: what a
// killed process has written is not lost there either, and fsync costs nothing.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "agent-crash-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		_ = os.RemoveAll(dir)
		_ = os.Remove(logOf(dir))
	})
	return dir
}

// expected counts what a wipe will remove.
func expected(t *testing.T, p *phone.Phone, kind wipe.Kind, scope *wipev1.Scope) wipe.Tally {
	t.Helper()
	var by wipe.Taker = p
	names, err := p.Steps(wipe.Scope{Kind: kind, Packages: scope.GetAppData().GetPackages()})
	if kind == wipe.WholeDevice {
		e, failed := p.Enrollment()
		if failed != nil {
			t.Fatal(failed)
		}
		by = e.Company
		names, err = e.Company.ResetSteps()
	}
	if err != nil {
		t.Fatal(err)
	}
	var sum wipe.Tally
	for _, name := range names {
		one, err := by.Measure(name)
		if err != nil {
			t.Fatal(err)
		}
		sum.Packages = append(sum.Packages, one.Packages...)
		sum.Files += one.Files
		sum.Bytes += one.Bytes
		sum.Keys += one.Keys
		sum.Certificates += one.Certificates
	}
	return sum
}

// assertDone sees that the server has one receipt, however often it was sent,
// and that it is exact.
func assertDone(t *testing.T, where string, s *agenttest.Server, o *agenttest.Order, want wipe.Tally) {
	t.Helper()
	s.Do(func() {
		if o.State != wipev1.State_STATE_DONE {
			t.Errorf("%s: the order is %v", where, o.State)
		}
		var first *wipev1.Receipt
		for _, r := range o.Reports {
			receipt := r.GetDone()
			switch {
			case receipt == nil:
			case first == nil:
				first = receipt
			default:
				if diff := cmp.Diff(first, receipt, protocmp.Transform()); diff != "" {
					t.Errorf("%s: the receipt changed (-first +later):\n%s", where, diff)
				}
			}
		}
		assertCommitted(t, where, o, first)
		got := wipe.Tally{
			Packages: first.GetPackages(), Files: first.GetFilesRemoved(), Bytes: first.GetBytesRemoved(),
			Keys: first.GetKeysRemoved(), Certificates: first.GetCertificatesRemoved(),
		}
		packages := cmp.Transformer("sorted", func(names []string) string { return strings.Join(sorted(names), " ") })
		if diff := cmp.Diff(want, got, packages); diff != "" {
			t.Errorf("%s: receipt (-want +got):\n%s", where, diff)
		}
	})
}

// assertCommitted sees that one commitment, the same in every life, came before
// a receipt for a work profile, and says the same; the server has verified both.
func assertCommitted(t *testing.T, where string, o *agenttest.Order, receipt *wipev1.Receipt) {
	t.Helper()
	for _, r := range o.Reports {
		if s := r.GetStatement(); r.GetAcknowledged() != nil && !bytes.Equal(s.GetContent(), o.Commitment) {
			t.Errorf("%s: a life has committed itself otherwise", where)
		}
	}
	if o.Scope.GetAppData() != nil {
		return
	}
	m := &wipev1.Statement{}
	if err := proto.Unmarshal(o.Commitment, m); err != nil {
		t.Fatal(err)
	}
	c := m.GetCommitment()
	said := &wipev1.Receipt{
		FinishedAt: receipt.GetFinishedAt(), Packages: c.GetPackages(), FilesRemoved: c.GetFiles(), BytesRemoved: c.GetSizeBytes(),
		KeysRemoved: c.GetKeys(), CertificatesRemoved: c.GetCertificates(),
	}
	if diff := cmp.Diff(said, receipt, protocmp.Transform()); diff != "" {
		t.Errorf("%s: (-committed +removed):\n%s", where, diff)
	}
}

func sorted(names []string) []string {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	var out []string
	for _, n := range []string{"com.example.chat", "com.example.crm", "com.example.mail"} {
		if m[n] {
			out = append(out, n)
		}
	}
	return out
}

// assertOnce reads what the lives of the agent did: a step that was journaled
// as done is not taken again by a later life.
func assertOnce(t *testing.T, where, dir string) {
	t.Helper()
	f, err := os.Open(filepath.Clean(logOf(dir)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	done := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "after done "); ok {
			done[name] = true
		}
		if name, ok := strings.CutPrefix(lines.Text(), "within "); ok && done[name] {
			t.Errorf("%s: %s was taken again after it was done", where, name)
		}
	}
}
