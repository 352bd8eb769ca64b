package apprules

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// samples are a few plain values for each setting, in which policies differ.
// What is left out of it takes the values of its kind's vocabulary.
var samples = map[Key][]string{
	"data.exempt_apps":           {"a.a|b.b=B|c.c", "a.a=A|b.b", "b.b", ""},
	"data.approved_keyboards":    {"a.a|b.b", "b.b=B|c.c", "a.a|b.b=A|c.c"},
	"data.dialer_app":            {"a.a", "a.a=A", "b.b"},
	"data.messaging_app":         {"a.a", "a.a=A", "b.b"},
	"data.custom_browser":        {"a.a", "a.a=A", "com.microsoft.emmx"},
	"data.storage_locations":     {"nowhere", "sharepoint|box", "box|local-storage"},
	"data.ingestion_locations":   {"nowhere", "sharepoint|camera", "camera"},
	"data.dialer":                {"all-apps", "managed-apps", "custom-app", "custom-app|managed-apps", "blocked"},
	"data.messaging":             {"all-apps", "managed-apps", "custom-app", "blocked"},
	"data.managed_browser":       {"managed-browser", "custom-browser", "microsoft-edge", "blocked"},
	"data.clipboard_allowance":   {"0", "5", "100"},
	"access.pin_length":          {"4", "6", "16"},
	"access.pin_history":         {"0", "3", "24"},
	"launch.manufacturers.block": {"Google|Samsung", "google|Other", "Other"},
	"launch.manufacturers.wipe":  {"Google|Samsung", "google|Other", "Other"},
	"launch.models.block":        {"Pixel 9|Pixel 8", "Pixel 8|Old"},
	"launch.models.wipe":         {"Pixel 9|Pixel 8", "Pixel 8|Old"},
	"launch.threat_from":         {"worst", "defender-first", "third-party-first"},
	"launch.working_hours.warn":  {"Europe/Berlin mon-fri 08:00-18:00", "UTC sat-sun 10:00-14:00|Asia/Tokyo mon-sun 00:00-24:00"},
	"launch.working_hours.block": {"Europe/Berlin mon-sun 08:00-18:00", "UTC sat-sun 22:00-14:00"},
	"launch.off_hours_grace":     {"0s", "1h", "3d"},
	"launch.agent_age.warn":      {"0", "10"},
	"launch.agent_age.block":     {"0", "20"},
	"launch.agent_age.wipe":      {"30", "300"},
	"access.pin_retries.block":   {"1", "3", "10"},
	"access.pin_retries.wipe":    {"2", "5"},
	"access.pin_expires_after":   {"0s", "1d", "90d"},
	"launch.patch_level.warn":    {"2026-01-05", "2026-03-05"},
	"launch.patch_level.block":   {"2026-01-05", "2026-02-05"},
	"launch.patch_level.wipe":    {"2025-01-05", "2026-01-05"},
	"access.biometric_timeout":   {"5m", "30m", "1d"},
	"access.recheck_after":       {"5m", "30m"},
	"launch.offline.block":       {"2h", "1d"},
	"launch.offline.wipe":        {"30d", "90d"},
	"launch.device_lock.warn":    {"set", "high"},
	"launch.device_lock.block":   {"low", "medium"},
	"launch.device_lock.wipe":    {"set", "low"},
}

// sampled gives plain values to choose from.
func sampled(r Row) []string {
	if list := samples[r.Key]; list != nil {
		return list
	}
	if strings.HasPrefix(r.Values, "1 to 4 numbers") {
		return []string{"5", "5.1", "14", "15.0.1", "16"}
	}
	return strings.Split(strings.TrimPrefix(r.Values, "a list of: "), ", ")
}

// genSettings draws a valid policy of settings under a prefix. All of them say
// the keys of always, so that no default steps in.
func genSettings(prefix string, always ...Key) *rapid.Generator[Settings] {
	_, ordered := entries()
	return rapid.Custom(func(t *rapid.T) Settings {
		plain := map[Key][]string{}
		for _, e := range ordered {
			if !strings.HasPrefix(string(e.Key()), prefix) {
				continue
			}
			if !slices.Contains(always, e.Key()) && rapid.IntRange(0, 2).Draw(t, "say") > 0 {
				continue
			}
			texts := strings.Split(rapid.SampledFrom(sampled(e.describe())).Draw(t, string(e.Key())), "|")
			if texts[0] == "" {
				texts = nil
			}
			plain[e.Key()] = texts
		}
		s, err := ParseSettings(plain)
		if err != nil {
			t.Fatalf("%v of %v", err, plain)
		}
		for _, e := range ordered {
			switch {
			case e.idle(s):
				delete(s.said, e.Key())
			case e.missing(s):
				value, err := e.parse(strings.Split(samples[e.Key()][0], "|"))
				if err != nil {
					t.Fatal(err)
				}
				s.said[e.Key()] = value
			}
		}
		return s
	})
}

