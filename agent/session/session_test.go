package session_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent"
	"ringfence/agent/agenttest"
	"ringfence/agent/phone"
	"ringfence/agent/session"
	"ringfence/internal/pki"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// handset is a phone in a temporary folder with its agent.
type handset struct {
	*agent.Agent
	phone *phone.Phone
	dir   string
	clock *clock
	poke  chan struct{} // one look at the settings file a message
}

// never waits for the end of ctx.
func never(ctx context.Context, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

func newHandset(t *testing.T, edit func(*agent.Options)) *handset {
	t.Helper()
	h := &handset{dir: t.TempDir(), clock: newClock(), poke: make(chan struct{})}
	p, err := phone.Open(h.dir, phone.Options{Create: true, Now: h.clock.Now, Wait: func(ctx context.Context, _ time.Duration) error {
		select {
		case <-h.poke:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	h.phone = p
	o := agent.Options{Now: h.clock.Now, Wait: never}
	if edit != nil {
		edit(&o)
	}
	h.Agent = agent.New(p, o)
	return h
}

func options(s *agenttest.Server) session.EnrollOptions {
	return session.EnrollOptions{
		Server: s.Addr, Token: agenttest.Token, Pin: s.Pin(), Model: "Pixel 9", OSVersion: "16", Mode: "work-profile",
	}
}

// joined gives a server and a phone that has joined it, with one clock.
func joined(t *testing.T, edit func(*agent.Options)) (*agenttest.Server, *handset) {
	t.Helper()
	h := newHandset(t, edit)
	s := agenttest.Start(t, h.clock.Now)
	if _, err := h.Enroll(t.Context(), options(s)); err != nil {
		t.Fatal(err)
	}
	return s, h
}

func (h *handset) keys(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(h.dir, "misc/keystore"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func rootPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestEnroll(t *testing.T) {
	other, err := pki.OpenAuthority(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	otherPin := "sha256:" + strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		edit   func(*session.EnrollOptions, *agenttest.Server)
		answer func(*enrollv1.JoinResponse)
		want   string // in the error; "" means that it works
		calls  int    // of Join
	}{
		"pin": {calls: 1},
		"root": {edit: func(o *session.EnrollOptions, s *agenttest.Server) {
			o.Pin, o.Roots = "", rootPEM(s.Authority.Roots()[0])
		}, calls: 1},
		"wrong pin":             {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Pin = otherPin }, want: "pinned digest"},
		"wrong root":            {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Pin, o.Roots = "", rootPEM(other.Roots()[0]) }, want: "cannot reach the server"},
		"no root":               {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Pin = "" }, want: "is needed"},
		"pin that is none":      {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Pin = "sha256:abcd" }, want: "64 hex digits"},
		"root that is none":     {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Pin, o.Roots = "", []byte("hello") }, want: "root certificates"},
		"both":                  {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Roots = []byte("x") }, want: "not both"},
		"address without port":  {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Server = "mdm.example.com" }, want: "host:port"},
		"address of a socket":   {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Server = "unix:///tmp/x:1" }, want: "host:port"},
		"token that is none":    {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Token = "short" }, want: "not an enrolment token"},
		"unknown token":         {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Token += "x" }, want: "TOKEN_UNKNOWN", calls: 1},
		"unknown mode":          {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Mode = "factory" }, want: "not a mode"},
		"other mode":            {edit: func(o *session.EnrollOptions, _ *agenttest.Server) { o.Mode = "dedicated" }, want: `answered for mode "work-profile"`, calls: 1},
		"no device":             {answer: func(r *enrollv1.JoinResponse) { r.DeviceId = "../../etc" }, want: "names no device", calls: 1},
		"no epoch":              {answer: func(r *enrollv1.JoinResponse) { r.Epoch = 0 }, want: "names no device", calls: 1},
		"no certificate":        {answer: func(r *enrollv1.JoinResponse) { r.CertificateChain = nil }, want: "chain of 0", calls: 1},
		"other certificate":     {answer: func(r *enrollv1.JoinResponse) { r.CertificateChain = other.Roots() }, want: "another key", calls: 1},
		"damaged certificate":   {answer: func(r *enrollv1.JoinResponse) { r.CertificateChain = [][]byte{{1, 2}} }, want: "cannot be read", calls: 1},
		"other roots":           {answer: func(r *enrollv1.JoinResponse) { r.TrustBundle = other.Roots() }, want: "lacks the root", calls: 1},
		"no roots":              {answer: func(r *enrollv1.JoinResponse) { r.TrustBundle = nil }, want: "trust bundle", calls: 1},
		"leaf as root":          {answer: func(r *enrollv1.JoinResponse) { r.TrustBundle = r.CertificateChain[:1] }, want: "not an authority", calls: 1},
		"personal, all managed": {answer: func(r *enrollv1.JoinResponse) { r.Mode = enrollv1.Mode_MODE_FULLY_MANAGED }, want: "cannot be", calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := agenttest.Start(t, time.Now), newHandset(t, nil)
			s.EditJoin = c.answer
			o := options(s)
			if c.edit != nil {
				c.edit(&o, s)
			}
			e, err := h.Enroll(t.Context(), o)
			state, loadErr := h.phone.LoadState()
			if loadErr != nil {
				t.Fatal(loadErr)
			}
			if (state.Enrollment != nil) != (c.want == "") {
				t.Errorf("enrolment: %+v", state.Enrollment)
			}
			if c.want == "" {
				if err != nil || e.DeviceID != agenttest.DeviceID || e.Epoch != 1 || len(h.keys(t)) != 1 {
					t.Errorf("enrolled as %+v with keys %v: %v", e, h.keys(t), err)
				}
			} else if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), o.Token) {
				t.Errorf("the error has the token in it: %v", err)
			}
			s.Do(func() {
				if s.Calls["Join"] != c.calls {
					t.Errorf("%d calls of Join, want %d", s.Calls["Join"], c.calls)
				}
			})
		})
	}
}

