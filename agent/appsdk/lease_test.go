package appsdk

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// TestLeaseRunsOut: first the account shuts, then it goes, and the server is told,
// signed.
func TestLeaseRunsOut(t *testing.T) {
	b := readyBench(t, "launch.offline.block=2h", "launch.offline.wipe=30d", "access.recheck_after=1d")
	number := b.st.Lease.Number
	b.clocks.pass(2*time.Hour - time.Second)
	b.expect(EventLaunch, "proceed")
	if !b.MayPrint() {
		t.Error("may not print")
	}
	b.clocks.pass(time.Second)
	d := b.expect(EventTimer, "block go_online")
	if f := d.Finding(0); d.Findings() != 1 || f.Check != "launch.offline" || f.Action != "block" {
		t.Errorf("findings %+v", f)
	}
	if b.MayPrint() {
		t.Error("may print")
	}
	b.reopen()
	b.expect(EventLaunch, "block go_online")
	b.sync()
	b.expect(EventLaunch, "proceed")
	b.clocks.pass(30 * day)
	b.reopen()
	b.expect(EventLaunch, "wiped wiped_offline")
	b.assertErased("after the lease")
	b.sync()
	w := b.server.Left.GetSelfWipe()
	m := &appprotectv1.SelfWipe{}
	if err := proto.Unmarshal(w.GetContent(), m); err != nil {
		t.Fatal(err)
	}
	if m.GetCause() != appprotectv1.SelfWipeCause_SELF_WIPE_CAUSE_LEASE || m.GetLeaseNumber() <= number || m.GetFilesRemoved() == 0 ||
		m.GetPolicyRevision() == "" || m.GetFormat() != selfWipeFormat || m.GetEpoch() != 1 {
		t.Errorf("said %v", m)
	}
	b.expect(EventLaunch, "wiped wiped_offline")
}

// TestClock: what is done to the clock opens nothing and keeps nothing.
func TestClock(t *testing.T) {
	t.Run("set back", func(t *testing.T) {
		b := readyBench(t)
		b.clocks.pass(time.Hour)
		b.expect(EventTimer, "need-pin pin")
		b.clocks.set(-10 * minute)
		b.expect(EventLaunch, "block clock_set_back")
		b.clocks.set(10 * minute)
		b.expect(EventLaunch, "block clock_set_back")
		b.reopen()
		b.expect(EventLaunch, "block clock_set_back")
		b.sync()
		b.expect(EventLaunch, "need-pin pin")
	})
	t.Run("set back while off", func(t *testing.T) {
		b := readyBench(t, "launch.offline.wipe=20d")
		b.clocks.pass(time.Hour)
		b.expect(EventTimer, "need-pin pin")
		b.clocks.set(-2 * time.Hour)
		b.clocks.reboot(minute)
		b.reopen()
		b.expect(EventLaunch, "block clock_set_back")
		b.clocks.pass(20 * day)
		b.expect(EventLaunch, "wiped wiped_offline")
	})
	t.Run("set ahead", func(t *testing.T) {
		b := readyBench(t, "launch.offline.wipe=20d")
		b.clocks.set(100 * day)
		b.expect(EventLaunch, "block go_online") // the account is shut, and nothing goes
		b.clocks.pass(day)
		b.expect(EventLaunch, "block go_online")
		b.clocks.set(-100 * day)
		b.expect(EventLaunch, "block clock_set_back")
		b.sync()
		b.expect(EventLaunch, "need-pin pin")
	})
}
