package session_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/agent/agenttest"
	"ringfence/agent/session"
	accessv1 "ringfence/proto/mdm/access/v1"
)

const api = "https://api.example.com"

// TestAssertion: the certificate in use is shown, and nothing changes on the
// phone, also where a renewed one waits.
func TestAssertion(t *testing.T) {
	s, h := joined(t, nil)
	check := func(what string) {
		t.Helper()
		before := read(t, h, stateFile)
		a, err := h.Assertion(t.Context(), api)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var serial string
		s.Do(func() { serial, _ = s.Serials() })
		if want := "header." + serial + "." + agenttest.AssertionFor(api); a.Token != want || a.ExpiresAt.Sub(h.clock.Now()).Round(time.Second) != 5*time.Minute {
			t.Errorf("%s: got %+v, want %s", what, a, want)
		}
		if after := read(t, h, stateFile); after != before {
			t.Errorf("%s: the phone has changed from %s to %s", what, before, after)
		}
	}
	check("joined")
	// A renewal whose certificate is not used yet.
	h.clock.Add(61 * 24 * time.Hour)
	s.Do(func() {
		s.Fail = func(method string) error {
			if method == "GetManifest" && s.Calls["Renew"] == 1 {
				return status.Error(codes.Unavailable, "away")
			}
			return nil
		}
	})
	if err := h.Once(t.Context()); err == nil {
		t.Fatal("the renewed certificate was used")
	}
	state, err := h.phone.LoadState()
	if err != nil || state.Enrollment.Next == nil {
		t.Fatalf("state %+v, %v", state.Enrollment, err)
	}
	check("a renewed one waits")
	s.Do(func() { s.Fail = nil })
	if err := h.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("renewed")
}

// TestAssertionWhileRenewed: another process takes a renewed certificate into use
// while this one asks.
func TestAssertionWhileRenewed(t *testing.T) {
	s, h := joined(t, nil)
	key := filepath.Join("misc/keystore", h.keys(t)[0])
	oldState, oldKey := read(t, h, stateFile), read(t, h, key)
	h.clock.Add(61 * 24 * time.Hour)
	if err := h.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	newState := read(t, h, stateFile)
	write(t, h, stateFile, oldState)
	write(t, h, key, oldKey)
	// Nothing newer is there: the refusal stands.
	if _, err := h.Assertion(t.Context(), api); err == nil || !strings.Contains(err.Error(), "CERTIFICATE_SUPERSEDED") {
		t.Errorf("got %v", err)
	}
	s.Do(func() {
		s.Fail = func(string) error {
			write(t, h, stateFile, newState)
			s.Fail = nil
			return nil
		}
	})
	if _, err := h.Assertion(t.Context(), api); err != nil {
		t.Error(err)
	}
	s.Do(func() {
		if n := s.Calls["IssueAssertion"]; n != 3 {
			t.Errorf("%d calls", n)
		}
	})
}

const stateFile = "agent/state.json"

func read(t *testing.T, h *handset, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, h *handset, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(content), 0o600); err != nil {
		t.Error(err)
	}
}

func TestAssertionThatIsNone(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*accessv1.IssueAssertionResponse)
		fail error
		want string
	}{
		"empty":            {func(r *accessv1.IssueAssertionResponse) { r.Assertion = "" }, nil, "is none"},
		"two lines":        {func(r *accessv1.IssueAssertionResponse) { r.Assertion = "a.b.c\nd" }, nil, "is none"},
		"escape sequences": {func(r *accessv1.IssueAssertionResponse) { r.Assertion = "\x1b[2Ja.b.c" }, nil, "is none"},
		"unsigned":         {func(r *accessv1.IssueAssertionResponse) { r.Assertion = "a.b." }, nil, "is none"},
		"too long":         {func(r *accessv1.IssueAssertionResponse) { r.Assertion = "a.b." + strings.Repeat("c", 9000) }, nil, "is none"},
		"no time":          {func(r *accessv1.IssueAssertionResponse) { r.ExpiresAt = nil }, nil, "is none"},
		"time that is none": {
			func(r *accessv1.IssueAssertionResponse) { r.ExpiresAt = &timestamppb.Timestamp{Nanos: -1} }, nil, "is none",
		},
		"an old server": {nil, status.Error(codes.Unimplemented, "unknown service"), "issues no assertions"},
		"a refusal":     {nil, agenttest.Refusal(codes.Unauthenticated, "ENROLLMENT_ENDED", "over\x1b[2J"), "over [2J (ENROLLMENT_ENDED)"},
	} {
		s, h := joined(t, nil)
		s.Do(func() {
			s.EditAssertion = c.edit
			if c.fail != nil {
				s.Fail = func(string) error { return c.fail }
			}
		})
		if a, err := h.Assertion(t.Context(), api); err == nil || !strings.Contains(err.Error(), c.want) || a.Token != "" {
			t.Errorf("%s: got %+v, %v", name, a, err)
		}
	}
	if _, err := newHandset(t, nil).Assertion(t.Context(), api); !errors.Is(err, session.ErrNotEnrolled) {
		t.Errorf("not enrolled: %v", err)
	}
}
