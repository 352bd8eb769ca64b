package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const (
	waitingWipe  = "request-00000011"
	standingWipe = "request-00000012"
	looserLimits = "request-00000013"
	wholeKiosk   = "request-00000014"
)

// inbox adds requests of alice to the fleet.
func (b *bench) inbox() *bench {
	b.fleet()
	b.asked = []*wipev1.WipeRequest{
		{
			Id: waitingWipe, Kind: wipev1.RequestKind_REQUEST_KIND_WIPE, State: wipev1.RequestState_REQUEST_STATE_WAITING,
			Reason: "shop closed", CreatedBy: "admin:alice", CreatedAt: ago(time.Hour), ExpiresAt: in(23 * time.Hour), Devices: 2,
			Summary: "work-profile of 2 devices", Needs: []string{"more than one device"}, Hint: "bob approves it with: mdmctl approve request request-00000011",
			Scope: workProfileScope(), PlanDigest: digest,
		}, {
			Id: standingWipe, Kind: wipev1.RequestKind_REQUEST_KIND_USER_WIPE, State: wipev1.RequestState_REQUEST_STATE_EXECUTED,
			Reason: "taken over", CreatedBy: "admin:alice", CreatedAt: ago(3 * day), Devices: 1, User: "jo@example.com",
			Summary: "everything of jo@example.com", DecidedBy: "admin:bob", DecidedAt: ago(2 * day), Decision: "spoke to Jo", Scope: workProfileScope(),
		}, {
			Id: looserLimits, Kind: wipev1.RequestKind_REQUEST_KIND_LIMITS, State: wipev1.RequestState_REQUEST_STATE_WAITING,
			Reason: "the branch closes", CreatedBy: "admin:alice", CreatedAt: ago(4 * day), ExpiresAt: in(time.Minute),
			Summary: "organization-per-day 100 to 500", Needs: []string{"a looser limit"},
		}, {
			Id: wholeKiosk, Kind: wipev1.RequestKind_REQUEST_KIND_WIPE, State: wipev1.RequestState_REQUEST_STATE_WAITING,
			Reason: "stolen", CreatedBy: "admin:alice", CreatedAt: ago(5 * day), ExpiresAt: in(time.Minute), Devices: 1,
			Summary: "whole device of device-00000004", Needs: []string{"a wipe of a whole device"},
		},
	}
	b.members = map[string][]*wipev1.RequestedDevice{
		waitingWipe:  {{DeviceId: phone, Epoch: 2}, {DeviceId: tablet, Epoch: 1}},
		standingWipe: {{DeviceId: tablet, Epoch: 1}},
		wholeKiosk:   {{DeviceId: kiosk, Epoch: 5}},
	}
	b.orders = append(b.orders, &wipev1.Order{
		Id: "order-00000010", DeviceId: tablet, Epoch: 1, State: wipev1.State_STATE_DELIVERED, Scope: workProfileScope(),
		CreatedAt: ago(2 * day), ChangedAt: ago(2 * day), RequestId: standingWipe, Source: wipev1.Source_SOURCE_USER, Paused: true,
	})
	return b
}

func TestGetRequests(t *testing.T) {
	b := serve(t).inbox()
	b.check(b.run("get", "requests"), 0, `
ID                 KIND        STATE      DEVICES   BY            AGE   ASKS
request-00000011   wipe        waiting    2         admin:alice   60m   work-profile of 2 devices
request-00000012   user-wipe   executed   1         admin:alice   3d    everything of jo@example.com
request-00000013   limits      waiting    -         admin:alice   4d    organization-per-day 100 to 500
request-00000014   wipe        waiting    1         admin:alice   5d    whole device of device-00000004
`, "")
	b.check(b.run("get", "request", "request/"+looserLimits, "-o", "wide", "--no-headers"), 0,
		"request-00000013   limits   waiting   -   admin:alice   4d   organization-per-day 100 to 500   the branch closes   in 60s   -   -   a looser limit\n", "")
	b.check(b.run("get", "requests", "-o", "name", "--limit", "2"), 0, "request/request-00000011\nrequest/request-00000012\n", "")
	b.check(b.run("get", "request", "request-99999999"), 3, "", "mdmctl: request \"request-99999999\": not found\n")
	if got := b.run("get", "request", waitingWipe, "-o", "yaml"); !strings.HasPrefix(got.out, "id: request-00000011\nkind: REQUEST_KIND_WIPE\n") {
		t.Errorf("%+v", got)
	}
}

