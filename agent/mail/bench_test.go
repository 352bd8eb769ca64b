package mail

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringfence/agent/appsdk"
	"ringfence/agent/appsdk/appsdktest"
	"ringfence/agent/phone"
	"ringfence/internal/apprules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const pin = "7305"

// bench is a phone with the app on it, and a server.
type bench struct {
	*App

	t      *testing.T
	dir    string
	phone  *phone.Phone
	server *appsdktest.Server
	mu     sync.Mutex // guards passed
	passed time.Duration
}

// newBench has the app installed with one personal mail, and no work account.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	began := time.Now().Add(-48 * time.Hour).UTC().Truncate(time.Microsecond)
	elapsed := func() time.Duration {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.passed
	}
	now := func() time.Time { return began.Add(elapsed()) }
	b.server = appsdktest.Start(t, now)
	var err error
	b.phone, err = phone.Open(b.dir, phone.Options{
		Create: true, Now: now, Uptime: func() (string, time.Duration) { return "one life", time.Hour + elapsed() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.phone.Close() })
	if err := b.phone.InstallApp(phone.App{Package: DefaultPackage, Version: "4.2", SignerSHA256: strings.Repeat("ab", 32)}); err != nil {
		t.Fatal(err)
	}
	b.App = b.openApp()
	t.Cleanup(func() { _ = b.App.Close() })
	if err := b.Personal.Write("birthday", "cake at four"); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) openApp() *App {
	b.t.Helper()
	a, err := Open(Options{Phone: b.phone, Package: DefaultPackage, Now: b.server.Now})
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// reopen opens the app in another process.
func (b *bench) reopen() {
	b.t.Helper()
	if err := b.App.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.App = b.openApp()
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.passed += d
}

// IDToken is part of appsdk.SignIn.
func (b *bench) IDToken(r *appsdk.SignInRequest) (string, error) {
	return appsdktest.IDToken(appsdktest.Subject, r.Nonce, b.server.Now().Add(time.Hour)), nil
}

// policy makes a policy hold, of "key=text" sayings.
func (b *bench) policy(said ...string) {
	b.t.Helper()
	plain := map[apprules.Key][]string{}
	for _, each := range said {
		key, text, _ := strings.Cut(each, "=")
		plain[apprules.Key(key)] = append(plain[apprules.Key(key)], text)
	}
	s, err := apprules.ParseSettings(plain)
	if err != nil {
		b.t.Fatal(err)
	}
	b.server.SetPolicy(apprules.Seal(apprules.Merge(s), apprules.Config{}, true))
}

// ready adds the work account, with a PIN and a mail.
func (b *bench) ready(said ...string) {
	b.t.Helper()
	b.policy(said...)
	if err := b.Work.SignIn(Server{Address: b.server.Addr, Roots: b.server.Roots()}, b); err != nil {
		b.t.Fatal(err)
	}
	if problems, err := b.Work.SDK().SetPIN(pin); problems != "" || err != nil {
		b.t.Fatal(problems, err)
	}
	b.expect(appsdk.EventLaunch, "proceed")
	if err := b.Write(WorkAccount, "offer", "1000 pieces at 12"); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) sync() {
	b.t.Helper()
	if err := b.Work.SDK().Sync(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) expect(event int, want string) {
	b.t.Helper()
	d := b.Work.Decide(event)
	if got := strings.TrimSpace(d.Outcome + " " + d.MessageKey); got != want {
		b.t.Fatalf("Decide: %q, want %q", got, want)
	}
	if d.MessageKey != "" && Say(d.MessageKey) == d.MessageKey {
		b.t.Errorf("there is no sentence for %q", d.MessageKey)
	}
}

// grep names the files below the phone that hold a text.
func (b *bench) grep(text string) (found []string) {
	b.t.Helper()
	err := fs.WalkDir(os.DirFS(b.dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(b.dir, name))
		if strings.Contains(string(data), text) {
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// personal sums up the person's side of the phone.
func (b *bench) personal() phone.Digest {
	b.t.Helper()
	d, _, err := b.phone.Digests()
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}
