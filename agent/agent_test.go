package agent_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ringfence/agent"
	"ringfence/agent/agenttest"
	"ringfence/agent/phone"
	"ringfence/agent/session"
	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		os.Exit(crashingAgent(dir))
	}
	goleak.VerifyTestMain(m)
}

// personal and work are the files of a phone before any order.
var (
	personal = map[string]string{
		"com.example.gallery/files/beach.jpg":   "sand and sea",
		"com.example.mail/databases/private.db": "dear grandma",
		"com.example.chat/shared_prefs/a.xml":   "<map/>",
	}
	workAccounts = map[string]string{
		"com.example.mail/work-account/inbox.db":      "quarterly figures",
		"com.example.mail/work-account/cache/one.tmp": "a cache",
		"com.example.chat/work-account/rooms.db":      "the team",
	}
	work = map[string]string{
		"com.example.mail/files/inbox.mbox":  "Subject: figures",
		"com.example.mail/files/outbox.mbox": "Subject: re: figures",
		"com.example.crm/databases/deals.db": "ACME 1,000,000",
		"lost+found/piece":                   "not of a package",
		"note.txt":                           "not in a folder",
	}
)

func fill(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func openPhone(t testing.TB, dir string, wait func(context.Context, time.Duration) error) *phone.Phone {
	t.Helper()
	p, err := phone.Open(dir, phone.Options{Create: true, Now: time.Now, Wait: wait, Uptime: onFor(0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func enrollOptions(s *agenttest.Server, mode string) session.EnrollOptions {
	return session.EnrollOptions{
		Server: s.Addr, Token: agenttest.Token, Pin: s.Pin(), Model: "Pixel 9", OSVersion: "16", Mode: mode,
	}
}

// enrolled gives a phone that has joined, with files on both sides.
func enrolled(t testing.TB, s *agenttest.Server) (dir string, p *phone.Phone, a *agent.Agent) {
	t.Helper()
	dir = t.TempDir()
	p = openPhone(t, dir, nil)
	a = agent.New(p, agent.Options{Now: time.Now})
	fill(t, filepath.Join(dir, "data/user/0"), personal)
	if _, err := a.Enroll(t.Context(), enrollOptions(s, "work-profile")); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(dir, "data/user/0"), workAccounts)
	fill(t, filepath.Join(dir, "data/user/10"), work)
	return dir, p, a
}

// manifest asks for one of each, with a VPN that waits for its certificate.
func manifest(s *agenttest.Server) *compliancev1.Manifest {
	return &compliancev1.Manifest{
		Pins:         []*compliancev1.PinRule{{Scope: compliancev1.PinScope_PIN_SCOPE_DEVICE, MinimumLength: 6}},
		TrustedRoots: []*compliancev1.TrustedRoot{{Name: "corporate", CertificatePem: pemOf(s.Authority.Roots()[0])}},
		ClientCertificates: []*compliancev1.ClientCertificateProfile{{
			Alias: "work", CommonName: "{{device.id}}", KeyType: compliancev1.KeyType_KEY_TYPE_EC_P256, ValidityDays: 90,
		}},
		Vpns: []*compliancev1.VpnRule{{
			Name: "office", ProviderPackage: "com.example.vpn", CertificateAlias: "work", AlwaysOn: true, Lockdown: true,
			Servers: []*compliancev1.VpnServer{{Address: "vpn.example.com:443"}},
		}},
	}
}

func personalDigest(t testing.TB, p *phone.Phone) phone.Digest {
	t.Helper()
	d, _, err := p.Digests()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestLife goes through the main job on one phone: join, policy, a verdict that
// turns over and back, a wipe that ends it.
func TestLife(t *testing.T) {
	s := agenttest.Start(t, time.Now)
	look := make(chan struct{})
	dir := t.TempDir()
	p := openPhone(t, dir, func(ctx context.Context, _ time.Duration) error {
		select {
		case <-look:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	fill(t, filepath.Join(dir, "data/user/0"), personal)
	before := personalDigest(t, p)
	a := agent.New(p, agent.Options{Now: time.Now})
	if _, err := a.Enroll(t.Context(), enrollOptions(s, "work-profile")); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(dir, "data/user/10"), work)

	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context()) }()
	revision := s.SetManifest(manifest(s))
	s.Until(t, "everything is applied", func() bool {
		return lastStatus(s, revision, "vpn.office") == compliancev1.ApplyStatus_APPLY_STATUS_APPLIED
	})

	if err := p.Set(map[string]string{"pin.length": "4"}); err != nil {
		t.Fatal(err)
	}
	look <- struct{}{}
	s.Until(t, "the short PIN is reported", func() bool {
		return lastStatus(s, revision, "pin.device") == compliancev1.ApplyStatus_APPLY_STATUS_PENDING
	})
	if err := p.Set(map[string]string{"pin.length": "8"}); err != nil {
		t.Fatal(err)
	}
	look <- struct{}{}
	s.Until(t, "the longer PIN is reported", func() bool {
		return lastStatus(s, revision, "pin.device") == compliancev1.ApplyStatus_APPLY_STATUS_APPLIED
	})

	o := s.Order(agenttest.WorkProfile())
	if err := <-ended; err != nil {
		t.Fatalf("Run ended with %v", err)
	}
	s.Do(func() {
		if o.State != wipev1.State_STATE_DONE {
			t.Errorf("the order is %v", o.State)
		}
	})
	assertWiped(t, dir)
	if after := personalDigest(t, p); after != before {
		t.Errorf("the personal side changed: %+v before, %+v after", before, after)
	}
	if err := a.Once(t.Context()); !errors.Is(err, session.ErrNotEnrolled) {
		t.Errorf("a wiped phone looks: %v", err)
	}
}

// lastStatus gives what the last report about a revision says of a setting. It
// runs under lock.
func lastStatus(s *agenttest.Server, revision, setting string) compliancev1.ApplyStatus {
	if len(s.CheckIns) == 0 {
		return 0
	}
	last := s.CheckIns[len(s.CheckIns)-1]
	if last.GetAppliedRevision() != revision {
		return 0
	}
	for _, r := range last.GetResults() {
		if r.GetSetting() == setting {
			return r.GetStatus()
		}
	}
	return 0
}

// assertWiped sees that nothing of the company is left on the disk.
func assertWiped(t testing.TB, dir string) {
	t.Helper()
	if _, err := os.Lstat(filepath.Join(dir, "data/user/10")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the work profile is still there: %v", err)
	}
	for _, name := range []string{"keystore", "certs", "cacerts", "vpn", "policy"} {
		left, err := os.ReadDir(filepath.Join(dir, "misc", name))
		if err != nil || len(left) > 0 {
			t.Errorf("misc/%s: %v, %v", name, left, err)
		}
	}
}

func TestEndedByServerRemovesNothing(t *testing.T) {
	s := agenttest.Start(t, time.Now)
	dir, p, a := enrolled(t, s)
	s.SetManifest(manifest(s))
	if err := a.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, work, err := p.Digests()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context()) }()
	s.Until(t, "the phone listens", func() bool { return s.Streams() == 1 })
	s.EndEnrollment()
	if err := <-ended; !errors.Is(err, session.ErrEnded) {
		t.Fatalf("Run ended with %v", err)
	}
	_, after, err := p.Digests()
	if err != nil || after != work {
		t.Errorf("the work side changed: %+v before, %+v after (%v)", work, after, err)
	}
	if keys, err := os.ReadDir(filepath.Join(dir, "misc/keystore")); err != nil || len(keys) != 2 {
		t.Errorf("the key store holds %v (%v), want the identity and the client key", keys, err)
	}
	state, err := p.LoadState()
	if err != nil || state.Enrollment == nil || state.Enrollment.Ended == nil {
		t.Errorf("the end was not written down: %+v (%v)", state, err)
	}
	if err := a.Once(t.Context()); !errors.Is(err, session.ErrNotEnrolled) {
		t.Errorf("the ended phone looks: %v", err)
	}
	if _, err := a.Enroll(t.Context(), enrollOptions(s, "work-profile")); err != nil {
		t.Fatalf("enrol again: %v", err)
	}
	if err := a.Once(t.Context()); err != nil {
		t.Errorf("look in the new epoch: %v", err)
	}
}

func TestLeaveKeepsData(t *testing.T) {
	s := agenttest.Start(t, time.Now)
	dir, p, a := enrolled(t, s)
	s.SetManifest(manifest(s))
	if err := a.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	personal, work, err := p.Digests()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	gotPersonal, gotWork, err := p.Digests()
	if err != nil || gotPersonal != personal || gotWork != work {
		t.Errorf("leaving changed files: %v", err)
	}
	for _, name := range []string{"keystore", "certs", "cacerts", "vpn"} {
		if left, err := os.ReadDir(filepath.Join(dir, "misc", name)); err != nil || len(left) > 0 {
			t.Errorf("misc/%s: %v, %v", name, left, err)
		}
	}
	if err := a.Leave(t.Context()); !errors.Is(err, session.ErrNotEnrolled) {
		t.Errorf("leaving twice: %v", err)
	}
}

func TestAppDataKeepsEnrollment(t *testing.T) {
	s := agenttest.Start(t, time.Now)
	dir, p, a := enrolled(t, s)
	before := personalDigest(t, p)
	o := s.Order(agenttest.Apps("com.example.mail", "com.example.absent"))
	if err := a.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	journal, err := p.LoadJournal()
	if err != nil || journal.Current != nil || len(journal.Past) != 1 {
		t.Fatalf("journal: %+v (%v)", journal, err)
	}
	want := wipe.Tally{Packages: []string{"com.example.mail"}, Files: 4, Bytes: 60}
	if diff := cmp.Diff(want, journal.Past[0].Receipt.Tally); diff != "" {
		t.Errorf("receipt (-want +got):\n%s", diff)
	}
	s.Do(func() {
		if o.State != wipev1.State_STATE_DONE {
			t.Errorf("the order is %v", o.State)
		}
	})
	for name, kept := range map[string]bool{
		"data/user/0/com.example.mail/work-account":   false,
		"data/user/0/com.example.chat/work-account":   true,
		"data/user/10/com.example.mail":               true,
		"data/user/10/com.example.mail/files":         false,
		"data/user/10/com.example.crm/databases":      true,
		"data/user/0/com.example.mail/databases":      true,
		"data/user/10/note.txt":                       true,
		"data/user/0/com.example.gallery/files":       true,
		"data/user/0/com.example.mail/work-account/x": false,
	} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != kept {
			t.Errorf("%s: kept %v, want %v", name, err == nil, kept)
		}
	}
	if after := personalDigest(t, p); after != before {
		t.Errorf("the personal side changed")
	}
	if err := a.Once(t.Context()); err != nil {
		t.Errorf("the enrolment did not stay: %v", err)
	}
}