func TestGetWipesShowsWhatHolds(t *testing.T) {
	b := serve(t).inbox()
	b.orders[1].State = wipev1.State_STATE_PENDING
	held := &wipev1.Order{
		Id: "order-00000011", DeviceId: kiosk, State: wipev1.State_STATE_PENDING, HeldUntil: in(10 * time.Minute),
		WholeDevice: &wipev1.WholeDevice{PersonalSide: true}, CreatedAt: ago(0), Source: wipev1.Source_SOURCE_LEASE,
	}
	b.orders = append(b.orders, held)
	b.check(b.run("get", "wipes"), 0, `
ID               DEVICE            SCOPE                             STATE     HELD     SOURCE          AGE   CHANGED
order-00000009   device-00000001   app-data com.example.mail         done      -        administrator   3h    2h
order-00000010   device-00000003   work-profile                      pending   paused   user            2d    2d
order-00000011   device-00000004   whole-device with personal side   pending   in 10m   lease           0s    -
`, "")
	b.check(b.run("get", "wipes", "--request", standingWipe, "-o", "name"), 0, "wipe/order-00000010\n", "")
	held.State = wipev1.State_STATE_ACKNOWLEDGED
	if got := b.run("get", "wipe", held.GetId(), "--no-headers"); strings.Contains(got.out, "in 10m") {
		t.Errorf("what is acknowledged is not held: %s", got.out)
	}
	if got := b.run("describe", "wipe", "order-00000010"); !strings.Contains(got.out, "\nPaused:   the breaker is open: see mdmctl get limits\nSource:   user\nRequest:  request-00000012\n") {
		t.Errorf("%+v", got)
	}
}

func TestDescribeRequest(t *testing.T) {
	b := serve(t).inbox()
	b.devices[2].Epoch = 2
	b.members[waitingWipe] = append(b.members[waitingWipe], &wipev1.RequestedDevice{DeviceId: "device-99999999", Epoch: 1})
	b.check(b.run("describe", "request", waitingWipe), 0, `
Request:  request-00000011
Kind:     wipe
State:    waiting
Asks:     work-profile of 2 devices
Scope:    work-profile
Reason:   shop closed
Asked:    2026-11-22 11:00:00Z (60m ago) by admin:alice
Plan:     `+digest+`
Needs:    a second person: more than one device
Until:    2026-11-23 11:00:00Z (in 23h)
Hint:     bob approves it with: mdmctl approve request request-00000011
Devices:
  DEVICE            EPOCH   USER                GROUP   OWNERSHIP   STATE
  device-00000001   2       maria@example.com   sales   personal    enrolled
  device-00000003   1       jo@example.com      sales   company     enrolled, by now in epoch 2
  device-99999999   1       -                   -       -           -
Orders:
  none
`, "")
	b.check(b.run("describe", "req", standingWipe), 0, `
Request:   request-00000012
Kind:      user-wipe
State:     executed
Asks:      everything of jo@example.com
Scope:     work-profile
User:      jo@example.com
Reason:    taken over
Asked:     2026-11-19 12:00:00Z (3d ago) by admin:alice
Decided:   2026-11-20 12:00:00Z (2d ago) by admin:bob
Decision:  spoke to Jo
Orders:    mdmctl get wipes --request request-00000012
Stop:      mdmctl stop request request-00000012 --reason TEXT
Stands:    until it is lifted: mdmctl lift user-wipe request-00000012 --reason TEXT
Devices:
  DEVICE            EPOCH   USER             GROUP   OWNERSHIP   STATE
  device-00000003   1       jo@example.com   sales   company     enrolled, by now in epoch 2
Orders:
  ID               DEVICE            SCOPE          STATE       HELD     AGE   CHANGED
  order-00000010   device-00000003   work-profile   delivered   paused   2d    2d
`, "")
	got := b.run("describe", "request", standingWipe, "-o", "json")
	var data struct {
		Request struct{ State string }
		Devices []struct{ DeviceID string }
		Orders  []struct{ Paused bool }
	}
	if err := json.Unmarshal([]byte(got.out), &data); err != nil || data.Request.State != "REQUEST_STATE_EXECUTED" ||
		len(data.Devices) != 1 || len(data.Orders) != 1 || !data.Orders[0].Paused {
		t.Errorf("%v: %s", err, got.out)
	}
}

