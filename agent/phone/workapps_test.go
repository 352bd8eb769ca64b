package phone

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func workApps(t *testing.T, p *Phone) []*compliancev1.WorkApp {
	t.Helper()
	posture, err := p.Posture()
	if err != nil {
		t.Fatal(err)
	}
	return posture.GetWorkApps()
}

// TestWorkApps: those of the work profile, and nothing of the personal side.
func TestWorkApps(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	put(t, filepath.Join(dir, personalDir, "com.example.gallery/beach.jpg"), "sand")
	put(t, filepath.Join(dir, personalDir, "com.example.mail", workAccount, "inbox"), "a letter")
	if got := workApps(t, p); got != nil {
		t.Errorf("without a work profile: %v", got)
	}
	put(t, filepath.Join(dir, profileDir, "com.example.mail/inbox"), "a letter")
	put(t, filepath.Join(dir, profileDir, "com.example.crm/deals.db"), "deals")
	put(t, filepath.Join(dir, profileDir, "loose.txt"), "is no app")
	link(t, filepath.Join(dir, personalDir, "com.example.gallery"), filepath.Join(dir, profileDir, "com.example.gallery"))
	want := []*compliancev1.WorkApp{{Package: "com.example.crm"}, {Package: "com.example.mail"}}
	if diff := cmp.Diff(want, workApps(t, p), protocmp.Transform()); diff != "" {
		t.Errorf("work apps (-want +got):\n%s", diff)
	}
	for _, change := range []struct {
		n    string
		want uint32
	}{{"7", 7}, {"8", 8}, {"0", 0}, {"0", 0}} {
		if err := p.Set(map[string]string{"unsynced.com.example.crm": change.n}); err != nil {
			t.Fatal(err)
		}
		want[0].UnsyncedChanges = change.want
		if diff := cmp.Diff(want, workApps(t, p), protocmp.Transform()); diff != "" {
			t.Errorf("work apps (-want +got):\n%s", diff)
		}
	}
	for setting, wrong := range map[string]string{
		"unsynced.com.example.gallery=1": "no such app in the work profile",
		"unsynced.com.example.none=1":    "no such app in the work profile",
		"unsynced.com.example.crm=-1":    "want a number",
		"unsynced.com.example.crm=many":  "want a number",
		"unsynced.../../0=1":             "want the name of an app",
		"unsynced.=1":                    "want the name of an app",
	} {
		key, value, _ := strings.Cut(setting, "=")
		if err := p.Set(map[string]string{key: value}); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: error %v, want one with %q", setting, err, wrong)
		}
	}
}

// TestWorkAppsAreBounded: those that would lose something are among them.
func TestWorkAppsAreBounded(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	for i := range maxWorkApps + 10 {
		put(t, filepath.Join(dir, profileDir, fmt.Sprintf("com.example.app%03d", i), "file"), "x")
	}
	last := fmt.Sprintf("com.example.app%03d", maxWorkApps+9)
	if err := p.Set(map[string]string{unsyncedPrefix + last: "1"}); err != nil {
		t.Fatal(err)
	}
	got := workApps(t, p)
	if len(got) != maxWorkApps || got[len(got)-1].GetPackage() != last || got[len(got)-1].GetUnsyncedChanges() != 1 {
		t.Errorf("%d work apps, the last is %v", len(got), got[len(got)-1])
	}
	for i := 1; i < len(got); i++ {
		if got[i-1].GetPackage() >= got[i].GetPackage() {
			t.Errorf("%s comes before %s", got[i-1].GetPackage(), got[i].GetPackage())
		}
	}
}

func TestImpossibleDates(t *testing.T) {
	for _, date := range []string{"2025-13-45", "2025-02-29", "2025-1-05", "25-01-05", "2025-01-05x", "today"} {
		if err := CheckSettings(map[string]string{"security.patch": date}); err == nil || !strings.Contains(err.Error(), "want a date") {
			t.Errorf("%s: error %v", date, err)
		}
	}
	for _, date := range []string{"", "2024-02-29"} {
		if err := CheckSettings(map[string]string{"security.patch": date}); err != nil {
			t.Errorf("%q: %v", date, err)
		}
	}
}
