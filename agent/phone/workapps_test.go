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

// TestAccountUnsynced: the work account of an app that is installed on the person's
// side has a count of its own, beside that of an app of the same name in the work
// profile.
func TestAccountUnsynced(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	const mail, crm = "com.example.mail", "com.example.crm"
	put(t, filepath.Join(dir, profileDir, mail, "inbox"), "a letter")
	put(t, filepath.Join(dir, profileDir, crm, "deals.db"), "deals")
	if err := p.InstallApp(App{Package: mail, Version: "4.2", SignerSHA256: strings.Repeat("ab", 32)}); err != nil {
		t.Fatal(err)
	}
	for setting, wrong := range map[string]string{
		"account.unsynced." + crm + "=1":  "no such app on this phone",
		"account.unsynced." + mail + "=x": "want a number",
		"account.unsynced.=1":             "want the name of an app",
	} {
		key, value, _ := strings.Cut(setting, "=")
		if err := p.Set(map[string]string{key: value}); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: error %v, want one with %q", setting, err, wrong)
		}
	}
	for _, change := range []struct {
		n    string
		want uint32
	}{{"7", 7}, {"0", 0}, {"2", 2}} {
		if err := p.Set(map[string]string{"account.unsynced." + mail: change.n}); err != nil {
			t.Fatal(err)
		}
		if got, err := p.AccountUnsynced(mail); err != nil || got != change.want {
			t.Errorf("%d unsynced changes, %v; want %d", got, err, change.want)
		}
	}
	want := []*compliancev1.WorkApp{{Package: crm}, {Package: mail}}
	if diff := cmp.Diff(want, workApps(t, p), protocmp.Transform()); diff != "" {
		t.Errorf("what the work profile reports (-want +got):\n%s", diff)
	}
	if got, err := p.AccountUnsynced(crm); err != nil || got != 0 {
		t.Errorf("%d unsynced changes in an app that is not there, %v", got, err)
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
