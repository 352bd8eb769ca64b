package appprotectrpc

import (
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/policyfile"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

const (
	revision = "1111111111111111111111111111111111111111111111111111111111111111"
	signer   = "2222222222222222222222222222222222222222222222222222222222222222"
	pkg      = "com.example.mail"
)

func fullReport() *appprotectv1.Report {
	return &appprotectv1.Report{
		ObservedAt: timestamppb.New(t0), AppliedRevision: revision,
		AppVersion: "4.2", SdkVersion: "1.0.3", AgentVersion: "2", AgentUpdateWaits: durationpb.New(time.Hour),
		OsVersion: "16", SecurityPatch: "2026-11-05", Manufacturer: "Google", Model: "Pixel 9",
		Lock: appprotectv1.DeviceLock_DEVICE_LOCK_HIGH, RootSignals: &appprotectv1.RootSignals{BootloaderUnlocked: true},
		Integrity: &appprotectv1.IntegrityVerdict{
			Verdict:    appprotectv1.Integrity_INTEGRITY_DEVICE,
			Evaluation: appprotectv1.IntegrityEvaluation_INTEGRITY_EVALUATION_HARDWARE_BACKED, At: timestamppb.New(t0.Add(-time.Hour)),
		},
		AppScan: appprotectv1.AppScan_APP_SCAN_ON, Knox: appprotectv1.Attestation_ATTESTATION_UNSUPPORTED,
		Defender: appprotectv1.ThreatLevel_THREAT_LEVEL_LOW, ThirdParty: appprotectv1.ThreatLevel_THREAT_LEVEL_HIGH,
		PinSet: true, PinFailures: 2, PendingWipes: []string{"order-1"}, DoneWipes: []string{"order-2"},
		UnsyncedChanges: 3,
	}
}

func TestReport(t *testing.T) {
	got, err := reportFromWire(fullReport())
	if err != nil {
		t.Fatal(err)
	}
	want := apprules.Report{
		ObservedAt: t0, AppliedRevision: revision,
		AppVersion: apprules.Version{4, 2}, SDKVersion: apprules.Version{1, 0, 3}, AgentVersion: apprules.Version{2},
		AgentUpdateWaits: new(time.Hour), OSVersion: apprules.Version{16}, Patch: "2026-11-05", Manufacturer: "Google", Model: "Pixel 9",
		Lock: apprules.LockHigh, RootChecked: true, RootSignals: apprules.SignBootloaderUnlocked,
		Integrity: apprules.IntegrityReport{
			Verdict: apprules.IntegrityCertified, Evaluation: apprules.EvaluationHardware, At: t0.Add(-time.Hour),
		},
		AppScan: apprules.AppScanOn, Knox: apprules.AttestationUnsupported,
		Defender: apprules.ThreatLow, ThirdParty: apprules.ThreatHigh,
		PIN: apprules.PINState{Set: true, Failures: 2}, PendingWipes: []string{"order-1"}, DoneWipes: []string{"order-2"},
		UnsyncedChanges: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	// What is not said is not known.
	got, err = reportFromWire(&appprotectv1.Report{ObservedAt: timestamppb.New(t0)})
	if diff := cmp.Diff(apprules.Report{ObservedAt: t0}, got); diff != "" || err != nil {
		t.Errorf("empty report: %v (-want +got):\n%s", err, diff)
	}
}

func TestReportThatIsNone(t *testing.T) {
	for field, spoil := range map[string]func(*appprotectv1.Report){
		"report.observed_at":        func(r *appprotectv1.Report) { r.ObservedAt.Nanos = -1 },
		"report.integrity.at":       func(r *appprotectv1.Report) { r.Integrity.At.Seconds = 1 << 60 },
		"report.agent_update_waits": func(r *appprotectv1.Report) { r.AgentUpdateWaits.Nanos = -1 },
		"report.app_version":        func(r *appprotectv1.Report) { r.AppVersion = "4.2-beta" },
		"report.sdk_version":        func(r *appprotectv1.Report) { r.SdkVersion = "1.2.3.4.5" },
		"report.agent_version":      func(r *appprotectv1.Report) { r.AgentVersion = "0" },
		"report.os_version":         func(r *appprotectv1.Report) { r.OsVersion = "-1" },
		"report.security_patch":     func(r *appprotectv1.Report) { r.SecurityPatch = "2026-13-01" },
	} {
		r := fullReport()
		spoil(r)
		_, err := reportFromWire(r)
		wantInvalid(t, err, field)
	}
}

func fullSpec(t *testing.T) *appprotectv1.AppPolicySpec {
	t.Helper()
	return &appprotectv1.AppPolicySpec{
		Description: "for mail",
		Target: &appprotectv1.AppTarget{
			Apps:    []*appprotectv1.TargetApp{{Package: pkg, SignerSha256: []string{signer}}},
			Include: &appprotectv1.Audience{Users: []string{"maria"}, Groups: []string{"staff"}},
			Exclude: &appprotectv1.Audience{Groups: []string{"guests"}},
			Levels:  []appprotectv1.Level{appprotectv1.Level_LEVEL_UNENROLLED, appprotectv1.Level_LEVEL_WORK_PROFILE},
		},
		Settings: map[string]*structpb.Value{
			"data.send_to": value(t, "managed-apps"), "data.exempt_apps": value(t, []any{"com.example.files=Files"}),
			"access.pin_length": value(t, 6), "access.pin_required": value(t, true),
			"launch.os_version.block": value(t, 14), "launch.offline.block": value(t, "12h"),
		},
		Config: &appprotectv1.AppConfigSpec{
			Values: map[string]*structpb.Value{
				"server": value(t, "mail.example.com"), "hosts": value(t, []any{"a", "b"}), "vpn": value(t, map[string]any{"port": 443}),
			},
			Custom:        map[string]string{"update_source": "https://apps.example.com"},
			Permissions:   map[string]string{"android.permission.CAMERA": "deny"},
			ConnectedApps: new(false),
		},
		Fallback: true,
	}
}

func TestSpec(t *testing.T) {
	wire := fullSpec(t)
	spec, err := specFromWire(wire)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wire, specToWire(spec), protocmp.Transform()); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	schema := &apprules.Schema{Package: pkg, Items: []apprules.Item{
		{Key: "server", Kind: apprules.ItemString}, {Key: "hosts", Kind: apprules.ItemList},
		{Key: "vpn", Kind: apprules.ItemBundle, Items: []apprules.Item{{Key: "port", Kind: apprules.ItemInteger}}},
	}}
	if err := spec.Validate(schema); err != nil {
		t.Error(err)
	}
	// It shares nothing with the request.
	wire.Target.Apps[0].SignerSha256[0], wire.Config.Custom["update_source"] = "", ""
	if spec.Target.Apps[0].SignerSHA256[0] != signer || spec.Config.Custom["update_source"] == "" {
		t.Error("the spec is a part of the request")
	}
}

func TestSpecThatIsNone(t *testing.T) {
	for field, spoil := range map[string]func(*appprotectv1.AppPolicySpec){
		"spec.settings.data.send_to":      func(s *appprotectv1.AppPolicySpec) { s.Settings["data.send_to"] = value(t, "everyone") },
		"spec.settings.access.pin_length": func(s *appprotectv1.AppPolicySpec) { s.Settings["access.pin_length"] = value(t, 6.5) },
		"spec.settings.data.nothing":      func(s *appprotectv1.AppPolicySpec) { s.Settings["data.nothing"] = value(t, true) },
		"spec.settings.data.exempt_apps[1]": func(s *appprotectv1.AppPolicySpec) {
			s.Settings["data.exempt_apps"] = value(t, []any{"com.example.one", nil})
		},
		"spec.config.values.vpn.port":                       func(s *appprotectv1.AppPolicySpec) { s.Config.Values["vpn"] = value(t, map[string]any{"port": 0.5}) },
		"spec.config.permissions.android.permission.CAMERA": func(s *appprotectv1.AppPolicySpec) { s.Config.Permissions["android.permission.CAMERA"] = "maybe" },
	} {
		s := fullSpec(t)
		spoil(s)
		_, err := specFromWire(s)
		wantInvalid(t, err, field)
	}
}

// TestCatalogDefaults: every default survives being shown and read.
func TestCatalogDefaults(t *testing.T) {
	seen := 0
	for _, row := range apprules.Catalog() {
		plain := map[apprules.Key][]string{row.Key: {row.Default}}
		settings, err := apprules.ParseSettings(plain)
		if row.Default == "" || err != nil { // none, or several joined for reading
			continue
		}
		seen++
		again, err := settingsFromWire(settingsToWire(settings))
		if err != nil || !again.Equal(settings) {
			t.Errorf("%s: %v comes back as %v, %v", row.Key, settings.Plain(), again.Plain(), err)
		}
	}
	if seen < 20 {
		t.Errorf("only %d defaults were tried", seen)
	}
}

func fullApp() *appprotectv1.App {
	return &appprotectv1.App{
		Package: pkg, Version: 4, ChangedAt: timestamppb.New(t0), ChangedBy: "admin:ann",
		Spec: &appprotectv1.AppSpec{
			Title: "Mail", SignerSha256: []string{signer}, Groups: []string{"mail"},
			Schema: []*appprotectv1.ConfigItem{
				{Key: "days", Title: "Days", Description: "to keep", Type: "integer", Merge: "least", Minimum: 1, Maximum: 90, DefaultValues: []string{"7"}},
				{Key: "mode", Type: "choice", Merge: "strictest", Choices: []string{"a", "b"}, Hidden: true},
				{Key: "vpn", Type: "bundle", Items: []*appprotectv1.ConfigItem{
					{Key: "hosts", Type: "bundle-array", Items: []*appprotectv1.ConfigItem{{Key: "name", Type: "string"}}},
				}},
			},
		},
	}
}

func TestApp(t *testing.T) {
	wire := fullApp()
	app, err := appFromWire(pkg, wire.GetSpec())
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Schema.Validate(); err != nil {
		t.Error(err)
	}
	app.Version, app.ChangedAt, app.ChangedBy = 4, t0, "admin:ann"
	if diff := cmp.Diff(wire, appToWire(app), protocmp.Transform()); diff != "" {
		t.Errorf("app (-want +got):\n%s", diff)
	}
	none, err := appFromWire(pkg, &appprotectv1.AppSpec{SignerSha256: []string{signer}})
	if err != nil || none.Schema != nil {
		t.Errorf("an app without a schema has %v, %v", none.Schema, err)
	}
	// Same is the rule without a word.
	said := &appprotectv1.ConfigItem{Key: "a", Type: "bool", Merge: "same"}
	if item, err := itemFromWire(said, "f"); err != nil || item.Merge != apprules.MergeSame || itemToWire(item).GetMerge() != "" {
		t.Errorf("same is %v, %v", item.Merge, err)
	}
}

func TestAppThatIsNone(t *testing.T) {
	deep := &appprotectv1.ConfigItem{Key: "a", Type: "bool"}
	for range 4 {
		deep = &appprotectv1.ConfigItem{Key: "a", Type: "bundle", Items: []*appprotectv1.ConfigItem{deep}}
	}
	for field, item := range map[string]*appprotectv1.ConfigItem{
		"spec.schema[0].type":                             {Key: "a", Type: "float"},
		"spec.schema[0].merge":                            {Key: "a", Type: "bool", Merge: "some"},
		"spec.schema[0].items[0].type":                    {Key: "a", Type: "bundle", Items: []*appprotectv1.ConfigItem{{Key: "b"}}},
		"spec.schema[0].items[0].items[0].items[0].items": deep,
	} {
		_, err := appFromWire(pkg, &appprotectv1.AppSpec{Schema: []*appprotectv1.ConfigItem{item}})
		wantInvalid(t, err, field)
	}
}

// effectiveFromWire is what an app does with a policy.
func effectiveFromWire(t *testing.T, w *appprotectv1.EffectivePolicy) *apprules.Effective {
	t.Helper()
	plain := map[apprules.Key][]string{}
	for _, s := range w.GetSettings() {
		plain[apprules.Key(s.GetKey())] = s.GetValues()
	}
	settings, err := apprules.ParseSettings(plain)
	if err != nil {
		t.Fatal(err)
	}
	c := apprules.Config{Values: map[string][]string{}, Custom: map[string]string{}, Permissions: map[string]apprules.Grant{}}
	for _, s := range w.GetConfig().GetValues() {
		c.Values[s.GetKey()] = s.GetValues()
	}
	for _, s := range w.GetConfig().GetCustom() {
		c.Custom[s.GetKey()] = s.GetValues()[0]
	}
	for _, s := range w.GetConfig().GetPermissions() {
		c.Permissions[s.GetKey()] = grants[s.GetValues()[0]]
	}
	if w.GetConfig().ConnectedApps != nil {
		c.ConnectedApps = new(w.GetConfig().GetConnectedApps())
	}
	return apprules.Seal(settings, c, w.GetGoverned())
}

// TestEffective: an app can find the revision out from what it is sent.
func TestEffective(t *testing.T) {
	spec, err := specFromWire(fullSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []*apprules.Effective{
		apprules.Seal(apprules.Merge(spec.Settings), spec.Config, true), apprules.Seal(apprules.Settings{}, apprules.Config{}, false),
	} {
		wire := effectiveToWire(e)
		if got := effectiveFromWire(t, wire).Revision(); wire.GetRevision() != e.Revision() || got != e.Revision() {
			t.Errorf("revision %s is sent as %s and found as %s", e.Revision(), wire.GetRevision(), got)
		}
		keys := make([]string, 0, len(wire.GetSettings()))
		for _, s := range wire.GetSettings() {
			keys = append(keys, s.GetKey())
		}
		if !slices.IsSorted(keys) {
			t.Errorf("settings are not in order: %q", keys)
		}
	}
	if effectiveToWire(nil) != nil {
		t.Error("nothing is sent as something")
	}
}

func TestVerdict(t *testing.T) {
	got := verdictToWire(apprules.Verdict{
		Standing: apprules.StandingBlock, EvaluatedAt: t0, Since: t0,
		Findings: []apprules.Finding{{
			Check: "launch.os_version", Threshold: "14", Actual: "13", Action: apprules.ActionBlock,
			EvidenceAge: 90*time.Second + 1, Since: t0, RemedyKey: "update_os", Remedy: "update", Link: "https://example.com",
		}, {Check: "launch.clock", Action: apprules.ActionWarn, EvidenceAge: -time.Second}},
	})
	want := &appprotectv1.Verdict{
		Standing: appprotectv1.Standing_STANDING_BLOCK, EvaluatedAt: timestamppb.New(t0), Since: timestamppb.New(t0),
		Findings: []*appprotectv1.Finding{{
			Check: "launch.os_version", Threshold: "14", Actual: "13", Action: appprotectv1.Standing_STANDING_BLOCK,
			EvidenceAgeSeconds: 90, Since: timestamppb.New(t0), RemedyKey: "update_os", Remedy: "update", Link: "https://example.com",
		}, {Check: "launch.clock", Action: appprotectv1.Standing_STANDING_WARN}},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
}

// TestWords: each word of the slice has a number on the wire, and the same one.
func TestWords(t *testing.T) {
	standings := map[string]appprotectv1.Standing{}
	for s := apprules.StandingOK; s <= apprules.StandingWipe; s++ {
		standings[s.String()] = appprotectv1.Standing(s)
	}
	if diff := cmp.Diff(map[string]appprotectv1.Standing{
		"ok": appprotectv1.Standing_STANDING_OK, "warn": appprotectv1.Standing_STANDING_WARN,
		"block": appprotectv1.Standing_STANDING_BLOCK, "wipe": appprotectv1.Standing_STANDING_WIPE,
	}, standings); diff != "" {
		t.Error(diff)
	}
	levels := map[string]appprotectv1.Level{}
	for l := apprules.Unenrolled; l <= apprules.FullyManaged; l++ {
		levels[l.String()] = appprotectv1.Level(l)
	}
	if diff := cmp.Diff(map[string]appprotectv1.Level{
		"unenrolled": appprotectv1.Level_LEVEL_UNENROLLED, "work-profile": appprotectv1.Level_LEVEL_WORK_PROFILE,
		"fully-managed": appprotectv1.Level_LEVEL_FULLY_MANAGED,
	}, levels); diff != "" {
		t.Error(diff)
	}
	for _, name := range slices.Sorted(maps.Keys(itemKinds)) {
		if got := itemKinds[name].String(); got != name {
			t.Errorf("%s is %s", name, got)
		}
	}
	if word[apprules.Level](appprotectv1.Level(256)) != 0 || word[apprules.Level](appprotectv1.Level(-1)) != 0 {
		t.Error("a number that is too great became a word")
	}
}

// TestExample: what people are shown first can be applied as it is.
func TestExample(t *testing.T) {
	data, err := os.ReadFile("../../../examples/app-protection.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documents, err := policyfile.Parse("app-protection.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	apps := map[string]appprotect.KnownApp{}
	policies := 0
	for _, d := range documents {
		if d.App != nil {
			if apps[d.Name()], err = appFromWire(d.Name(), d.App.GetSpec()); err != nil {
				t.Fatal(err)
			}
			if err := apps[d.Name()].Schema.Validate(); err != nil {
				t.Error(err)
			}
			continue
		}
		spec, err := specFromWire(d.AppPolicy.GetSpec())
		if err != nil {
			t.Fatal(err)
		}
		app := apps[spec.Target.Apps[0].Package]
		if err := spec.Validate(app.Schema); err != nil {
			t.Error(err)
		}
		if !slices.Equal(spec.Target.Apps[0].SignerSHA256, app.SignerSHA256) {
			t.Error("the policy is for an app of another signer")
		}
		policies++
	}
	if len(apps) != 1 || policies != 1 {
		t.Errorf("%d apps and %d policies, want one of each", len(apps), policies)
	}
}
