package compliance

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/device"
)

func fullManifest() *Manifest {
	return Compile([]Named{{Name: "full", Revision: 1, Spec: fullSpec()}}, device.WorkProfile)
}

// judge gives a verdict on a report that was made now.
func judge(m *Manifest, r Report, previous Verdict, now time.Time) Verdict {
	r = r.Normalize()
	return Evaluate(Evidence{Manifest: m, Report: &r, Previous: previous, Limits: limits()}, now)
}

func rules(v Verdict) []string {
	var names []string
	for _, f := range v.Findings {
		names = append(names, f.Rule)
	}
	return names
}

func TestFitPhoneIsCompliant(t *testing.T) {
	got := judge(fullManifest(), fitReport(fullManifest(), t0), Verdict{Standing: Unknown}, t0)
	want := Verdict{
		Standing: Compliant, EvaluatedAt: t0, EvidenceAt: t0, Since: t0,
		// The report will be too old before anything else happens.
		ChangesAt: t0.Add(24 * time.Hour),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
}

// TestRules breaks each rule alone. Beside the rule itself, nothing may be
// found; mended, the phone is fit (TestFitPhoneIsCompliant).
func TestRules(t *testing.T) {
	lock := func(r *Report, scope PinScope) *LockState { return &r.Posture.Locks[scope-1] }
	tests := []struct {
		rule     string
		name     string
		change   func(*Report)
		expected string
		actual   string
	}{
		{"pin.device.set", "no lock", func(r *Report) { lock(r, PinDevice).Set = false }, "a screen lock", "none"},
		{"pin.work_profile.set", "not reported", func(r *Report) { r.Posture.Locks = r.Posture.Locks[:1] }, "a screen lock", "none"},
		{"pin.device.complexity", "not reported", func(r *Report) { lock(r, PinDevice).Complexity = 0; r.Results = nil }, "at least low", "not reported"},
		{"pin.work_profile.quality", "weaker", func(r *Report) { lock(r, PinWorkProfile).Quality = QualityNumeric }, "at least numeric complex", "numeric"},
		{"pin.work_profile.quality", "not reported", func(r *Report) { lock(r, PinWorkProfile).Quality = 0 }, "at least numeric complex", "not reported"},
		{"pin.work_profile.minimum_length", "shorter", func(r *Report) { lock(r, PinWorkProfile).Length = 5 }, "at least 6", "5"},
		{"pin.work_profile.minimum_length", "not reported", func(r *Report) { lock(r, PinWorkProfile).Length = 0 }, "at least 6", "not reported"},
		{"pin.work_profile.expired", "too old", func(r *Report) { lock(r, PinWorkProfile).ChangedAt = t0.AddDate(0, 0, -90) }, "changed in the last 90 days", "changed 2025-12-01"},
		{"pin.work_profile.expired", "not reported", func(r *Report) { lock(r, PinWorkProfile).ChangedAt = time.Time{} }, "changed in the last 90 days", "not reported"},
		{"trusted_root.corp", "missing", func(r *Report) { r.Posture.TrustedRootSHA256 = nil }, "installed, SHA-256 " + rootDigest(roots()[0]), "not installed"},
		{"client_certificate.wifi", "missing", func(r *Report) { r.Posture.Certificates = nil }, "a valid certificate", "not installed"},
		{"client_certificate.wifi", "expired", func(r *Report) { r.Posture.Certificates[0].NotAfter = t0 }, "a valid certificate", "expired 2026-03-01T12:00:00Z"},
		{"vpn.corp", "missing", func(r *Report) { r.Posture.VPNs = nil }, "set up", "not set up"},
		{"vpn.corp.always_on", "off", func(r *Report) { r.Posture.VPNs[0].AlwaysOn = false }, "on", "off"},
		{"vpn.corp.lockdown", "off", func(r *Report) { r.Posture.VPNs[0].Lockdown = false }, "on", "off"},
		{"setting.pin.device", "failed", func(r *Report) { r.Results[0] = SettingResult{"pin.device", Failed, "no admin"} }, "applied", "failed: no admin"},
		{"setting.pin.device", "unsupported", func(r *Report) { r.Results[0].Status = Unsupported }, "applied", "unsupported"},
		{"evidence.age", "too old", func(r *Report) { r.ObservedAt = t0.Add(-24 * time.Hour) }, "a report of the last 24 hours", "last looked 2026-02-28T12:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.rule+" "+tt.name, func(t *testing.T) {
			r := fitReport(fullManifest(), t0)
			tt.change(&r)
			got := judge(fullManifest(), r, Verdict{}, t0)
			want := []Finding{{Rule: tt.rule, Expected: tt.expected, Actual: tt.actual, EvidenceAge: t0.Sub(r.ObservedAt), Since: t0}}
			if diff := cmp.Diff(want, got.Findings, cmpopts.IgnoreFields(Finding{}, "Remedy")); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got.Standing != NonCompliant || !got.ChangesAt.IsZero() || len(got.Findings) > 0 && got.Findings[0].Remedy == "" {
				t.Errorf("verdict = %+v", got)
			}
		})
	}
}

