package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent"
	"ringfence/agent/agenttest"
	"ringfence/agent/phone"
	"ringfence/agent/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// clocks are those of a phone, and of its server, that tests move.
type clocks struct {
	mu    sync.Mutex
	began time.Time
	real  time.Duration // that passed
	ahead time.Duration // of the phone's clock on the wall
}

func (c *clocks) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.real += d
}

func (c *clocks) set(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func (c *clocks) server() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began.Add(c.real)
}

func (c *clocks) wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began.Add(c.real + c.ahead)
}

func (c *clocks) uptime() (string, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return "one life", c.real
}

// tenant is a phone with a lease.
type tenant struct {
	*clocks
	server *agenttest.Server
	phone  *phone.Phone
	agent  *agent.Agent
	dir    string
	// minute lets a minute of the running agent pass.
	minute chan struct{}
}

const (
	locks = 5 * time.Hour
	wipes = 20 * time.Hour
)

// newTenant gives a phone that has joined, with files on both sides, and has
// looked once, under a lease.
func newTenant(t *testing.T) *tenant {
	t.Helper()
	c := &tenant{clocks: &clocks{began: time.Now()}, dir: t.TempDir(), minute: make(chan struct{})}
	c.server = agenttest.Start(t, c.clocks.server)
	p, err := phone.Open(c.dir, phone.Options{Create: true, Now: c.wall, Uptime: c.uptime, Wait: never})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	c.phone = p
	c.agent = agent.New(p, agent.Options{Now: c.wall, Wait: func(ctx context.Context, d time.Duration) error {
		if d != time.Minute {
			return never(ctx, d)
		}
		select {
		case <-c.minute:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	fill(t, filepath.Join(c.dir, "data/user/0"), personal)
	if _, err := c.agent.Enroll(t.Context(), enrollOptions(c.server, "work-profile")); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(c.dir, "data/user/10"), work)
	c.server.SetManifest(manifest(c.server))
	c.server.SetLease(1, locks, wipes)
	c.once(t)
	return c
}

// listens waits until the running agent has looked once, and has nothing to do.
func (c *tenant) listens(t *testing.T) {
	t.Helper()
	c.server.Until(t, "the phone has looked", func() bool { return c.server.Streams() == 1 && len(c.server.CheckIns) >= 2 })
	c.idle()
}

// idle waits until the running agent has done all it had to: the second minute is
// waited for once the first was seen to have passed, and that comes after a look.
func (c *tenant) idle() {
	c.minute <- struct{}{}
	c.minute <- struct{}{}
}

// never waits for the end of ctx.
func never(ctx context.Context, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

func (c *tenant) once(t *testing.T) {
	t.Helper()
	if err := c.agent.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// alone looks with no server there, or none that answers these calls.
func (c *tenant) alone(t *testing.T, methods ...string) {
	t.Helper()
	c.silence(methods...)
	defer c.server.Do(func() { c.server.Fail = nil })
	if err := c.agent.Once(t.Context()); err == nil {
		t.Fatal("silence was no error")
	}
}

func (c *tenant) silence(methods ...string) {
	c.server.Do(func() {
		c.server.Fail = func(method string) error {
			for _, silent := range methods {
				if method != silent {
					continue
				}
				return status.Error(codes.Unavailable, "gone")
			}
			if len(methods) == 0 {
				return status.Error(codes.Unavailable, "gone")
			}
			return nil
		}
	})
}

func (c *tenant) locked(t *testing.T) string {
	t.Helper()
	w, err := c.phone.WorkLock()
	if err != nil {
		t.Fatal(err)
	}
	if w.Lease == nil {
		return ""
	}
	return w.Lease.Why
}

func (c *tenant) digests(t *testing.T) (personal, work phone.Digest) {
	t.Helper()
	personal, work, err := c.phone.Digests()
	if err != nil {
		t.Fatal(err)
	}
	return personal, work
}

// TestLeaseLocksUntilContact: without contact the work side locks, all of it stays
// there, and contact opens it.
func TestLeaseLocksUntilContact(t *testing.T) {
	c := newTenant(t)
	personal, work := c.digests(t)
	c.pass(locks - time.Minute)
	if c.alone(t); c.locked(t) != "" {
		t.Fatalf("locked too early: %s", c.locked(t))
	}
	c.pass(time.Minute)
	if c.alone(t); !strings.Contains(c.locked(t), "no contact") {
		t.Fatalf("not locked: %q", c.locked(t))
	}
	if c.alone(t, "CheckIn"); c.locked(t) == "" {
		t.Error("an answer to something else has opened it")
	}
	if gotPersonal, gotWork := c.digests(t); gotPersonal != personal || gotWork != work {
		t.Error("a lock has changed files")
	}
	c.once(t)
	if got := c.locked(t); got != "" {
		t.Errorf("still locked: %s", got)
	}
	if r, err := c.phone.LoadLease(); err != nil || !r.LastContact.Equal(c.clocks.server().UTC()) {
		t.Errorf("last contact %v, %v; want %v", r.LastContact, err, c.clocks.server())
	}
}

// TestLeaseWipesAndTellsLater: without contact for long enough the work side goes,
// and nothing else; when there is contact, the server hears of it in two words.
func TestLeaseWipesAndTellsLater(t *testing.T) {
	c := newTenant(t)
	personal, _ := c.digests(t)
	for range 5 {
		c.pass(wipes / 5)
		c.alone(t)
	}
	if _, work := c.digests(t); work.Files != 0 {
		t.Fatalf("the work side is still there: %+v", work)
	}
	j, err := c.phone.LoadJournal()
	if err != nil || j.Current == nil || j.Current.Phase != wipe.Removed || !j.Current.Lease {
		t.Fatalf("journal %+v, %v", j, err)
	}
	for range 2 { // the server answers everything but what it should hear
		c.alone(t, "ReportOrder")
		c.alone(t, "FetchOrders")
	}
	assertNothingAgain(t, c.dir)
	c.once(t)
	o := c.server.LeaseOrder(1)
	c.server.Do(func() {
		if o.State != wipev1.State_STATE_DONE || o.Commitment == nil || len(o.Reports) != 2 {
			t.Errorf("the order is %v, with %d reports", o.State, len(o.Reports))
		}
	})
	assertWiped(t, c.dir)
	if got, _ := c.digests(t); got != personal {
		t.Error("the personal side changed")
	}
	state, err := c.phone.LoadState()
	if err != nil || state.Enrollment != nil || !strings.Contains(state.Former.Reason, "the lease ran out") || c.locked(t) != "" {
		t.Errorf("state %+v, %v; locked %q", state, err, c.locked(t))
	}
}

// assertNothingAgain sees that a wiped phone which has not told its server yet
// was not given anything of the company's again.
func assertNothingAgain(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"certs", "cacerts", "vpn", "policy"} {
		left, err := os.ReadDir(filepath.Join(dir, "misc", name))
		if err != nil || len(left) > 0 {
			t.Errorf("misc/%s: %v, %v", name, left, err)
		}
	}
}

// TestRunningAgentWatches: an agent that is connected all the time, and whose
// check-ins are not answered, locks and wipes without another start.
func TestRunningAgentWatches(t *testing.T) {
	c := newTenant(t)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { ended <- c.agent.Run(ctx) }()
	c.listens(t)
	c.silence("CheckIn", "ReportOrder")
	c.pass(locks)
	c.minute <- struct{}{}
	c.server.Until(t, "the locked phone seeks contact", func() bool { return c.server.Calls["CheckIn"] >= 3 })
	if c.locked(t) == "" {
		t.Error("not locked")
	}
	c.pass(wipes)
	c.minute <- struct{}{}
	c.server.Until(t, "the phone tells what it did", func() bool { return c.server.Calls["ReportOrder"] > 0 })
	if _, work := c.digests(t); work.Files != 0 {
		t.Errorf("the work side is still there: %+v", work)
	}
	c.server.Do(func() { c.server.Fail = nil })
	c.server.Ring()
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
	assertWiped(t, c.dir)
}

// TestClockSetBack: it locks at once, and the contact that the phone seeks then
// opens it; without contact the lease runs on.
func TestClockSetBack(t *testing.T) {
	t.Run("with a server", func(t *testing.T) {
		c := newTenant(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.agent.Run(ctx) }()
		c.listens(t)
		c.set(-time.Hour)
		c.minute <- struct{}{}
		c.server.Until(t, "the phone seeks contact", func() bool { return len(c.server.CheckIns) >= 3 })
		c.idle()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		if got := c.locked(t); got != "" {
			t.Errorf("locked: %s", got)
		}
	})
	t.Run("without", func(t *testing.T) {
		c := newTenant(t)
		c.set(-time.Hour)
		if c.alone(t); !strings.Contains(c.locked(t), "set back") {
			t.Errorf("locked: %q", c.locked(t))
		}
		for range 10 {
			c.set(-2 * time.Hour)
			c.pass(wipes / 10)
			c.alone(t)
		}
		if _, work := c.digests(t); work.Files != 0 {
			t.Errorf("the work side is still there: %+v", work)
		}
	})
}

// TestClockSetAhead: it wipes nothing, and costs no contact.
func TestClockSetAhead(t *testing.T) {
	c := newTenant(t)
	_, work := c.digests(t)
	c.set(3 * wipes)
	c.pass(3 * time.Hour) // more than the tenth
	if c.alone(t); !strings.Contains(c.locked(t), "no contact") {
		t.Errorf("locked: %q", c.locked(t))
	}
	if _, got := c.digests(t); got != work {
		t.Error("a clock that was set ahead has changed files")
	}
	c.once(t)
	if got := c.locked(t); got != "" {
		t.Errorf("locked: %s", got)
	}
	c.server.Do(func() {
		last := c.server.CheckIns[len(c.server.CheckIns)-1].GetObservedAt().AsTime()
		if diff := c.clocks.server().Sub(last); diff < -time.Second || diff > time.Second {
			t.Errorf("the report is of %v before the server's time", diff)
		}
	})
}

// TestLeaseInTheManifest: the phone has the order of the lease in its manifest,
// and none when there is none.
func TestLeaseInTheManifest(t *testing.T) {
	c := newTenant(t)
	held := func() uint64 {
		t.Helper()
		r, err := c.phone.LoadLease()
		if err != nil {
			t.Fatal(err)
		}
		if r.Order == nil {
			return 0
		}
		return r.Order.Number
	}
	var got []uint64
	for _, change := range []func(){
		func() {},
		func() { c.server.SetLease(2, locks, 2*wipes) },
		func() { c.server.SetLease(3, locks, 0) },
		func() { c.server.SetLease(4, locks, wipes) },
		func() { c.server.SetLease(0, 0, 0) },
	} {
		change()
		c.once(t)
		got = append(got, held())
	}
	if diff := cmp.Diff([]uint64{1, 2, 0, 4, 0}, got); diff != "" {
		t.Errorf("orders of leases (-want +got):\n%s", diff)
	}
	c.pass(3 * wipes)
	if c.alone(t); c.locked(t) != "" {
		t.Errorf("without a lease it is locked: %s", c.locked(t))
	}
}

// TestEndedEnrollmentHasNoLease: what the server ended stays on the phone, and no
// lease locks or wipes it any more.
func TestEndedEnrollmentHasNoLease(t *testing.T) {
	c := newTenant(t)
	_, work := c.digests(t)
	c.pass(locks)
	c.alone(t)
	c.server.EndEnrollment()
	if err := c.agent.Once(t.Context()); err == nil {
		t.Fatal("the enrolment lasts")
	}
	if got := c.locked(t); got != "" {
		t.Errorf("locked: %s", got)
	}
	c.pass(wipes)
	_ = c.agent.Once(t.Context())
	if _, got := c.digests(t); got != work || c.locked(t) != "" {
		t.Errorf("an enrolment that is over has a lease")
	}
}
