package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringfence/agent/agenttest"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell runs commands as a person would, with a phone in a temporary folder.
type shell struct {
	t      *testing.T
	env    map[string]string
	stdin  string
	uptime func() (string, time.Duration)
}

func newShell(t *testing.T) *shell {
	t.Helper()
	return &shell{t: t, env: map[string]string{"MDM_PHONE": filepath.Join(t.TempDir(), "phone")}}
}

func (s *shell) run(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	code = run(s.t.Context(), args, environment{
		getenv: func(key string) string { return s.env[key] },
		stdin:  strings.NewReader(s.stdin), stdout: &out, stderr: &errs, now: time.Now, uptime: s.uptime,
	})
	if strings.Contains(out.String()+errs.String(), agenttest.Token) {
		s.t.Errorf("%v printed the token", args)
	}
	if strings.Contains(out.String()+errs.String(), "PRIVATE KEY") {
		s.t.Errorf("%v printed a key", args)
	}
	return code, out.String(), errs.String()
}

// ok runs a command that must work.
func (s *shell) ok(args ...string) string {
	s.t.Helper()
	code, stdout, stderr := s.run(args...)
	if code != exitOK {
		s.t.Fatalf("%v: exit %d\n%s", args, code, stderr)
	}
	return stdout
}

// no runs a command that must fail, and say so in these words.
func (s *shell) no(want int, words string, args ...string) {
	s.t.Helper()
	code, _, stderr := s.run(args...)
	if code != want || !strings.Contains(stderr, words) {
		s.t.Errorf("%v: exit %d, want %d with %q:\n%s", args, code, want, words, stderr)
	}
}

func TestUsage(t *testing.T) {
	s := newShell(t)
	for _, c := range []struct {
		args  []string
		code  int
		words string
	}{
		{[]string{"fly"}, exitUsage, `no command "fly"`},
		{[]string{"run", "--fast"}, exitUsage, "unknown flag"},
		{[]string{"run", "away"}, exitUsage, `"away" is not expected`},
		{[]string{"set"}, exitUsage, "pin.length"},
		{[]string{"set", "pin.length"}, exitUsage, "not KEY=VALUE"},
		{[]string{"set", "pin.length=1", "pin.length=2"}, exitUsage, "twice"},
		{[]string{"set", "pin.length=x"}, exitUsage, "want a number"},
		{[]string{"show", "-o", "xml"}, exitUsage, "want text or json"},
		{[]string{"show"}, exitFailure, "no phone there"},
		{[]string{"run"}, exitFailure, "no phone there"},
		{[]string{"enroll"}, exitUsage, "--server"},
		{[]string{"enroll", "--server", "h:1"}, exitUsage, "--ca-pin"},
		{[]string{"enroll", "--server", "h:1", "--ca-pin", "x"}, exitUsage, "MDM_TOKEN"},
		{[]string{"enroll", "--server", "h:1", "--ca-pin", "x", "--token", "a", "--token-file", "b"}, exitUsage, "one of --token"},
		{[]string{"enroll", "--server", "h:1", "--ca", "/none", "--token", "a"}, exitFailure, "no such file"},
		{[]string{"run", "--phone", ""}, exitUsage, "MDM_PHONE"},
	} {
		s.no(c.code, c.words, c.args...)
	}
	if out := s.ok("--help"); !strings.Contains(out, "Exit codes") {
		t.Errorf("help:\n%s", out)
	}
}

