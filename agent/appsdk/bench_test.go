package appsdk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringfence/agent/appsdk/appsdktest"
	"ringfence/agent/appsdk/pin"
	"ringfence/internal/apprules"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		os.Exit(crashingApp(dir))
	}
	goleak.VerifyTestMain(m)
}

const (
	pkg    = "com.example.mail"
	minute = time.Minute
	day    = 24 * time.Hour
)

// clocks are those of a phone and of its server, which tests move.
type clocks struct {
	mu    sync.Mutex
	began time.Time
	real  time.Duration // that passed
	ahead time.Duration // of the phone's clock on the wall
	boot  string
	since time.Duration // of the boot
}

func newClocks() *clocks {
	return &clocks{began: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), boot: "1"}
}

func (c *clocks) pass(d time.Duration) { c.mu.Lock(); c.real += d; c.mu.Unlock() }

func (c *clocks) set(d time.Duration) { c.mu.Lock(); c.ahead += d; c.mu.Unlock() }

// reboot switches the phone off for a while.
func (c *clocks) reboot(off time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.real += off
	c.boot, c.since = c.boot+"'", c.real
}

func (c *clocks) server() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.began.Add(c.real) }

func (c *clocks) Wall() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began.Add(c.real + c.ahead).UnixMicro()
}
func (c *clocks) Boot() string { c.mu.Lock(); defer c.mu.Unlock(); return c.boot }
func (c *clocks) Uptime() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return (c.real - c.since).Microseconds()
}

// fakePhone is a phone with nothing wrong.
type fakePhone struct {
	mu    sync.Mutex
	facts Facts
}

func (p *fakePhone) Look() (*Facts, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.facts
	return &f, nil
}

func (p *fakePhone) edit(fn func(*Facts)) { p.mu.Lock(); defer p.mu.Unlock(); fn(&p.facts) }

func wellPhone(c *clocks) *fakePhone {
	return &fakePhone{facts: Facts{
		Level: Unenrolled, OSVersion: "15", SecurityPatch: "2026-02-05", Manufacturer: "Google", Model: "Pixel 9", Lock: LockHigh,
		RootChecked: true, Integrity: IntegrityCertified, IntegrityEvaluation: EvaluationHardware,
		IntegrityAt: c.server().Add(-time.Hour).UnixMicro(), AppScan: AppScanOn, Knox: AttestationPassed, Defender: ThreatSecured,
		AgentVersion: "9.0", AgentUpdateKnown: true,
	}}
}

// outbox is what the app has not sent yet; it looks into the account's files.
type outbox struct {
	sdk    func() *SDK
	unsent atomic.Int64
}

func (o *outbox) UnsyncedChanges() int64 {
	if _, err := o.sdk().Files(); err != nil {
		return 0
	}
	return o.unsent.Load()
}

// person signs in.
type person struct {
	subject string
	asked   int
	now     func() time.Time
	fail    error
}

func (p *person) IDToken(r *SignInRequest) (string, error) {
	p.asked++
	if p.fail != nil {
		return "", p.fail
	}
	if r.Len() != 1 || r.At(0).URL != appsdktest.IssuerURL || r.At(0).Client(0) != appsdktest.ClientID || r.At(1) != nil {
		return "", errors.New("asked to sign in elsewhere")
	}
	return appsdktest.IDToken(p.subject, r.Nonce, p.now().Add(time.Hour)), nil
}

// bench is an app on a phone, and its server.
type bench struct {
	t      testing.TB
	server *appsdktest.Server
	clocks *clocks
	keys   *appsdktest.Keys
	phone  *fakePhone
	work   *outbox // nil: the app does not say
	in     *person
	dir    string
	deps   deps
	app    string // version
	sdkV   string
	*SDK
}

// quick is a PIN that costs next to nothing: the race detector makes the full cost
// seconds.
var quick = pin.Cost{Passes: 1, Memory: 64}