// TestEnrollAgainAfterLostAnswer: the single-use token is spent, but the request
// is the same, and so is the answer.
func TestEnrollAgainAfterLostAnswer(t *testing.T) {
	s, h := agenttest.Start(t, time.Now), newHandset(t, nil)
	s.EditJoin = func(r *enrollv1.JoinResponse) { r.Epoch = 0 } // as good as lost
	if _, err := h.Enroll(t.Context(), options(s)); err == nil {
		t.Fatal("the broken answer was taken")
	}
	s.Do(func() { s.EditJoin = nil })
	again := agent.New(h.phone, agent.Options{Now: h.clock.Now, Wait: never}) // the agent has died meanwhile
	if _, err := again.Enroll(t.Context(), options(s)); err != nil {
		t.Fatal(err)
	}
	if keys := h.keys(t); len(keys) != 1 {
		t.Errorf("keys: %v", keys)
	}
	if _, err := again.Enroll(t.Context(), options(s)); !errors.Is(err, session.ErrEnrolled) {
		t.Errorf("joined twice: %v", err)
	}
}

func TestBackoff(t *testing.T) {
	const almost = 0.999999
	for name, c := range map[string]struct {
		random float64
		want   []time.Duration
	}{
		"longest":  {almost, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute}},
		"half":     {0.5, []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second}},
		"shortest": {0, []time.Duration{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			b := session.NewBackoff(func() float64 { return c.random })
			for range 2 {
				for i, want := range c.want {
					if got := b.Next().Round(time.Millisecond); got != want {
						t.Errorf("attempt %d: %v, want %v", i+1, got, want)
					}
				}
				b.Reset()
			}
			for range 100 {
				if got := b.Next(); got > time.Minute {
					t.Fatalf("%v", got)
				}
			}
		})
	}
}

// TestRunBacksOff: with the server gone, Run waits longer and longer, and gives
// nothing away.
func TestRunBacksOff(t *testing.T) {
	var waits []time.Duration
	ctx, cancel := context.WithCancel(t.Context())
	s, h := joined(t, func(o *agent.Options) {
		o.Random = func() float64 { return 0.9 }
		o.Wait = func(ctx context.Context, d time.Duration) error {
			if waits = append(waits, d); len(waits) == 9 {
				cancel()
			}
			return ctx.Err()
		}
	})
	s.Stop()
	if err := h.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
	var want []time.Duration
	for _, milliseconds := range []int64{450, 900, 1800, 3600, 7200, 14400, 28800, 54000, 54000} {
		want = append(want, time.Duration(milliseconds*int64(time.Millisecond)))
	}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	if len(h.keys(t)) != 1 {
		t.Errorf("keys: %v", h.keys(t))
	}
}

// TestUnknownCertificateIsNoEnd: an answer that the certificate is not known, for
// whatever reason, makes the phone wait, never forget.
func TestUnknownCertificateIsNoEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	s, h := joined(t, func(o *agent.Options) {
		o.Random = func() float64 { return 0.9 }
		o.Wait = func(ctx context.Context, d time.Duration) error {
			if d == 30*time.Second { // the first ring
				return never(ctx, d)
			}
			if tries++; tries == 3 {
				cancel()
			}
			return ctx.Err()
		}
	})
	s.Do(func() {
		s.Fail = func(string) error { return agenttest.Refusal(codes.Unauthenticated, "CERTIFICATE_UNKNOWN", "who?") }
	})
	if err := h.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
	state, err := h.phone.LoadState()
	if err != nil || state.Enrollment == nil || state.Enrollment.Ended != nil {
		t.Errorf("state: %+v, %v", state, err)
	}
}

