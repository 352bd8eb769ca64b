package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// listenForEvents has the server tell a receiver what becomes of phones.
func (s *story) listenForEvents() error {
	r := newReceiver(time.Now)
	address, err := s.site(r, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{s.doors.site}})
	if err != nil {
		return err
	}
	out, err := s.ctl("access", "webhooks", "create", "https://"+address+"/events", "--event", "device-compliance-change", "-o", "json")
	if err != nil {
		return err
	}
	var hook struct{ Secret string }
	if json.Unmarshal([]byte(out), &hook) != nil || hook.Secret == "" {
		return errors.New("mdmctl access webhooks create gives no secret") // what it gives is not to be printed
	}
	r.secret.Store(&hook.Secret)
	s.doors.receiver = r
	s.say("events go to https://%s/events, signed", address)
	return nil
}

// eventWithin is how long the story waits for an event.
const eventWithin = 10 * time.Second

// eventFollows sees that the receiver was told how the phone stands now, and how
// soon that was.
func (s *story) eventFollows(current string) error {
	if s.doors.receiver == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, eventWithin)
	defer cancel()
	e, err := s.doors.receiver.standing(ctx, s.deviceID, current)
	if forged := s.doors.receiver.forged.Load(); forged > 0 {
		return fmt.Errorf("%d messages to the receiver were not signed as they must be", forged)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", current, err)
	}
	if e.Data.Subject.User.Email != maria || e.Data.Previous == current {
		return fmt.Errorf("the event is not about %s, or about no change: %+v", maria, e.Data)
	}
	var list struct {
		Items []struct {
			Time   time.Time
			Action string
		}
	}
	if err := s.ctlJSON(&list, "get", "audit", "--device", s.deviceID); err != nil {
		return err
	}
	for _, entry := range list.Items { // newest first
		if entry.Action == "compliance.standing" {
			s.say("signed event %s: %s to %s, %d ms after the check-in", e.Type, e.Data.Previous, e.Data.Current,
				e.at.Sub(entry.Time).Milliseconds())
			return nil
		}
	}
	return errors.New("the record has no compliance.standing")
}
