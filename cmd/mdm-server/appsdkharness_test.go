package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence/agent/appsdk"
	"ringfence/agent/appsdk/appsdktest"
	"ringfence/internal/signin/signintest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

const workPIN = "7305"

// guarded is a mail app with the real SDK in it, on a phone that nobody enrolled:
// what an app developer ships, and a personal account beside it.
type guarded struct {
	*appsdk.SDK
	options appsdk.Options
	keys    *appsdktest.Keys
	phone   *plainPhone
	clock   *phoneClock
	in      *browser
	home    string // of the app; the work account is a folder in it
}

// phoneClock goes with the installation's, and is set ahead by itself: then it is
// the phone that was away.
type phoneClock struct {
	world *clock
	began time.Time
	ahead atomic.Int64
}

// away lets time pass for the phone alone.
func (c *phoneClock) away(d time.Duration) { c.ahead.Add(int64(d)) }

func (c *phoneClock) now() time.Time { return c.world.now().Add(time.Duration(c.ahead.Load())) }
func (c *phoneClock) Wall() int64    { return c.now().UnixMicro() }
func (c *phoneClock) Boot() string   { return "the one life" }
func (c *phoneClock) Uptime() int64  { return c.now().Sub(c.began).Microseconds() }

// plainPhone is a phone with nothing wrong, until a test says so.
type plainPhone struct {
	mu    sync.Mutex // guards facts
	facts appsdk.Facts
}

func (p *plainPhone) Look() (*appsdk.Facts, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.facts
	return &f, nil
}

