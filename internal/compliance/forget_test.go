package compliance

import (
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"testing"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

func TestForgetDevice(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		if _, err := s.IssueCertificate(t.Context(), callerOf(phone()), "wifi", csrFor(t, elliptic.P256()).Raw); err != nil {
			t.Fatal(err)
		}
		if err := s.Forget(t.Context(), "phone-0001", 1); fault.KindOf(err) != fault.Conflict {
			t.Errorf("while it is enrolled: %v", err)
		}
		if err := s.EnrollmentEnded(t.Context(), "phone-0001", 1, "Maria left"); err != nil {
			t.Fatal(err)
		}
		// A check-in that was let in before the end came in behind it.
		checkInAt(t, s, fitReport(fullManifest(), t0), t0)
		w.fail = errors.New("not now")
		if err := s.Forget(t.Context(), "phone-0001", 1); err == nil {
			t.Error("nobody hears that it is not forgotten")
		}
		w.fail = nil
		entries := len(w.entries)
		admin := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "alice"})
		for range 2 {
			if err := s.Forget(admin, "phone-0001", 1); err != nil {
				t.Fatal(err)
			}
		}
		c := w.issued[0]
		if c.Subject != "" || c.Chain != nil || c.Profile != [sha256.Size]byte{} || c.Revocation.Reason != "" || c.Revocation.Code != CodeCessationOfOperation {
			t.Errorf("of the certificate there is left: %+v", c)
		}
		if len(w.states) != 0 || len(w.entries) != entries+1 {
			t.Fatalf("%d states, %d new entries", len(w.states), len(w.entries)-entries)
		}
		if e := w.entries[entries]; e.Actor != "admin:alice" || e.Action != "compliance.forget" || e.Target != "device/phone-0001" {
			t.Errorf("the entry is %+v", e)
		}
		if state, err := s.state(t.Context(), "phone-0001"); err != nil || state.Version != 0 {
			t.Errorf("remembered still: %+v, %v", state, err)
		}
	})
}

// TestLateReportIsSwept: one that came in behind the end of its enrolment goes
// with the next sweep, whenever its verdict was to change.
func TestLateReportIsSwept(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		if err := s.EnrollmentEnded(t.Context(), "phone-0001", 1, "retired"); err != nil {
			t.Fatal(err)
		}
		checkInAt(t, s, fitReport(fullManifest(), t0), t0)
		if len(w.states) != 1 {
			t.Fatal("the test is about a report that was stored")
		}
		d := phone()
		d.Enrolled = false
		w.devices[d.ID] = d
		if err := s.Sweep(t.Context()); err != nil || len(w.states) != 0 {
			t.Errorf("states = %v, %v", w.states, err)
		}
		if e := w.entries[0]; e.Actor != "server" || e.Action != "compliance.enrollment.end" {
			t.Errorf("nobody's deed is %+v", e)
		}
	})
}
