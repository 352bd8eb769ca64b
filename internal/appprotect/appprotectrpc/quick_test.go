package appprotectrpc

import (
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

func usualCheckIn() *appprotectv1.CheckInRequest {
	when := &timestamppb.Timestamp{Seconds: 1_795_000_000}
	return &appprotectv1.CheckInRequest{
		Number: 7, KnownRevision: strings.Repeat("0f", 32),
		Report: &appprotectv1.Report{
			ObservedAt: when, AppliedRevision: strings.Repeat("0f", 32), AppVersion: "2.0", SdkVersion: "1.0", AgentVersion: "1.4",
			AgentUpdateWaits: durationpb.New(0), OsVersion: "16", SecurityPatch: "2026-11-01", Manufacturer: "Google", Model: "Pixel 9",
			Lock: 4, RootSignals: &appprotectv1.RootSignals{}, Integrity: &appprotectv1.IntegrityVerdict{Verdict: 3, Evaluation: 2, At: when},
			AppScan: 1, Knox: 3, Defender: 1, ThirdParty: 2, PinSet: true, PinFailures: 1, UnsyncedChanges: 4,
		},
	}
}

// TestQuickKnowsEveryField: a field that is added to the report must be added to
// the quick check, and then here; so must a value of an enum.
func TestQuickKnowsEveryField(t *testing.T) {
	want := map[string]int{
		"CheckInRequest": 3, "Report": 22, "RootSignals": 3, "IntegrityVerdict": 3,
		"DeviceLock": int(lastLock) + 1, "Integrity": int(lastIntegrity) + 1, "IntegrityEvaluation": int(lastEvaluation) + 1,
		"AppScan": int(lastScan) + 1, "Attestation": int(lastAttestation) + 1, "ThreatLevel": int(lastThreat) + 1,
	}
	got := map[string]int{}
	var visit func(protoreflect.MessageDescriptor)
	visit = func(md protoreflect.MessageDescriptor) {
		if md.ParentFile().Package() != "mdm.appprotect.v1" {
			return
		}
		got[string(md.Name())] = md.Fields().Len()
		for i := range md.Fields().Len() {
			f := md.Fields().Get(i)
			if f.Message() != nil {
				visit(f.Message())
			}
			if f.Enum() != nil {
				got[string(f.Enum().Name())] = f.Enum().Values().Len()
			}
		}
	}
	visit((&appprotectv1.CheckInRequest{}).ProtoReflect().Descriptor())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields and values (-want +got):\n%s", diff)
	}
}

// odd strings lie on and beyond the edges of the rules.
var odd = rapid.OneOf(
	rapid.SampledFrom([]string{
		"", "0", "2026-11-01", "2026-1-01", "2026-11-01x", "2026-11-0a", "20261-1-01", "\u00e9", "a\n", "'; --",
		strings.Repeat("f", 63), strings.Repeat("f", 64), strings.Repeat("F", 64), strings.Repeat("g", 64), strings.Repeat("f", 65),
		strings.Repeat("\u00e9", 64), strings.Repeat("\u00e9", 65), strings.Repeat("a", 128), strings.Repeat("a", 129), "wipe-order-1",
	}),
	rapid.StringMatching(`[0-9a-f-]{0,12}`),
	rapid.String(),
)

// spoil changes one field, somewhere in the message.
func spoil(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	f := fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(t, "field"))
	switch {
	case f.IsList():
		for range rapid.SampledFrom([]int{1, 2, 33}).Draw(t, "by") {
			m.Mutable(f).List().Append(oddScalar(t, f))
		}
	case f.Message() == nil:
		m.Set(f, oddScalar(t, f))
	case f.Message().ParentFile().Package() != "mdm.appprotect.v1" || rapid.IntRange(0, 9).Draw(t, "clear") == 0:
		m.Clear(f)
	case m.Has(f):
		spoil(t, m.Mutable(f).Message())
	}
}

func oddScalar(t *rapid.T, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(odd.Draw(t, "string"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.IntRange(-1, 7).Draw(t, "enum")))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.SampledFrom([]uint64{0, 1, 1 << 63}).Draw(t, "number"))
	default:
		return protoreflect.ValueOfUint32(rapid.SampledFrom([]uint32{0, 1, 1_000_000, 1_000_001, 1 << 31}).Draw(t, "number"))
	}
}

// TestQuickAgrees: what the quick check takes, the full check takes.
func TestQuickAgrees(t *testing.T) {
	full, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	if m := usualCheckIn(); !QuickCheckIn(m) || full.Validate(m) != nil {
		t.Fatalf("the usual report: quick %v, full %v", QuickCheckIn(m), full.Validate(m))
	}
	if QuickCheckIn(&appprotectv1.WatchRequest{}) || QuickCheckIn(nil) {
		t.Error("took another message")
	}
	rapid.Check(t, func(t *rapid.T) {
		m := usualCheckIn()
		for range rapid.IntRange(1, 3).Draw(t, "spoilt") {
			spoil(t, m.ProtoReflect())
		}
		if QuickCheckIn(m) {
			if err := full.Validate(m); err != nil {
				t.Fatalf("the full check refuses what the quick one takes: %v", err)
			}
		}
	})
}
