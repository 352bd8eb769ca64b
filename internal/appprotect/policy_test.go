package appprotect

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/fault"
)

func TestReaches(t *testing.T) {
	staff := Target{
		Apps:    []App{{"com.example.mail", []string{signer}}},
		Include: Audience{Groups: []string{"staff"}, Users: []string{"bob"}},
		Exclude: Audience{Groups: []string{"interns"}, Users: []string{"eve"}},
		Levels:  []Level{Unenrolled, WorkProfile},
	}
	tests := []struct {
		name   string
		change func(*Target, *Subject)
		want   bool
	}{
		{"by group", nil, true},
		{"by name", func(_ *Target, s *Subject) { s.User, s.Groups = "bob", nil }, true},
		{"not included", func(_ *Target, s *Subject) { s.Groups = []string{"guests"} }, false},
		{"excluded by group", func(_ *Target, s *Subject) { s.Groups = []string{"staff", "interns"} }, false},
		{"excluded by name, though named", func(t *Target, s *Subject) { s.User, t.Include.Users = "eve", []string{"eve"} }, false},
		{"everyone, but excluded", func(t *Target, s *Subject) { s.User, t.Include.Everyone = "eve", true }, false},
		{"nobody", func(t *Target, _ *Subject) { t.Include = Audience{} }, false},
		{"another app", func(_ *Target, s *Subject) { s.Package = "com.example.mail2" }, false},
		{"another signer", func(_ *Target, s *Subject) { s.SignerSHA256 = strings.Repeat("0", 64) }, false},
		{"another level", func(_ *Target, s *Subject) { s.Level = FullyManaged }, false},
		{"every level", func(t *Target, s *Subject) { s.Level, t.Levels = FullyManaged, nil }, true},
		{"an app group", func(t *Target, s *Subject) {
			t.Apps, t.AppGroups, s.AppGroups = nil, []string{"core"}, []string{"core"}
		}, true},
		{"another app group", func(t *Target, s *Subject) { t.Apps, t.AppGroups, s.AppGroups = nil, []string{"core"}, []string{"x"} }, false},
		{"every app", func(t *Target, _ *Subject) { t.Apps, t.AppGroups = nil, []string{AllAppsGroup} }, true},
	}
	for _, tt := range tests {
		target, who := staff, ada
		who.Groups = []string{"staff"}
		if tt.change != nil {
			tt.change(&target, &who)
		}
		if got := target.Reaches(who); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// TestSources: the strictest is named; of an intersection all are.
func TestSources(t *testing.T) {
	e := merged(
		configured("base", "access.pin_length=4; data.send_to=managed-apps; data.exempt_apps=a.a; data.exempt_apps=b.b", t),
		configured("strict", "access.pin_length=8; data.send_to=managed-apps; data.exempt_apps=b.b; data.exempt_apps=c.c", t),
		configured("silent", "data.print_blocked=true", t),
	)
	want := []Source{
		{"access.pin_length", []string{"strict"}},
		{"data.exempt_apps", []string{"base", "strict"}},
		{"data.print_blocked", []string{"silent"}},
		{"data.save_as_blocked", []string{"base", "strict"}},
		{"data.send_to", []string{"base", "strict"}},
	}
	if diff := cmp.Diff(want, e.Sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if got := e.Settings.Plain()["data.exempt_apps"]; !slices.Equal(got, []string{"b.b"}) {
		t.Errorf("exempt apps %v", got)
	}
}

// TestSilenceAsksNothing: a policy that says nothing of a restriction does not
// take away the exceptions of another, nor bring a default in.
func TestSilenceAsksNothing(t *testing.T) {
	loud := configured("loud", "data.send_to=managed-apps; data.exempt_apps=a.a; access.pin_required=true; access.pin_unless_device_lock=true; launch.offline.block=3d", t)
	silent := configured("silent", "data.print_blocked=true", t)
	e := merged(loud, silent)
	if d := May(e, Transfer{Gate: GateSend, Peer: Peer{Package: "a.a"}}); !d.Allowed || d.Setting != "data.exempt_apps" {
		t.Errorf("exempt app: %+v", d)
	}
	if !PINUnlessDeviceLock.Of(e.Settings) || Offline.Block.Of(e.Settings) != 3*day {
		t.Errorf("settings %v", e.Settings.Plain())
	}
	strict := configured("strict", "data.send_to=managed-apps; access.pin_required=true", t)
	e = merged(loud, strict)
	if May(e, Transfer{Gate: GateSend, Peer: Peer{Package: "a.a"}}).Allowed || PINUnlessDeviceLock.Of(e.Settings) {
		t.Error("an exception that not everybody makes holds")
	}
}

func TestRevision(t *testing.T) {
	a, b := configured("a", "data.print_blocked=true", t), configured("renamed", "data.print_blocked=true", t)
	a.Spec.Description = "says the same"
	if merged(a).Revision() != merged(b).Revision() {
		t.Error("names and descriptions count")
	}
	idle := configured("idle", "data.print_blocked=true; data.exempt_apps=a.a; data.save_as_blocked=true", t)
	if merged(idle).Revision() != merged(a).Revision() || !idle.Spec.Equal(Spec{Target: idle.Spec.Target, Settings: a.Spec.Settings}) {
		t.Error("exceptions to nothing count")
	}
	seen := map[string]bool{}
	for _, e := range []*Effective{
		merged(), merged(configured("a", "", t)), merged(a), merged(configured("a", "data.print_blocked=false", t)),
		merged(configured("a", "data.print_blocked=true; config.custom.a=b", t)),
		merged(configured("a", "data.print_blocked=true; config.connected_apps=false", t)),
	} {
		if seen[e.Revision()] || !digestPattern.MatchString(e.Revision()) {
			t.Errorf("revision %s of %v", e.Revision(), e.Settings.Plain())
		}
		seen[e.Revision()] = true
	}
}

func TestSettingsValidate(t *testing.T) {
	for said, want := range map[string]string{
		"data.exempt_apps=a.a":                                        "data.exempt_apps",
		"data.send_to=none; data.exempt_apps=a.a":                     "data.exempt_apps",
		"data.save_as_blocked=true":                                   "data.save_as_blocked",
		"data.storage_locations=box":                                  "data.storage_locations",
		"data.clipboard_allowance=5":                                  "data.clipboard_allowance",
		"data.keyboards_restricted=true":                              "data.approved_keyboards",
		"data.dialer=custom-app":                                      "data.dialer_app",
		"data.managed_browser_required=true; data.custom_browser=a.a": "data.custom_browser",
		"launch.threat_from=worst":                                    "launch.threat_from",
		"launch.off_hours_grace=1h":                                   "launch.off_hours_grace",
		"access.biometric_timeout=5m":                                 "access.biometric_timeout",
		"launch.offline.block=2d; launch.offline.wipe=1d":             "launch.offline.wipe",
	} {
		err := specOf(t, sayings(said)).Validate(nil)
		if fault.KindOf(err) != fault.Invalid || !strings.HasPrefix(err.Error(), "spec.settings."+want+":") {
			t.Errorf("%s: %v", said, err)
		}
	}
	// What Go made, and nobody parsed.
	for want, saying := range map[Key]Saying{
		"data.send_to":               SendTo.Is(7),
		"access.pin_length":          PINLength.Is(3),
		"data.approved_keyboards":    ApprovedKeyboards.Is(nil),
		"launch.models.block":        Models.Block.Is(nil),
		"launch.offline.block":       Offline.Block.Is(-1),
		"launch.patch_level.warn":    PatchLevel.Warn.Is("soon"),
		"launch.rooted":              Rooted.Is(ActionWarn),
		"launch.integrity.warn":      IntegrityVerdict.Warn.Is(IntegrityFailed),
		"data.storage_locations":     StorageLocations.Is(Camera),
		"launch.working_hours.block": WorkingHours.Block.Is(nil),
		"launch.app_version.wipe":    AppVersion.Wipe.Is(Version{}),
	} {
		if err := Say(saying).Validate(); err == nil || !strings.HasPrefix(err.Error(), string(want)+":") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestParseSettingsRefuses(t *testing.T) {
	for key, texts := range map[Key][]string{
		"data.unheard": {"true"}, "data.print_blocked": {"yes"}, "data.send_to": {"managed-apps", "none"}, "data.dialer": {"all-apps", "blocked"},
		"data.exempt_apps": {"a.a", "a.a=A"}, "access.pin_length": {"+6"}, "data.storage_locations": {"camera"},
		"launch.device_lock.warn": {"none"}, "launch.models.block": {""}, "data.managed_browser": {""}, "launch.rooted": {},
	} {
		if s, err := ParseSettings(map[Key][]string{key: texts}); err == nil || !strings.HasPrefix(err.Error(), string(key)+":") {
			t.Errorf("%s=%q is %v, %v", key, texts, s.Plain(), err)
		}
	}
}

func TestTargetValidate(t *testing.T) {
	good := Target{Apps: []App{{"a.a", []string{signer}}}, Include: Audience{Everyone: true}}
	for field, change := range map[string]func(*Target){
		"spec.target":                       func(t *Target) { t.AppGroups = []string{"core"} },
		"spec.target.apps[0].package":       func(t *Target) { t.Apps = []App{{"mail", []string{signer}}} },
		"spec.target.apps[0].signer_sha256": func(t *Target) { t.Apps = []App{{"a.a", nil}} },
		"spec.target.apps[1].package":       func(t *Target) { t.Apps = append(t.Apps[:1:1], t.Apps[0]) },
		"spec.target.levels[0]":             func(t *Target) { t.Levels = []Level{4} },
		"spec.target.include.groups[0]":     func(t *Target) { t.Include.Groups = []string{""} },
		"spec.target.exclude.users[0]":      func(t *Target) { t.Exclude.Users = []string{"a\nb"} },
	} {
		spec := Spec{Target: good}
		if err := spec.Validate(nil); err != nil {
			t.Fatal(err)
		}
		change(&spec.Target)
		if err := spec.Validate(nil); fault.KindOf(err) != fault.Invalid || !strings.HasPrefix(err.Error(), field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestSpecEqual(t *testing.T) {
	a := Spec{Target: Target{Apps: []App{{"b.b", []string{signer}}, {"a.a", []string{"1", "0"}}}, Include: Audience{Users: []string{"y", "x", "x"}}}}
	b := Spec{Target: Target{Apps: []App{{"a.a", []string{"0", "1"}}, {"b.b", []string{signer}}}, Include: Audience{Users: []string{"x", "y"}}}}
	if !a.Equal(b) {
		t.Error("order and repeats count")
	}
	b.Target.Exclude.Users = []string{"x"}
	if a.Equal(b) {
		t.Error("an exclusion does not count")
	}
}

// FuzzParseSettings: whatever is sent as a setting is refused, or is read back
// as it was read.
func FuzzParseSettings(f *testing.F) {
	for _, r := range Catalog() {
		if list := samples[r.Key]; list != nil {
			f.Add(string(r.Key), strings.ReplaceAll(list[0], "|", "\n"))
		}
	}
	f.Add("launch.app_version.warn", "1.2.3.4")
	f.Fuzz(func(t *testing.T, key, text string) {
		var texts []string
		if text != "" {
			texts = strings.Split(text, "\n")
		}
		s, err := ParseSettings(map[Key][]string{Key(key): texts})
		if err != nil {
			return
		}
		again, err := ParseSettings(s.Plain())
		if err != nil || !again.Equal(s) || !s.merge(s).Equal(s) {
			t.Errorf("%s=%q is written %v and read back as %v, %v", key, texts, s.Plain(), again.Plain(), err)
		}
	})
}