func TestCommands(t *testing.T) {
	server := agenttest.Start(t, time.Now)
	s := newShell(t)
	s.ok("set", "pin.length=4")
	s.no(exitFailure, "not enrolled", "run", "--once")

	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Authority.Roots()[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	s.no(exitFailure, "TOKEN_UNKNOWN", "enroll", "--server", server.Addr, "--ca", root, "--token", strings.Repeat("x", 20))
	s.stdin = agenttest.Token + "\n"
	if out := s.ok("enroll", "--server", server.Addr, "--ca", root, "--token-file", "-", "--model", "Pixel 9"); !strings.Contains(out, "epoch 1") {
		t.Errorf("enroll said %s", out)
	}
	s.env["MDM_TOKEN"] = agenttest.Token
	s.no(exitFailure, "leave first", "enroll", "--server", server.Addr, "--ca-pin", server.Pin())

	server.SetManifest(&compliancev1.Manifest{
		Pins: []*compliancev1.PinRule{{Scope: compliancev1.PinScope_PIN_SCOPE_DEVICE, MinimumLength: 6}},
		ClientCertificates: []*compliancev1.ClientCertificateProfile{
			{Alias: "work", CommonName: "x", KeyType: compliancev1.KeyType_KEY_TYPE_EC_P256, ValidityDays: 90},
		},
		Vpns: []*compliancev1.VpnRule{{
			Name: "office", ProviderPackage: "com.example.vpn", CertificateAlias: "work", AlwaysOn: true, Lockdown: true,
			Servers: []*compliancev1.VpnServer{{Address: "vpn.example.com"}},
		}},
	})
	s.ok("run", "--once")
	text := s.ok("show")
	for _, want := range []string{"Pixel 9", "pin.device", "pending: the person has to choose a secret of 6", "always on, lockdown", "non-compliant", "personal"} {
		if !strings.Contains(text, want) {
			t.Errorf("show lacks %q:\n%s", want, text)
		}
	}
	s.ok("set", "pin.length=8")
	s.ok("run", "--once")
	var v struct {
		Enrollment struct{ DeviceID, Mode string }
		Results    []resultView
		Vpns       []struct{ Name string }
		Status     struct{ Verdict struct{ Standing string } }
		Personal   struct{ SHA256 string }
	}
	if err := json.Unmarshal([]byte(s.ok("show", "-o", "json")), &v); err != nil {
		t.Fatal(err)
	}
	if v.Enrollment.DeviceID != agenttest.DeviceID || v.Status.Verdict.Standing != "STANDING_COMPLIANT" ||
		len(v.Results) != 3 || len(v.Vpns) != 1 || len(v.Personal.SHA256) != 64 {
		t.Errorf("show -o json: %+v", v)
	}

	order := server.Order(agenttest.Apps("com.example.mail"))
	s.ok("run", "--once")
	if out := s.ok("show"); !strings.Contains(out, order.ID) || !strings.Contains(out, "finished") {
		t.Errorf("show after an order:\n%s", out)
	}
	s.ok("leave")
	s.no(exitFailure, "not enrolled", "run", "--once")
	out := s.ok("show")
	if !strings.Contains(out, "the phone left") || strings.Contains(out, "next in") {
		t.Errorf("show after leaving:\n%s", out)
	}
}

// TestServerAway: a server that does not answer is one sentence, however many
// calls have failed.
func TestServerAway(t *testing.T) {
	server, s := agenttest.Start(t, time.Now), newShell(t)
	s.env["MDM_TOKEN"] = agenttest.Token
	s.ok("enroll", "--server", server.Addr, "--ca-pin", server.Pin())
	server.Stop()
	_, _, stderr := s.run("run", "--once")
	said := stderr[strings.Index(stderr, "mdm-agent: "):]
	if !strings.HasPrefix(said, "mdm-agent: cannot reach the server: ") || strings.Count(said, "\n") != 1 {
		t.Errorf("run said %s", stderr)
	}
	s.no(exitFailure, "did not confirm that the phone left", "leave")
}

// TestRunEndsWithTheEnrollment: a wipe, and a server that ends the enrolment, end
// run without a failure.
func TestRunEndsWithTheEnrollment(t *testing.T) {
	for name, end := range map[string]func(*agenttest.Server){
		"the enrolment has ended: an order removed": func(s *agenttest.Server) { s.Order(agenttest.WorkProfile()) },
		"nothing was removed":                       (*agenttest.Server).EndEnrollment,
	} {
		t.Run(name, func(t *testing.T) {
			server, s := agenttest.Start(t, time.Now), newShell(t)
			s.env["MDM_TOKEN"] = agenttest.Token
			s.ok("enroll", "--server", server.Addr, "--ca-pin", server.Pin())
			done := make(chan string)
			go func() {
				code, stdout, stderr := s.run("run")
				if code != exitOK {
					stdout = stderr
				}
				done <- stdout
			}()
			server.Until(t, "the phone listens", func() bool { return server.Streams() == 1 })
			s.no(exitFailure, "stop the other", "run", "--once")
			end(server)
			if out := <-done; !strings.Contains(out, name) {
				t.Errorf("run said %q", out)
			}
		})
	}
}
