package phone

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/agent/session"
	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// enroll makes the phone belong to somebody.
func enroll(t testing.TB, p *Phone, ownership, mode string) *session.Enrollment {
	t.Helper()
	e := &session.Enrollment{DeviceID: "this-phone", Epoch: 1, Ownership: ownership, Mode: mode}
	if err := p.SaveState(session.State{Enrollment: e}); err != nil {
		t.Fatal(err)
	}
	return e
}

// filled is a phone with something of everything.
func filled(t testing.TB) (dir string, p *Phone) {
	t.Helper()
	dir = t.TempDir()
	p = open(t, dir)
	for name, content := range map[string]string{
		"data/user/0/com.example.gallery/beach.jpg":        "sand and sea",
		"data/user/0/com.example.mail/work-account/inbox":  "figures",
		"data/user/10/com.work.mail/inbox":                 "figures",
		"data/user/10/stray":                               "a stray",
		"data/user/11/com.other/file":                      "another user",
		"data/media/film.mp4":                              "a film",
		"misc/vpn/office.json":                             "{}",
		"misc/cacerts/corporate.pem":                       "x",
		"misc/policy/manifest.json":                        "{}",
		"misc/wifi/home.conf":                              "secret",
		"misc/keystore/user.pem":                           "not the agent's",
		"sdcard/DCIM/one.jpg":                              "a picture",
		"agent/settings.json":                              "{}",
		"notes.txt":                                        "beside everything",
		"data/user/0/com.example.gallery/deep/er/two.jpg":  "sand",
		"data/user/0/com.example.mail/databases/mine.db":   "dear grandma",
		"data/user/0/com.example.mail/databases/empty.db":  "",
		"data/user/10/com.work.mail/deep/er/and/so/on.txt": "work",
	} {
		put(t, filepath.Join(dir, filepath.FromSlash(name)), content)
	}
	link(t, "../../agent", dir+"/data/media/link")
	for _, name := range []string{"identity.aa", "receipt-order-0001", "client.work.bb"} {
		if _, err := p.MakeKey(name, compliancev1.KeyType_KEY_TYPE_EC_P256); err != nil {
			t.Fatal(err)
		}
	}
	return dir, p
}

// files lists what is on the phone.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestReset puts a company's phone back: everything goes, and is counted once,
// but what its agent needs to say so.
func TestReset(t *testing.T) {
	dir, p := filled(t)
	d := p.companyDevice(enroll(t, p, "company", "work-profile"))
	if !d.HasPersonalSide() || p.companyDevice(&session.Enrollment{Ownership: "company", Mode: "fully-managed"}).HasPersonalSide() {
		t.Error("which phone has a personal side?")
	}
	before := files(t, dir)
	steps, err := d.ResetSteps()
	if err != nil {
		t.Fatal(err)
	}
	var sum wipe.Tally
	for _, step := range steps {
		tally, err := d.Measure(step)
		if err != nil {
			t.Fatalf("measure %s: %v", step, err)
		}
		sum.Files, sum.Keys, sum.Packages = sum.Files+tally.Files, sum.Keys+tally.Keys, append(sum.Packages, tally.Packages...)
	}
	for _, step := range steps {
		for range 2 { // the second time, there is nothing left to do
			if err := d.Remove(step, func() {}); err != nil {
				t.Fatalf("remove %s: %v", step, err)
			}
		}
	}
	after := files(t, dir)
	want := []string{
		"agent/settings.json", "agent/state.json", "misc/keystore/identity.aa.pem", "misc/keystore/receipt-order-0001.pem",
	}
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	// The settings of policy are taken off and not counted: a VPN, a root, a manifest.
	if got := sum.Files + sum.Keys; got != uint64(len(before)-len(after)-3) || sum.Keys != 1 {
		t.Errorf("counted %d, %d of them keys; %d went", got, sum.Keys, len(before)-len(after))
	}
	if diff := cmp.Diff([]string{"com.work.mail"}, sum.Packages); diff != "" { // the person's are counted, not named
		t.Errorf("named (-want +got):\n%s", diff)
	}
	if _, _, err := p.Digests(); err != nil {
		t.Errorf("it is a phone no more: %v", err)
	}
}

// TestPersonalPhoneHasNoReset: there is nothing on a personal phone that could
// name, count or take a step of a reset.
func TestPersonalPhoneHasNoReset(t *testing.T) {
	dir, p := filled(t)
	for _, e := range []*session.Enrollment{
		enroll(t, p, "personal", "work-profile"), {}, {Ownership: "Company"}, {Ownership: "", Mode: "fully-managed"},
	} {
		if d := p.companyDevice(e); d != nil {
			t.Errorf("%+v yields %v", e, d)
		}
	}
	before := files(t, dir)
	for _, step := range []string{stepPersonal, stepRest} {
		if _, err := p.Measure(step); err == nil {
			t.Errorf("%s was measured", step)
		}
		if err := p.Remove(step, func() {}); err == nil {
			t.Errorf("%s was taken", step)
		}
	}
	if steps, err := p.Steps(wipe.Scope{Kind: wipe.WholeDevice}); err == nil {
		t.Errorf("there are steps: %v", steps)
	}
	if err := p.Remove(stepRestrictions, func() {}); err == nil {
		t.Error("a personal phone has nothing to give up")
	}
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
}

// TestRelinquish: the work profile goes, the rest stays, and the phone knows that
// it is the person's own now, until a company takes it on again.
func TestRelinquish(t *testing.T) {
	dir, p := filled(t)
	enroll(t, p, "company", "work-profile")
	scope := wipe.Scope{Kind: wipe.Relinquish}
	profile, err := p.Steps(wipe.Scope{Kind: wipe.WorkProfile})
	if err != nil {
		t.Fatal(err)
	}
	if steps, err := p.Steps(scope); err != nil || !slices.Equal(steps, append(profile, stepRestrictions)) {
		t.Errorf("steps %v, %v", steps, err)
	}
	if g, err := p.GivenUp(); err != nil || g != nil {
		t.Errorf("given up before: %v, %v", g, err)
	}
	takeAll(t, p, scope)
	assertGone(t, dir+"/data/user/10")
	if _, err := os.Stat(dir + "/data/user/0/com.example.gallery/beach.jpg"); err != nil {
		t.Error(err)
	}
	g, err := p.GivenUp()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&GivenUp{At: atNoon, DeviceID: "this-phone", Epoch: 1}, g); diff != "" {
		t.Errorf("given up (-want +got):\n%s", diff)
	}
	if err := p.Forget("given up"); err != nil {
		t.Fatal(err)
	}
	if g, err := p.GivenUp(); err != nil || g == nil {
		t.Errorf("forgotten with the enrolment: %v, %v", g, err)
	}
	enroll(t, p, "company", "work-profile")
	if g, err := p.GivenUp(); err != nil || g != nil {
		t.Errorf("taken on again: %v, %v", g, err)
	}
}