// TestDescribeLargeRequest asks for a few records only.
func TestDescribeLargeRequest(t *testing.T) {
	b := serve(t).inbox()
	for i := range 500 {
		b.members[waitingWipe] = append(b.members[waitingWipe], &wipev1.RequestedDevice{DeviceId: fmt.Sprintf("device-1%07d", i)})
	}
	got := b.run("describe", "request", waitingWipe)
	if got.code != 0 || !strings.Contains(got.out, "\n  And:  482 more: -o json names them\n") || len(b.requests) > recent+2 {
		t.Errorf("%d requests, %+v", len(b.requests), got)
	}
}

func TestApprove(t *testing.T) {
	b := serve(t).inbox()
	b.unsynced[tablet] = []*wipev1.UnsyncedApp{{Package: "com.example.mail", Changes: 3}}
	seen := b.planOf("wipe", "device", phone, tablet, "--scope", "work-profile")
	b.asked[0].PlanDigest = seen
	shown := `
Request:  request-00000011
Kind:     wipe
State:    waiting
Asks:     work-profile of 2 devices
Scope:    work-profile
Reason:   shop closed
Asked:    2026-11-22 11:00:00Z (60m ago) by admin:alice
Plan:     ` + seen + `
Needs:    a second person: more than one device

DEVICE            USER                GROUP   OWNERSHIP   MODE           CONTACT   UNSYNCED             GOES
device-00000001   maria@example.com   sales   personal    work-profile   30s       -                    the work profile, and more
device-00000003   jo@example.com      sales   company     work-profile   40d       com.example.mail 3   the work profile, and more

Orders:  2 devices of 2
Goes:    the work profile: every work app
Goes:    the enrolment
LOST:    3 changes on 1 device that their apps have not sent yet
Plan:    ` + seen + "\n"
	args := []string{"approve", "request", waitingWipe, "--comment", "seen"}
	b.check(b.run(args...), 2, "", shown+"mdmctl: nobody is there to confirm: repeat with --yes\n")
	b.check(b.with(runOptions{asks: true, stdin: "\n"}, args...), 1, "", shown+"Approve this? [y/N] mdmctl: not confirmed: nothing was done\n")
	if n := sent[*wipev1.ApproveRequestRequest](b); n != 0 {
		t.Fatalf("%d approvals without a yes", n)
	}
	b.check(b.with(runOptions{asks: true, stdin: "y\n"}, args...), 0, `
request/request-00000011 executed; each device is done when it says so
  Asks:    work-profile of 2 devices
  Held:    until 2026-11-22 12:10:00Z (in 10m): no device is given its order before
  Orders:  mdmctl get wipes --request request-00000011
  Stop:    mdmctl stop request request-00000011 --reason TEXT
`, shown+"Approve this? [y/N] ")
	if got := last[*wipev1.ApproveRequestRequest](b).GetComment(); got != "seen" {
		t.Errorf("comment %q", got)
	}
	// Once more: nothing happens, so nobody is asked.
	b.check(b.run(append(args, "-o", "name")...), 0, "request/request-00000011\n", "")
}