// TestRulesHold: what looks odd but is as asked.
func TestRulesHold(t *testing.T) {
	applied := []SettingResult{{Setting: "pin.device", Status: Applied}, {Setting: "pin.work_profile", Status: Applied}}
	tests := []struct {
		name   string
		change func(*Report)
	}{
		{"the device vouches for what it does not say", func(r *Report) {
			r.Results = applied
			r.Posture.Locks = []LockState{{Scope: PinDevice, Set: true}, {Scope: PinWorkProfile, Set: true}}
		}},
		{"a pending setting whose posture is right", func(r *Report) { r.Results[0].Status = Pending }},
		{"a failed setting nobody asks for", func(r *Report) {
			r.Results = append(r.Results, SettingResult{Setting: "vpn.other", Status: Failed})
		}},
		{"stronger than asked", func(r *Report) {
			r.Posture.Locks[1].Quality, r.Posture.Locks[1].Length = QualityComplex, 16
			r.Posture.Locks[0].Complexity = ComplexityHigh
		}},
		{"more than asked", func(r *Report) {
			r.Posture.VPNs = append(r.Posture.VPNs, VPNState{Name: "other"})
			r.Posture.TrustedRootSHA256 = append(r.Posture.TrustedRootSHA256, rootDigest(roots()[1]))
		}},
		{"a clock that is a little ahead", func(r *Report) { r.ObservedAt = t0.Add(4 * time.Minute) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := fitReport(fullManifest(), t0)
			tt.change(&r)
			if got := judge(fullManifest(), r, Verdict{}, t0); got.Standing != Compliant || len(got.Findings) > 0 {
				t.Errorf("verdict = %+v", got)
			}
		})
	}
}

func TestWithoutAReport(t *testing.T) {
	got := Evaluate(Evidence{Manifest: fullManifest(), Limits: limits()}, t0)
	if got.Standing != Unknown || !cmp.Equal(rules(got), []string{"evidence.report"}) || !got.EvidenceAt.IsZero() {
		t.Errorf("verdict = %+v", got)
	}
}

