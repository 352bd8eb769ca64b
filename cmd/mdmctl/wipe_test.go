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

const (
	tablet  = "device-00000003"
	kiosk   = "device-00000004"
	request = "request-00000001"
)

// fleet adds two enrolled devices of the company to what fill gives.
func (b *bench) fleet() *bench {
	b.fill()
	b.devices = append(
		b.devices, &enrollv1.Device{
			Id: tablet, Epoch: 1, State: enrollv1.DeviceState_DEVICE_STATE_ENROLLED, Ownership: enrollv1.Ownership_OWNERSHIP_COMPANY,
			Mode: enrollv1.Mode_MODE_WORK_PROFILE, Group: "sales", User: "jo@example.com", LastSeenAt: ago(40 * day),
		}, &enrollv1.Device{
			Id: kiosk, Epoch: 5, State: enrollv1.DeviceState_DEVICE_STATE_ENROLLED, Ownership: enrollv1.Ownership_OWNERSHIP_COMPANY,
			Mode: enrollv1.Mode_MODE_DEDICATED, Group: "kiosks",
		})
	return b
}

// planOf gives the digest that a dry run prints.
func (b *bench) planOf(args ...string) string {
	b.t.Helper()
	got := b.run(append(args, "--dry-run", "-o", "json")...)
	_, rest, found := strings.Cut(got.out, `"planDigest": "`)
	if !found {
		b.t.Fatalf("no digest: %+v", got)
	}
	digest, _, _ := strings.Cut(rest, `"`)
	return digest
}

func TestWipeLosesChangesLoudly(t *testing.T) {
	b := serve(t).fill()
	b.unsynced[phone] = []*wipev1.UnsyncedApp{{Package: "com.example.mail", Changes: 3}, {Package: "com.example.notes", Changes: 1}}
	b.check(b.run("wipe", "device", phone, "--scope", "work-profile", "--dry-run"), 0, `
Device device-00000001, epoch 2
  is       personal, work-profile, group sales, user maria@example.com
  contact  30s ago
  removes  the work profile: every work app
  removes  the enrolment (epoch 2)
  keeps    everything personal
  ends     the enrolment: the device's certificates stop working
  LOSES    3 changes in com.example.mail that its server does not have yet
  LOSES    1 change in com.example.notes that its server does not have yet
  plan     `+digest+`
Dry run: nothing was ordered.
`, "")
}