// TestApproveShows what each kind would let happen.
func TestApproveShows(t *testing.T) {
	b := serve(t).inbox()
	for id, want := range map[string]string{
		looserLimits: "Asks:     organization-per-day 100 to 500\nReason:   the branch closes\n",
		wholeKiosk:   "Device device-00000004, epoch 5\n  is       company, dedicated, group kiosks\n",
	} {
		if got := b.run("approve", "request", id, "--yes"); got.code != 0 || !strings.Contains(got.errOut, want) {
			t.Errorf("%+v", got)
		}
	}
	if got := b.run("approve", "request", waitingWipe); !strings.Contains(got.errOut, "\nCHANGED: the plan is another by now") {
		t.Errorf("the request's plan is of other devices: %+v", got)
	}
	b.failures["PlanWipes"] = no(codes.NotFound, "no such device", "")
	got := b.run("approve", "request", waitingWipe)
	if got.code != 2 || !strings.Contains(got.errOut, "note: what would happen now cannot be shown: mdmctl: no such device\n") {
		t.Errorf("%+v", got)
	}
}

func TestDecisionsThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{no(codes.PermissionDenied, "it is your own", "SELF_APPROVAL"), "mdmctl: request \"request-00000011\": not allowed: it is your own\n  reason: SELF_APPROVAL\nhint: another person"},
		{no(codes.FailedPrecondition, "it has expired", "REQUEST_EXPIRED"), "hint: nobody approved it in time"},
		{no(codes.Aborted, "the plan has changed", "PLAN_CHANGED"), "hint: what was planned is no longer so"},
		{no(codes.FailedPrecondition, "the breaker is open", "BREAKER_OPEN"), "hint: mdmctl get limits says why"},
	} {
		b := serve(t).inbox()
		b.failures["ApproveRequest"] = test.err
		if got := b.run("approve", "request", waitingWipe, "--yes"); got.code != 4 || !strings.Contains(got.errOut, test.want) {
			t.Errorf("%+v; want %q", got, test.want)
		}
	}
}

func TestRejectAndStop(t *testing.T) {
	b := serve(t).inbox()
	b.check(b.run("reject", "request", waitingWipe, "--reason", "she has it"), 0, "request/request-00000011 rejected; nothing of it happens\n", "")
	b.check(b.run("stop", "request", "request/"+standingWipe, "--reason", "wrong person"), 0,
		"request/request-00000012 stopped; 2 orders cancelled, too late for 1 device that had promised to act\n", "")
	if got := b.run("stop", "request", standingWipe, "--reason", "x", "-o", "json"); got.code != 0 || !strings.Contains(got.out, `"tooLate": 1`) {
		t.Errorf("%+v", got)
	}
	b.failures["RejectRequest"] = no(codes.FailedPrecondition, "it has ended", "REQUEST_FINISHED")
	if got := b.run("reject", "request", waitingWipe, "--reason", "x"); got.code != 4 || !strings.Contains(got.errOut, "hint: see how it ended") {
		t.Errorf("%+v", got)
	}
}

// TestApproveShowsWhatIsPaused shows the breaker before it is closed, and warns
// where it has opened anew since.
func TestApproveShowsWhatIsPaused(t *testing.T) {
	b := serve(t).inbox()
	b.asked[0].Kind, b.asked[0].Scope, b.asked[0].PlanDigest = wipev1.RequestKind_REQUEST_KIND_RESUME, nil, ""
	b.governance = governance()
	const anew = "CHANGED: the breaker has opened anew"
	for _, tt := range []struct {
		since time.Duration
		anew  bool
	}{{2 * time.Hour, false}, {time.Minute, true}} {
		b.governance.Breaker = &wipev1.Breaker{Open: true, Since: ago(tt.since), Why: "25 orders", Paused: 12, Recent: 25, OpensAbove: 20}
		got := b.run("approve", "request", waitingWipe)
		if got.code != 2 || !strings.Contains(got.errOut, "  Why:     25 orders\n  Paused:  12 orders\n") || strings.Contains(got.errOut, anew) != tt.anew {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
}
