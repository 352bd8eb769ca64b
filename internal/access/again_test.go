package access_test

import (
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/device"
)

// TestReconsider: deciding again gives the same answer, and counts as no other
// sign-in.
func TestReconsider(t *testing.T) {
	f := newFake()
	f.adas()
	s := f.service(true)
	applied(t, s, "mfa", access.On)
	q := access.Question{SignIn: access.SignIn{App: "mail"}, Device: phoneID, Registration: appID}
	first := outcome(t, s, q)
	for range 3 {
		again, err := s.Reconsider(t.Context(), q)
		if err != nil || again.Decision.Outcome != first.Decision.Outcome || again.Versions != first.Versions || again.SignIn.Person.Name != "ada" {
			t.Errorf("got %v, %v, want %v", again, err, first)
		}
		if !again.Decision.At().Equal(f.now) || again.Explain().Outcome != first.Decision.Outcome {
			t.Errorf("decided at %v", again.Decision.At())
		}
	}
	if err := s.Flush(t.Context()); err != nil || len(f.samples) != 1 || f.samples[0].Count != 1 {
		t.Errorf("%d samples, %v", len(f.samples), err)
	}
	f.broken = true
	if _, err := f.service(false).Reconsider(t.Context(), q); err == nil {
		t.Error("answered without policies")
	}
}

// TestFactsAt: an answer by remembered facts says of when they are.
func TestFactsAt(t *testing.T) {
	f := newFake()
	f.adas()
	s := f.service(true)
	stored := f.now
	if err := s.Remember(t.Context(), []device.ID{phoneID}); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Hour)
	q := access.Question{SignIn: access.SignIn{App: "mail"}, Device: phoneID}
	for _, tt := range []struct {
		asOf  time.Time
		facts *access.Facts
		want  time.Time
	}{
		{asOf: stored.Add(time.Minute), want: stored},
		{asOf: stored.Add(-time.Minute)},
		{},
		{asOf: stored.Add(time.Minute), facts: &access.Facts{}},
	} {
		a, err := s.WhatIf(t.Context(), access.Supposition{Question: q, AsOf: tt.asOf, Facts: tt.facts})
		if err != nil || !a.FactsAt.Equal(tt.want) {
			t.Errorf("as of %v: facts of %v, %v, want %v", tt.asOf, a.FactsAt, err, tt.want)
		}
	}
}
