package enrollrpc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

var noon = time.Date(2026, time.January, 2, 12, 0, 0, 123456000, time.UTC)

// TestWords walks every value of every enum of the wire, both ways.
func TestWords(t *testing.T) {
	walk(t, ownerships)
	walk(t, modes)
	walk(t, platforms)
	walk(t, states)
}

func walk[W interface {
	~int32
	protoreflect.Enum
}, D ~string](t *testing.T, w words[W, D]) {
	t.Helper()
	var zero W
	values := zero.Descriptor().Values()
	for i := range values.Len() {
		wire := W(values.Get(i).Number())
		word := w.fromWire(wire)
		if (word == "") != (wire == 0) {
			t.Errorf("%s is %q", values.Get(i).Name(), word)
		}
		if back := w.toWire(word); back != wire {
			t.Errorf("%s comes back as %d", values.Get(i).Name(), back)
		}
	}
	if word := w.fromWire(99); word != "" {
		t.Errorf("an unknown value is %q", word)
	}
	if wire := w.toWire("unheard of"); wire != 0 {
		t.Errorf("an unknown word is %d", wire)
	}
}

// unset names the fields of a message that have no value.
func unset(m proto.Message) []string {
	var names []string
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if !m.ProtoReflect().Has(fields.Get(i)) {
			names = append(names, string(fields.Get(i).Name()))
		}
	}
	return names
}

// check compares an answer and sees to it that no field was forgotten.
func check(t *testing.T, want, got proto.Message, absent ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("%T (-want +got):\n%s", got, diff)
	}
	if diff := cmp.Diff(absent, unset(got)); diff != "" {
		t.Errorf("%T: fields without a value (-want +got):\n%s", got, diff)
	}
}

func TestTokenToWire(t *testing.T) {
	k := enroll.Token{
		ID: "token-1", Description: "words", Ownership: device.Personal, Mode: device.WorkProfile, Group: "g", User: "u",
		MaxUses: 3, Uses: 2, CreatedAt: noon, CreatedBy: "admin:alice", ExpiresAt: noon.Add(time.Hour),
		RevokedAt: noon.Add(time.Minute), Lookup: "0123456789ab", Secret: enroll.Digest{1},
		RequestKey: "request-1", Request: enroll.Digest{2},
	}
	want := &enrollv1.Token{
		Id: "token-1", Description: "words",
		Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE, Group: "g", User: "u",
		MaxUses: 3, Uses: 2, CreatedAt: timestamppb.New(noon), CreatedBy: "admin:alice",
		ExpiresAt: timestamppb.New(noon.Add(time.Hour)), RevokedAt: timestamppb.New(noon.Add(time.Minute)),
	}
	check(t, want, tokenToWire(k))
	k.RevokedAt, want.RevokedAt = time.Time{}, nil
	check(t, want, tokenToWire(k), "revoked_at")
}

func TestDeviceToWire(t *testing.T) {
	d := enroll.Device{
		ID: "device-1", CreatedAt: noon.Add(-time.Hour), Tag: enroll.Digest{1}, Epoch: 2, State: enroll.Wiped,
		Ownership: device.Company, Mode: device.FullyManaged, Group: "g", User: "u", TokenID: "token-1",
		Platform: device.Android, Model: "Pixel 9", OSVersion: "15",
		EnrolledAt: noon, EndedAt: noon.Add(time.Hour), LastSeenAt: noon.Add(time.Minute),
		Certificate: enroll.Certificate{Serial: "a1", ExpiresAt: noon.Add(2 * time.Hour)}, Version: 3,
		DeletedAt: noon.Add(3 * time.Hour), DeletedBy: "admin:alice", PurgedAt: noon.Add(4 * time.Hour),
	}
	want := &enrollv1.Device{
		Id: "device-1", Epoch: 2, State: enrollv1.DeviceState_DEVICE_STATE_WIPED,
		Ownership: enrollv1.Ownership_OWNERSHIP_COMPANY, Mode: enrollv1.Mode_MODE_FULLY_MANAGED,
		Platform: enrollv1.Platform_PLATFORM_ANDROID, Model: "Pixel 9", OsVersion: "15", Group: "g", User: "u",
		EnrolledAt: timestamppb.New(noon), EndedAt: timestamppb.New(noon.Add(time.Hour)),
		LastSeenAt: timestamppb.New(noon.Add(time.Minute)), CertificateSerial: "a1",
		CertificateExpiresAt: timestamppb.New(noon.Add(2 * time.Hour)), TokenId: "token-1",
		DeletedAt: timestamppb.New(noon.Add(3 * time.Hour)), DeletedBy: "admin:alice",
		PurgedAt: timestamppb.New(noon.Add(4 * time.Hour)),
	}
	check(t, want, deviceToWire(d))
	d.State, d.EndedAt, d.LastSeenAt = enroll.Enrolled, time.Time{}, time.Time{}
	want.State, want.EndedAt, want.LastSeenAt = enrollv1.DeviceState_DEVICE_STATE_ENROLLED, nil, nil
	d.DeletedAt, d.DeletedBy, d.PurgedAt = time.Time{}, "", time.Time{}
	want.DeletedAt, want.DeletedBy, want.PurgedAt = nil, "", nil
	check(t, want, deviceToWire(d), "ended_at", "last_seen_at", "deleted_at", "deleted_by", "purged_at")
}

