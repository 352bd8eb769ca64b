package main

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// onLook has f called with the number of every request of type M, from 1.
func onLook[M proto.Message](b *bench, f func(n int) error) {
	n := 0
	b.before = func(_ *fake, m proto.Message) error {
		if _, ok := m.(M); !ok {
			return nil
		}
		n++
		return f(n)
	}
}

func TestWatchDevice(t *testing.T) {
	b := serve(t).fill()
	onLook[*compliancev1.GetDeviceComplianceRequest](b, func(n int) error {
		if n == 4 {
			b.standing[phone] = compliant()
		}
		return nil
	})
	b.check(b.run("watch", "device", phone, "--until", "compliant", "--interval", "1ms"), 0, `
2026-11-22 12:00:00Z  enrolled  non-compliant  manifest outdated (3f2a9c0d11aa)
    pin.work_profile.minimum_length: expected at least 6, actual 4
    vpn.office: expected always on, actual off
2026-11-22 12:00:00Z  enrolled  compliant  manifest applied (3f2a9c0d11aa)
`, "")
}

func TestWatchDeviceUntil(t *testing.T) {
	tests := []struct {
		until  string
		change func(b *bench)
		code   int
	}{
		{"non-compliant", func(*bench) {}, 0},
		{"enrolled", func(*bench) {}, 0},
		{"applied", func(b *bench) { b.standing[phone] = compliant() }, 0},
		{"wiped", func(b *bench) { b.devices[0].State = enrollv1.DeviceState_DEVICE_STATE_WIPED }, 0},
		{"compliant", func(b *bench) { b.devices[0].State = enrollv1.DeviceState_DEVICE_STATE_WIPED }, 1},
		{"compliant", func(b *bench) { b.devices = nil }, 3},
		{"compliant", func(b *bench) { b.standing = nil }, 6},
		{"applied", func(*bench) {}, 6},
	}
	for _, test := range tests {
		b := serve(t).fill()
		test.change(b)
		limit := "1h"
		if test.code == exitWaited {
			limit = "20ms"
		}
		got := b.run("watch", "device", phone, "--until", test.until, "--interval", "1ms", "--timeout", limit)
		if got.code != test.code {
			t.Errorf("until %s: exit %d, want %d: %s", test.until, got.code, test.code, got.errOut)
		}
	}
}

func TestWatchAsData(t *testing.T) {
	b := serve(t).fill()
	got := b.run("watch", "device", phone, "--until", "enrolled", "-o", "json")
	if got.code != 0 || strings.Count(got.out, "\n") != 1 || !strings.HasPrefix(got.out, `{"compliance":{"verdict":`) {
		t.Error(got)
	}
	got = b.run("watch", "wipe", order1, "--until", "done", "-o", "json")
	if got.code != 0 || strings.Count(got.out, "\n") != 1 || !strings.HasPrefix(got.out, `{"id":"order-00000009"`) {
		t.Error(got)
	}
}

// TestWatchSurvivesTheServer: a server that goes away is waited for, and said so
// once; one that was never there is an error at once.
func TestWatchSurvivesTheServer(t *testing.T) {
	b := serve(t).fill()
	onLook[*enrollv1.GetDeviceRequest](b, func(n int) error {
		if n > 1 && n < 5 {
			return no(codes.Unavailable, "draining", "DRAINING")
		}
		if n == 6 {
			b.standing[phone] = compliant()
		}
		return nil
	})
	got := b.run("watch", "device", phone, "--until", "compliant", "--interval", "1ms")
	if want := "mdmctl: cannot reach the server: draining; trying again\n"; got.code != 0 || got.errOut != want {
		t.Errorf("exit %d, err %q; want 0, %q", got.code, got.errOut, want)
	}
	b.failures["GetDevice"] = no(codes.Unavailable, "gone", "")
	if got := b.run("watch", "device", phone); got.code != 5 {
		t.Error(got)
	}
	delete(b.failures, "GetDevice")
	onLook[*enrollv1.GetDeviceRequest](b, func(n int) error {
		if n > 1 {
			return no(codes.Unauthenticated, "no longer", "")
		}
		return nil
	})
	if got := b.run("watch", "device", phone, "--interval", "1ms"); got.code != 5 {
		t.Error(got)
	}
}

// TestWatchInterrupted: the end of a watch, but not of a wait.
func TestWatchInterrupted(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
	}{
		{nil, 0},
		{[]string{"--until", "compliant"}, 130},
	} {
		b := serve(t).fill()
		ctx, cancel := context.WithCancel(t.Context())
		onLook[*enrollv1.GetDeviceRequest](b, func(n int) error {
			if n == 3 {
				cancel()
			}
			return nil
		})
		got := b.with(runOptions{ctx: ctx}, append([]string{"watch", "device", phone, "--interval", "1ms"}, test.args...)...)
		if got.code != test.code {
			t.Errorf("%v: exit %d, want %d: %s", test.args, got.code, test.code, got.errOut)
		}
	}
}