func newBench(t testing.TB) *bench {
	t.Helper()
	c := newClocks()
	b := &bench{
		t: t, server: appsdktest.Start(t, c.server), clocks: c, keys: appsdktest.NewKeys(), phone: wellPhone(c),
		in: &person{subject: appsdktest.Subject, now: c.server}, dir: filepath.Join(t.TempDir(), "account"), app: "9.0",
		deps: deps{
			wait:   func(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() },
			random: func() float64 { return 0 }, progress: func(string) {},
			pinCost: quick,
		},
	}
	b.reopen()
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func (b *bench) options() *Options {
	o := &Options{
		Server: b.server.Addr, Roots: b.server.Roots(), Package: pkg, SignerSHA256: strings.Repeat("ab", 32), AppVersion: b.app,
		Folder: b.dir, Account: "work", Keys: b.keys, Clock: b.clocks, Phone: b.phone,
	}
	if b.work != nil {
		o.Work = b.work
	}
	return o
}

// reopen is a new life of the app.
func (b *bench) reopen() {
	b.t.Helper()
	if b.SDK != nil {
		if err := b.Close(); err != nil {
			b.t.Fatal(err)
		}
	}
	s, err := open(b.options(), b.deps)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.sdkV != "" {
		s.sdkVersion = b.sdkV
	}
	b.SDK = s
}

func (b *bench) register() {
	b.t.Helper()
	if err := b.Register(b.in); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) sync() {
	b.t.Helper()
	if err := b.Sync(); err != nil {
		b.t.Fatal(err)
	}
}

// expect sees what Decide comes to: "proceed", "need-pin pin", "block go_online".
func (b *bench) expect(event int, want string) *Decision {
	b.t.Helper()
	d := b.Decide(event)
	if got := say(d); got != want {
		b.t.Fatalf("decided %q, want %q", got, want)
	}
	return d
}

func say(d *Decision) string {
	words := []string{d.Outcome}
	switch d.Outcome {
	case NeedPIN:
		for i := range d.Prompts() {
			words = append(words, d.Prompt(i))
		}
	case Proceed:
	default:
		words = append(words, d.MessageKey)
	}
	return strings.Join(words, " ")
}

func (b *bench) setPIN(given string) {
	b.t.Helper()
	if problems, err := b.SetPIN(given); err != nil || problems != "" {
		b.t.Fatalf("SetPIN: %q, %v", problems, err)
	}
}

func (b *bench) unlock(given, want string) {
	b.t.Helper()
	d, err := b.Unlock(given)
	if err != nil {
		b.t.Fatal(err)
	}
	if got := say(d); got != want {
		b.t.Fatalf("Unlock: %q, want %q", got, want)
	}
}

// ready is an account that is open, with a PIN and a file in it.
func readyBench(t testing.TB, settings ...string) *bench {
	t.Helper()
	b := newBench(t)
	b.server.SetPolicy(policyOf(t, settings...))
	b.register()
	b.expect(EventLaunch, "need-pin set-pin")
	b.setPIN("7305")
	b.expect(EventActive, "proceed")
	b.write("letter", "from the company")
	return b
}

func (b *bench) write(name, text string) {
	b.t.Helper()
	c, err := b.Files()
	if err == nil {
		err = c.WriteFile(name, []byte(text))
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(name string) string {
	b.t.Helper()
	c, err := b.Files()
	if err != nil {
		b.t.Fatal(err)
	}
	data, err := c.ReadFile(name)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

// policyOf makes a policy of "key=text" sayings.
func policyOf(t testing.TB, said ...string) *apprules.Effective {
	t.Helper()
	plain := map[apprules.Key][]string{}
	for _, each := range said {
		key, text, _ := strings.Cut(each, "=")
		plain[apprules.Key(key)] = append(plain[apprules.Key(key)], text)
	}
	s, err := apprules.ParseSettings(plain)
	if err != nil {
		t.Fatal(err)
	}
	return apprules.Seal(apprules.Merge(s), apprules.Config{}, true)
}

// assertErased sees that nothing of the account's data is left, on disk or in the
// key store.
func (b *bench) assertErased(where string) {
	b.t.Helper()
	for _, name := range b.keys.Names() {
		if name == "work.files" || name == "work.pin" {
			b.t.Errorf("%s: key %s is there", where, name)
		}
	}
	entries, err := os.ReadDir(filepath.Join(b.dir, "files", "contents"))
	if err == nil && len(entries) > 0 {
		b.t.Errorf("%s: %d contents are there", where, len(entries))
	}
	if _, err := b.Files(); !errors.Is(err, ErrShut) {
		b.t.Errorf("%s: Files: %v", where, err)
	}
}