func TestJoinToWire(t *testing.T) {
	a := enroll.Admission{
		Device: "device-1", Epoch: 2, Ownership: device.Company, Mode: device.Dedicated,
		Grant: enroll.Grant{Chain: [][]byte{{1}, {2}}, TrustBundle: [][]byte{{3}}, RenewAfter: noon},
	}
	check(t, &enrollv1.JoinResponse{
		DeviceId: "device-1", Epoch: 2, CertificateChain: [][]byte{{1}, {2}}, TrustBundle: [][]byte{{3}},
		RenewAfter: timestamppb.New(noon),
		Ownership:  enrollv1.Ownership_OWNERSHIP_COMPANY, Mode: enrollv1.Mode_MODE_DEDICATED,
	}, joinToWire(a))
}

func TestFromWire(t *testing.T) {
	join := &enrollv1.JoinRequest{
		Token: "secret", CertificateRequest: []byte{1}, HardwareTag: "tag",
		Platform: enrollv1.Platform_PLATFORM_ANDROID, Model: "Pixel 9", OsVersion: "15",
		Mode: enrollv1.Mode_MODE_WORK_PROFILE,
	}
	spec := &enrollv1.CreateTokenRequest{
		RequestKey: "request-1", Description: "words",
		Ownership: enrollv1.Ownership_OWNERSHIP_COMPANY, Mode: enrollv1.Mode_MODE_DEDICATED,
		Group: "g", User: "u", MaxUses: 3, Lifetime: durationpb.New(time.Hour),
	}
	query := &enrollv1.ListDevicesRequest{
		PageSize: 7, PageToken: "t", Group: "g", User: "u", State: enrollv1.DeviceState_DEVICE_STATE_RETIRED,
		Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE,
		ShowDeleted: true,
	}
	for _, m := range []proto.Message{join, spec, query} {
		if names := unset(m); names != nil {
			t.Errorf("%T: the test leaves %v out", m, names)
		}
	}
	for name, diff := range map[string]string{
		"join": cmp.Diff(enroll.JoinRequest{
			Secret: "secret", CSR: []byte{1}, HardwareTag: "tag", Platform: device.Android,
			Model: "Pixel 9", OSVersion: "15", Mode: device.WorkProfile,
		}, joinFromWire(join)),
		"token": cmp.Diff(enroll.TokenSpec{
			RequestKey: "request-1", Description: "words", Ownership: device.Company, Mode: device.Dedicated,
			Group: "g", User: "u", MaxUses: 3, Lifetime: time.Hour,
		}, specFromWire(spec)),
		"devices": cmp.Diff(enroll.DeviceQuery{
			Limit: 7, Group: "g", User: "u", State: enroll.Retired, Ownership: device.Personal, Mode: device.WorkProfile,
			Deleted: true,
		}, queryFromWire(query)),
		"nothing": cmp.Diff(enroll.DeviceQuery{Limit: 100}, queryFromWire(&enrollv1.ListDevicesRequest{})),
	} {
		if diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
