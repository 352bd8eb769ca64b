package main

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const account = "account-00000001"

// registered adds a registration of an app to what fleet gives.
func (b *bench) registered() *bench {
	b.fleet()
	b.accounts = []*wipev1.PlannedDevice{{
		DeviceId: account, Epoch: 3, User: "jo@example.com", Ownership: "personal", Mode: "app-account", Package: "com.example.mail", LastContact: ago(day),
		Removes: []string{"the work account's data in com.example.mail", "the registration (epoch 3): its certificates stop working"},
	}}
	return b
}

// TestWipeOfARegistration: its id goes wherever a device's does.
func TestWipeOfARegistration(t *testing.T) {
	b := serve(t).registered()
	args := []string{"wipe", "device", account, "--scope", "app-data", "--package", "com.example.mail", "--reason", "sold"}
	seen := b.planOf(args...)
	b.check(b.with(runOptions{asks: true, stdin: "y\n"}, args...), 0,
		"wipe/order-00000001 ordered; it is done when the device says so: mdmctl watch wipe order-00000001\n", `
Registration account-00000001, epoch 3
  is       personal, app-account, app com.example.mail, user jo@example.com
  contact  24h ago
  removes  the work account's data in com.example.mail
  removes  the registration (epoch 3): its certificates stop working
  keeps    everything else on the phone
  ends     the registration: the app's certificates stop working
  plan     `+seen+`
Order this wipe? [y/N] `)
	if got := last[*wipev1.CreateWipeRequest](b); got.GetDeviceId() != account || got.GetEpoch() != 3 || got.GetPlanDigest() != seen {
		t.Errorf("got %v", got)
	}
	if got := b.run("get", "wipes", "--device", account); got.code != 0 || !strings.Contains(got.out, account) {
		t.Errorf("%+v", got)
	}
	// Once more, with the order in the way of the plan: it is for the epoch that
	// the order says, and the server knows the request by its key.
	b.failures["PlanWipe"] = no(codes.FailedPrecondition, "an order is under way", "ORDER_PENDING")
	if got := b.run(append(args, "--yes", "--request-key", "key-00000001")...); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if got := last[*wipev1.CreateWipeRequest](b); got.GetEpoch() != 3 || got.GetPlanDigest() != "" {
		t.Errorf("got %v", got)
	}
	b.orders = nil
	if got := b.run(append(args, "--yes", "--request-key", "key-00000002")...); got.code != exitNotFound {
		t.Errorf("what there never was: %+v", got)
	}
}

// TestWipeUserNamesRegistrations: everything of one person is planned as it is
// asked for.
func TestWipeUserNamesRegistrations(t *testing.T) {
	b := serve(t).registered()
	got := b.run("wipe", "user", "jo@example.com", "--reason", "left", "--yes")
	if got.code != 0 || !strings.Contains(got.errOut, "app-account") || !strings.Contains(got.errOut, "Orders:  2 devices of 2") {
		t.Errorf("%+v", got)
	}
	if !last[*wipev1.PlanWipesRequest](b).GetStanding() {
		t.Error("it was planned otherwise than it is asked for")
	}
}

// TestTrippedBreaker: whoever asks, or approves, hears at once that the breaker
// holds what came of it.
func TestTrippedBreaker(t *testing.T) {
	b := serve(t).fleet()
	b.governance = &wipev1.GetGovernanceResponse{Breaker: &wipev1.Breaker{Open: true}}
	const paused = "  Paused:  the breaker is open: see mdmctl get limits\n"
	if got := b.run("wipe", "user", "jo@example.com", "--reason", "left", "--yes"); got.code != 0 || !strings.Contains(got.out, paused) {
		t.Errorf("everything of a person: %+v", got)
	}
	if got := b.run("wipe", "device", tablet, kiosk, "--scope", "work-profile", "--reason", "sold", "--yes"); got.code != 0 || !strings.Contains(got.out, paused) {
		t.Errorf("several devices: %+v", got)
	}
	b.asked[0].State = wipev1.RequestState_REQUEST_STATE_WAITING
	if got := b.run("approve", "request", b.asked[0].GetId(), "--yes"); got.code != 0 || !strings.Contains(got.out, paused) {
		t.Errorf("approved: %+v", got)
	}
}
