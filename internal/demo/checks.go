package main

import (
	"errors"
	"fmt"
	"time"
)

type finding struct {
	Rule, Expected, Actual, Remedy string
}

type verdict struct {
	Standing string
	Findings []finding
}

func (v verdict) has(rule string) bool {
	for _, f := range v.Findings {
		if f.Rule == rule {
			return true
		}
	}
	return false
}

// compliance is what the server knows of the phone.
type compliance struct {
	Verdict          verdict
	ManifestRevision string
	AppliedRevision  string
	Results          []struct{ Setting, Status string }
	Policies         []string
}

func (s *story) compliance() (compliance, error) {
	var description struct{ Compliance compliance }
	err := s.ctlJSON(&description, "describe", "device", s.deviceID)
	return description.Compliance, err
}

func (s *story) verdict() (verdict, error) {
	c, err := s.compliance()
	return c.Verdict, err
}

// findDevice learns the id of the one device.
func (s *story) findDevice() error {
	var list struct {
		Items []struct{ ID, State, Group string }
	}
	if err := s.ctlJSON(&list, "get", "devices"); err != nil {
		return err
	}
	if len(list.Items) != 1 || list.Items[0].Group != "sales" {
		return fmt.Errorf("want one device of group sales, got %+v", list.Items)
	}
	s.deviceID = list.Items[0].ID
	return nil
}

// applied waits until the phone has applied what the server asks: until then a
// phone that was compliant has some grace, and stays so.
func (s *story) applied() (compliance, error) {
	deadline := time.After(30 * time.Second)
	for {
		c, err := s.compliance()
		if err != nil || c.ManifestRevision != "" && c.ManifestRevision == c.AppliedRevision {
			return c, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-deadline:
			return c, fmt.Errorf("asked revision %q, applied %q", c.ManifestRevision, c.AppliedRevision)
		case <-s.ctx.Done():
			return c, s.ctx.Err()
		}
	}
}

// checkApplied compares what the server asked with what the phone did.
func (s *story) checkApplied() error {
	c, err := s.applied()
	if err != nil {
		return err
	}
	applied := make(map[string]bool)
	for _, r := range c.Results {
		applied[r.Setting] = r.Status == "APPLY_STATUS_APPLIED"
	}
	for _, setting := range []string{
		"pin.device", "pin.work_profile", "trusted_root.corporate", "client_certificate.work", "vpn.office",
	} {
		if !applied[setting] {
			return fmt.Errorf("%s was not applied: %+v", setting, c.Results)
		}
		s.say("applied: %s", setting)
	}
	s.say("revision %.12s is asked and applied; the verdict is compliant", c.AppliedRevision)
	return nil
}

// checkRevoked sees that the phone's client certificate is on the list.
func (s *story) checkRevoked() error {
	var list struct {
		Items []struct{ Serial, RevokedAt string }
	}
	if err := s.ctlJSON(&list, "get", "certificates", "--device", s.deviceID); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return errors.New("the phone never got a client certificate")
	}
	for _, c := range list.Items {
		if c.RevokedAt == "" {
			return fmt.Errorf("certificate %s is not revoked", c.Serial)
		}
		s.say("client certificate %.12s is revoked and on the revocation list", c.Serial)
	}
	if _, err := s.agent("run", "--once"); err == nil {
		return errors.New("the wiped phone can still connect")
	}
	s.say("the phone's enrolment is over: its certificate opens nothing")
	return nil
}

// checkReceipt has mdmctl verify what the phone signed, and shows it.
func (s *story) checkReceipt() error {
	var list struct {
		Items []struct{ ID, Confirmation string }
	}
	if err := s.ctlJSON(&list, "get", "wipes", "--device", s.deviceID); err != nil {
		return err
	}
	if len(list.Items) != 1 || list.Items[0].Confirmation != "CONFIRMATION_CONFIRMED" {
		return fmt.Errorf("want one confirmed wipe, got %+v", list.Items)
	}
	out, err := s.ctl("get", "wipe", list.Items[0].ID, "--receipt")
	if err != nil {
		return fmt.Errorf("the receipt does not verify: %w", err)
	}
	s.quote(out)
	s.say("the receipt verifies: the phone signed before and after, and the second key was made for this wipe alone")
	return nil
}
