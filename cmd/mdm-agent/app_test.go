package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence/agent/appsdk/appsdktest"
	"ringfence/internal/apprules"
	"ringfence/internal/signin/signintest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

var signInAt = regexp.MustCompile(`Open this URL: (http\S+)`)

// person reads what a command prints, and signs in where it says so.
type person struct {
	bytes.Buffer

	t     *testing.T
	mu    sync.Mutex
	going sync.WaitGroup
	wrote chan struct{} // has one when something was written
}

func newPerson(t *testing.T) *person { return &person{t: t, wrote: make(chan struct{}, 1)} }

func (p *person) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := signInAt.FindSubmatch(b); m != nil {
		p.going.Go(func() {
			if err := signintest.Login(p.t.Context(), string(m[1]), appUser, signintest.Password); err != nil {
				p.t.Error(err)
			}
		})
	}
	select {
	case p.wrote <- struct{}{}:
	default:
	}
	return p.Buffer.Write(b)
}

func (p *person) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Buffer.String()
}

// appShell is a shell whose commands are an app's, with somebody to sign in.
type appShell struct {
	*shell

	server *appServer
	up     atomic.Int64 // how far the clocks of phone and server were put on
}

func (s *appShell) now() time.Time { return time.Now().Add(time.Duration(s.up.Load())) }

func (s *appShell) pass(d time.Duration) { s.up.Add(int64(d)) }

func newAppShell(t *testing.T) *appShell {
	t.Helper()
	s := &appShell{shell: newShell(t)}
	s.server = startAppServer(t, s.now)
	s.uptime = func() (string, time.Duration) { return "one life", time.Hour + time.Duration(s.up.Load()) }
	return s
}

// app runs a command of the app, and gives its exit code and both outputs.
func (s *appShell) app(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	out, errs := newPerson(s.t), newPerson(s.t)
	code = run(s.t.Context(), append([]string{"app"}, args...), environment{
		getenv: func(key string) string { return s.env[key] }, stdin: strings.NewReader(s.stdin),
		stdout: out, stderr: errs, now: s.now, uptime: s.uptime,
	})
	out.going.Wait()
	errs.going.Wait()
	for _, secret := range []string{s.env["MDM_APP_PIN"], s.env["MDM_APP_NEW_PIN"], "PRIVATE KEY"} {
		if secret != "" && strings.Contains(out.text()+errs.text(), secret) {
			s.t.Errorf("%v printed a PIN or a key:\n%s%s", args, out.text(), errs.text())
		}
	}
	return code, out.text(), errs.text()
}

// says runs a command of the app that must end with a code, and print words.
func (s *appShell) says(code int, words string, args ...string) string {
	s.t.Helper()
	got, stdout, stderr := s.app(args...)
	if got != code || !strings.Contains(stdout+stderr, words) {
		s.t.Fatalf("%v: exit %d, want %d with %q:\n%s%s", args, got, code, words, stdout, stderr)
	}
	return stdout
}

func (s *appShell) policy(said ...string) {
	s.t.Helper()
	plain := map[apprules.Key][]string{}
	for _, each := range said {
		key, text, _ := strings.Cut(each, "=")
		plain[apprules.Key(key)] = append(plain[apprules.Key(key)], text)
	}
	settings, err := apprules.ParseSettings(plain)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server.SetPolicy(apprules.Seal(apprules.Merge(settings), apprules.Config{Custom: map[string]string{"signature": "Acme"}}, true))
}

// ready has the account registered, with a PIN.
func (s *appShell) ready(said ...string) {
	s.t.Helper()
	s.policy(said...)
	s.says(exitOK, "is installed", "install")
	s.says(exitOK, "set-pin", "sign-in", "--server", s.server.addr, "--ca-pin", s.pin())
	s.env["MDM_APP_PIN"] = "7305"
	s.says(exitOK, "the PIN is set", "pin", "set")
}

