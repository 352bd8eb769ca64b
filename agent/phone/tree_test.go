package phone

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/agent/wipe"
)

// TestOddNamesKeepNothing: names that are no text end no wipe.
func TestOddNamesKeepNothing(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	put(t, dir+"/data/user/10/com.work.mail/folder \xff/a", "1234")
	put(t, dir+"/data/user/10/com.work.mail/line\nbreak", "12")
	put(t, dir+"/data/user/10/loose \xfe/b", "123")
	got := takeAll(t, p, wipe.Scope{Kind: wipe.WorkProfile})
	want := wipe.Tally{Packages: []string{"com.work.mail"}, Files: 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
	assertGone(t, dir+"/data/user/10")
}

// TestClosedFoldersKeepNothing: an app that closes its folders, and one that
// takes the right to change them, do not end a wipe. The administrator of a
// machine is kept out by no mode, hence the look at the mode itself.
func TestClosedFoldersKeepNothing(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	put(t, dir+"/data/user/10/com.work.mail/closed/deeper/a", "1")
	put(t, dir+"/data/user/0/com.app/work-account/closed/b", "1")
	put(t, dir+"/data/user/0/com.app/mine", "1")
	for _, folder := range []string{
		"data/user/10/com.work.mail/closed/deeper", "data/user/10/com.work.mail/closed", "data/user/10/com.work.mail",
		"data/user/10", "data/user/0/com.app/work-account/closed", "data/user/0/com.app/work-account",
	} {
		if err := os.Chmod(filepath.Join(dir, folder), 0o100); err != nil {
			t.Fatal(err)
		}
	}
	profile, err := os.OpenRoot(dir + "/data/user")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = profile.Close() }()
	opened, err := enter(profile, "10")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	if info, err := os.Stat(dir + "/data/user/10"); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("a closed folder was not opened up: %v, %v", info.Mode(), err)
	}
	if got := takeAll(t, p, wipe.Scope{Kind: wipe.AppData, Packages: []string{"com.app"}}); got.Files != 1 {
		t.Errorf("counted %d files of the app, want 1", got.Files)
	}
	if got := takeAll(t, p, wipe.Scope{Kind: wipe.WorkProfile}); got.Files != 1 {
		t.Errorf("counted %d files of the profile, want 1", got.Files)
	}
	assertGone(t, dir+"/data/user/10")
	assertGone(t, dir+"/data/user/0/com.app/work-account")
	if _, err := os.Stat(dir + "/data/user/0/com.app/mine"); err != nil {
		t.Errorf("the person's file: %v", err)
	}
}

// TestReceiptCountsWhatGoes: what is in the place of an app's folder and is no
// folder stays with an order for the app's data, and is not in its receipt.
func TestReceiptCountsWhatGoes(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	put(t, dir+"/data/user/10/com.file.app", "1")
	link(t, "../0", dir+"/data/user/10/com.link.app")
	got := takeAll(t, p, wipe.Scope{Kind: wipe.AppData, Packages: []string{"com.file.app", "com.link.app"}})
	if got.Files != 0 || len(got.Packages) != 0 {
		t.Errorf("counted %v, want nothing", got)
	}
}

func assertGone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", path, err)
	}
}
