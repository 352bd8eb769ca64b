package compliancerpc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/compliance"
	"ringfence/internal/fault"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TestEnums pins that the slice's numbers are the wire's: a new value on
// either side must come with the other.
func TestEnums(t *testing.T) {
	for _, tt := range []struct {
		enum protoreflect.Enum
		last int
	}{
		{compliancev1.PinScope(0), int(compliance.PinWorkProfile)},
		{compliancev1.PinQuality(0), int(compliance.QualityComplex)},
		{compliancev1.PinComplexity(0), int(compliance.ComplexityHigh)},
		{compliancev1.KeyType(0), int(compliance.KeyRSA4096)},
		{compliancev1.ExtendedKeyUsage(0), int(compliance.UsageIPsecIKE)},
		{compliancev1.ApplyStatus(0), int(compliance.Unsupported)},
		{compliancev1.Standing(0), int(compliance.Unknown)},
		{compliancev1.Change(0), int(compliance.Unchanged)},
	} {
		if n := tt.enum.Descriptor().Values().Len(); n != tt.last+1 {
			t.Errorf("%s has %d values, the slice's last is %d", tt.enum.Descriptor().Name(), n, tt.last)
		}
	}
	same := map[string]bool{
		"scope":      compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE == compliancev1.PinScope(compliance.PinWorkProfile),
		"quality":    compliancev1.PinQuality_PIN_QUALITY_NUMERIC_COMPLEX == compliancev1.PinQuality(compliance.QualityNumericComplex),
		"complexity": compliancev1.PinComplexity_PIN_COMPLEXITY_LOW == compliancev1.PinComplexity(compliance.ComplexityLow),
		"key":        compliancev1.KeyType_KEY_TYPE_RSA_3072 == compliancev1.KeyType(compliance.KeyRSA3072),
		"usage":      compliancev1.ExtendedKeyUsage_EXTENDED_KEY_USAGE_EMAIL_PROTECTION == compliancev1.ExtendedKeyUsage(compliance.UsageEmailProtection),
		"status":     compliancev1.ApplyStatus_APPLY_STATUS_PENDING == compliancev1.ApplyStatus(compliance.Pending),
		"standing":   compliancev1.Standing_STANDING_NON_COMPLIANT == compliancev1.Standing(compliance.NonCompliant),
		"change":     compliancev1.Change_CHANGE_REVISED == compliancev1.Change(compliance.Revised),
	}
	for name, ok := range same {
		if !ok {
			t.Errorf("the numbers of %s differ", name)
		}
	}
	for _, odd := range []int32{-1, 256, 300, 1 << 30} {
		if got := word[compliance.PinScope](compliancev1.PinScope(odd)); got != 0 {
			t.Errorf("word(%d) = %d", odd, got)
		}
	}
}

func fullSpec() *compliancev1.PolicySpec {
	return &compliancev1.PolicySpec{
		Description: "d",
		Pins: []*compliancev1.PinRule{{
			Scope: 2, Quality: 4, Complexity: 3, MinimumLength: 6, HistoryLength: 3, ExpiresAfterDays: 90,
			FailuresBeforeRemoval: 10, InactivityLockSeconds: 60,
		}},
		TrustedRoots: []*compliancev1.TrustedRoot{{Name: "corp", CertificatePem: "pem"}},
		ClientCertificates: []*compliancev1.ClientCertificateProfile{{
			Alias: "wifi", CommonName: "{{user}}", Organization: "o", SanDnsNames: []string{"a"}, SanEmailAddresses: []string{"b"},
			SanUris: []string{"c"}, KeyType: 1, ValidityDays: 90, ExtendedKeyUsages: []compliancev1.ExtendedKeyUsage{1, 3},
			RenewalThresholdPercent: 30,
		}},
		Vpns: []*compliancev1.VpnRule{{
			Name: "corp", ProviderPackage: "com.example.vpn", Servers: []*compliancev1.VpnServer{{Address: "a", Description: "b"}},
			CertificateAlias: "wifi", AlwaysOn: true, Lockdown: true, AllowedPackages: []string{"a.a"}, DeniedPackages: []string{"b.b"},
			ProviderSettings: map[string]string{"k": "v"},
		}},
		Assignments: []*compliancev1.Assignment{
			{Target: &compliancev1.Assignment_All{All: true}},
			{Target: &compliancev1.Assignment_Group{Group: "g"}, Exclude: true},
			{Target: &compliancev1.Assignment_User{User: "u"}},
			{Target: &compliancev1.Assignment_Device{Device: "phone-0001"}},
		},
	}
}

func fullPosture() *compliancev1.Posture {
	return &compliancev1.Posture{
		OsVersion: "16", SecurityPatchLevel: "2026-02-05",
		Locks:              []*compliancev1.LockState{{Scope: 1, Set: true, Quality: 4, Complexity: 2, Length: 6, ChangedAt: timestamppb.New(t0)}, {Scope: 2}},
		ClientCertificates: []*compliancev1.InstalledCertificate{{Alias: "wifi", Serial: "1a", NotAfter: timestamppb.New(t0)}},
		TrustedRootSha256:  []string{"ab"},
		Vpns:               []*compliancev1.VpnState{{Name: "corp", AlwaysOn: true, Lockdown: true}},
		WorkApps:           []*compliancev1.WorkApp{{Package: "com.example.mail", Version: "4.1", UnsyncedChanges: 3}},
	}
}