func TestWipeOfMany(t *testing.T) {
	b := serve(t).fleet()
	b.unsynced[tablet] = []*wipev1.UnsyncedApp{{Package: "com.example.mail", Changes: 3}}
	args := []string{"wipe", "device", kiosk, "device-00000002", tablet, "device/" + tablet, "--scope", "work-profile", "--reason", "sold"}
	seen := b.planOf(args...)
	shown := `
DEVICE            USER             GROUP    OWNERSHIP   MODE           CONTACT   UNSYNCED             GOES
device-00000002   -                kiosks   company     dedicated      never     -                    NOTHING: it is not enrolled
device-00000003   jo@example.com   sales    company     work-profile   40d       com.example.mail 3   the work profile, and more
device-00000004   -                kiosks   company     dedicated      never     -                    the work profile, and more

Orders:  2 devices of 3
Goes:    the work profile: every work app
Goes:    the enrolment
LOST:    3 changes on 1 device that their apps have not sent yet
Plan:    ` + seen + "\n"
	b.check(b.run(append(args, "--dry-run")...), 0, shown+"Dry run: nothing was ordered.\n", "")
	b.check(b.with(runOptions{asks: true, stdin: "n\n"}, args...), 1, "",
		shown+"Order this wipe of 2 devices? [y/N] mdmctl: not confirmed: nothing was done\n")
	if n := sent[*wipev1.CreateWipesRequest](b); n != 0 {
		t.Fatalf("%d requests without a yes", n)
	}
	b.check(b.run(append(args, "--yes", "--expires", "7d")...), 0, `
request/request-00000001 executed; each device is done when it says so
  Asks:    work-profile of 2 devices
  Held:    until 2026-11-22 12:10:00Z (in 10m): no device is given its order before
  Orders:  mdmctl get wipes --request request-00000001
  Stop:    mdmctl stop request request-00000001 --reason TEXT
`, shown)
	got := last[*wipev1.CreateWipesRequest](b)
	want := &wipev1.CreateWipesRequest{
		RequestKey: got.GetRequestKey(), Reason: "sold", Scope: workProfileScope(), PlanDigest: seen, Lifetime: durationpb.New(7 * day),
		Target: &wipev1.Target{Target: &wipev1.Target_Devices{Devices: &wipev1.DeviceList{Ids: []string{"device-00000002", tablet, kiosk}}}},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

// TestPlanBinds: what a script has seen is what it orders, and nothing else.
func TestPlanBinds(t *testing.T) {
	b := serve(t).fleet()
	args := []string{"wipe", "device", "--group", "sales", "--scope", "app-data", "--package", "a.b", "--reason", "sold"}
	seen := b.planOf(args...)
	plans := sent[*wipev1.PlanWipesRequest](b)
	b.check(b.run(append(args, "--plan", seen, "--yes", "-o", "name")...), 0, "request/request-00000001\n", "")
	if n := sent[*wipev1.PlanWipesRequest](b) - plans; n != 0 {
		t.Errorf("planned %d times although a plan was given", n)
	}
	if got := last[*wipev1.CreateWipesRequest](b); got.GetPlanDigest() != seen || got.GetTarget().GetGroup() != "sales" {
		t.Errorf("sent %v", got)
	}

	b.devices[2].Epoch++ // it has enrolled again
	got := b.run(append(args, "--plan", seen, "--yes")...)
	if got.code != 4 || !strings.Contains(got.errOut, "mdmctl: group \"sales\": plan again\n  reason: PLAN_CHANGED\nhint: ") {
		t.Errorf("%+v", got)
	}
	calls := sent[*wipev1.CreateWipesRequest](b)
	got = b.with(runOptions{asks: true, stdin: "y\n"}, append(args, "--plan", seen)...)
	if got.code != 4 || !strings.Contains(got.errOut, "the plan is another than the one of --plan: nothing was done") {
		t.Errorf("%+v", got)
	}
	if n := sent[*wipev1.CreateWipesRequest](b) - calls; n != 0 {
		t.Errorf("%d requests for another plan", n)
	}

	one := []string{"wipe", "device", phone, "--scope", "work-profile", "--reason", "sold"}
	b.check(b.run(append(one, "--plan", b.planOf(one...), "--yes", "-o", "name")...), 0, "wipe/order-00000001\n", "")
	if got := last[*wipev1.CreateWipeRequest](b); got.GetPlanDigest() != digest || got.GetEpoch() != 0 {
		t.Errorf("sent %v", got)
	}
}

func TestNothingToWipe(t *testing.T) {
	b := serve(t).fleet()
	args := []string{"wipe", "device", "--user", "nobody@example.com", "--scope", "work-profile", "--reason", "left"}
	got := b.with(runOptions{asks: true, stdin: "y\n"}, args...)
	if got.code != 4 || !strings.HasSuffix(got.errOut, "mdmctl: no device would get an order: nothing was done\n") {
		t.Errorf("%+v", got)
	}
	got = b.run(append(args, "--yes")...)
	if got.code != 4 || !strings.Contains(got.errOut, "mdmctl: user \"nobody@example.com\": no device can have such an order\n  reason: NOTHING_TO_WIPE\n") {
		t.Errorf("%+v", got)
	}
}

// TestWipeWaitsForASecondPerson says so plainly, and that is no failure.
func TestWipeWaitsForASecondPerson(t *testing.T) {
	b := serve(t).fill()
	b.needs = []string{"more than one device in a day by a credential younger than 24h"}
	args := []string{"wipe", "device", phone, "--scope", "work-profile", "--reason", "sold", "--yes"}
	got := b.run(args...)
	if !strings.Contains(got.errOut, "  needs    more than one device in a day") {
		t.Errorf("the plan does not say what it needs: %s", got.errOut)
	}
	got.errOut = ""
	b.check(got, 0, `
request/request-00000001 waits for a second person; nothing has happened yet
  Asks:     work-profile of device device-00000001
  Needs:    a second person: more than one device in a day by a credential younger than 24h
  Approve:  mdmctl approve request request-00000001, by somebody else than who asked
  Until:    2026-11-23 12:00:00Z (in 24h)
  Hint:     bob and carol can approve it
`, "")
	if got := b.run(append(args, "-o", "name")...); got.code != 0 || got.out != "request/request-00000002\n" {
		t.Errorf("%+v", got)
	}
	if got := b.run(append(args, "-o", "json")...); got.code != 0 || !strings.Contains(got.out, `"state": "REQUEST_STATE_WAITING"`) {
		t.Errorf("%+v", got)
	}
}

func TestWaitForTheSecondPersonAndTheDevices(t *testing.T) {
	b := serve(t).fleet()
	b.needs = []string{"a reason"}
	onLook[*wipev1.GetRequestRequest](b, func(n int) error {
		if n == 2 {
			b.execute(b.asked[0])
		}
		return nil
	})
	args := []string{"lock", "device", phone, tablet, "--reason", "found", "--yes", "--wait", "--interval", "1ms"}
	done := b.before
	looks := 0
	b.before = func(f *fake, m proto.Message) error {
		if r, ok := m.(*wipev1.ListWipesRequest); ok && r.GetRequestId() == request {
			if looks++; looks == 2 {
				b.orders[1].State, b.orders[2].State = wipev1.State_STATE_DONE, wipev1.State_STATE_DONE
			}
		}
		return done(f, m)
	}
	got := b.run(args...)
	_, progress, _ := strings.Cut(got.errOut, "\n\nOrders:")
	_, progress, _ = strings.Cut(progress, "\nrequest/")
	got.errOut = progress
	b.check(got, 0, "request/request-00000001 done on every device that it ordered\n", `
request-00000001 waits for a second person; nothing has happened yet
  Asks:     lock of 2 devices
  Needs:    a second person: a reason
  Approve:  mdmctl approve request request-00000001, by somebody else than who asked
  Until:    2026-11-23 12:00:00Z (in 24h)
  Hint:     bob and carol can approve it
2026-11-22 12:00:00Z  request request-00000001  executed; each device is done when it says so
2026-11-22 12:00:00Z  order-00000003  device-00000003  lock  pending
2026-11-22 12:00:00Z  order-00000002  device-00000001  lock  pending
2026-11-22 12:00:00Z  order-00000003  device-00000003  lock  done
2026-11-22 12:00:00Z  order-00000002  device-00000001  lock  done
`)
}

func TestWaitEndsOtherwise(t *testing.T) {
	args := []string{"relinquish", "device", phone, tablet, "--reason", "sold", "--yes", "--wait", "--interval", "1ms"}
	for _, test := range []struct {
		change func(b *bench)
		code   int
		want   string
	}{
		{func(b *bench) {
			b.asked[0].State, b.asked[0].Decision = wipev1.RequestState_REQUEST_STATE_REJECTED, "she has it"
		}, 1, "request \"request-00000001\" ended as rejected: she has it\n"},
		{func(b *bench) {
			b.execute(b.asked[0])
			b.orders[1].State, b.orders[2].State = wipev1.State_STATE_DONE, wipev1.State_STATE_FAILED
		}, 1, "request \"request-00000001\": 1 of 2 orders did not end as done: see mdmctl get wipes --request request-00000001\n"},
		{func(*bench) {}, 6, "it did not happen within 50ms\n"},
	} {
		b := serve(t).fleet()
		b.needs = []string{"a reason"}
		onLook[*wipev1.GetRequestRequest](b, func(n int) error {
			if n == 1 {
				test.change(b)
			}
			return nil
		})
		limit := "1h"
		if test.code == exitWaited {
			limit = "50ms"
		}
		got := b.run(append(args, "--timeout", limit)...)
		if got.code != test.code || !strings.HasSuffix(got.errOut, test.want) {
			t.Errorf("exit %d, want %d and %q: %s", got.code, test.code, test.want, got.errOut)
		}
	}
}

// TestLockOfOne asks nobody: nothing is lost.
func TestLockOfOne(t *testing.T) {
	b := serve(t).fill()
	got := b.run("lock", "device", phone, "--reason", "left in a taxi", "-o", "name")
	if got.code != 0 || got.out != "wipe/order-00000001\n" {
		t.Errorf("%+v", got)
	}
	want := &wipev1.CreateWipeRequest{Reason: "left in a taxi", Epoch: 2, DeviceId: phone, Scope: lockScope()}
	sentNow := last[*wipev1.CreateWipeRequest](b)
	want.RequestKey, want.PlanDigest = sentNow.GetRequestKey(), sentNow.GetPlanDigest()
	if diff := cmp.Diff(want, sentNow, protocmp.Transform()); diff != "" || want.GetPlanDigest() == "" {
		t.Error(diff)
	}
	if got := b.run("lock", "device", phone, "device-00000002", "--reason", "stolen"); got.code != 2 {
		t.Errorf("several are not asked about: %+v", got)
	}
	if got := b.run("relinquish", "device", phone, "--reason", "bought"); got.code != 2 {
		t.Errorf("to give up is not asked about: %+v", got)
	}
}

func TestWipeUser(t *testing.T) {
	b := serve(t).fleet()
	args := []string{"wipe", "user", "jo@example.com", "--reason", "left"}
	seen := b.planOf(args...)
	b.check(b.with(runOptions{asks: true, stdin: "y\n"}, args...), 0, `
request/request-00000001 executed; each device is done when it says so
  Asks:    everything of jo@example.com
  Orders:  mdmctl get wipes --request request-00000001
  Stop:    mdmctl stop request request-00000001 --reason TEXT
  Stands:  until it is lifted: mdmctl lift user-wipe request-00000001 --reason TEXT
`, `
DEVICE            USER             GROUP   OWNERSHIP   MODE           CONTACT   UNSYNCED   GOES
device-00000003   jo@example.com   sales   company     work-profile   40d       -          the work profile, and more

Orders:  1 device of 1
Goes:    the work profile: every work app
Goes:    the enrolment
Plan:    `+seen+`
It stands until it is lifted: what jo@example.com enrols, or signs in to, until then is wiped too.
Wipe everything of jo@example.com? [y/N] `)
	if got := last[*wipev1.WipeUserRequest](b).GetPlanDigest(); got != seen {
		t.Errorf("plan %s, want %s", got, seen)
	}
	b.check(b.run("lift", "user-wipe", "request/"+request, "--reason", "safe again"), 0, "request/request-00000001 lifted; 1 order cancelled\n", "")
	b.failures["WipeUser"] = no(codes.FailedPrecondition, "one stands already", "USER_WIPE_STANDS")
	if got := b.run(append(args, "--yes")...); got.code != 4 || !strings.Contains(got.errOut, "mdmctl lift user-wipe ID") {
		t.Errorf("%+v", got)
	}
}

func TestWipeWholeDevice(t *testing.T) {
	b := serve(t).fleet()
	b.needs = []string{"a wipe of a whole device"}
	args := []string{"wipe", "whole-device", "device/" + kiosk, "--reason", "stolen", "--expires", "2d"}
	seen := b.planOf(args...)
	shown := `
Device device-00000004, epoch 5
  is       company, dedicated, group kiosks
  contact  never since it enrolled
  removes  everything on the device
  ends     the enrolment: the device's certificates stop working
  needs    a wipe of a whole device
  plan     ` + seen + `
To ask for this, type the device's id: `
	for _, answer := range []string{"y\n", "device-00000003\n", ""} {
		b.check(b.with(runOptions{asks: true, stdin: answer}, args...), 1, "", shown+"mdmctl: not confirmed: nothing was done\n")
	}
	if n := sent[*wipev1.WipeWholeDeviceRequest](b); n != 0 {
		t.Fatalf("%d requests without the device's id", n)
	}
	got := b.with(runOptions{asks: true, stdin: kiosk + "\n"}, args...)
	if got.code != 0 || !strings.HasPrefix(got.out, "request/request-00000001 waits for a second person; nothing has happened yet\n") {
		t.Errorf("%+v", got)
	}
	request := last[*wipev1.WipeWholeDeviceRequest](b)
	want := &wipev1.WipeWholeDeviceRequest{
		RequestKey: request.GetRequestKey(), CompanyDeviceId: kiosk, Reason: "stolen", Epoch: 5, Lifetime: durationpb.New(48 * time.Hour),
		PlanDigest: seen,
	}
	if diff := cmp.Diff(want, request, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

// TestWholeDeviceAndThePersonalSide: never of a personal phone, and of a
// company's only where it is known what goes.
func TestWholeDeviceAndThePersonalSide(t *testing.T) {
	b := serve(t).fleet()
	b.needs = []string{"a wipe of a whole device"}
	got := b.run("wipe", "whole-device", phone, "--reason", "x", "--yes", "--personal-side")
	if got.code != 3 || !strings.Contains(got.errOut, "DEVICE_UNKNOWN") {
		t.Errorf("%+v", got)
	}
	got = b.run("wipe", "whole-device", tablet, "--reason", "x", "--yes")
	if got.code != 4 || !strings.Contains(got.errOut, "hint: mdmctl relinquish device ID") {
		t.Errorf("%+v", got)
	}
	if n := sent[*wipev1.WipeWholeDeviceRequest](b); n != 0 {
		t.Fatalf("%d requests", n)
	}
	got = b.run("wipe", "whole-device", tablet, "--reason", "x", "--yes", "--personal-side")
	if got.code != 0 || !strings.Contains(got.errOut, "THE PERSONAL SIDE TOO") || !last[*wipev1.WipeWholeDeviceRequest](b).GetPersonalSide() {
		t.Errorf("%+v", got)
	}
}