func TestRenew(t *testing.T) {
	s, h := joined(t, nil)
	before := h.keys(t)
	h.clock.Add(61 * 24 * time.Hour)
	if err := h.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := h.keys(t)
	if len(after) != 1 || after[0] == before[0] {
		t.Errorf("keys %v, then %v", before, after)
	}
	state, err := h.phone.LoadState()
	if err != nil || state.Enrollment.Next != nil || state.Enrollment.Spent != "" {
		t.Errorf("state: %+v, %v", state.Enrollment, err)
	}
	leaf, err := x509.ParseCertificate(state.Enrollment.Current.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	s.Do(func() {
		if current, next := s.Serials(); current != pki.FormatSerial(leaf.SerialNumber) || next != "" {
			t.Errorf("server has %s, next %q; the phone has %x", current, next, leaf.SerialNumber)
		}
	})
	if err := h.Once(t.Context()); err != nil {
		t.Errorf("with the new certificate: %v", err)
	}
	s.Do(func() {
		if s.Calls["Renew"] != 1 {
			t.Errorf("renewed %d times", s.Calls["Renew"])
		}
	})
}

// TestRenewCutShort: the agent dies, or the server falls silent, between the
// issue of a new certificate and its first use.
func TestRenewCutShort(t *testing.T) {
	for name, c := range map[string]struct {
		between func(s *agenttest.Server) // after the first attempt
		fail    func(calls map[string]int, method string) error
		renews  int
	}{
		"silence at first use": {
			fail: func(calls map[string]int, method string) error {
				if calls["Renew"] == 1 && calls["Silent"] == 0 && method == "GetManifest" {
					calls["Silent"]++
					return status.Error(codes.Unavailable, "gone")
				}
				return nil
			},
			renews: 1,
		},
		"the server forgot it": {
			fail: func(calls map[string]int, method string) error {
				if calls["Renew"] == 1 && calls["Forgot"] == 0 && method == "GetManifest" {
					calls["Forgot"]++
					return agenttest.Refusal(codes.Unauthenticated, "CERTIFICATE_UNKNOWN", "who?")
				}
				return nil
			},
			renews: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := joined(t, nil)
			h.clock.Add(61 * 24 * time.Hour)
			s.Do(func() {
				s.Fail = func(method string) error { return c.fail(s.Calls, method) }
			})
			_ = h.Once(t.Context())
			again := agent.New(h.phone, agent.Options{Now: h.clock.Now, Wait: never})
			if err := again.Once(t.Context()); err != nil {
				t.Fatal(err)
			}
			if keys := h.keys(t); len(keys) != 1 {
				t.Errorf("keys: %v", keys)
			}
			s.Do(func() {
				if s.Calls["Renew"] != c.renews {
					t.Errorf("renewed %d times, want %d", s.Calls["Renew"], c.renews)
				}
			})
		})
	}
}

// TestRootsNeverGrow: a server that is taken over cannot hand out a root of its
// own at renewal and sign orders under it.
func TestRootsNeverGrow(t *testing.T) {
	s, h := joined(t, nil)
	evil := agenttest.Start(t, time.Now)
	h.clock.Add(61 * 24 * time.Hour)
	s.Do(func() {
		s.EditRenew = func(r *enrollv1.RenewResponse) { r.TrustBundle = append(evil.Authority.Roots(), r.TrustBundle...) }
	})
	if err := h.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	state, err := h.phone.LoadState()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Authority.Roots(), state.Enrollment.TrustBundle); diff != "" {
		t.Errorf("roots (-want +got):\n%s", diff)
	}
}

