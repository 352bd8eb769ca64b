package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"ringfence/agent/phone"
)

// joinNext enrols the phone, and has it do what policy asks.
func (s *story) joinNext() error {
	var token struct{ Secret string }
	if err := s.ctlJSON(&token, "create", "token", "--ownership", "personal", "--mode", "work-profile",
		"--group", "sales", "--user", maria, "--uses", "1", "--expires", "1h"); err != nil {
		return err
	}
	pin, err := s.caPin()
	if err != nil {
		return err
	}
	if _, err := s.agentAs(doorPhone, "", "set", "pin.set=true", "pin.length=6", "pin.quality=numeric-complex", "pin.complexity=medium",
		"work.pin.set=true", "work.pin.length=8", "work.pin.quality=numeric-complex", "work.pin.complexity=high"); err != nil {
		return err
	}
	if _, err := s.agentAs(doorPhone, token.Secret, "enroll", "--server", s.device, "--ca-pin", pin, "--model", "Pixel 9"); err != nil {
		return err
	}
	if err := s.checkIn(); err != nil {
		return err
	}
	var list struct{ Items []struct{ ID, State string } }
	if err := s.ctlJSON(&list, "get", "devices"); err != nil {
		return err
	}
	s.deviceID = ""
	for _, d := range list.Items {
		if d.State == "DEVICE_STATE_ENROLLED" {
			s.deviceID = d.ID
		}
	}
	v, err := s.verdict()
	if err != nil {
		return err
	}
	if v.Standing != "STANDING_COMPLIANT" {
		return fmt.Errorf("the phone is not compliant: %+v", v)
	}
	s.say("device %s is enrolled and compliant; policy has given its work side a certificate", s.deviceID)
	return nil
}

// checkIn has the phone look once, do what is due, and report.
func (s *story) checkIn() error {
	_, err := s.agentAs(doorPhone, "", "run", "--once")
	return err
}

// showWork shows the certificate that policy has given the work side, as the
// browser there does. Its key is on the phone.
func (s *story) showWork(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	p, err := phone.Open(s.path(doorPhone), phone.Options{Now: time.Now})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	all, err := p.Certificates()
	if err != nil {
		return nil, err
	}
	current := all[workAlias].Current
	if current == nil {
		return nil, fmt.Errorf("the phone has no certificate %q", workAlias)
	}
	key, err := p.Key(current.Key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(current.Chain[0])
	return &tls.Certificate{Certificate: current.Chain, PrivateKey: key, Leaf: leaf}, err
}