func (p *plainPhone) edit(fn func(*appsdk.Facts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(&p.facts)
}

// browser signs a person in at the provider.
type browser struct {
	tb       testing.TB
	provider *signintest.Provider
	user     string
}

func (b *browser) IDToken(r *appsdk.SignInRequest) (string, error) {
	if r.Len() != 1 || r.At(0).URL != b.provider.Issuer() || r.At(0).Client(0) != "mail" {
		return "", errors.New("asked to sign in elsewhere")
	}
	return b.provider.SignIn(b.tb.Context(), "mail", b.user, r.Nonce)
}

// installs puts the mail app on a phone of its own; change may alter what it says
// of itself.
func (s *server) installs(tb testing.TB, p *signintest.Provider, user string, change ...func(*appsdk.Options)) *guarded {
	tb.Helper()
	home := tb.TempDir()
	g := &guarded{
		keys: appsdktest.NewKeys(), home: home, in: &browser{tb, p, user},
		clock: &phoneClock{world: s.clock, began: s.clock.now().Add(-time.Hour)},
		phone: &plainPhone{facts: appsdk.Facts{
			Level: appsdk.Unenrolled, OSVersion: "16", SecurityPatch: "2026-11-01", Manufacturer: "Google", Model: "Pixel 9",
			Lock: appsdk.LockHigh, RootChecked: true, AppScan: appsdk.AppScanOn, AgentVersion: "1.0",
		}},
	}
	g.options = appsdk.Options{
		Server: s.at.Device, Roots: []byte(s.credential.CA), Package: mailPackage, SignerSHA256: mailSigner, AppVersion: "2.0",
		Folder: filepath.Join(home, "work"), Account: "work", DeviceTag: phoneTag, Keys: g.keys, Clock: g.clock, Phone: g.phone,
	}
	for _, c := range change {
		c(&g.options)
	}
	for name, text := range map[string]string{"inbox.mbox": "dinner on Sunday?", "beach.jpg": "sand and sea"} {
		path := filepath.Join(home, "personal", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			tb.Fatal(err)
		}
	}
	g.launch(tb)
	tb.Cleanup(func() { _ = g.Close() })
	return g
}

// launch is a new life of the app.
func (g *guarded) launch(tb testing.TB) {
	tb.Helper()
	if g.SDK != nil {
		if err := g.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	g.SDK = must[*appsdk.SDK](tb)(appsdk.Open(&g.options))
}

// signsIn registers, and sets a PIN where one is asked for.
func (g *guarded) signsIn(tb testing.TB) {
	tb.Helper()
	if err := g.Register(g.in); err != nil {
		tb.Fatalf("Register: %v", err)
	}
	g.setsPIN(tb)
}

func (g *guarded) setsPIN(tb testing.TB) {
	tb.Helper()
	if d := g.Decide(appsdk.EventLaunch); d.Prompt(0) == "set-pin" {
		if problems, err := g.SetPIN(workPIN); err != nil || problems != "" {
			tb.Fatalf("SetPIN: %q, %v", problems, err)
		}
	}
	g.expect(tb, appsdk.EventActive, "proceed")
}

// works signs in and keeps a mail.
func (g *guarded) works(tb testing.TB) {
	tb.Helper()
	g.signsIn(tb)
	g.keeps(tb)
}

func (g *guarded) keeps(tb testing.TB) {
	tb.Helper()
	files, err := g.Files()
	if err == nil {
		err = files.WriteFile("offer", []byte("ACME 1,000,000"))
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func (g *guarded) syncs(tb testing.TB) {
	tb.Helper()
	if err := g.Sync(); err != nil {
		tb.Fatalf("Sync: %v", err)
	}
}

// words are a decision in short: "proceed", "need-pin pin", "block go_online".
func words(d *appsdk.Decision) string {
	text := []string{d.Outcome}
	switch d.Outcome {
	case appsdk.NeedPIN:
		for i := range d.Prompts() {
			text = append(text, d.Prompt(i))
		}
	case appsdk.Proceed:
	default:
		text = append(text, d.MessageKey)
	}
	return strings.Join(text, " ")
}

func (g *guarded) expect(tb testing.TB, event int, want string) {
	tb.Helper()
	if got := words(g.Decide(event)); got != want {
		tb.Fatalf("decided %q, want %q", got, want)
	}
}

// becomes waits for a decision: the app hears of it by itself.
func (g *guarded) becomes(tb testing.TB, want string) {
	tb.Helper()
	eventually(tb, want, func() (bool, error) {
		got := words(g.Decide(appsdk.EventTimer))
		return got == want, fmt.Errorf("%w: %s", errNotYet, got)
	})
}

// mail is the kept mail, while the account is open.
func (g *guarded) mail() (string, error) {
	files, err := g.Files()
	if err != nil {
		return "", err
	}
	data, err := files.ReadFile("offer")
	return string(data), err
}

// personal is a digest of the personal account.
func (g *guarded) personal(tb testing.TB) string {
	tb.Helper()
	h := sha256.New()
	root := filepath.Join(g.home, "personal")
	for _, e := range must[[]os.DirEntry](tb)(os.ReadDir(root)) {
		data := must[[]byte](tb)(os.ReadFile(filepath.Join(root, e.Name())))
		fmt.Fprintf(h, "%s %d\n%s", e.Name(), len(data), data)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// gone sees that the work account's data is not there: no file and no key that
// could open one.
func (g *guarded) gone(tb testing.TB) {
	tb.Helper()
	for _, name := range g.keys.Names() {
		if name == "work.files" || name == "work.pin" {
			tb.Errorf("the key %s is there", name)
		}
	}
	left, err := os.ReadDir(filepath.Join(g.options.Folder, "files"))
	if err == nil && len(left) > 0 {
		tb.Errorf("files are there: %v", left)
	}
	if _, err := g.Files(); !errors.Is(err, appsdk.ErrShut) {
		tb.Errorf("Files: %v", err)
	}
}

// known is the registration as administrators see it: the one of a person.
func (a *admin) known(tb testing.TB, user string) *appprotectv1.Registration {
	tb.Helper()
	res := must[*appprotectv1.ListRegistrationsResponse](tb)(a.apps.ListRegistrations(tb.Context(), &appprotectv1.ListRegistrationsRequest{User: user}))
	if n := len(res.GetRegistrations()); n != 1 {
		tb.Fatalf("%s has %d registrations", user, n)
	}
	return a.registration(tb, res.GetRegistrations()[0].GetId()).GetRegistration()
}