func several(t *rapid.T, g *rapid.Generator[Settings], low, high int) []Settings {
	return rapid.SliceOfN(g, low, high).Draw(t, "policies")
}

// TestSamplesFit: what the generators draw from are values.
func TestSamplesFit(t *testing.T) {
	_, ordered := entries()
	for _, e := range ordered {
		for _, text := range sampled(e.describe()) {
			texts := strings.Split(text, "|")
			if text == "" {
				texts = nil
			}
			v, err := e.parse(texts)
			if err != nil {
				t.Errorf("%s: %v", e.Key(), err)
				continue
			}
			if again, err := e.parse(e.format(v)); err != nil || !cmp.Equal(e.format(again), e.format(v)) {
				t.Errorf("%s: %q is read back as %v, %v", e.Key(), e.format(v), again, err)
			}
		}
	}
}

// TestMergeIgnoresOrderAndRepeats: neither changes what is asked.
func TestMergeIgnoresOrderAndRepeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policies := several(t, genSettings(""), 0, 4)
		want := merged(policies...)
		for what, list := range map[string][]Settings{
			"in another order": rapid.Permutation(policies).Draw(t, "order"),
			"every one twice":  slices.Concat(policies, policies),
		} {
			got := merged(list...)
			if diff := cmp.Diff(want.Settings.Plain(), got.Settings.Plain()); diff != "" || got.Revision() != want.Revision() {
				t.Fatalf("%s (-want +got):\n%s", what, diff)
			}
		}
	})
}

// TestMergeInSteps: what two merged policies ask together is what all of them
// ask.
func TestMergeInSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policies := several(t, genSettings(""), 2, 5)
		want := merged(policies...)
		cut := rapid.IntRange(1, len(policies)-1).Draw(t, "cut")
		got := merged(Merge(policies[:cut]...), Merge(policies[cut:]...))
		if diff := cmp.Diff(want.Settings.Plain(), got.Settings.Plain()); diff != "" || got.Revision() != want.Revision() {
			t.Fatalf("in two steps (-want +got):\n%s", diff)
		}
	})
}

// TestPlainIsRead: what a policy and what all of them say survives the wire.
func TestPlainIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := merged(several(t, genSettings(""), 1, 3)...)
		read, err := ParseSettings(e.Settings.Plain())
		if err != nil || !read.Equal(e.Settings) || Restore(read, e.Config).Revision() != e.Revision() {
			t.Fatalf("read %v (%v), want %v", read.Plain(), err, e.Settings.Plain())
		}
	})
}

var genTransfer = rapid.Custom(func(t *rapid.T) Transfer {
	app := rapid.SampledFrom([]string{"a.a", "b.b", "c.c", "x.x", "com.microsoft.emmx", "com.android.phone"})
	return Transfer{
		Gate:       Gate(rapid.IntRange(1, len(gates)-1).Draw(t, "gate")),
		Peer:       Peer{app.Draw(t, "app"), rapid.Bool().Draw(t, "managed"), rapid.IntRange(0, 9).Draw(t, "same") == 0},
		Location:   1 << rapid.IntRange(0, len(locationNames)-1).Draw(t, "place"),
		Characters: rapid.SampledFrom([]int{0, 1, 5, 6, 100, 101}).Draw(t, "characters"),
		Redacts:    rapid.Bool().Draw(t, "redacts"),
		Level:      Level(rapid.IntRange(1, 3).Draw(t, "level")), DeviceEncrypted: rapid.Bool().Draw(t, "encrypted"),
	}
})

// TestGatesAreNeverWeaker: what one of the policies alone keeps shut stays
// shut, whatever the others say.
func TestGatesAreNeverWeaker(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policies := several(t, genSettings("data.", "data.encrypt"), 2, 4)
		all := merged(policies...)
		for range 20 {
			transfer := genTransfer.Draw(t, "transfer")
			got := May(all, transfer)
			for _, p := range policies {
				alone := May(merged(p), transfer)
				if got.Allowed && (!alone.Allowed || alone.Redacted && !got.Redacted) {
					t.Fatalf("%+v is let through, but %v says %+v", transfer, p.Plain(), alone)
				}
			}
		}
	})
}