func (s *appShell) pin() string {
	root := filepath.Join(s.t.TempDir(), "root.pem")
	if err := os.WriteFile(root, s.server.Roots(), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return pinOf(s.t, root)
}

// TestAppDay goes through what a person does with the app, by hand.
func TestAppDay(t *testing.T) {
	s := newAppShell(t)
	s.says(exitFailure, "no phone there", "open")
	s.ready("data.clipboard=managed-apps", "data.notifications=block-organizational-data")
	s.says(exitOK, "birthday", "list", "--account", "personal")
	s.says(exitOK, "proceed", "open")
	s.says(exitOK, "allowed", "receive", "offer", "--text", "1000 pieces\nat 12")
	if out := s.says(exitOK, "1000 pieces", "read", "offer"); out != "1000 pieces\nat 12\n" {
		t.Errorf("read printed %q", out)
	}
	s.says(exitRefused, "refused: copy_blocked: ", "copy", "offer")
	s.says(exitOK, "allowed", "copy", "offer", "--to", "com.example.crm", "--managed")
	s.says(exitRefused, "copy_blocked", "paste", "leak", "--account", "personal")
	s.says(exitOK, "for managed apps only", "clipboard")
	s.says(exitOK, "on the clipboard", "clipboard", "--text", "notes", "--from", "com.example.notes")
	s.says(exitRefused, "paste_blocked", "paste", "notes")
	s.says(exitOK, "allowed", "paste", "notes", "--account", "personal")
	s.says(exitOK, "allowed, without the work data in it", "notify")
	for _, args := range [][]string{
		{"share", "offer", "--to", "com.example.notes"}, {"save", "offer"}, {"open-from", "offer"}, {"link"}, {"dial"}, {"message"},
		{"print"}, {"screenshot"}, {"keyboard"}, {"backup"}, {"contacts"}, {"write", "note", "--text", "x"},
	} {
		s.says(exitOK, "", args...)
	}
	var answer struct {
		Gate, Account, Setting, MessageKey, Message string
		Allowed                                     bool
	}
	if err := json.Unmarshal([]byte(s.says(exitRefused, "", "copy", "offer", "-o", "json")), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Allowed || answer.Gate != "copy" || answer.Account != "work" || answer.MessageKey != "copy_blocked" || answer.Message == "" {
		t.Errorf("copy -o json: %+v", answer)
	}
	var v struct {
		App     struct{ Package string }
		Account struct {
			User, Server, Registration, PolicyRevision string
			Epoch                                      int
			Lease                                      struct{ Number int }
		}
		Decision      struct{ Outcome string }
		Configuration map[string][]string
		WorkMails     int
	}
	if err := json.Unmarshal([]byte(s.says(exitOK, "", "show", "-o", "json")), &v); err != nil {
		t.Fatal(err)
	}
	if a := v.Account; a.Registration == "" || a.Epoch != 1 || len(a.PolicyRevision) != 64 || a.Lease.Number == 0 {
		t.Errorf("show -o json: %+v", a)
	}
	if v.Account.User != appsdktest.User || v.Account.Server != s.server.addr || v.Decision.Outcome != "proceed" || v.WorkMails != 2 ||
		v.Configuration["signature"][0] != "Acme" {
		t.Errorf("show -o json: %+v", v)
	}
	s.says(exitOK, "registered", "show")
	s.says(exitOK, "gone from the app", "sign-out")
	s.says(exitRefused, "not_registered", "list")
	s.says(exitOK, "birthday", "list", "--account", "personal")
}

// TestAppPIN: where PINs come from, and what wrong ones lead to.
func TestAppPIN(t *testing.T) {
	s := newAppShell(t)
	s.ready("access.pin_retries.block=3", "access.pin_history=2")
	s.pass(31 * time.Minute)
	s.says(exitRefused, "need-pin: pin", "list")
	s.env["MDM_APP_PIN"] = "0000"
	s.says(exitRefused, "pin_wrong: that is not the PIN (2 tries are left)", "open")
	s.env["MDM_APP_PIN"] = ""
	s.stdin = "1111\n7305\n"
	s.says(exitOK, "proceed", "open")
	s.env["MDM_APP_PIN"], s.env["MDM_APP_NEW_PIN"], s.stdin = "7305", "7305", ""
	s.says(exitRefused, "pin_used_before", "pin", "change")
	file := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(file, []byte("9142\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.says(exitOK, "the PIN is set", "pin", "change", "--new-pin-file", file)
	s.pass(31 * time.Minute)
	s.says(exitOK, "proceed", "open", "--pin-file", file)
	s.pass(31 * time.Minute)
	for range 3 {
		s.app("open", "--offline")
	}
	s.says(exitRefused, "mdm-agent app pin reset", "open")
	s.env["MDM_APP_NEW_PIN"] = "2750"
	s.says(exitOK, "the PIN is set", "pin", "reset")
	s.says(exitOK, "proceed", "open")
	s.says(exitFailure, "pin change", "pin", "set")
	s.env["MDM_APP_PIN"], s.env["MDM_APP_NEW_PIN"] = "", ""
	s.says(exitUsage, "MDM_APP_PIN", "pin", "change")
}

// TestAppOffline: past its lease the account is shut, then wiped, with no server.
func TestAppOffline(t *testing.T) {
	s := newAppShell(t)
	s.ready("launch.offline.block=12h", "launch.offline.wipe=24h")
	s.server.grpc.Stop()
	s.pass(13 * time.Hour)
	code, stdout, stderr := s.app("open")
	if code != exitRefused || !strings.Contains(stdout, "block: go_online") || !strings.Contains(stderr, "not in contact") {
		t.Errorf("exit %d:\n%s%s", code, stdout, stderr)
	}
	s.says(exitFailure, "", "check-in")
	s.pass(12 * time.Hour)
	s.says(exitRefused, "wiped: wiped_offline", "open")
	s.says(exitRefused, "wiped_offline", "list")
}

func TestAppUsage(t *testing.T) {
	s := newAppShell(t)
	s.policy()
	s.says(exitUsage, "no version", "install", "--version", "new")
	s.says(exitUsage, "64 hex digits", "install", "--signer", "xyz")
	s.says(exitOK, "is installed", "install", "--version", "4.2", "--signer", strings.Repeat("ab", 32))
	for _, c := range []struct {
		code  int
		words string
		args  []string
	}{
		{exitUsage, "is not expected", []string{"open", "please"}},
		{exitUsage, "want text or json", []string{"show", "-o", "xml"}},
		{exitUsage, "personal and work", []string{"list", "--account", "third"}},
		{exitUsage, "NAME", []string{"read"}},
		{exitUsage, "Give --to", []string{"share", "birthday", "--account", "personal"}},
		{exitUsage, "one of --text and --file", []string{"write", "x", "--text", "a", "--file", "b"}},
		{exitUsage, "Give --server", []string{"sign-in"}},
		{exitUsage, "--ca-pin", []string{"sign-in", "--server", s.server.addr}},
		{exitFailure, "no place", []string{"save", "birthday", "--account", "personal", "--place", "cellar"}},
		{exitFailure, "there is no such mail", []string{"read", "none", "--account", "personal"}},
		{exitFailure, "mdm-agent app install", []string{"open", "--package", "com.example.none"}},
		{exitFailure, "app sign-in", []string{"check-in"}},
		{exitFailure, "app sign-in", []string{"run"}},
		{exitFailure, "app copy", []string{"paste", "x"}},
		{exitRefused, "not_registered", []string{"open"}},
		{exitRefused, "not_registered", []string{"print"}},
		{exitOK, "app sign-in", []string{"show"}},
		{exitOK, "Exit codes", nil},
	} {
		s.says(c.code, c.words, c.args...)
	}
	s.server.issuers = append(s.server.issuers, &appprotectv1.Issuer{Url: "https://other.example.com", ClientIds: []string{"a", "b"}})
	at := []string{"sign-in", "--server", s.server.addr, "--ca-pin", s.pin()}
	s.says(exitUsage, "--issuer", at...)
	s.says(exitUsage, "--client-id", append(at, "--issuer", "https://other.example.com")...)
	s.says(exitUsage, "takes no sign-in", append(at, "--issuer", "https://evil.example.com")...)
	s.says(exitOK, "signed in as", append(at, "--issuer", s.server.provider.Issuer())...)
	s.says(exitFailure, "sign out first", append(at, "--issuer", s.server.provider.Issuer())...)
}

// TestAppRun: an app that is open hears of a policy and of an order, and takes
// commands meanwhile.
func TestAppRun(t *testing.T) {
	s := newAppShell(t)
	s.ready("access.pin_length=4")
	commands, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer commands.Close()
	out := newPerson(t)
	ended := make(chan int)
	go func() {
		ended <- run(t.Context(), []string{"app", "run"}, environment{
			getenv: func(key string) string { return s.env[key] }, stdin: commands, stdout: out, stderr: out,
			now: s.now, uptime: s.uptime,
		})
	}()
	until := func(words string) {
		t.Helper()
		for !strings.Contains(out.text(), words) {
			select {
			case <-out.wrote:
			case code := <-ended:
				t.Fatalf("it ended with %d, and never said %q:\n%s", code, words, out.text())
			case <-time.After(20 * time.Second):
				t.Fatalf("it never said %q:\n%s", words, out.text())
			}
		}
	}
	until("proceed")
	s.says(exitFailure, "give it the command", "open")
	for _, line := range []string{`write offer --text "1000 pieces"`, "list", "", "fly", `write "x`, "run", "install"} {
		if _, err := typed.WriteString(line + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	until("11 octets")
	until("a quote is not closed")
	until("the app is running")
	s.policy("launch.app_version.block=9")
	until("block: update_app")
	s.server.Order(appsdktest.Apps("com.example.mail"))
	if code := <-ended; code != exitOK || !strings.Contains(out.text(), "wiped: wiped_by_order") {
		t.Errorf("exit %d:\n%s", code, out.text())
	}
	if err := typed.Close(); err != nil {
		t.Fatal(err)
	}
}
