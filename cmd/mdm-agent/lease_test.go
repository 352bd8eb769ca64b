package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent/agenttest"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// TestShowLease: what a person can see of the lease, of the last contact and of a
// locked work side, and what opens it.
func TestShowLease(t *testing.T) {
	server, s := agenttest.Start(t, time.Now), newShell(t)
	s.env["MDM_TOKEN"] = agenttest.Token
	up := time.Duration(0)
	s.uptime = func() (string, time.Duration) { return "one life", up }
	s.ok("enroll", "--server", server.Addr, "--ca-pin", server.Pin())
	server.SetLease(7, 48*time.Hour, 72*time.Hour)
	s.ok("run", "--once")
	shows := func(wants ...string) {
		t.Helper()
		text := s.ok("show")
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("show lacks %q:\n%s", want, text)
			}
		}
	}
	shows("Lease", "last contact", "by the server's clock", "after 48h0m0s without contact", "after 72h0m0s without contact")

	server.Order(agenttest.Lock())
	s.ok("run", "--once")
	shows("work side", "the company has locked it", "mdm-agent set work_locked=false", "lock, finished", "locked, and reported")
	s.ok("set", "work_locked=false")
	if text := s.ok("show"); strings.Contains(text, "locked since") {
		t.Errorf("the person did not open it:\n%s", text)
	}

	server.Do(func() {
		server.Fail = func(string) error { return status.Error(codes.Unavailable, "gone") }
	})
	up = 50 * time.Hour
	s.no(exitFailure, "cannot reach the server", "run", "--once")
	shows("there was no contact for 48h0m0s", "in contact with its server again", "50h0m0s at the last look")
	s.no(exitFailure, "the lease has locked the work side", "set", "work_locked=false")
	var v struct {
		Lease struct {
			Number      uint64
			Silence     float64
			LastContact time.Time
			Locked      struct{ Why string }
			HoldsOrder  bool
		}
		WorkLock struct{ Order, Lease *struct{ Why string } }
	}
	if err := json.Unmarshal([]byte(s.ok("show", "-o", "json")), &v); err != nil {
		t.Fatal(err)
	}
	if v.Lease.Number != 7 || v.Lease.Silence != (50*time.Hour).Seconds() || v.Lease.LastContact.IsZero() || v.Lease.Locked.Why == "" ||
		!v.Lease.HoldsOrder || v.WorkLock.Order != nil || v.WorkLock.Lease == nil {
		t.Errorf("show -o json: %+v", v)
	}
	up = 80 * time.Hour
	s.no(exitFailure, "cannot reach the server", "run", "--once")
	shows("work profile under the lease, removed")
	server.Do(func() { server.Fail = nil })
	if out := s.ok("run", "--once"); !strings.Contains(out, "the lease ran out") {
		t.Errorf("run said %q", out)
	}
}

// TestShowGivenUp: what a person sees of a phone that the company has given up.
func TestShowGivenUp(t *testing.T) {
	server, s := agenttest.Start(t, time.Now), newShell(t)
	server.Ownership = enrollv1.Ownership_OWNERSHIP_COMPANY
	s.env["MDM_TOKEN"] = agenttest.Token
	s.ok("enroll", "--server", server.Addr, "--ca-pin", server.Pin())
	server.Order(agenttest.Relinquish())
	s.ok("run", "--once")
	if text := s.ok("show"); !strings.Contains(text, "has given the phone up") || !strings.Contains(text, "its restrictions are lifted") {
		t.Errorf("show:\n%s", text)
	}
}

// TestUptime: what the system tells, or else the time of the program.
func TestUptime(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	boot := file("boot", "5c5e\n")
	if id, up, ok := systemUptime(boot, file("uptime", "350735.47 234388.90\n")); !ok || id != "5c5e" || up.Round(time.Millisecond) != 350735470*time.Millisecond {
		t.Errorf("%q %v %v", id, up, ok)
	}
	for _, bad := range []string{"", "x 1\n", "-1 0\n", "NaN 0\n", "1e300 0\n"} {
		if _, _, ok := systemUptime(boot, file("uptime", bad)); ok {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, _, ok := systemUptime(filepath.Join(dir, "none"), boot); ok {
		t.Error("without a name of the run")
	}
	uptime := newUptime()
	first, before := uptime()
	second, after := uptime()
	if first == "" || first != second || after < before {
		t.Errorf("%q %v, then %q %v", first, before, second, after)
	}
}
