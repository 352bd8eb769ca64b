package appprotect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
)

func TestReaches(t *testing.T) {
	staff := Target{
		Apps:    []TargetApp{{"com.example.mail", []string{signer}}},
		Include: Audience{Groups: []string{"staff"}, Users: []string{"bob"}},
		Exclude: Audience{Groups: []string{"interns"}, Users: []string{"eve"}},
		Levels:  []apprules.Level{apprules.Unenrolled, apprules.WorkProfile},
	}
	tests := []struct {
		name   string
		change func(*Target, *Subject)
		want   bool
	}{
		{"by group", nil, true},
		{"by name", func(_ *Target, s *Subject) { s.User, s.Groups = "bob", nil }, true},
		{"by name in other letters", func(t *Target, s *Subject) { t.Include.Users, s.User, s.Groups = []string{"BoB"}, "boB", nil }, true},
		{"excluded in other letters", func(t *Target, s *Subject) { s.User, t.Exclude.Users = "eve", []string{"Eve"} }, false},
		{"a group in other letters", func(_ *Target, s *Subject) { s.Groups = []string{"Staff"} }, true},
		{"not included", func(_ *Target, s *Subject) { s.Groups = []string{"guests"} }, false},
		{"excluded by group", func(_ *Target, s *Subject) { s.Groups = []string{"staff", "interns"} }, false},
		{"excluded by name, though named", func(t *Target, s *Subject) { s.User, t.Include.Users = "eve", []string{"eve"} }, false},
		{"everyone, but excluded", func(t *Target, s *Subject) { s.User, t.Include.Everyone = "eve", true }, false},
		{"nobody", func(t *Target, _ *Subject) { t.Include = Audience{} }, false},
		{"another app", func(_ *Target, s *Subject) { s.Package = "com.example.mail2" }, false},
		{"another signer", func(_ *Target, s *Subject) { s.SignerSHA256 = strings.Repeat("0", 64) }, false},
		{"another level", func(_ *Target, s *Subject) { s.Level = apprules.FullyManaged }, false},
		{"every level", func(t *Target, s *Subject) { s.Level, t.Levels = apprules.FullyManaged, nil }, true},
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

// TestDocumentedMerges are the examples of docs/app-protection.md.
func TestDocumentedMerges(t *testing.T) {
	tests := []struct {
		name, a, b string
		want       map[apprules.Key][]string
	}{
		{
			"restrictions and their exceptions",
			"data.send_to=managed-apps; data.exempt_apps=com.example.maps; data.exempt_apps=com.example.taxi; data.clipboard=managed-apps; data.clipboard_allowance=100; access.pin_length=6",
			"data.send_to=managed-apps; data.exempt_apps=com.example.maps; data.print_blocked=true; access.pin_length=8",
			map[apprules.Key][]string{
				"data.send_to": {"managed-apps"}, "data.exempt_apps": {"com.example.maps"}, "data.clipboard": {"managed-apps"},
				"data.clipboard_allowance": {"100"}, "data.print_blocked": {"true"}, "access.pin_length": {"8"}, "data.save_as_blocked": {"false"},
			},
		},
		{
			"thresholds",
			"launch.os_version.warn=15; launch.os_version.block=13; launch.app_version.wipe=2.0",
			"launch.os_version.block=14; launch.app_version.block=3.0",
			map[apprules.Key][]string{
				"launch.os_version.warn": {"15"}, "launch.os_version.block": {"14"},
				"launch.app_version.block": {"3"}, "launch.app_version.wipe": {"2"},
			},
		},
	}
	for _, tt := range tests {
		got := merged(configured("a", tt.a, t), configured("b", tt.b, t)).Settings.Plain()
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestSilenceAsksNothing: a policy that says nothing of a restriction does not
// take away the exceptions of another, nor bring a default in.
func TestSilenceAsksNothing(t *testing.T) {
	loud := configured("loud", "data.send_to=managed-apps; data.exempt_apps=a.a; access.pin_required=true; access.pin_unless_device_lock=true; launch.offline.block=3d", t)
	silent := configured("silent", "data.print_blocked=true", t)
	e := merged(loud, silent)
	if d := apprules.May(e.Effective, apprules.Transfer{Gate: apprules.GateSend, Peer: apprules.Peer{Package: "a.a"}}); !d.Allowed || d.Setting != "data.exempt_apps" {
		t.Errorf("exempt app: %+v", d)
	}
	if !apprules.PINUnlessDeviceLock.Of(e.Settings) || apprules.Offline.Block.Of(e.Settings) != 3*24*time.Hour {
		t.Errorf("settings %v", e.Settings.Plain())
	}
	strict := configured("strict", "data.send_to=managed-apps; access.pin_required=true", t)
	e = merged(loud, strict)
	if apprules.May(e.Effective, apprules.Transfer{Gate: apprules.GateSend, Peer: apprules.Peer{Package: "a.a"}}).Allowed || apprules.PINUnlessDeviceLock.Of(e.Settings) {
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
	for _, e := range []*Merged{
		merged(), merged(configured("a", "", t)), merged(a), merged(configured("a", "data.print_blocked=false", t)),
		merged(configured("a", "data.print_blocked=true; config.custom.a=b", t)),
		merged(configured("a", "data.print_blocked=true; config.connected_apps=false", t)),
	} {
		if seen[e.Revision()] || !apprules.ValidDigest(e.Revision()) {
			t.Errorf("revision %s of %v", e.Revision(), e.Settings.Plain())
		}
		seen[e.Revision()] = true
	}
}

func TestTargetValidate(t *testing.T) {
	good := Target{Apps: []TargetApp{{"a.a", []string{signer}}}, Include: Audience{Everyone: true}}
	for field, change := range map[string]func(*Target){
		"spec.target":                       func(t *Target) { t.AppGroups = []string{"core"} },
		"spec.target.apps[0].package":       func(t *Target) { t.Apps = []TargetApp{{"mail", []string{signer}}} },
		"spec.target.apps[0].signer_sha256": func(t *Target) { t.Apps = []TargetApp{{"a.a", nil}} },
		"spec.target.apps[1].package":       func(t *Target) { t.Apps = append(t.Apps[:1:1], t.Apps[0]) },
		"spec.target.levels[0]":             func(t *Target) { t.Levels = []apprules.Level{4} },
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
	a := Spec{Target: Target{Apps: []TargetApp{{"b.b", []string{signer}}, {"a.a", []string{"1", "0"}}}, Include: Audience{Users: []string{"y", "x", "X"}}}}
	b := Spec{Target: Target{Apps: []TargetApp{{"a.a", []string{"0", "1"}}, {"b.b", []string{signer}}}, Include: Audience{Users: []string{"x", "y"}}}}
	if !a.Equal(b) {
		t.Error("order and repeats count")
	}
	b.Target.Exclude.Users = []string{"x"}
	if a.Equal(b) {
		t.Error("an exclusion does not count")
	}
}
