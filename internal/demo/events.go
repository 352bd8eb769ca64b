package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"time"
)

// listenForEvents has the server tell a receiver what becomes of phones.
func (s *story) listenForEvents() error {
	if !trusting() {
		s.say("on this system the server trusts no receiver that the demo could make: no events are told")
		return nil
	}
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
