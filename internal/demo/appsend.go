package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// passes lets time pass for the phone, and for nobody else.
func (s *story) passes(d string) error {
	_, err := s.output([]string{"MDM_PHONE=" + s.path("own-phone")}, "mdm-agent", "set", "time.passed="+d)
	return err
}

// guess gives the wrong PIN until the app takes no more.
func (s *story) guess() error {
	s.chapter("Somebody picks the phone up and guesses the PIN")
	if err := s.passes("31m"); err != nil {
		return err
	}
	for tries := 1; ; tries++ {
		out, err := s.appWith(wrongPIN, "open", "--offline", "-o", "json")
		if err == nil {
			return fmt.Errorf("the wrong PIN opens the work account:\n%s", out)
		}
		if strings.Contains(s.printed, "reset-pin") {
			s.say("after %d wrong PINs nothing but her sign-in opens it again", tries)
			break
		}
		if tries == 20 {
			return fmt.Errorf("after %d wrong PINs: %s", tries, s.printed)
		}
	}
	if out, err := s.app("open", "--offline"); err == nil {
		return fmt.Errorf("the right PIN opens it without a sign-in:\n%s", out)
	}
	if err := s.browse("app", "pin", "reset"); err != nil {
		return err
	}
	if _, err := s.app("open"); err != nil {
		return err
	}
	s.say("she signs in and sets another PIN: her mails are there")
	return nil
}

// offline takes the phone out of reach for longer than the lease, short of its end.
func (s *story) offline() error {
	s.chapter("The phone is out of reach for 13 hours; the lease says 12")
	if err := s.passes("14h"); err != nil {
		return err
	}
	if err := s.shut("block", "go_online", "--offline"); err != nil {
		return err
	}
	if _, err := s.app("check-in"); err != nil {
		return err
	}
	if _, err := s.app("open"); err != nil {
		return err
	}
	s.say("with the network it opens again, and nothing was lost")
	return nil
}

// takeAccount wipes the work account by an order.
func (s *story) takeAccount() error {
	s.chapter("Erin leaves: the company takes its account out of the app, and nothing else")
	r, err := s.registration()
	if err != nil {
		return err
	}
	if out, err := s.ctl("wipe", "registrations", "--user", erin, "--reason", "left the company", "--yes"); err == nil {
		return fmt.Errorf("a credential of today may order two wipes in an hour:\n%s", out)
	}
	s.say("a credential that was made today has one wipe an hour: a second one takes two people, or time")
	if _, err := s.ctl("set", "limits", "--new-credential", "1s", "--reason", "we are all here"); err != nil {
		return err
	}
	if err := s.approveWaiting(); err != nil {
		return err
	}
	out, err := s.ctl("wipe", "registrations", "--user", erin, "--reason", "left the company", "--yes")
	if err != nil {
		return err
	}
	s.quote(out)
	if err := s.approveWaiting(); err != nil {
		return err
	}
	if err := s.shut("wiped", "wiped_by_order"); err != nil {
		return err
	}
	var list struct {
		Items []struct{ ID, State, Confirmation string }
	}
	if err := s.ctlJSON(&list, "get", "wipes", "--device", r.ID); err != nil {
		return err
	}
	if len(list.Items) != 1 || list.Items[0].Confirmation != "CONFIRMATION_CONFIRMED" {
		return fmt.Errorf("want one confirmed wipe, got %+v", list.Items)
	}
	if out, err = s.ctl("get", "wipe", list.Items[0].ID, "--receipt"); err != nil {
		return fmt.Errorf("the receipt does not verify: %w", err)
	}
	s.quote(out)
	return s.accountGone()
}

// accountGone looks at the phone's disk.
func (s *story) accountGone() error {
	left, err := os.ReadDir(s.path("own-phone", "data", "user", "0", "com.example.mail", "work-account", "container"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range left {
		if strings.HasPrefix(entry.Name(), "manifest") || entry.Name() == "contents" {
			return fmt.Errorf("the container still holds %s", entry.Name())
		}
	}
	after, err := s.private()
	if err != nil {
		return err
	}
	if after != s.own {
		return fmt.Errorf("her own files changed: %d files %s before, %d files %s after", s.own.files, s.own.short(), after.files, after.short())
	}
	if _, err := s.app("read", "birthday", "--account", "personal"); err != nil {
		return err
	}
	s.say("the work account is gone; her %d files have digest %s: byte for byte as before", after.files, after.short())
	return nil
}

// abandoned lets the lease run out for good: the app wipes the account by itself.
func (s *story) abandoned() error {
	s.chapter("She comes back, signs in, and then the phone is out of reach for 100 days")
	if err := s.signIn(); err != nil {
		return err
	}
	if _, err := s.app("pin", "set"); err != nil {
		return err
	}
	if _, err := s.app("receive", "secret", "--account", "work", "--text", "the new offer"); err != nil {
		return err
	}
	r, err := s.registration()
	if err != nil {
		return err
	}
	if r.Epoch != "2" {
		return fmt.Errorf("signed in again, want epoch 2, got %+v", r)
	}
	if err := s.passes("2414h"); err != nil {
		return err
	}
	if err := s.shut("wiped", "wiped_offline", "--offline"); err != nil {
		return err
	}
	if err := s.accountGone(); err != nil {
		return err
	}
	// Its certificate of those days has ended by its own clock: it tells when that
	// is right again.
	if err := s.passes("14h"); err != nil {
		return err
	}
	if _, err := s.app("check-in"); err == nil {
		return errors.New("the account that was wiped is there again")
	}
	if r, err = s.registration(); err != nil {
		return err
	}
	if r.State != "REGISTRATION_STATE_ENDED" {
		return fmt.Errorf("the server was not told: %+v", r)
	}
	s.say("nobody had to reach it: %s", r.EndedWhy)
	return nil
}
