package phone

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/agent/policy"
	"ringfence/agent/session"
	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

var atNoon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string) *Phone {
	t.Helper()
	p, err := Open(dir, Options{Create: true, Now: func() time.Time { return atNoon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t testing.TB, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// takeAll takes every step of a scope.
func takeAll(t testing.TB, p *Phone, s wipe.Scope) (sum wipe.Tally) {
	t.Helper()
	steps, err := p.Steps(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		tally, err := p.Measure(step)
		if err != nil {
			t.Fatalf("measure %s: %v", step, err)
		}
		sum.Files += tally.Files
		sum.Packages = append(sum.Packages, tally.Packages...)
		for range 2 { // the second time, there is nothing left to do
			if err := p.Remove(step, func() {}); err != nil {
				t.Fatalf("remove %s: %v", step, err)
			}
		}
	}
	return sum
}

// TestLinksLeadNowhere puts symbolic links wherever a removal passes by. What
// they point at must stay as it is, on the person's side and outside the phone.
func TestLinksLeadNowhere(t *testing.T) {
	apps := wipe.Scope{Kind: wipe.AppData, Packages: []string{"com.example.mail"}}
	whole := wipe.Scope{Kind: wipe.WorkProfile}
	for name, c := range map[string]struct {
		links map[string]string
		scope wipe.Scope
	}{
		"file in a package":         {map[string]string{"data/user/10/com.example.mail/photo": "../../0/com.example.gallery/beach.jpg"}, whole},
		"folder in a package":       {map[string]string{"data/user/10/com.example.mail/files": "../../0/com.example.gallery"}, whole},
		"package":                   {map[string]string{"data/user/10/com.example.mail": "../0/com.example.gallery"}, whole},
		"profile":                   {map[string]string{"data/user/10": "0"}, whole},
		"out of the phone":          {map[string]string{"data/user/10/com.example.mail/away": "OUTSIDE"}, whole},
		"profile out of the phone":  {map[string]string{"data/user/10": "OUTSIDE"}, whole},
		"VPN folder":                {map[string]string{"misc/vpn": "../data/user/0/com.example.gallery"}, whole},
		"key store":                 {map[string]string{"misc/keystore": "../data/user/0/com.example.gallery"}, wipe.Scope{Kind: wipe.WorkProfile}},
		"work account":              {map[string]string{"data/user/0/com.example.mail/work-account": "../com.example.gallery"}, apps},
		"work account, outside":     {map[string]string{"data/user/0/com.example.mail/work-account": "OUTSIDE"}, apps},
		"in a work account":         {map[string]string{"data/user/0/com.example.mail/work-account/x": "../../com.example.gallery"}, apps},
		"app on the person's side":  {map[string]string{"data/user/0/com.example.mail": "com.example.gallery"}, apps},
		"app in the profile":        {map[string]string{"data/user/10/com.example.mail": "../0/com.example.gallery"}, apps},
		"a person's side elsewhere": {map[string]string{"data/user/10/com.example.mail/up": "../../0"}, apps},
	} {
		t.Run(name, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			p := open(t, dir)
			put(t, filepath.Join(dir, "data/user/0/com.example.gallery/beach.jpg"), "sand and sea")
			put(t, filepath.Join(dir, "data/user/0/com.example.gallery/work-account/mine.txt"), "another app's")
			put(t, filepath.Join(outside, "precious.txt"), "not even the phone's")
			for path, target := range c.links {
				if target == "OUTSIDE" {
					target = outside
				}
				at := filepath.Join(dir, path)
				_ = os.Remove(at) // an empty folder of the layout
				link(t, target, at)
			}
			steps, err := p.Steps(c.scope)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range steps { // an error is fine where the layout itself is broken
				_, _ = p.Measure(step)
				_ = p.Remove(step, func() {})
			}
			for path, want := range map[string]string{
				filepath.Join(dir, "data/user/0/com.example.gallery/beach.jpg"):             "sand and sea",
				filepath.Join(dir, "data/user/0/com.example.gallery/work-account/mine.txt"): "another app's",
				filepath.Join(outside, "precious.txt"):                                      "not even the phone's",
			} {
				if got, err := os.ReadFile(path); err != nil || string(got) != want {
					t.Errorf("%s: %q, %v", path, got, err)
				}
			}
			if c.scope.Kind == wipe.WorkProfile {
				if _, err := os.Lstat(filepath.Join(dir, "data/user/10")); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("something is left of the profile: %v", err)
				}
			}
		})
	}
}

func TestRemoveWorkProfile(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	put(t, filepath.Join(dir, "data/user/0/com.example.mail/work-account/inbox"), "stays with this scope")
	put(t, filepath.Join(dir, "data/user/10/com.example.mail/files/inbox"), "work")
	put(t, filepath.Join(dir, "data/user/10/com.example.mail/files/deep/er/inbox"), "work")
	put(t, filepath.Join(dir, "data/user/10/stray"), "work")
	put(t, filepath.Join(dir, "misc/vpn/office.json"), "{}")
	if _, err := p.MakeKey("identity.aa", compliancev1.KeyType_KEY_TYPE_EC_P256); err != nil {
		t.Fatal(err)
	}
	if _, err := p.MakeKey("client.work.bb", compliancev1.KeyType_KEY_TYPE_EC_P256); err != nil {
		t.Fatal(err)
	}
	got := takeAll(t, p, wipe.Scope{Kind: wipe.WorkProfile})
	want := wipe.Tally{Packages: []string{"com.example.mail"}, Files: 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if _, err := p.Key("identity.aa"); err != nil {
		t.Errorf("the identity went before the report: %v", err)
	}
	if _, err := p.Key("client.work.bb"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the client key stayed: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data/user/0/com.example.mail/work-account/inbox")); err != nil {
		t.Errorf("the person's side was touched: %v", err)
	}
}

func TestStepsAreClosed(t *testing.T) {
	p := open(t, t.TempDir())
	for _, step := range []string{
		"", "package:", "package:..", "package:../0/com.example.mail", "package:com.example.mail/..", "app:../../0", "app:.",
		"app:com.example.mail/../com.example.gallery", "personal", "data/user/0", "app:com.example\x00.mail",
	} {
		if err := p.Remove(step, func() {}); err == nil {
			t.Errorf("step %q was taken", step)
		}
		if _, err := p.Measure(step); err == nil {
			t.Errorf("step %q was measured", step)
		}
	}
	if _, err := p.Steps(wipe.Scope{Kind: wipe.AppData, Packages: []string{"com.example.mail", "../../0"}}); err == nil {
		t.Error("a path was planned")
	}
}

func TestHostileNames(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	key, err := p.MakeKey("client.work.aa", compliancev1.KeyType_KEY_TYPE_EC_P256)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", "a\\b", "/etc/passwd", "A", "a\x00", "a\n", strings.Repeat("a", 64), ".lock", "a.json"} {
		if err := p.InstallRoot(name, &x509.Certificate{}); err == nil {
			t.Errorf("root %q", name)
		}
		if err := p.RemoveRoot(name); err == nil {
			t.Errorf("remove root %q", name)
		}
		if err := p.SetVPN(&compliancev1.VpnRule{Name: name}); err == nil {
			t.Errorf("vpn %q", name)
		}
		if err := p.SaveCertificate(policy.Certificate{Alias: name}); err == nil {
			t.Errorf("certificate %q", name)
		}
		if err := p.RemoveCertificate(name); err == nil {
			t.Errorf("remove certificate %q", name)
		}
	}
	for _, name := range []string{"", ".", "..", "../identity", "a/b", "a..b", ".a", "a.", "A", strings.Repeat("a", 200)} {
		if _, err := p.MakeKey(name, compliancev1.KeyType_KEY_TYPE_EC_P256); err == nil {
			t.Errorf("key %q", name)
		}
		if err := p.DeleteKey(name); err == nil {
			t.Errorf("delete key %q", name)
		}
	}
	again, err := p.MakeKey("client.work.aa", compliancev1.KeyType_KEY_TYPE_EC_P384)
	if err != nil || !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(again.Public()) {
		t.Errorf("the key was made twice: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "misc/keystore/client.work.aa.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
	if _, err := p.MakeKey("client.work.bb", 99); !errors.Is(err, policy.ErrUnsupported) {
		t.Errorf("a key of an unknown type: %v", err)
	}
}

func TestClaim(t *testing.T) {
	dir := t.TempDir()
	p, q := open(t, dir), open(t, dir)
	put(t, filepath.Join(dir, "misc/keystore/.client.work.aa.pem.tmp"), "half a key")
	release, err := p.Claim()
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "misc/keystore")); err != nil || len(left) > 0 {
		t.Errorf("what was half written stayed: %v, %v", left, err)
	}
	if _, err := q.Claim(); !errors.Is(err, ErrLocked) {
		t.Errorf("a second agent: %v", err)
	}
	if err := q.Set(map[string]string{"busy": "true"}); err != nil {
		t.Errorf("set beside an agent: %v", err)
	}
	release()
	release, err = q.Claim()
	if err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
	release()
}

func TestOpenNeedsAPhone(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{filepath.Join(dir, "none"), dir} {
		if _, err := Open(d, Options{Now: time.Now}); !errors.Is(err, ErrNoPhone) {
			t.Errorf("%s: %v", d, err)
		}
	}
	put(t, filepath.Join(dir, "data/user/0/com.example.gallery/beach.jpg"), "was here before")
	open(t, dir)
	if _, err := Open(dir, Options{Now: time.Now}); err != nil {
		t.Error(err)
	}
}

func TestSet(t *testing.T) {
	base := factory()
	with := func(edit func(*Settings)) Settings {
		s := base
		edit(&s)
		return s
	}
	for name, c := range map[string]struct {
		changes map[string]string
		want    Settings
		wrong   string
	}{
		"length": {
			changes: map[string]string{"pin.length": "4"},
			want:    with(func(s *Settings) { s.Pin.Length, s.Pin.ChangedAt = 4, atNoon }),
		},
		"work lock of its own": {
			changes: map[string]string{"work.pin.length": "8", "work.pin.quality": "NUMERIC_COMPLEX", "work.pin.complexity": "high"},
			want: with(func(s *Settings) {
				s.WorkPin = &Pin{Set: true, Length: 8, Quality: "numeric-complex", Complexity: "high", ChangedAt: atNoon}
			}),
		},
		"no lock": {
			changes: map[string]string{"pin.set": "false"},
			want:    with(func(s *Settings) { s.Pin.Set = false }),
		},
		"changed when": {
			changes: map[string]string{"pin.length": "5", "pin.changed": "2026-01-02T03:04:05Z"},
			want: with(func(s *Settings) {
				s.Pin.Length, s.Pin.ChangedAt = 5, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			}),
		},
		"the rest": {
			changes: map[string]string{"os.version": "17.1", "security.patch": "2026-11-05", "busy": "true", "model": "Pixel 9"},
			want: with(func(s *Settings) {
				s.OSVersion, s.SecurityPatch, s.Busy, s.Model = "17.1", "2026-11-05", true, "Pixel 9"
			}),
		},
		"unknown":       {changes: map[string]string{"pin.colour": "red"}, wrong: "no such setting"},
		"not a number":  {changes: map[string]string{"pin.length": "four"}, wrong: "want a number"},
		"too long":      {changes: map[string]string{"pin.length": "257"}, wrong: "want a number"},
		"not a quality": {changes: map[string]string{"pin.quality": "best"}, wrong: "want one of none, biometric-weak"},
		"not a version": {changes: map[string]string{"os.version": "sixteen"}, wrong: "want dotted numbers"},
		"not a truth":   {changes: map[string]string{"busy": "perhaps"}, wrong: "want true or false"},
		"half wrong":    {changes: map[string]string{"busy": "true", "pin.length": "-1"}, wrong: "want a number"},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, t.TempDir())
			err := p.Set(c.changes)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("error %v, want one with %q", err, c.wrong)
				}
				c.want = base
			} else if err != nil {
				t.Fatal(err)
			}
			got, err := p.Settings()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangedNoticesSet(t *testing.T) {
	looked := make(chan struct{})
	dir := t.TempDir()
	p, err := Open(dir, Options{Create: true, Now: time.Now, Wait: func(ctx context.Context, _ time.Duration) error {
		select {
		case looked <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	changed := make(chan error)
	go func() {
		for {
			err := p.Changed(t.Context())
			changed <- err
			if err != nil {
				return
			}
		}
	}()
	other := open(t, dir)
	for _, length := range []string{"4", "5", "4"} {
		<-looked
		if err := other.Set(map[string]string{"pin.length": length}); err != nil {
			t.Fatal(err)
		}
		for waiting := true; waiting; {
			select {
			case <-looked:
			case err := <-changed:
				if err != nil {
					t.Fatal(err)
				}
				waiting = false
			}
		}
	}
}

func TestPosture(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	if err := p.Set(map[string]string{"pin.changed": "2026-11-01T00:00:00Z", "work.pin.set": "false"}); err != nil {
		t.Fatal(err)
	}
	if err := p.SetVPN(&compliancev1.VpnRule{Name: "office", AlwaysOn: true}); err != nil {
		t.Fatal(err)
	}
	device := &compliancev1.LockState{
		Scope: compliancev1.PinScope_PIN_SCOPE_DEVICE, Set: true, Length: 6,
		Quality: compliancev1.PinQuality_PIN_QUALITY_NUMERIC, Complexity: compliancev1.PinComplexity_PIN_COMPLEXITY_MEDIUM,
		ChangedAt: timestamppb.New(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)),
	}
	want := &compliancev1.Posture{
		OsVersion: "16", SecurityPatchLevel: "2026-10-05", Locks: []*compliancev1.LockState{device},
		Vpns: []*compliancev1.VpnState{{Name: "office", AlwaysOn: true}},
	}
	got, err := p.Posture()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("posture (-want +got):\n%s", diff)
	}
	if err := p.SetPinRule(compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE, &compliancev1.PinRule{}); !errors.Is(err, policy.ErrUnsupported) {
		t.Errorf("a rule for a profile that is not there: %v", err)
	}

	if err := p.SaveState(session.State{Enrollment: &session.Enrollment{Epoch: 1, Mode: "work-profile"}}); err != nil {
		t.Fatal(err)
	}
	want.Locks = append(want.Locks, &compliancev1.LockState{Scope: compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE})
	if got, err = p.Posture(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("posture with a work profile (-want +got):\n%s", diff)
	}
}

func TestDigests(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	put(t, filepath.Join(dir, "data/user/0/com.example.mail/private"), "dear grandma")
	put(t, filepath.Join(dir, "data/user/0/com.example.mail/work-account/inbox"), "figures")
	put(t, filepath.Join(dir, "data/user/10/com.example.crm/deals"), "acme")
	personal, work, err := p.Digests()
	if err != nil || personal.Files != 1 || work.Files != 2 {
		t.Fatalf("%+v, %+v, %v", personal, work, err)
	}
	put(t, filepath.Join(dir, "data/user/0/com.example.mail/work-account/inbox"), "FIGURES")
	samePersonal, otherWork, err := p.Digests()
	if err != nil || samePersonal != personal || otherWork == work {
		t.Errorf("after a change of work: %+v, %+v, %v", samePersonal, otherWork, err)
	}
	put(t, filepath.Join(dir, "data/user/0/com.example.mail/private"), "DEAR grandma")
	if otherPersonal, _, err := p.Digests(); err != nil || otherPersonal == personal {
		t.Errorf("after a change of the person's: %+v, %v", otherPersonal, err)
	}
}

func TestStateHoldsNoKey(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	key, err := p.MakeKey("identity.aa", compliancev1.KeyType_KEY_TYPE_EC_P256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := key.Sign(rand.Reader, make([]byte, 32), nil); err != nil {
		t.Error(err)
	}
	state := session.State{Enrollment: &session.Enrollment{Epoch: 1, Current: session.Credential{Key: "identity.aa"}}}
	if err := p.SaveState(state); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.DestroyIdentity("an order took it"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Key("identity.aa"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the key stayed: %v", err)
	}
	if got, err := p.LoadState(); err != nil || got.Enrollment != nil || got.Former == nil {
		t.Errorf("state: %+v, %v", got, err)
	}
	raw, err := json.Marshal(state)
	if err != nil || strings.Contains(string(raw), "PRIVATE") {
		t.Errorf("%s, %v", raw, err)
	}
}