func genReport(t *rapid.T) *Report {
	waits := rapid.SampledFrom([]time.Duration{0, time.Hour, 15 * day, 200 * day}).Draw(t, "waits")
	version := rapid.SampledFrom([]Version{{}, {5}, {5, 1}, {11}, {14, 2}, {15, 0, 2}, {16, 1}})
	upTo := func(n int, name string) uint8 { return uint8(rapid.IntRange(0, n).Draw(t, name)) }
	r := &Report{
		ObservedAt: t0, AppVersion: version.Draw(t, "app"), SDKVersion: version.Draw(t, "sdk"),
		AgentVersion: version.Draw(t, "agent"), OSVersion: version.Draw(t, "os"), AgentUpdateWaits: &waits,
		Patch:        rapid.SampledFrom([]Patch{"", "2025-12-05", "2026-01-05", "2026-03-05"}).Draw(t, "patch"),
		Manufacturer: rapid.SampledFrom([]string{"", "GOOGLE", "samsung", "Odd"}).Draw(t, "maker"),
		Model:        rapid.SampledFrom([]string{"", "Pixel 9", "Old"}).Draw(t, "model"),
		Lock:         Lock(upTo(5, "lock")), RootChecked: rapid.Bool().Draw(t, "checked"), RootSignals: RootSignals(upTo(7, "signals")),
		Integrity: IntegrityReport{Integrity(upTo(3, "integrity")), Evaluation(upTo(2, "evaluation")), t0.Add(-time.Hour)},
		AppScan:   AppScanState(upTo(2, "scan")), Knox: Attestation(upTo(3, "knox")),
		Defender: Threat(upTo(4, "defender")), ThirdParty: Threat(upTo(4, "third party")),
		PIN: PINState{Failures: rapid.SampledFrom([]uint32{0, 1, 2, 4, 9, 20}).Draw(t, "failures")},
	}
	if rapid.IntRange(0, 3).Draw(t, "silent") == 0 {
		r.AgentUpdateWaits = nil
	}
	return r
}

func genEvidence(t *rapid.T) Evidence {
	r := Registration{
		OnlineAt:        t0.Add(-rapid.SampledFrom([]time.Duration{0, 3 * time.Hour, 2 * day, 40 * day, 100 * day}).Draw(t, "offline")),
		AccountDisabled: rapid.IntRange(0, 3).Draw(t, "disabled") == 0,
	}
	if rapid.Bool().Draw(t, "clocked out") {
		r.ClockedOutAt = t0.Add(-2 * time.Hour)
	}
	return Evidence{Report: genReport(t), Registration: r}
}

// TestVerdictIsTheStrictest: all policies together warn, block and wipe where
// one of them alone does, and nowhere else. Left out is what merges to more
// than any policy asked: the grace after work, and two choices of whose word
// about threats counts.
func TestVerdictIsTheStrictest(t *testing.T) {
	g := genSettings("launch.", "launch.offline.block", "launch.offline.wipe")
	rapid.Check(t, func(t *rapid.T) {
		policies := several(t, g, 2, 3)
		for i := range policies {
			delete(policies[i].said, OffHoursGrace.Key())
			delete(policies[i].said, ThreatFrom.Key())
		}
		for range 2 {
			e := genEvidence(t)
			// These policies say nothing of a PIN.
			e.Report.PIN.Failures = 0
			want := StandingOK
			for _, p := range policies {
				e.Effective = merged(p)
				want = max(want, Evaluate(e, t0).Standing)
			}
			e.Effective = merged(policies...)
			if got := Evaluate(e, t0); got.Standing != want {
				t.Fatalf("together %v, the strictest alone %v: %+v", got.Standing, want, got.Findings)
			}
		}
	})
}

// TestNobodyIsWipedWithoutAWish: also where choices differ, a wipe is what some
// policy alone would do.
func TestNobodyIsWipedWithoutAWish(t *testing.T) {
	g := genSettings("", "launch.offline.block", "launch.offline.wipe", "access.pin_required")
	rapid.Check(t, func(t *rapid.T) {
		policies := several(t, g, 2, 3)
		e := genEvidence(t)
		e.Effective = merged(policies...)
		if Evaluate(e, t0).Standing != StandingWipe {
			return
		}
		for _, p := range policies {
			e.Effective = merged(p)
			// A policy that asks for no PIN may still say after how many wrong
			// ones to wipe: it asks for it where another asks for the PIN.
			e.Effective.Settings = e.Effective.Settings.merge(Say(PINRequired.Is(true)))
			if Evaluate(e, t0).Standing == StandingWipe {
				return
			}
		}
		t.Fatal("no policy alone wipes")
	})
}

// TestNothingHappensBeforeItsTime: until ChangesAt the same is found.
func TestNothingHappensBeforeItsTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := genEvidence(t)
		e.Effective = merged(several(t, genSettings("launch."), 1, 2)...)
		first := Evaluate(e, t0)
		later := t0.Add(time.Duration(rapid.Int64Range(0, int64(120*day)).Draw(t, "later")))
		if !first.ChangesAt.IsZero() && !later.Before(first.ChangesAt) {
			later = first.ChangesAt.Add(-time.Microsecond)
		}
		found := func(v Verdict) map[Key]Action {
			m := map[Key]Action{}
			for _, f := range v.Findings {
				m[f.Check] = f.Action
			}
			return m
		}
		if got, want := found(Evaluate(e, later)), found(first); !maps.Equal(got, want) {
			t.Fatalf("now %v, at %v %v, and a change is foretold for %v", want, later, got, first.ChangesAt)
		}
	})
}
