package compliancerpc

import (
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func usualCheckIn() *compliancev1.CheckInRequest {
	when := &timestamppb.Timestamp{Seconds: 1_795_000_000}
	return &compliancev1.CheckInRequest{
		ObservedAt: when, AppliedRevision: strings.Repeat("0f", 32),
		Posture: &compliancev1.Posture{
			OsVersion: "14.0.1", SecurityPatchLevel: "2026-10-05",
			Locks:              []*compliancev1.LockState{{Scope: 1, Set: true, Quality: 2, Complexity: 3, Length: 6, ChangedAt: when}, {Scope: 2}},
			ClientCertificates: []*compliancev1.InstalledCertificate{{Alias: "wi-fi", Serial: strings.Repeat("4f", 16), NotAfter: when}},
			TrustedRootSha256:  []string{strings.Repeat("ab", 32), strings.Repeat("cd", 32)},
			Vpns:               []*compliancev1.VpnState{{Name: "corp", AlwaysOn: true}},
			WorkApps:           []*compliancev1.WorkApp{{Package: "com.example.mail_2", Version: "4.1 \u00e9", UnsyncedChanges: 3}},
		},
		Results: []*compliancev1.SettingResult{{Setting: "pin.work_profile", Status: 1}, {Setting: "vpn.corp", Status: 3, Detail: "no network"}},
	}
}

// TestQuickKnowsEveryField: a field that is added to the report must be added
// to the quick check, and then here.
func TestQuickKnowsEveryField(t *testing.T) {
	want := map[string]int{"CheckInRequest": 4, "Posture": 7, "WorkApp": 3, "LockState": 6, "InstalledCertificate": 3, "VpnState": 3, "SettingResult": 3}
	got := map[string]int{}
	var visit func(protoreflect.MessageDescriptor)
	visit = func(md protoreflect.MessageDescriptor) {
		if md.ParentFile().Package() != "mdm.compliance.v1" {
			return
		}
		got[string(md.Name())] = md.Fields().Len()
		for i := range md.Fields().Len() {
			if m := md.Fields().Get(i).Message(); m != nil {
				visit(m)
			}
		}
	}
	visit((&compliancev1.CheckInRequest{}).ProtoReflect().Descriptor())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	for name, last := range map[protoreflect.EnumDescriptor]protoreflect.EnumNumber{
		compliancev1.PinScope(0).Descriptor():      2,
		compliancev1.PinQuality(0).Descriptor():    protoreflect.EnumNumber(lastQuality),
		compliancev1.PinComplexity(0).Descriptor(): protoreflect.EnumNumber(lastComplexity),
		compliancev1.ApplyStatus(0).Descriptor():   4,
	} {
		values := name.Values()
		if got := values.Get(values.Len() - 1).Number(); got != last || values.Len() != int(last)+1 {
			t.Errorf("%s ends at %d, the quick check at %d", name.Name(), got, last)
		}
	}
}

// odd strings lie on and beyond the edges of the rules.
var odd = rapid.OneOf(
	rapid.SampledFrom([]string{
		"", "0", "a", "A", "-", "a-", "-a", "a-b", "15", "14.0.1.2", "1.2.3.4.5", "1.", ".1", "1..2", "123456", "2026-10-05", "2026-1-05",
		"2026-10-05x", "../../0", "'; --", "\u00e9", "a\n", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 65),
		"a.b", "a.b.", ".a.b", "a..b", "a.1b", "1a.b", "_a.b", "a.b_1", "A.B-c", "a.b c", strings.Repeat("a.", 127) + "a", strings.Repeat("a.", 127) + "aa",
		strings.Repeat("\u00e9", 64), strings.Repeat("\u00e9", 65),
		strings.Repeat("0", 40), strings.Repeat("0", 41), strings.Repeat("a", 100), strings.Repeat("a", 101),
		strings.Repeat("é", 200), strings.Repeat("é", 201), strings.Repeat("f", 201),
	}),
	rapid.StringMatching(`[0-9a-f.-]{0,12}`),
	rapid.String(),
)

// spoil changes one field, somewhere in the message.
func spoil(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	f := fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(t, "field"))
	if f.IsList() {
		list := m.Mutable(f).List()
		switch {
		case rapid.IntRange(0, 9).Draw(t, "grow") == 0:
			for range rapid.SampledFrom([]int{1, 2, 20, 51, 101}).Draw(t, "by") {
				list.Append(list.NewElement())
			}
		case list.Len() > 0:
			i := rapid.IntRange(0, list.Len()-1).Draw(t, "element")
			if f.Message() != nil {
				spoil(t, list.Get(i).Message())
				return
			}
			list.Set(i, scalar(t, f))
		}
		return
	}
	if f.Message() == nil {
		m.Set(f, scalar(t, f))
		return
	}
	if f.Message().ParentFile().Package() != "mdm.compliance.v1" || rapid.IntRange(0, 9).Draw(t, "clear") == 0 {
		m.Clear(f)
		return
	}
	if m.Has(f) {
		spoil(t, m.Mutable(f).Message())
	}
}

func scalar(t *rapid.T, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(odd.Draw(t, "string"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.IntRange(-1, 12).Draw(t, "enum")))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	default:
		return protoreflect.ValueOfUint32(rapid.SampledFrom([]uint32{0, 256, 257, 1 << 31}).Draw(t, "number"))
	}
}

// TestQuickAgrees: what the quick check takes, the full check takes; and what
// the full check takes, the quick one takes too, save for long lists of roots.
func TestQuickAgrees(t *testing.T) {
	full, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	if m := usualCheckIn(); !QuickCheckIn(m) || full.Validate(m) != nil {
		t.Fatalf("the usual report: quick %v, full %v", QuickCheckIn(m), full.Validate(m))
	}
	if QuickCheckIn(&compliancev1.WatchRequest{}) || QuickCheckIn(nil) {
		t.Error("took another message")
	}
	rapid.Check(t, func(t *rapid.T) {
		m := usualCheckIn()
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			spoil(t, m.ProtoReflect())
		}
		quick, err := QuickCheckIn(m), full.Validate(m)
		if quick != (err == nil) && (quick || len(m.GetPosture().GetTrustedRootSha256()) <= 16) {
			t.Fatalf("quick %v, full %v on %v", quick, err, m)
		}
	})
}

func BenchmarkQuickCheckIn(b *testing.B) {
	m := usualCheckIn()
	for b.Loop() {
		if !QuickCheckIn(m) {
			b.Fatal("not taken")
		}
	}
}
