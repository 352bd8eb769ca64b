package enroll

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

var (
	first  = Certificate{Serial: "a1", ExpiresAt: noon.Add(time.Hour)}
	second = Certificate{Serial: "b2", ExpiresAt: noon.Add(2 * time.Hour)}
	third  = Certificate{Serial: "c3", ExpiresAt: noon.Add(3 * time.Hour)}
)

func enrolled() Device {
	return Device{
		ID: "device-1", Epoch: 3, State: Enrolled, Certificate: first, Next: second, Version: 7,
		Ownership: device.Personal, Mode: device.WorkProfile, Group: "g", User: "u",
	}
}

// inState gives the device as it is in a state.
func inState(s State) Device {
	d := enrolled()
	if d.State = s; s != Enrolled {
		d.EndedAt, d.Next = noon.Add(-time.Hour), Certificate{}
	}
	return d
}

// TestApply walks every state and every event.
func TestApply(t *testing.T) {
	events := []Event{
		{Verb: Leave}, {Verb: Retire}, {Verb: Wipe},
		{Verb: Renew, Serial: first.Serial, Certificate: third},
		{Verb: Use, Serial: second.Serial},
	}
	after := map[Verb]func(*Device){
		Leave:  func(d *Device) { d.State, d.EndedAt, d.Next = Left, noon, Certificate{} },
		Retire: func(d *Device) { d.State, d.EndedAt, d.Next = Retired, noon, Certificate{} },
		Wipe:   func(d *Device) { d.State, d.EndedAt, d.Next = Wiped, noon, Certificate{} },
		Renew:  func(d *Device) { d.Next = third },
		Use:    func(d *Device) { d.Certificate, d.Next = second, Certificate{} },
	}
	for _, state := range []State{Enrolled, Left, Retired, Wiped} {
		for _, e := range events {
			for epoch, meant := range map[device.Epoch]bool{0: true, 2: false, 3: true, 4: false} {
				t.Run(fmt.Sprintf("%s/%s/%d", state, e.Verb, epoch), func(t *testing.T) {
					before := inState(state)
					e.Epoch = epoch
					want, wantErr := before, error(nil)
					switch {
					case !meant:
						wantErr = ErrEpochMoved
					case state != Enrolled:
						wantErr = ErrEnrollmentEnded
					default:
						want.Version++
						after[e.Verb](&want)
					}
					got, err := before.Apply(e, noon)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("device (-want +got):\n%s", diff)
					}
					if !errors.Is(err, wantErr) {
						t.Errorf("error %v, want %v", err, wantErr)
					}
				})
			}
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	fresh := enrolled()
	fresh.Next = Certificate{}
	tests := []struct {
		name string
		d    Device
		e    Event
		want error
	}{
		{"renew with an older certificate", enrolled(), Event{Verb: Renew, Serial: "00"}, ErrCertificateSuperseded},
		{"renew with the issued certificate", enrolled(), Event{Verb: Renew, Serial: second.Serial}, ErrCertificateSuperseded},
		{"use of an issued one that was replaced", enrolled(), Event{Verb: Use, Serial: third.Serial}, ErrCertificateSuperseded},
		{"use where none was issued", fresh, Event{Verb: Use, Serial: second.Serial}, ErrCertificateSuperseded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.d.Apply(tt.e, noon)
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff(tt.d, got); diff != "" {
				t.Errorf("the device changed (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := enrolled().Apply(Event{Verb: "dance"}, noon); err == nil {
		t.Error("an event that does not exist was applied")
	}
}

func TestStanding(t *testing.T) {
	fresh := enrolled()
	fresh.Next = Certificate{}
	tests := []struct {
		name   string
		d      Device
		epoch  device.Epoch
		serial string
		want   Standing
		err    error
	}{
		{"current", enrolled(), 3, first.Serial, Current, nil},
		{"issued", enrolled(), 3, second.Serial, FirstUse, nil},
		{"superseded", enrolled(), 3, "00", 0, ErrCertificateSuperseded},
		{"none issued", fresh, 3, "", 0, ErrCertificateSuperseded},
		{"older epoch", enrolled(), 2, first.Serial, 0, ErrEnrollmentEnded},
		{"left", inState(Left), 3, first.Serial, 0, ErrEnrollmentEnded},
		{"retired", inState(Retired), 3, first.Serial, 0, ErrEnrollmentEnded},
		{"wiped, superseded", inState(Wiped), 3, "00", 0, ErrEnrollmentEnded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.d.Standing(tt.epoch, tt.serial)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %v, %v, want %v, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

// TestNoNextForAnEmptySerial guards against a device without an issued
// certificate taking "" for it.
func TestNoNextForAnEmptySerial(t *testing.T) {
	d := enrolled()
	d.Next = Certificate{}
	if got, err := d.Apply(Event{Verb: Use}, noon); err == nil {
		t.Errorf("became %+v", got)
	}
}

func TestCaller(t *testing.T) {
	want := identity.Caller{
		Kind: identity.Device, Device: "device-1", Epoch: 3, Serial: first.Serial,
		Ownership: device.Personal, Mode: device.WorkProfile, Group: "g", User: "u",
	}
	if diff := cmp.Diff(want, enrolled().Caller()); diff != "" {
		t.Errorf("caller (-want +got):\n%s", diff)
	}
}

func TestOpen(t *testing.T) {
	e := Entrance{
		Token: Token{
			ID: "token-9", Ownership: device.Company, Mode: device.Dedicated, Group: "kiosk", User: "someone",
		},
		Tag: HashTag("tag"), Platform: device.Android, Model: "Pixel 9", OSVersion: "15", Certificate: third,
	}
	want := Device{
		ID: "device-1", CreatedAt: noon, Tag: HashTag("tag"), Epoch: 1, State: Enrolled,
		Ownership: device.Company, Mode: device.Dedicated, Group: "kiosk", User: "someone", TokenID: "token-9",
		Platform: device.Android, Model: "Pixel 9", OSVersion: "15",
		EnrolledAt: noon, Certificate: third, Version: 1,
	}
	if diff := cmp.Diff(want, Open(Device{ID: "device-1"}, e, noon)); diff != "" {
		t.Errorf("a new device (-want +got):\n%s", diff)
	}

	// Again: nothing of the older epoch stays but who it is.
	for _, state := range []State{Enrolled, Left, Retired, Wiped} {
		before := inState(state)
		before.CreatedAt, before.LastSeenAt = noon.Add(-24*time.Hour), noon.Add(-time.Hour)
		again := want
		again.Epoch, again.Version = 4, 8
		again.CreatedAt, again.LastSeenAt = before.CreatedAt, before.LastSeenAt
		if diff := cmp.Diff(again, Open(before, e, noon)); diff != "" {
			t.Errorf("again after %s (-want +got):\n%s", state, diff)
		}
		cut := Displaced(before, noon)
		if (cut != nil) != (state == Enrolled) {
			t.Errorf("after %s: displaced %+v", state, cut)
		}
		if cut != nil && (cut.Epoch != 3 || cut.Cause != Replaced || cut.Device != "device-1") {
			t.Errorf("displaced %+v", cut)
		}
	}
	if got := Displaced(Device{ID: "device-1"}, noon); got != nil {
		t.Errorf("a new device displaced %+v", got)
	}
}
