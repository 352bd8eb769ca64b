package access_test

import (
	"errors"
	"testing"

	"ringfence/internal/access"
)

// TestForget: of a phone that is gone for good nothing is left, neither what is
// stored nor what is about to be.
func TestForget(t *testing.T) {
	f := newFake()
	f.adas()
	s := f.service(true)
	outcome(t, s, access.Question{SignIn: access.SignIn{App: "mail"}, Device: phoneID})
	outcome(t, s, access.Question{SignIn: access.SignIn{App: "mail"}, Registration: appID})
	if err := s.Flush(t.Context()); err != nil || len(f.samples) != 2 || len(f.moments) != 2 {
		t.Fatalf("%d samples, %d moments, %v", len(f.samples), len(f.moments), err)
	}
	outcome(t, s, access.Question{SignIn: access.SignIn{App: "wiki"}, Device: phoneID})
	delete(f.phones, phoneID)
	for range 2 {
		if err := s.Forget(t.Context(), phoneID); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(f.samples) != 1 || f.samples[0].Facts.Registration == nil || len(f.moments) != 1 || f.moments[0].ID != appID {
		t.Errorf("left: %+v, %+v", f.samples, f.moments)
	}
	if f.lost != 0 {
		t.Errorf("%d count as lost", f.lost)
	}
	f.broken = true
	if err := s.Forget(t.Context(), phoneID); !errors.Is(err, errBroken) {
		t.Errorf("broken: %v", err)
	}
}
