package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"
)

const (
	maria = "maria@example.com"
	// doorPhone is the folder of her next phone.
	doorPhone = "next-phone"
	rules     = "examples/access-wiki/wiki.yaml"
	cases     = "examples/access-wiki/cases.yaml"
	trial     = "wiki-on-company-phones"
	// workAlias names the certificate that policy gives the work side.
	workAlias = "work"
)

// openDoors makes a gateway, and starts the server with doors that it can ask at.
func (s *story) openDoors() error {
	s.chapter("A third story: a gateway stands before the company's wiki, and asks at each request")
	trusted, err := s.makeSites()
	if err != nil {
		return err
	}
	edge := s.path("edge.pem")
	if err := s.appoint("edge", "gateway", edge); err != nil {
		return err
	}
	if s.doors.edge, err = readCredential(edge); err != nil {
		return err
	}
	// Receivers of events are on the internet, as a rule: here is one that is not.
	s.flags = []string{"--access-listen", "127.0.0.1:0", "--access-callback-allow", "127.0.0.1", "--access-callback-ca", trusted}
	if err := s.serve(s.device, s.admin); err != nil {
		return err
	}
	if s.doors.address, err = s.await("server", "listening", "access"); err != nil {
		return err
	}
	app, err := s.site(http.HandlerFunc(wiki), nil)
	if err != nil {
		return err
	}
	s.doors.wiki, err = s.site(newGateway(s.doors.edge, s.doors.address, app), &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{s.doors.site},
		// Who has no certificate comes as far as the question, and is told what to
		// do. That a certificate is a phone's is for Ringfence to say.
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: s.doors.edge.roots,
	})
	if err != nil {
		return err
	}
	s.say("its credential can ask who may come in, and nothing else")
	return s.listenForEvents()
}

// wiki is the app. It believes what the gateway says, and nobody else reaches it.
func wiki(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "Welcome, %s.", r.Header.Get(headerUser)) //nolint:gosec // it is plain text, and the gateway's word
}

// writeRules tries the policies on cases, and applies them.
func (s *story) writeRules() error {
	s.chapter("The wiki wants a compliant phone and its certificate: tried on cases, then applied")
	out, err := s.ctl("access", "test", "-f", cases, "-f", rules)
	if err != nil {
		return err
	}
	s.quote(out)
	var before struct{ Items []struct{ Name string } }
	if err := s.ctlJSON(&before, "get", "access-policies"); err != nil {
		return err
	}
	if len(before.Items) > 0 {
		return fmt.Errorf("to try policies has applied some: %+v", before.Items)
	}
	if out, err = s.ctl("apply", "-f", rules); err != nil {
		return err
	}
	s.quote(out)
	if _, err := s.ctl("access", "test", "-f", cases); err != nil {
		return fmt.Errorf("what is in force decides otherwise: %w", err)
	}
	s.say("what is in force decides as it was tried")
	return nil
}

// newPhone enrols a phone, and opens the wiki on it.
func (s *story) newPhone() error {
	s.chapter("Maria has another phone: the wiki opens on it, and on nothing else")
	if _, err := s.shutOut(s.visitor(s.doors.sites, nil), "owed", "compliant-device, certificate-bound-session"); err != nil {
		return fmt.Errorf("without a certificate: %w", err)
	}
	own := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &s.doors.edge.own, nil }
	if _, err := s.shutOut(s.visitor(s.doors.sites, own), "certificate", ""); err != nil {
		return fmt.Errorf("with the gateway's own certificate: %w", err)
	}
	s.say("the second came with a certificate of the same authority, which is no phone's")
	if err := s.joinNext(); err != nil {
		return err
	}
	s.doors.browser = s.visitor(s.doors.sites, s.showWork)
	if err := s.open(s.doors.browser); err != nil {
		return err
	}
	return s.eventFollows("compliant")
}

// turnedAway shortens the PIN: the same request is answered otherwise.
func (s *story) turnedAway() error {
	s.chapter("She shortens the work PIN: the wiki shuts as soon as the phone has said so")
	if _, err := s.agentAs(doorPhone, "", "set", "work.pin.length=4"); err != nil {
		return err
	}
	began := time.Now()
	if err := s.checkIn(); err != nil {
		return err
	}
	checked := time.Now()
	p, err := s.shutOut(s.doors.browser, "owed", "compliant-device")
	if err != nil {
		return err
	}
	if !p.kept {
		return errors.New("the browser had to connect again: this shows nothing of connections that last")
	}
	s.say("the check-in took %d ms, the request after it %d ms, on the connection that had been let in",
		checked.Sub(began).Milliseconds(), time.Since(checked).Milliseconds())
	if err := s.readRemedy(p.header.Get(headerRemedy)); err != nil {
		return err
	}
	return s.eventFollows("not-compliant")
}

// readRemedy opens the page for people who are turned away. It must name what they
// can do.
func (s *story) readRemedy(link string) error {
	v, err := s.verdict()
	if err != nil {
		return err
	}
	if !v.has("pin.work_profile.minimum_length") {
		return fmt.Errorf("the verdict does not name pin.work_profile.minimum_length: %+v", v)
	}
	p, err := s.visit(s.visitor(s.doors.edge.roots, nil), link)
	if err != nil {
		return err
	}
	if p.status != http.StatusOK {
		return fmt.Errorf("the page behind the link answers %d", p.status)
	}
	for _, f := range v.Findings {
		if !strings.Contains(p.text, html.EscapeString(f.Remedy)) || !strings.Contains(p.text, html.EscapeString(f.Actual)) {
			return fmt.Errorf("the page does not say what to do: %s, which is %s", f.Remedy, f.Actual)
		}
		s.say("behind the link she reads: %s (is %s, should be %s)", f.Remedy, f.Actual, f.Expected)
	}
	return nil
}

// letInAgain restores the PIN.
func (s *story) letInAgain() error {
	s.chapter("The PIN is long enough again: so is the wiki open")
	if _, err := s.agentAs(doorPhone, "", "set", "work.pin.length=8"); err != nil {
		return err
	}
	if err := s.checkIn(); err != nil {
		return err
	}
	if err := s.open(s.doors.browser); err != nil {
		return err
	}
	return s.eventFollows("compliant")
}
