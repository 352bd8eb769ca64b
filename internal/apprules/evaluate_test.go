package apprules

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/fault"
)

func effective(t testing.TB, said string) *Effective {
	t.Helper()
	return specOf(t, sayings(said)).effective()
}

func judge(t testing.TB, said string, change func(*Evidence)) Verdict {
	t.Helper()
	e := Evidence{Effective: effective(t, said), Report: wellReport(fields{}), Registration: Registration{OnlineAt: t0}}
	if change != nil {
		change(&e)
	}
	return Evaluate(e, t0)
}

func TestWellPhoneIsOK(t *testing.T) {
	got := judge(t, "launch.offline.block=2h", nil)
	want := Verdict{
		Standing: StandingOK, EvaluatedAt: t0, EvidenceAt: t0, Since: t0, ChangesAt: t0.Add(2 * time.Hour),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
}

// TestFindingExplains: a finding says what was asked, what was seen, what
// follows and what helps.
func TestFindingExplains(t *testing.T) {
	got := judge(t, "launch.app_version.warn=9.5; launch.app_version.wipe=5; config.custom.update_source=https://apps.example.com", func(e *Evidence) {
		e.Report.ObservedAt = t0.Add(-time.Minute)
	})
	want := []Finding{{
		Check: "launch.app_version", Threshold: "at least 9.5", Actual: "9", Action: ActionWarn,
		EvidenceAge: time.Minute, Since: t0, RemedyKey: "update_app", Remedy: "update this app", Link: "https://apps.example.com",
	}}
	if diff := cmp.Diff(want, got.Findings); diff != "" || got.Standing != StandingWarn {
		t.Errorf("%v, findings (-want +got):\n%s", got.Standing, diff)
	}
}

// TestSilenceNeverWipes: with a wipe asked for by every check, an app that
// reports nothing is blocked.
func TestSilenceNeverWipes(t *testing.T) {
	said := map[string][]string{}
	for _, r := range Catalog() {
		key := string(r.Key)
		switch {
		case !strings.HasPrefix(key, "launch.") || strings.HasPrefix(key, "launch.offline"):
		case strings.HasSuffix(key, ".wipe"):
			said[key] = strings.Split(sampled(r)[0], "|")
		case strings.HasSuffix(r.Values, "wipe"):
			said[key] = []string{"wipe"}
		}
	}
	e := specOf(t, said).effective()
	v := Evaluate(Evidence{Effective: e, Report: &Report{ObservedAt: t0}, Registration: Registration{OnlineAt: t0}}, t0)
	if v.Standing != StandingBlock || len(v.Findings) < 15 {
		t.Errorf("%v with %d findings", v.Standing, len(v.Findings))
	}
	for _, f := range v.Findings {
		if f.Action != ActionBlock || f.Actual != "not reported" {
			t.Errorf("%+v", f)
		}
	}
}

// TestStrictestFirst: wipe before block before warn, else in the order of the
// checks.
func TestStrictestFirst(t *testing.T) {
	v := judge(t, "launch.app_version.warn=10; launch.os_version.block=16; launch.patch_level.wipe=2026-03-05; launch.sdk_version.block=10; launch.app_scan=none", nil)
	var got []string
	for _, f := range v.Findings {
		got = append(got, f.Action.String()+" "+string(f.Check))
	}
	want := []string{"wipe launch.patch_level", "block launch.os_version", "block launch.sdk_version", "warn launch.app_version"}
	if diff := cmp.Diff(want, got); diff != "" || v.Standing != StandingWipe {
		t.Errorf("%v (-want +got):\n%s", v.Standing, diff)
	}
}

func TestSinceIsKept(t *testing.T) {
	const said = "launch.app_version.block=10"
	first := judge(t, said, nil)
	e := Evidence{Effective: effective(t, said), Report: wellReport(fields{}), Registration: Registration{OnlineAt: t0}, Previous: first}
	second := Evaluate(e, t0.Add(time.Hour))
	if !second.Since.Equal(t0) || !second.Findings[0].Since.Equal(t0) {
		t.Errorf("the same an hour later: %+v", second)
	}
	e.Previous = second
	e.Effective = effective(t, "launch.app_version.wipe=10")
	third := Evaluate(e, t0.Add(2*time.Hour))
	if at := t0.Add(2 * time.Hour); !third.Since.Equal(at) || !third.Findings[0].Since.Equal(at) {
		t.Errorf("another action: %+v", third)
	}
}

func TestVerdicts(t *testing.T) {
	tests := []struct {
		name   string
		said   string
		change func(*Evidence)
		want   string
	}{
		{"no policy", "", func(e *Evidence) { e.Effective = merged() }, "block policy"},
		{"no report", "", func(e *Evidence) { e.Report = nil }, "block report"},
		{"no report of a shut account", "launch.account_disabled=wipe", func(e *Evidence) {
			e.Report, e.Registration.AccountDisabled = nil, true
		}, "wipe launch.account_disabled report"},
		{"an old integrity verdict never wipes", "launch.integrity.wipe=basic", func(e *Evidence) {
			e.Report.Integrity.At = t0.Add(-24 * time.Hour)
		}, "block launch.integrity"},
		{"an integrity verdict without a time", "launch.integrity.block=basic", func(e *Evidence) {
			e.Report.Integrity.At = time.Time{}
		}, "block launch.integrity"},
		{"a lock before Android 12", "launch.device_lock.block=high", func(e *Evidence) {
			e.Report.OSVersion, e.Report.Lock = Version{11}, LockSet
		}, "ok"},
		{"no lock before Android 12", "launch.device_lock.block=high", func(e *Evidence) {
			e.Report.OSVersion, e.Report.Lock = Version{11}, LockNone
		}, "block launch.device_lock"},
		{"a lock of unknown strength since", "launch.device_lock.block=low", func(e *Evidence) { e.Report.Lock = LockSet }, "block launch.device_lock"},
		{"a lock on an unknown Android", "launch.device_lock.block=low", func(e *Evidence) {
			e.Report.Lock, e.Report.OSVersion = LockSet, Version{}
		}, "block launch.device_lock"},
		{"no Samsung", "launch.knox_where_supported=wipe; launch.knox=wipe", func(e *Evidence) {
			e.Report.Knox = AttestationUnsupported
		}, "block launch.knox"},
		{"a maker in capitals", "launch.manufacturers.wipe=google", func(e *Evidence) { e.Report.Manufacturer = "GOOGLE" }, "ok"},
		{"both words, the worse by default", "launch.threat_level.block=low", func(e *Evidence) { e.Report.ThirdParty = ThreatHigh }, "block launch.threat_level"},
		{"nobody says a word of threats", "launch.threat_level.wipe=low", func(e *Evidence) { e.Report.Defender = 0 }, "block launch.threat_level"},
		{"whose word is in dispute: no wipe", "launch.threat_level.wipe=low; launch.threat_from=defender-first; launch.threat_from=third-party-first", func(e *Evidence) {
			e.Report.ThirdParty = ThreatHigh
		}, "block launch.threat_level"},
		{"an update that does not wait", "launch.agent_age.wipe=0", nil, "ok"},
		{"signs without a search", "launch.rooted=wipe", func(e *Evidence) {
			e.Report.RootChecked, e.Report.RootSignals = false, SignROMModified
		}, "wipe launch.rooted"},
		{"a ceiling lets its minor versions be", "launch.os_version_max.block=15", func(e *Evidence) { e.Report.OSVersion = Version{15, 9} }, "ok"},
		{"after work, under grace", "launch.working_hours.block=UTC sun 08:00-11:00; launch.off_hours_grace=2h", nil, "warn launch.working_hours"},
		{"after work and grace", "launch.working_hours.block=UTC sun 08:00-11:00; launch.off_hours_grace=1h", nil, "block launch.working_hours"},
		{"wipe at more PINs than the default blocks", "access.pin_retries.wipe=9", func(e *Evidence) { e.Report.PIN.Failures = 8 }, "ok"},
		{"wrong PINs where none is asked for", "access.pin_required=false", func(e *Evidence) { e.Report.PIN.Failures = 99 }, "ok"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := judge(t, tt.said, tt.change)
			got := v.Standing.String()
			for _, f := range v.Findings {
				got += " " + string(f.Check)
				if f.Remedy == "" || f.RemedyKey == "" {
					t.Errorf("no remedy: %+v", f)
				}
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestReport(t *testing.T) {
	wait := -time.Hour
	for field, change := range map[string]func(*Report){
		"report.observed_at":        func(r *Report) { r.ObservedAt = time.Time{} },
		"report.applied_revision":   func(r *Report) { r.AppliedRevision = "x" },
		"report.agent_update_waits": func(r *Report) { r.AgentUpdateWaits = &wait },
		"report":                    func(r *Report) { r.RootSignals = 8 },
		"report.patch":              func(r *Report) { r.Patch = "2026-02-30" },
		"report.model":              func(r *Report) { r.Model = "a\u202eb" },
		"report.manufacturer":       func(r *Report) { r.Manufacturer = strings.Repeat("x", 129) },
		"report.wipes":              func(r *Report) { r.DoneWipes = make([]string, 65) },
		"report.wipes[0]":           func(r *Report) { r.PendingWipes = []string{""} },
		"report.unsynced_changes":   func(r *Report) { r.UnsyncedChanges = MaxUnsynced + 1 },
	} {
		r := wellReport(fields{})
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		change(r)
		if err := r.Validate(); fault.KindOf(err) != fault.Invalid || !strings.HasPrefix(err.Error(), field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
	most := wellReport(fields{})
	most.UnsyncedChanges = MaxUnsynced
	if err := most.Validate(); err != nil {
		t.Error(err)
	}
	ahead := Report{ObservedAt: t0.Add(time.Hour), Integrity: IntegrityReport{At: t0.Add(48 * time.Hour)}, DoneWipes: []string{"b", "a", "b"}}
	want := Report{ObservedAt: t0, Integrity: IntegrityReport{At: t0}, DoneWipes: []string{"a", "b"}}
	if diff := cmp.Diff(want, ahead.Received(t0), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}
