package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ringfence/agent/phone"
)

// ownWord has the phone speak for itself, to an API that asks nobody.
func (s *story) ownWord() error {
	s.chapter("The phone's own word: an API believes it without asking the server")
	keys, err := s.published()
	if err != nil {
		return err
	}
	certificate, err := s.deviceCertificate()
	if err != nil {
		return err
	}
	b := &believer{keys: keys, issuer: "https://" + s.doors.address, audience: api, certificate: certificate}
	var said struct{ Assertion string }
	out, err := s.agentAs(doorPhone, "", "assertion", "--audience", api, "-o", "json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		return errors.New("mdm-agent assertion: what it prints is no JSON")
	}
	w, err := b.believe(said.Assertion, time.Now())
	if err != nil {
		return fmt.Errorf("the assertion: %w", err)
	}
	if !w.Compliant || w.Standing != "fit" || w.Kind != "device" || w.Subject != s.deviceID || w.User != maria {
		return fmt.Errorf("the assertion says %+v", w)
	}
	s.say("signed: %s %.12s of %s is %s, for %s, beside its own certificate only", w.Kind, w.Subject, w.User, w.Standing, w.Audience)
	forged, err := tampered(said.Assertion, api, "https://other.example.com")
	if err != nil {
		return err
	}
	b.audience = "https://other.example.com"
	if _, err := b.believe(said.Assertion, time.Now()); err == nil {
		return errors.New("another API believes it, too")
	}
	if _, err := b.believe(forged, time.Now()); err == nil {
		return errors.New("it is believed although it was changed")
	}
	s.say("meant for another API, or changed on the way: not believed")
	return nil
}

// deviceCertificate is what the phone shows to the server, DER.
func (s *story) deviceCertificate() ([]byte, error) {
	p, err := phone.Open(s.path(doorPhone), phone.Options{Now: time.Now})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	state, err := p.LoadState()
	if err != nil {
		return nil, err
	}
	if state.Enrollment == nil || len(state.Enrollment.Current.Chain) == 0 {
		return nil, errors.New("the phone has no certificate of its enrolment")
	}
	return state.Enrollment.Current.Chain[0], nil
}

// denied is how protobuf's JSON writes the outcome that is the zero value: not at
// all. An answer without a decision would fail on the first question.
const denied = ""

// lookAhead asks what a policy that only reports would do.
func (s *story) lookAhead() error {
	s.chapter("What if only company phones read the wiki? A policy on trial has watched, and shut nobody out")
	ask := []string{"access", "what-if", "--app", "wiki", "--device", s.deviceID, "--client", "browser", "--certificate-bound"}
	out, err := s.ctl(ask...)
	if err != nil {
		return err
	}
	s.quote(out)
	for _, what := range []struct {
		outcome string
		more    []string
	}{{"OUTCOME_ALLOW", nil}, {denied, []string{"--promote", trial}}} {
		var answer struct{ Decision struct{ Outcome string } }
		if err := s.ctlJSON(&answer, append(ask[:len(ask):len(ask)], what.more...)...); err != nil {
			return err
		}
		if got := answer.Decision.Outcome; got != what.outcome {
			return fmt.Errorf("mdmctl access what-if %v says %q, want %q", what.more, got, what.outcome)
		}
	}
	s.say("with %s on, the same is denied", trial)
	if err := s.reported(); err != nil {
		return err
	}
	if out, err = s.ctl("access", "report", "--since", "1h"); err != nil {
		return err
	}
	s.quote(out)
	return nil
}

// reported waits for the report to have all that happened at the door: it is
// written down every few seconds, so that no decision waits for it.
func (s *story) reported() error {
	deadline := time.After(15 * time.Second)
	for {
		var report struct {
			SignIns  json64
			Policies []struct {
				Name                string
				WouldBlock, Devices json64
			}
		}
		if err := s.ctlJSON(&report, "access", "report", "--since", "1h"); err != nil {
			return err
		}
		// Without a certificate, and with it three times.
		if report.SignIns == "4" {
			if p := report.Policies; len(p) != 1 || p[0].Name != trial || p[0].WouldBlock == "" || p[0].Devices != "1" {
				return fmt.Errorf("want %s, which would shut out one device, got %+v", trial, p)
			}
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-deadline:
			return fmt.Errorf("want 4 sign-ins in the report, got %+v", report)
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}