// TestFullMessages: every field of a message is set, and survives.
func TestFullMessages(t *testing.T) {
	for _, m := range []proto.Message{fullSpec(), fullSpec().Pins[0], fullSpec().Vpns[0], fullSpec().ClientCertificates[0], fullPosture(), fullPosture().WorkApps[0]} {
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			if !m.ProtoReflect().Has(fields.Get(i)) {
				t.Errorf("the test's %s leaves out %s", m.ProtoReflect().Descriptor().Name(), fields.Get(i).Name())
			}
		}
	}
	if diff := cmp.Diff(fullSpec(), specToWire(specFromWire(fullSpec())), protocmp.Transform()); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	posture, err := postureFromWire(fullPosture())
	if diff := cmp.Diff(fullPosture(), postureToWire(posture), protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("posture, %v (-want +got):\n%s", err, diff)
	}
}

func TestTermsToWire(t *testing.T) {
	got := manifestToWire(&compliance.Manifest{
		Lease: compliance.Lease{Number: 7, LockAfter: time.Hour, WipeAfter: 24 * time.Hour},
		RevokedKeys: []compliance.RevokedKey{
			{Alias: "wifi", SHA256: "ab", Serial: "1a", At: t0},
		},
	})
	want := &compliancev1.Manifest{
		Lease:       &compliancev1.Lease{Number: 7, LockAfter: durationpb.New(time.Hour), WipeAfter: durationpb.New(24 * time.Hour)},
		RevokedKeys: []*compliancev1.RevokedKey{{Alias: "wifi", KeySha256: "ab"}},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if l := leaseToWire(compliance.Lease{Number: 1, LockAfter: time.Hour}); l == nil || l.WipeAfter != nil {
		t.Errorf("a lease that never wipes: %v", l)
	}
	if l := leaseToWire(compliance.Lease{}); l != nil {
		t.Errorf("no lease: %v", l)
	}
}

func TestVerdictToWire(t *testing.T) {
	got := verdictToWire(compliance.Verdict{
		Standing: compliance.Compliant, EvaluatedAt: t0, EvidenceAt: t0.Add(-time.Minute), Since: t0.Add(-time.Hour), ChangesAt: t0.Add(time.Hour),
		Findings: []compliance.Finding{{
			Rule: "r", Expected: "e", Actual: "a", EvidenceAge: 90 * time.Second, Since: t0, Remedy: "m", GraceUntil: t0.Add(time.Hour),
		}},
	})
	want := &compliancev1.Verdict{
		Standing: compliancev1.Standing_STANDING_COMPLIANT, EvaluatedAt: timestamppb.New(t0),
		EvidenceAt: timestamppb.New(t0.Add(-time.Minute)), Since: timestamppb.New(t0.Add(-time.Hour)), ChangesAt: timestamppb.New(t0.Add(time.Hour)),
		Findings: []*compliancev1.Finding{{
			Rule: "r", Expected: "e", Actual: "a", EvidenceAgeSeconds: 90, Since: timestamppb.New(t0), Remedy: "m",
			GraceUntil: timestamppb.New(t0.Add(time.Hour)),
		}},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
	if empty := verdictToWire(compliance.Verdict{}); empty.EvidenceAt != nil || empty.ChangesAt != nil {
		t.Errorf("absent times are there: %v", empty)
	}
}

func TestTimesThatAreNone(t *testing.T) {
	never := &timestamppb.Timestamp{Seconds: 1 << 60}
	for field, change := range map[string]func(*compliancev1.CheckInRequest){
		"observed_at": func(r *compliancev1.CheckInRequest) { r.ObservedAt = never },
		"posture.locks[1].changed_at": func(r *compliancev1.CheckInRequest) {
			r.Posture.Locks[1].ChangedAt = never
		},
		"posture.client_certificates[0].not_after": func(r *compliancev1.CheckInRequest) {
			r.Posture.ClientCertificates[0].NotAfter = never
		},
	} {
		r := &compliancev1.CheckInRequest{ObservedAt: timestamppb.New(t0), Posture: fullPosture()}
		change(r)
		_, err := reportFromWire(r)
		f, ok := err.(*fault.Error)
		if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != field {
			t.Errorf("%s: got error %v", field, err)
		}
	}
}

// FuzzSpec: any message is converted without panic, and what the slice has
// taken over survives the way back.
func FuzzSpec(f *testing.F) {
	for _, m := range []*compliancev1.PolicySpec{fullSpec(), {}, {Assignments: []*compliancev1.Assignment{{}}}} {
		raw, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := new(compliancev1.PolicySpec)
		if proto.Unmarshal(raw, m) != nil {
			return
		}
		s := specFromWire(m)
		if again := specFromWire(specToWire(s)); !again.Equal(s) {
			t.Errorf("%+v became %+v", s, again)
		}
		_ = s.Validate()
	})
}

// FuzzCheckIn does so for reports.
func FuzzCheckIn(f *testing.F) {
	raw, err := proto.Marshal(&compliancev1.CheckInRequest{
		ObservedAt: timestamppb.New(t0), Posture: fullPosture(), AppliedRevision: "ab",
		Results: []*compliancev1.SettingResult{{Setting: "pin.device", Status: 3, Detail: "d"}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := new(compliancev1.CheckInRequest)
		if proto.Unmarshal(raw, m) != nil {
			return
		}
		r, err := reportFromWire(m)
		if err != nil {
			return
		}
		r = r.Normalize()
		again, err := postureFromWire(postureToWire(r.Posture))
		if err != nil || !again.Equal(&r.Posture) {
			t.Errorf("%+v became %+v, %v", r.Posture, again, err)
		}
		_ = r.Validate(t0)
	})
}