// TestClockSkew: a phone whose clock is a day off keeps its enrolment, and says
// what is wrong where it cannot go on.
func TestClockSkew(t *testing.T) {
	for name, c := range map[string]struct {
		skew time.Duration
		want string
	}{
		"a day slow": {-24 * time.Hour, ""},
		"a day fast": {24 * time.Hour, "observed_at is ahead"},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := agenttest.Start(t, time.Now), newHandset(t, nil)
			if _, err := h.Enroll(t.Context(), options(s)); err != nil {
				t.Fatal(err)
			}
			h.clock.Add(c.skew)
			o := s.Order(agenttest.Apps("com.example.mail"))
			err := h.Once(t.Context())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Once: %v, want %q", err, c.want)
			}
			status, err := h.phone.LoadStatus()
			if err != nil || !strings.Contains(status.Problem, c.want) {
				t.Errorf("problem %q, want %q (%v)", status.Problem, c.want, err)
			}
			if c.want == "" {
				if got := status.NextCheckIn.Sub(status.CheckedInAt); got != time.Hour {
					t.Errorf("next check-in in %v by the phone's clock, want 1h", got)
				}
			}
			s.Do(func() { // issued in the future or long ago: the server's word on the acknowledgement counts
				if o.State != wipev1.State_STATE_DONE && c.skew < 0 {
					t.Errorf("the order is %v", o.State)
				}
			})
		})
	}
}

// TestBusyPhoneActsWhenItIsFree goes through NotNow on a running agent.
func TestBusyPhoneActsWhenItIsFree(t *testing.T) {
	s, h := joined(t, nil)
	if err := h.phone.Set(map[string]string{"busy": "true"}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- h.Run(t.Context()) }()
	o := s.Order(agenttest.WorkProfile())
	s.Until(t, "the phone says not now", func() bool { return len(o.Reports) > 0 && o.Reports[0].GetNotNow() != nil })
	if err := h.phone.Set(map[string]string{"busy": "false"}); err != nil {
		t.Fatal(err)
	}
	select {
	case h.poke <- struct{}{}:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody looks at the settings")
	}
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

// TestReconnects: the stream breaks with the connection; the next one finds what
// was missed.
func TestReconnects(t *testing.T) {
	s, h := joined(t, func(o *agent.Options) {
		o.Random = func() float64 { return 0 }
		o.Wait = func(ctx context.Context, d time.Duration) error {
			if d == 0 {
				return ctx.Err()
			}
			return never(ctx, d)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	s.Until(t, "the phone listens", func() bool { return s.Streams() == 1 && len(s.CheckIns) == 1 })
	failures := 0
	s.Do(func() {
		s.Fail = func(method string) error {
			if method == "Watch" && failures < 3 {
				failures++
				return agenttest.Refusal(codes.ResourceExhausted, "TOO_MANY_STREAMS", "later")
			}
			return nil
		}
	})
	s.Drain()
	s.Until(t, "the phone listens again", func() bool { return failures == 3 && s.Streams() == 1 })
	revision := s.SetManifest(&compliancev1.Manifest{Pins: []*compliancev1.PinRule{{Scope: compliancev1.PinScope_PIN_SCOPE_DEVICE}}})
	s.Until(t, "the new manifest is applied", func() bool {
		return s.CheckIns[len(s.CheckIns)-1].GetAppliedRevision() == revision
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
}

// TestHostileAnswers: what a server says cannot make the phone hurry, fall or
// forget.
func TestHostileAnswers(t *testing.T) {
	s, h := joined(t, nil)
	s.SetManifest(&compliancev1.Manifest{
		Pins: []*compliancev1.PinRule{{Scope: 77}, {}},
		TrustedRoots: []*compliancev1.TrustedRoot{
			{Name: "../../data/user/0/x", CertificatePem: string(rootPEM(s.Authority.Roots()[0]))}, {Name: "broken", CertificatePem: "x"},
		},
		ClientCertificates: []*compliancev1.ClientCertificateProfile{{Alias: "../key"}, {Alias: "fine", KeyType: 99}},
		Vpns:               []*compliancev1.VpnRule{{Name: "../vpn"}, {Name: "odd", ProviderPackage: "../../0"}},
	})
	if err := h.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Do(func() {
		want := map[string]compliancev1.ApplyStatus{
			"trusted_root.broken":     compliancev1.ApplyStatus_APPLY_STATUS_FAILED,
			"client_certificate.fine": compliancev1.ApplyStatus_APPLY_STATUS_UNSUPPORTED,
			"vpn.odd":                 compliancev1.ApplyStatus_APPLY_STATUS_FAILED,
		}
		got := map[string]compliancev1.ApplyStatus{}
		for _, r := range s.CheckIns[len(s.CheckIns)-1].GetResults() {
			got[r.GetSetting()] = r.GetStatus()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
	})
	huge := &compliancev1.Manifest{}
	for range 101 {
		huge.TrustedRoots = append(huge.TrustedRoots, &compliancev1.TrustedRoot{Name: "a"})
	}
	s.SetManifest(huge)
	if err := h.Once(t.Context()); err == nil || !strings.Contains(err.Error(), "101 roots") {
		t.Errorf("Once: %v", err)
	}
}
