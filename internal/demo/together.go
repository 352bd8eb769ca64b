package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// serve starts mdm-server on the two addresses and learns them.
func (s *story) serve(device, admin string) (err error) {
	if err := s.launch(nil, "server", "mdm-server", append([]string{
		"--data", s.path("server"),
		"--device-listen", device, "--admin-listen", admin, "--ops-listen", "127.0.0.1:0",
		"--oidc-issuer", s.provider.Issuer() + ",client-id=" + mailClient, "--oidc-allow-http-loopback",
		"--check-in-interval", "30s",
	}, s.flags...)...); err != nil {
		return err
	}
	if s.device, err = s.await("server", "listening", "device"); err != nil {
		return err
	}
	s.admin, err = s.await("server", "listening", "admin")
	return err
}

// appoint makes a credential on the server's host, which is the only place where
// that can be done. With SQLite no server may run meanwhile.
func (s *story) appoint(name, role, file string) error {
	p := s.running["server"]
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-p.done
	if p.err != nil {
		return fmt.Errorf("the server did not stop cleanly: %w", p.err)
	}
	out, err := s.output(nil, "mdm-server", "admin", "create", name, "--role", role, "--out", file,
		"--data", s.path("server"), "--device-listen", s.device, "--admin-listen", s.admin)
	if err != nil {
		return err
	}
	s.quote(out)
	return nil
}

// appointBob makes a second person.
func (s *story) appointBob() error {
	s.bob = s.path("bob.yaml")
	if err := s.appoint("bob", "approver", s.bob); err != nil {
		return err
	}
	s.say("no call over the network can do that: a stolen credential cannot appoint its own approver")
	return s.serve(s.device, s.admin)
}

// request is what mdmctl says of a request.
type request struct {
	ID, State, CreatedBy, DecidedBy string
}

// approveWaiting has bob approve what waits.
func (s *story) approveWaiting() error {
	var list struct{ Items []request }
	if err := s.ctlJSON(&list, "get", "requests", "--state", "waiting"); err != nil {
		return err
	}
	for _, r := range list.Items {
		out, err := s.output(nil, "mdmctl", "--config", s.bob, "approve", "request", r.ID, "--comment", "I know", "--yes")
		if err != nil {
			return err
		}
		s.quote(out)
	}
	return nil
}

// orderTogether has one person ask for the wipe and another approve it.
func (s *story) orderTogether() error {
	out, err := s.ctl("set", "limits", "--quorum-above", "0", "--reason", "every wipe is looked at by two")
	if err != nil {
		return err
	}
	s.quote(out)
	s.say("what tightens a limit holds at once; to loosen it again takes two people")

	if out, err = s.ctl("wipe", "device", s.deviceID, "--scope", "work-profile", "--reason", "phone is sold", "--yes"); err != nil {
		return err
	}
	s.quote(out)
	var list struct{ Items []request }
	if err := s.ctlJSON(&list, "get", "requests", "--state", "waiting"); err != nil {
		return err
	}
	if len(list.Items) != 1 {
		return fmt.Errorf("want one request that waits, got %+v", list.Items)
	}
	id := list.Items[0].ID
	if _, err := s.ctl("approve", "request", id, "--yes"); err == nil {
		return errors.New("who asked for the wipe could approve it")
	} else if !strings.Contains(err.Error(), "another person") {
		return fmt.Errorf("one's own approval was refused for another reason: %w", err)
	}
	s.say("who asked cannot approve it")
	if out, err = s.output(nil, "mdmctl", "--config", s.bob, "approve", "request", id, "--comment", "I saw the contract", "--yes"); err != nil {
		return err
	}
	s.quote(out)
	if _, err := s.ctl("watch", "wipes", "--device", s.deviceID, "--until", "done", "--timeout", "30s"); err != nil {
		return fmt.Errorf("the wipe did not finish: %w", err)
	}
	return nil
}
