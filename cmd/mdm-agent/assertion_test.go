package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ringfence/agent/agenttest"
)

// TestAssertion: it is printed for programs, also while the phone runs.
func TestAssertion(t *testing.T) {
	server, s := agenttest.Start(t, time.Now), newShell(t)
	s.env["MDM_TOKEN"] = agenttest.Token
	s.no(exitUsage, "--audience", "assertion")
	s.no(exitUsage, "want text or json", "assertion", "--audience", "x", "-o", "xml")
	s.no(exitFailure, "no phone there", "assertion", "--audience", "x")
	s.ok("enroll", "--server", server.Addr, "--ca-pin", server.Pin())
	done := make(chan int)
	go func() {
		code, _, _ := s.run("run")
		done <- code
	}()
	server.Until(t, "the phone listens", func() bool { return server.Streams() == 1 })

	const audience = "https://api.example.com"
	token := strings.TrimSpace(s.ok("assertion", "--audience", audience))
	if !strings.HasSuffix(token, "."+agenttest.AssertionFor(audience)) || strings.ContainsAny(token, " \n") {
		t.Errorf("printed %q", token)
	}
	var v struct {
		Assertion string
		ExpiresAt time.Time
	}
	if err := json.Unmarshal([]byte(s.ok("assertion", "--audience", audience, "-o", "json")), &v); err != nil || v.Assertion != token || v.ExpiresAt.IsZero() {
		t.Errorf("got %+v, %v", v, err)
	}
	server.EndEnrollment()
	if code := <-done; code != exitOK {
		t.Errorf("run ended with %d", code)
	}
	s.no(exitFailure, "not enrolled", "assertion", "--audience", audience)
}