// TestWatchEnds: a watch that waits for nothing may end with its time.
func TestWatchEnds(t *testing.T) {
	b := serve(t).fill()
	if got := b.run("watch", "device", phone, "--interval", "1ms", "--timeout", "20ms"); got.code != 0 || got.errOut != "" {
		t.Error(got)
	}
	got := b.run("watch", "device", phone, "--interval", "1ms", "--timeout", "20ms", "--until", "compliant")
	if got.code != 6 || got.errOut != "mdmctl: it did not happen within 20ms\n" {
		t.Error(got)
	}
}

func TestWatchWipes(t *testing.T) {
	b := serve(t).fill()
	b.orders = append([]*wipev1.Order{{
		Id: "order-00000010", DeviceId: phone, State: wipev1.State_STATE_PENDING,
		Scope: &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}},
	}}, b.orders...)
	states := []wipev1.State{
		wipev1.State_STATE_PENDING, wipev1.State_STATE_DELIVERED, wipev1.State_STATE_DELIVERED,
		wipev1.State_STATE_ACKNOWLEDGED, wipev1.State_STATE_DONE,
	}
	onLook[*wipev1.ListWipesRequest](b, func(n int) error {
		b.orders[0].State = states[n-1]
		if n == len(states) {
			b.orders[0].Receipt = &wipev1.Receipt{FilesRemoved: 7, KeysRemoved: 1}
		}
		return nil
	})
	b.check(b.run("watch", "wipes", "--device", phone, "--until", "done", "--interval", "1ms"), 0, `
2026-11-22 12:00:00Z  order-00000009  device-00000001  app-data com.example.mail  done  put off 1 time  removed 12 files, 1 key
2026-11-22 12:00:00Z  order-00000010  device-00000001  work-profile  pending
2026-11-22 12:00:00Z  order-00000010  device-00000001  work-profile  delivered
2026-11-22 12:00:00Z  order-00000010  device-00000001  work-profile  acknowledged
2026-11-22 12:00:00Z  order-00000010  device-00000001  work-profile  done  removed 7 files, 1 key
`, "")
}

// TestWipeReached is every goal against every state.
func TestWipeReached(t *testing.T) {
	const met, not, never = "met", "not yet", "never"
	states := []wipev1.State{1, 2, 3, 4, 5, 6, 7} // pending … done, failed, cancelled, expired
	want := map[wipev1.State][]string{
		0: {not, not, not, not, not, not, not},
		1: {met, met, met, met, never, never, never},
		2: {not, met, met, met, never, never, never},
		3: {not, not, met, met, never, never, never},
		4: {not, not, not, met, never, never, never},
		5: {not, not, not, never, met, never, never},
		6: {not, not, not, never, never, met, never},
		7: {not, not, not, never, never, never, met},
	}
	for until, row := range want {
		for i, state := range states {
			done, err := wipeWatch{until: until}.reached([]*wipev1.Order{{Id: "o", State: state}})
			got := map[bool]string{true: met, false: not}[done]
			if err != nil {
				got = never
			}
			if got != row[i] {
				t.Errorf("until %v, now %v: got %s, want %s", until, state, got, row[i])
			}
		}
	}
}

func TestWipeWait(t *testing.T) {
	b := serve(t).fill()
	args := []string{"wipe", "device", phone, "--scope", "work-profile", "--reason", "sold", "--yes", "--wait", "--interval", "1ms"}
	onLook[*wipev1.GetWipeRequest](b, func(n int) error {
		if n == 3 {
			b.orders[1].State = wipev1.State_STATE_DONE
		}
		return nil
	})
	b.check(b.run(args...), 0, "wipe/order-00000001 done\n", plan+`
2026-11-22 12:00:00Z  order-00000001  device-00000001  work-profile  pending
2026-11-22 12:00:00Z  order-00000001  device-00000001  work-profile  done
`[1:])
}

func TestWipeWaitEndsOtherwise(t *testing.T) {
	args := []string{"wipe", "device", phone, "--scope", "work-profile", "--reason", "sold", "--yes", "--wait", "--interval", "1ms"}
	b := serve(t).fill()
	onLook[*wipev1.GetWipeRequest](b, func(int) error {
		b.orders[1].State, b.orders[1].Outcome = wipev1.State_STATE_FAILED, "no space"
		return nil
	})
	if got := b.run(args...); got.code != 1 || !strings.Contains(got.errOut, "mdmctl: wipe \"order-00000001\" ended as failed: no space\n") {
		t.Error(got)
	}
	b = serve(t).fill()
	got := b.run(append(args, "--timeout", "20ms")...)
	if got.code != 6 || !strings.Contains(got.errOut, "mdmctl: it did not happen within 20ms\n") {
		t.Error(got)
	}
}
