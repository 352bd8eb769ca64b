package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func governance() *wipev1.GetGovernanceResponse {
	hour := durationpb.New(time.Hour)
	return &wipev1.GetGovernanceResponse{
		Limits: &wipev1.Limits{
			Version: 3, PersonPerHour: 10, PersonPerDay: 50, HelpDeskPerHour: 1, HelpDeskPerDay: 20,
			OrganizationPerHour: 100, OrganizationPerDay: 300, QuorumAbove: 5, NewCredential: durationpb.New(day),
			CoolingOff: durationpb.New(10 * time.Minute), BreakerPercent: 5, BreakerFloor: 20, BreakerWindow: durationpb.New(90 * time.Minute),
		},
		Budgets: []*wipev1.Budget{
			{Of: "person", Window: hour, Limit: 10, Spent: 4},
			{Of: "organization", Window: durationpb.New(day), Limit: 300, Spent: 301},
		},
		Breaker:   &wipev1.Breaker{Recent: 7, OpensAbove: 20},
		Approvers: 1,
	}
}

func TestGetLimits(t *testing.T) {
	b := serve(t)
	b.governance = governance()
	b.check(b.run("get", "limits"), 0, `
Limits (version 3):
  Each administrator:  10 devices an hour, 50 a day
  Each help desk:      1 device an hour, 20 a day
  All together:        100 devices an hour, 300 a day
  Second person:       above 5 devices
  New credential:      younger than 1d: one device an hour, a second person for the second in a day
  Cooling-off:         10m before orders to several devices go out
  Breaker:             opens above 5% of the fleet, at least 20 devices, in 1h30m
Budgets:
  OF             WINDOW   LIMIT   SPENT   LEFT
  person         1h       10      4       6
  organization   1d       300     301     0
Breaker:
  State:   closed
  Recent:  7 orders, locks apart; it opens above 20
Approvers:  1 other person could approve what you ask for
`, "")
	b.governance.Breaker = &wipev1.Breaker{Open: true, Since: ago(time.Hour), Why: "25 of 100 devices in 90m", Paused: 12, Recent: 25, OpensAbove: 20}
	b.governance.Approvers = 0
	got := b.run("get", "limits")
	for _, want := range []string{
		"  State:   OPEN since 2026-11-22 11:00:00Z (60m ago)\n  Why:     25 of 100 devices in 90m\n  Paused:  12 orders\n  Next:    an owner",
		"Approvers:  nobody could approve what you ask for: an approver is appointed on the server's host: mdm-server admin create NAME --role approver\n",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is not in %s", want, got.out)
		}
	}
	if got := b.run("get", "limits", "-o", "json"); got.code != 0 || !strings.Contains(got.out, `"personPerHour": 10`) {
		t.Errorf("%+v", got)
	}
}

// TestSetLimits sends what was not named as it was, with the version it was read
// at.
func TestSetLimits(t *testing.T) {
	b := serve(t)
	b.governance = governance()
	b.check(b.run("set", "limits", "--person-per-hour", "5", "--cooling-off", "0", "--breaker-window", "2d", "--reason", "audit"), 0, `
request/request-00000001 executed; it holds now
  Asks:  other limits
`, "")
	got := last[*wipev1.ChangeLimitsRequest](b)
	want := &wipev1.ChangeLimitsRequest{RequestKey: got.GetRequestKey(), Reason: "audit", Limits: proto.CloneOf(b.governance.GetLimits())}
	want.Limits.PersonPerHour, want.Limits.CoolingOff, want.Limits.BreakerWindow = 5, durationpb.New(0), durationpb.New(2*day)
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	b.needs = []string{"a looser limit"}
	if got := b.run("set", "limits", "--person-per-hour", "50", "--reason", "x"); got.code != 0 ||
		!strings.HasPrefix(got.out, "request/request-00000002 waits for a second person; nothing has happened yet\n") {
		t.Errorf("%+v", got)
	}
	b.failures["ChangeLimits"] = no(codes.Aborted, "the limits were changed", "LIMITS_CHANGED")
	if got := b.run("set", "limits", "--quorum-above", "1", "--reason", "x"); got.code != 4 || !strings.Contains(got.errOut, "hint: somebody changed the limits") {
		t.Errorf("%+v", got)
	}
}

// TestEveryLimitHasItsFlag: each flag changes one field, and each field has one.
func TestEveryLimitHasItsFlag(t *testing.T) {
	b := serve(t)
	b.governance = governance()
	fields := b.governance.GetLimits().ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Name() == "version" {
			continue
		}
		flag := "--" + strings.ReplaceAll(string(f.Name()), "_", "-")
		value := "77"
		if f.Message() != nil {
			value = "77m"
		}
		if got := b.run("set", "limits", flag, value, "--reason", "x"); got.code != 0 {
			t.Errorf("%s: %+v", flag, got)
			continue
		}
		sentNow := last[*wipev1.ChangeLimitsRequest](b).GetLimits().ProtoReflect()
		for j := range fields.Len() {
			g := fields.Get(j)
			before := b.governance.GetLimits().ProtoReflect().Get(g)
			if changed := !sentNow.Get(g).Equal(before); changed != (i == j) {
				t.Errorf("%s: %s changed: %v", flag, g.Name(), changed)
			}
		}
	}
}

