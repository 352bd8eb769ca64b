package phone

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/agent/session"
	"ringfence/internal/apprules"
)

var mailApp = App{Package: "com.example.mail", Version: "4.2", SignerSHA256: strings.Repeat("ab", 32)}

// installed gives the mail app, open.
func installed(t *testing.T, p *Phone) *OpenedApp {
	t.Helper()
	if err := p.InstallApp(mailApp); err != nil {
		t.Fatal(err)
	}
	a, err := p.OpenApp(mailApp.Package)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestInstall(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	if _, err := p.OpenApp(mailApp.Package); !errors.Is(err, ErrNoApp) {
		t.Errorf("before it is installed: %v", err)
	}
	put(t, filepath.Join(dir, "data/user/0/com.example.mail/personal/holiday"), "sun")
	a := installed(t, p)
	want := mailApp
	want.InstalledAt = atNoon
	if diff := cmp.Diff(want, a.App); diff != "" {
		t.Errorf("app (-want +got):\n%s", diff)
	}
	if data, err := a.Personal().ReadFile("holiday"); err != nil || string(data) != "sun" {
		t.Errorf("the personal file is %q, %v", data, err)
	}
	if info, err := os.Stat(a.WorkAccount); err != nil || !info.IsDir() {
		t.Errorf("the work account's folder: %v, %v", info, err)
	}
	if _, err := open(t, dir).OpenApp(mailApp.Package); !errors.Is(err, ErrAppOpen) {
		t.Errorf("opened twice: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := p.OpenApp(mailApp.Package)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
	for name, bad := range map[string]App{
		"package": {Package: "../x", Version: "1", SignerSHA256: mailApp.SignerSHA256},
		"version": {Package: "a.b", Version: "new", SignerSHA256: mailApp.SignerSHA256},
		"signer":  {Package: "a.b", Version: "1", SignerSHA256: "AB"},
	} {
		if err := p.InstallApp(bad); err == nil {
			t.Errorf("a wrong %s was installed", name)
		}
	}
}

// TestAppFoldersArePlain: an app whose folder is a link elsewhere is not opened.
func TestAppFoldersArePlain(t *testing.T) {
	for _, place := range []string{"data/user/0/com.example.mail", "data/user/0/com.example.mail/work-account", "data/user/0/com.example.mail/personal"} {
		dir := t.TempDir()
		p := open(t, dir)
		a := installed(t, p)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, place)); err != nil {
			t.Fatal(err)
		}
		link(t, t.TempDir(), filepath.Join(dir, place))
		if _, err := p.OpenApp(mailApp.Package); !errors.Is(err, errNotPlain) {
			t.Errorf("%s is a link: %v", place, err)
		}
	}
}

// TestShared: what apps share is outside of both sides, and goes with a reset.
func TestShared(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	if c, err := p.Clipboard(); err != nil || c != (Clip{}) {
		t.Errorf("an empty clipboard has %v, %v", c, err)
	}
	clip := Clip{Text: "hello", Package: mailApp.Package, Account: "work", Managed: true}
	if err := p.SetClipboard(clip); err != nil {
		t.Fatal(err)
	}
	if c, err := p.Clipboard(); err != nil || c != clip {
		t.Errorf("the clipboard has %v, %v", c, err)
	}
	tag, err := p.DeviceTag()
	if err != nil || len(tag) != 32 {
		t.Fatalf("tag %q, %v", tag, err)
	}
	if again, err := open(t, dir).DeviceTag(); err != nil || again != tag {
		t.Errorf("the tag was %q, and is %q, %v", tag, again, err)
	}
	if err := p.SaveShared("local-storage", "report.txt", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if data, err := p.LoadShared("local-storage", "report.txt"); err != nil || string(data) != "x" {
		t.Errorf("shared: %q, %v", data, err)
	}
	for place, name := range map[string]string{"box": "x", "camera": "../../user/0/x", "local-storage": ".hidden", "photo-library": "a/b"} {
		if err := p.SaveShared(place, name, nil); err == nil {
			t.Errorf("saved to %s as %q", place, name)
		}
	}
	if personal, work, err := p.Digests(); err != nil || personal.Files+work.Files != 0 {
		t.Errorf("they count as files of a side: %v %v %v", personal, work, err)
	}
	if err := (&reset{phone: p}).Remove(stepRest, func() {}); err != nil {
		t.Fatal(err)
	}
	if c, err := p.Clipboard(); err != nil || c != (Clip{}) {
		t.Errorf("after a reset the clipboard has %v, %v", c, err)
	}
	if fresh, err := p.DeviceTag(); err != nil || fresh == tag {
		t.Errorf("after a reset the tag is the old one: %v", err)
	}
}

func TestLook(t *testing.T) {
	p := open(t, t.TempDir())
	sound := Look{
		Level: apprules.Unenrolled, OSVersion: "16", SecurityPatch: "2026-10-05", Manufacturer: "Virtual", Model: "Virtual Phone",
		Lock: apprules.LockMedium, Encrypted: true, AppScan: apprules.AppScanOn, Knox: apprules.AttestationUnsupported, BiometricClass: 3, BiometricSet: "first",
		Integrity: apprules.IntegrityReport{Verdict: apprules.IntegrityCertified, Evaluation: apprules.EvaluationHardware, At: atNoon},
	}
	week := 7 * 24 * time.Hour
	for _, c := range []struct {
		set  map[string]string
		want func(*Look)
	}{
		{nil, func(*Look) {}},
		{map[string]string{"pin.set": "false"}, func(l *Look) { l.Lock = apprules.LockNone }},
		{map[string]string{"pin.complexity": "high"}, func(l *Look) { l.Lock = apprules.LockHigh }},
		{map[string]string{"pin.complexity": "low"}, func(l *Look) { l.Lock = apprules.LockLow }},
		{map[string]string{"pin.complexity": "none"}, func(l *Look) { l.Lock = apprules.LockSet }},
		{map[string]string{"manufacturer": "Acme", "encrypted": "false"}, func(l *Look) { l.Manufacturer, l.Encrypted = "Acme", false }},
		{map[string]string{"root.rooted": "true", "root.rom_modified": "true"}, func(l *Look) {
			l.Rooted, l.ROMModified = true, true
		}},
		{map[string]string{"root.bootloader_unlocked": "true"}, func(l *Look) { l.BootloaderUnlocked = true }},
		{map[string]string{"integrity": "failed", "integrity.evaluation": "basic", "integrity.at": "2026-11-01T00:00:00Z"}, func(l *Look) {
			l.Integrity = apprules.IntegrityReport{
				Verdict: apprules.IntegrityFailed, Evaluation: apprules.EvaluationBasic, At: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
			}
		}},
		{map[string]string{"app_scan": "off", "knox": "failed"}, func(l *Look) { l.AppScan, l.Knox = apprules.AppScanOff, apprules.AttestationFailed }},
		{map[string]string{"threat.defender": "high", "threat.third_party": "secured"}, func(l *Look) {
			l.Defender, l.ThirdParty = apprules.ThreatHigh, apprules.ThreatSecured
		}},
		{map[string]string{"agent.version": "1.4", "agent.update_waits": "168h"}, func(l *Look) { l.AgentVersion, l.AgentUpdateWaits = "1.4", &week }},
		{map[string]string{"biometric": "iris", "biometric.class": "2", "biometric.set": "second"}, func(l *Look) {
			l.Biometric, l.BiometricClass, l.BiometricSet = apprules.Iris, 2, "second"
		}},
	} {
		p := open(t, t.TempDir())
		if err := p.Set(c.set); err != nil {
			t.Errorf("%v: %v", c.set, err)
			continue
		}
		want := sound
		c.want(&want)
		got, err := p.Look()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v: %v (-want +got):\n%s", c.set, err, diff)
		}
	}
	for _, bad := range []map[string]string{
		{"integrity": "good"}, {"integrity.at": "yesterday"}, {"knox": ""}, {"root.rooted": "perhaps"}, {"biometric.class": "4"},
		{"biometric.set": "Ada's"}, {"agent.version": "new"}, {"agent.update_waits": "-1h"}, {"manufacturer": "\x1b[2J"},
	} {
		if err := p.Set(bad); err == nil {
			t.Errorf("%v was set", bad)
		}
	}
	for mode, want := range map[string]apprules.Level{
		"work-profile": apprules.Unenrolled, "fully-managed": apprules.FullyManaged, "dedicated": apprules.FullyManaged,
	} {
		p := open(t, t.TempDir())
		if err := p.SaveState(session.State{Enrollment: &session.Enrollment{DeviceID: "d", Epoch: 1, Mode: mode}}); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Look(); err != nil || got.Level != want {
			t.Errorf("in a phone that is %s an app on the person's side is %v, %v", mode, got.Level, err)
		}
	}
}