// TestVouchingNeedsTheManifest: a word about another manifest is no word.
func TestVouchingNeedsTheManifest(t *testing.T) {
	r := fitReport(fullManifest(), t0)
	r.Posture.Locks[0].Complexity, r.AppliedRevision = 0, "0a"
	got := judge(fullManifest(), r, Verdict{}, t0)
	if diff := cmp.Diff([]string{"manifest.revision", "pin.device.complexity"}, rules(got)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestGraceOfAManifest(t *testing.T) {
	m := fullManifest()
	r := fitReport(m, t0)
	r.AppliedRevision = ""
	first := judge(m, r, Verdict{Standing: Compliant, Since: t0.Add(-time.Hour)}, t0)
	ends := t0.Add(time.Hour)
	if first.Standing != Compliant || !first.ChangesAt.Equal(ends) || !cmp.Equal(rules(first), []string{"manifest.revision"}) ||
		!first.Findings[0].GraceUntil.Equal(ends) || !first.Since.Equal(t0.Add(-time.Hour)) {
		t.Fatalf("first verdict = %+v", first)
	}
	// Looking again does not prolong it.
	r.ObservedAt = t0.Add(30 * time.Minute)
	second := judge(m, r, first, t0.Add(30*time.Minute))
	if !second.Findings[0].GraceUntil.Equal(ends) || !second.Findings[0].Since.Equal(t0) {
		t.Fatalf("second verdict = %+v", second)
	}
	third := judge(m, r, second, t0.Add(2*time.Hour))
	if third.Standing != NonCompliant || !third.Since.Equal(ends) || !third.Findings[0].GraceUntil.IsZero() ||
		!third.Findings[0].Since.Equal(t0) || !third.ChangesAt.IsZero() {
		t.Fatalf("third verdict = %+v", third)
	}
	// Another manifest does not excuse a device that had its time.
	other := Compile([]Named{{Name: "x", Spec: Spec{Pins: []PinRule{{Scope: PinDevice}}}}}, device.WorkProfile)
	if fourth := judge(other, r, third, t0.Add(2*time.Hour)); fourth.Standing != NonCompliant {
		t.Errorf("fourth verdict = %+v", fourth)
	}
	// But one that is still within it gets the time for the new one.
	fresh := judge(other, r, second, t0.Add(40*time.Minute))
	if !fresh.Findings[0].GraceUntil.Equal(t0.Add(100 * time.Minute)) {
		t.Errorf("verdict on the next manifest = %+v", fresh)
	}
}

func TestGraceOfAConflict(t *testing.T) {
	m := Compile([]Named{{Name: "x", Spec: Spec{VPNs: []VPNRule{vpnRule()}}}}, device.WorkProfile)
	r := fitReport(m, t0)
	first := judge(m, r, Verdict{}, t0)
	if first.Standing != Compliant || !cmp.Equal(rules(first), []string{"conflict.vpn.corp"}) || !first.ChangesAt.Equal(t0.Add(time.Hour)) {
		t.Fatalf("verdict = %+v", first)
	}
	if later := judge(m, r, first, t0.Add(time.Hour)); later.Standing != NonCompliant {
		t.Errorf("verdict an hour later = %+v", later)
	}
}

// TestTimeTurnsAVerdict: at the time a verdict foretells it turns, not before.
func TestTimeTurnsAVerdict(t *testing.T) {
	tests := []struct {
		rule   string
		change func(*Report)
		in     time.Duration
	}{
		{"evidence.age", func(*Report) {}, 24 * time.Hour},
		{"pin.work_profile.expired", func(r *Report) { r.Posture.Locks[1].ChangedAt = t0.AddDate(0, 0, -90).Add(time.Hour) }, time.Hour},
		{"client_certificate.wifi", func(r *Report) { r.Posture.Certificates[0].NotAfter = t0.Add(2 * time.Hour) }, 2 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			m, r := fullManifest(), fitReport(fullManifest(), t0)
			tt.change(&r)
			turns := t0.Add(tt.in)
			first := judge(m, r, Verdict{}, t0)
			if first.Standing != Compliant || !first.ChangesAt.Equal(turns) {
				t.Fatalf("first verdict = %+v, want it to turn at %v", first, turns)
			}
			if before := judge(m, r, first, turns.Add(-time.Microsecond)); before.Standing != Compliant {
				t.Errorf("just before: %+v", before)
			}
			// Found late, it still holds since it turned.
			after := judge(m, r, first, turns.Add(time.Hour))
			if after.Standing != NonCompliant || !after.Since.Equal(turns) || !cmp.Equal(rules(after), []string{tt.rule}) ||
				!after.Findings[0].Since.Equal(turns) {
				t.Errorf("after: %+v", after)
			}
		})
	}
}

func TestFindingsKeepTheirSince(t *testing.T) {
	m, r := fullManifest(), fitReport(fullManifest(), t0)
	r.Posture.VPNs = nil
	first := judge(m, r, Verdict{}, t0)
	r.ObservedAt, r.Posture.Certificates = t0.Add(time.Minute), nil
	second := judge(m, r, first, t0.Add(time.Minute))
	got := map[string]time.Time{}
	for _, f := range second.Findings {
		got[f.Rule] = f.Since
	}
	want := map[string]time.Time{"vpn.corp": t0, "client_certificate.wifi": t0.Add(time.Minute)}
	if diff := cmp.Diff(want, got); diff != "" || !second.Since.Equal(t0) {
		t.Errorf("since %v, findings (-want +got):\n%s", second.Since, diff)
	}
}

// TestFutureChangeDoesNotPutExpiryOff: a secret cannot have been changed after
// the device looked.
func TestFutureChangeDoesNotPutExpiryOff(t *testing.T) {
	r := fitReport(fullManifest(), t0)
	r.Posture.Locks[1].ChangedAt = t0.AddDate(50, 0, 0)
	m := Compile([]Named{{Name: "x", Spec: Spec{Pins: []PinRule{{Scope: PinWorkProfile, ExpiresAfterDays: 1}}}}}, device.WorkProfile)
	r.AppliedRevision = m.Revision()
	late := Evaluate(Evidence{Manifest: m, Report: &r, Limits: Limits{EvidenceAge: 100 * day, Grace: 1, CheckInEvery: 1}}, t0.Add(2*day))
	if !cmp.Equal(rules(late), []string{"pin.work_profile.expired"}) {
		t.Errorf("rules = %v", rules(late))
	}
}

// TestNewSettingsShareTheGrace: what the agent sets up by itself is not held
// against a phone that has not applied the newest manifest, until the grace is
// over; once it is applied, nothing is excused.
func TestNewSettingsShareTheGrace(t *testing.T) {
	r := fitReport(fullManifest(), t0)
	r.Posture.VPNs, r.Posture.TrustedRootSHA256, r.Posture.Certificates = nil, nil, nil

	late := r
	late.AppliedRevision = "0a"
	first := judge(fullManifest(), late, Verdict{}, t0)
	if first.Standing != Compliant || len(first.Findings) != 4 {
		t.Fatalf("a phone that could not apply it yet: %v, %v", first.Standing, rules(first))
	}
	if want := t0.Add(limits().Grace); !first.ChangesAt.Equal(want) {
		t.Errorf("the verdict changes at %v, want %v", first.ChangesAt, want)
	}
	late.ObservedAt = t0.Add(limits().Grace)
	if over := judge(fullManifest(), late, first, t0.Add(limits().Grace)); over.Standing != NonCompliant {
		t.Errorf("after the grace: %v", over.Standing)
	}
	if applied := judge(fullManifest(), r, Verdict{}, t0); applied.Standing != NonCompliant {
		t.Errorf("a phone that says it has applied it: %v", applied.Standing)
	}
}