func TestBreaker(t *testing.T) {
	b := serve(t)
	b.needs = []string{"the breaker"}
	got := b.run("resume", "wipes", "--reason", "all is well")
	if got.code != 0 || !strings.HasPrefix(got.out, "request/request-00000001 waits for a second person") || last[*wipev1.CloseBreakerRequest](b).GetCancelAll() {
		t.Errorf("%+v", got)
	}
	got = b.run("cancel", "all-wipes", "--reason", "stolen", "--request-key", "key-12345", "-o", "name")
	if r := last[*wipev1.CloseBreakerRequest](b); got.out != "request/request-00000002\n" || !r.GetCancelAll() || r.GetRequestKey() != "key-12345" {
		t.Errorf("%+v, sent %v", got, r)
	}
	b.failures["CloseBreaker"] = no(codes.FailedPrecondition, "it is closed", "BREAKER_CLOSED")
	if got := b.run("resume", "wipes", "--reason", "x"); got.code != 4 {
		t.Errorf("%+v", got)
	}
}

func TestLeases(t *testing.T) {
	b := serve(t)
	b.leases = []*wipev1.GroupLease{
		{Lease: &wipev1.Lease{Number: 4, LockAfter: durationpb.New(30 * day), WipeAfter: durationpb.New(90 * day)}, SetAt: ago(day), SetBy: "admin:alice"},
		{Group: "field", Lease: &wipev1.Lease{Number: 2, LockAfter: durationpb.New(10 * day)}, SetAt: ago(2 * day), SetBy: "admin:bob"},
	}
	b.check(b.run("get", "leases"), 0, `
GROUP   LOCKS-AFTER   WIPES-AFTER   SET   BY
*       30d           90d           24h   admin:alice
field   10d           never         2d    admin:bob
`, "")
	b.check(b.run("get", "lease", "field", "-o", "name"), 0, "lease/field\n", "")
	b.check(b.run("set", "lease", "--wipe-after", "60d", "--reason", "policy 7"), 0,
		"request/request-00000001 executed; it holds now\n  Asks:  another lease\n", "")
	for _, test := range []struct {
		args       string
		lock, wipe *durationpb.Duration
	}{
		{"--wipe-after 60d", durationpb.New(30 * day), durationpb.New(60 * day)},
		{"--group field --wipe-after 12w", durationpb.New(10 * day), durationpb.New(84 * day)},
		{"--group field --lock-after never", nil, nil},
		{"--group new --lock-after 5d", durationpb.New(5 * day), nil},
		{"--lock-after never --wipe-after never", nil, nil},
	} {
		b.run(append([]string{"set", "lease", "--reason", "policy 7"}, strings.Fields(test.args)...)...)
		got := last[*wipev1.SetLeaseRequest](b)
		want := &wipev1.SetLeaseRequest{RequestKey: got.GetRequestKey(), Group: got.GetGroup(), Reason: "policy 7", LockAfter: test.lock, WipeAfter: test.wipe}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", test.args, diff)
		}
	}
}

// TestLeaseIsPresumed: never shown as done.
func TestLeaseIsPresumed(t *testing.T) {
	b := serve(t).fill()
	b.runs[phone] = &wipev1.GetLeaseStatusResponse{
		Standing: wipev1.LeaseStanding_LEASE_STANDING_PRESUMED_WIPED, Held: &wipev1.Lease{Number: 4}, OrderId: "order-00000020",
		LastContact: ago(100 * day), LocksAt: ago(70 * day), WipesAt: ago(10 * day),
	}
	b.check(b.run("get", "lease-status", phone, "device-00000002", "-o", "wide"), 0, `
DEVICE            STANDING                               CONTACT   LOCKS     WIPES     ORDER            NUMBER
device-00000001   presumed wiped by lease, unconfirmed   100d      70d ago   10d ago   order-00000020   4
device-00000002   no lease                               -         -         -         -                -
`, "")
	if got := b.run("describe", "device", phone); !strings.Contains(got.out, "\nLease:\n  Standing:  presumed wiped by lease, unconfirmed\n  Contact:   2026-08-14") {
		t.Errorf("%+v", got)
	}
	if got := b.run("describe", "device", phone, "-o", "json"); !strings.Contains(got.out, `"standing": "LEASE_STANDING_PRESUMED_WIPED"`) {
		t.Errorf("%+v", got)
	}
	b.devices = append(b.devices, &enrollv1.Device{Id: tablet})
	b.runs[tablet] = &wipev1.GetLeaseStatusResponse{Standing: wipev1.LeaseStanding_LEASE_STANDING_PRESUMED_LOCKED}
	b.check(b.run("get", "lease-status", "device/"+tablet, "--no-headers"), 0, "device-00000003   presumed locked by lease, unconfirmed   -   -   -\n", "")
	b.check(b.run("get", "lease-status", "device-99999999"), 3, "", "mdmctl: device \"device-99999999\": not found\n")
}
