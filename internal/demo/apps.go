package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ringfence/internal/signin/signintest"
)

const (
	erin       = "erin@example.com"
	mailClient = "ringfence-mail"
	// mailSigner signed the mail app that examples/app-protection.yaml is about.
	mailSigner = "3b1f6f0e0f6a4d0f8c7d5a2b9e4c1d7f60a1b2c3d4e5f60718293a4b5c6d7e8f"
	goodPIN    = "730519"
	wrongPIN   = "730518"
)

// provide starts the company's identity provider, at which people sign in.
func (s *story) provide() (err error) {
	s.provider, err = signintest.Start(signintest.Config{
		Users: []signintest.User{{Name: erin, Groups: []string{"staff"}}}, Clients: []string{mailClient},
	})
	return err
}

// app runs a command of the mail app on the phone that nobody enrolled.
func (s *story) app(args ...string) (string, error) { return s.appWith(goodPIN, args...) }

func (s *story) appWith(pin string, args ...string) (string, error) {
	env := []string{"MDM_PHONE=" + s.path("own-phone"), "MDM_APP_PIN=" + pin, "MDM_APP_NEW_PIN=" + goodPIN}
	return s.output(env, "mdm-agent", append([]string{"app"}, args...)...)
}

// refused runs a command that the policy must not allow, and shows why not.
func (s *story) refused(what string, args ...string) error {
	out, err := s.app(args...)
	if err == nil {
		return fmt.Errorf("%s was allowed:\n%s", what, out)
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 3 {
		return fmt.Errorf("%s was not refused by policy: %w", what, err)
	}
	s.say("%s: refused", what)
	return nil
}

// shut launches the app, which must not open, and looks why.
func (s *story) shut(outcome, key string, args ...string) error {
	out, err := s.app(append([]string{"open", "-o", "json"}, args...)...)
	if err == nil {
		return fmt.Errorf("the work account opens:\n%s", out)
	}
	var d struct{ Outcome, MessageKey, Message string }
	if json.Unmarshal([]byte(s.printed), &d) != nil || d.Outcome != outcome || d.MessageKey != key {
		return fmt.Errorf("want %s %s, got %q: %w", outcome, key, s.printed, err)
	}
	s.say("the work account is shut: %s (%s)", d.Message, d.MessageKey)
	return nil
}

// unenrolled makes a phone with a mail app and a personal account in it.
func (s *story) unenrolled() error {
	s.chapter("A second story: Erin's own phone, which nobody enrols, and a mail app with two accounts")
	if _, err := s.output([]string{"MDM_PHONE=" + s.path("own-phone")}, "mdm-agent", "app", "install", "--signer", mailSigner, "--version", "2.1"); err != nil {
		return err
	}
	if err := s.fill("own-phone/data/user/0/com.example.gallery/files", map[string]string{"beach.jpg": strings.Repeat("sand and sea ", 5000)}); err != nil {
		return err
	}
	before, err := s.private()
	if err != nil {
		return err
	}
	s.own = before
	s.say("her pictures and her private mails are %d files, digest %s", before.files, before.short())
	out, err := s.ctl("apply", "-f", "examples/app-protection.yaml")
	if err != nil {
		return err
	}
	s.quote(out)
	return nil
}

// private digests everything on the phone that is hers: all of her side but the
// work account.
func (s *story) private() (sum, error) {
	return digestBut(s.path("own-phone", "data", "user", "0"), "work-account")
}

// signIn adds the work account.
func (s *story) signIn() error {
	pin, err := s.caPin()
	if err != nil {
		return err
	}
	return s.browse("app", "sign-in", "--server", s.device, "--ca-pin", pin)
}

// browse runs a command of the phone that opens the browser, and signs Erin in
// there.
func (s *story) browse(args ...string) error {
	cmd := exec.CommandContext(s.ctx, filepath.Join(s.bin, "mdm-agent"), args...)
	cmd.Env = append(os.Environ(), "MDM_PHONE="+s.path("own-phone"), "MDM_APP_NEW_PIN="+goodPIN)
	var said strings.Builder
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "Open this URL: "); ok {
			if err := signintest.Login(s.ctx, url, erin, signintest.Password); err != nil {
				_ = cmd.Process.Kill()
				return errors.Join(fmt.Errorf("the browser: %w", err), cmd.Wait())
			}
		}
	}
	_, _ = io.Copy(io.Discard, stdout)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("mdm-agent %s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	return nil
}

// registration is what the server knows of the work account.
type registration struct {
	ID, State, User, Standing, EndedWhy string
	Epoch                               json64
}

// json64 is a number that protobuf's JSON writes as a text.
type json64 string

func (s *story) registration() (registration, error) {
	var list struct{ Items []registration }
	if err := s.ctlJSON(&list, "get", "registrations"); err != nil {
		return registration{}, err
	}
	if len(list.Items) != 1 || list.Items[0].User != erin {
		return registration{}, fmt.Errorf("want one registration of %s, got %+v", erin, list.Items)
	}
	return list.Items[0], nil
}

// addAccount signs in; the policy arrives with it.
func (s *story) addAccount() error {
	s.chapter("She adds her work account: signs in with the browser, and the policy arrives")
	if err := s.signIn(); err != nil {
		return err
	}
	if _, err := s.app("pin", "set"); err != nil {
		return err
	}
	out, err := s.app("open")
	if err != nil {
		return err
	}
	s.quote(out)
	for name, text := range map[string]string{"offer": "1000 pieces at 9.90", "figures": "Q4: 1,000,000"} {
		if _, err := s.app("receive", name, "--account", "work", "--text", text); err != nil {
			return err
		}
	}
	r, err := s.registration()
	if err != nil {
		return err
	}
	s.say("registration %.12s, epoch %s: the server knows her name, the app and the phone's health, and nothing that names the phone", r.ID, r.Epoch)
	if err := s.unreadable("1000 pieces"); err != nil {
		return err
	}
	s.say("on the phone's disk her work mails are ciphertext")
	return nil
}

// unreadable looks for plain work data on the phone's disk.
func (s *story) unreadable(text string) error {
	return filepath.WalkDir(s.path("own-phone"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(data), text) {
			err = fmt.Errorf("%s holds work data in plain", path)
		}
		return err
	})
}

// gates tries to take work data out.
func (s *story) gates() error {
	s.chapter("Work data stays among work apps")
	if err := s.refused("copying a work mail into a private notes app", "copy", "offer", "--account", "work", "--to", "com.example.notes"); err != nil {
		return err
	}
	if _, err := s.app("copy", "offer", "--account", "work", "--to", "com.example.crm", "--managed"); err != nil {
		return err
	}
	s.say("copying it into a work app: allowed")
	for what, args := range map[string][]string{
		"saving it on the phone":   {"save", "offer", "--account", "work", "--place", "local-storage"},
		"a screenshot of it":       {"screenshot"},
		"sharing it with a friend": {"share", "offer", "--account", "work", "--to", "com.example.messenger"},
	} {
		if err := s.refused(what, args...); err != nil {
			return err
		}
	}
	if _, err := s.app("copy", "birthday", "--account", "personal", "--to", "com.example.notes"); err != nil {
		return fmt.Errorf("her private mail is guarded too: %w", err)
	}
	s.say("her private mails go wherever she likes")
	return nil
}
