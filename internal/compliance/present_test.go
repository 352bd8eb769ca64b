package compliance

import (
	"crypto/elliptic"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
)

// TestPresent: what other parts of the server see is judged now, not as stored.
func TestPresent(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		present := func() Present {
			t.Helper()
			p, err := s.Present(t.Context(), phone())
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		never := present()
		if never.Verdict.Standing != Unknown || never.Report != nil {
			t.Errorf("before a report: %+v", never)
		}
		fine := fitReport(Compile(nil, device.WorkProfile), t0)
		checkInAt(t, s, fine, t0)
		fit := present()
		if fit.Verdict.Standing != Compliant || fit.Report == nil || fit.Version == never.Version {
			t.Errorf("after a report: %+v", fit)
		}
		if again := present(); again.Version != fit.Version {
			t.Errorf("nothing happened, and the version moved from %d to %d", fit.Version, again.Version)
		}
		w.advance(time.Minute)
		checkInAt(t, s, fine, t0.Add(time.Minute))
		later := present()
		if later.Version == fit.Version || !later.Verdict.EvidenceAt.After(fit.Verdict.EvidenceAt) {
			t.Errorf("a later look: version %d as before, evidence of %s", later.Version, later.Verdict.EvidenceAt)
		}
		w.apply(t, s, "p", Spec{Pins: []PinRule{{Scope: PinDevice}}, Assignments: everyone()})
		if err := s.Sweep(t.Context()); err != nil { // its grace begins
			t.Fatal(err)
		}
		// The grace ends, and nobody has swept: it counts all the same.
		w.advance(2 * time.Hour)
		if got := present(); got.Verdict.Standing != NonCompliant || got.Version == later.Version {
			t.Errorf("after a stricter policy: %v, version %d", got.Verdict.Standing, got.Version)
		}
		gone := phone()
		gone.Enrolled = false
		if p, err := s.Present(t.Context(), gone); err != nil || p.Verdict.Standing != Unknown || len(p.Verdict.Findings) != 1 {
			t.Errorf("of a device that left: %+v, %v", p, err)
		}
	})
}

// TestTurns: verdicts that change by themselves are known beforehand, and judged
// when asked.
func TestTurns(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		checkInAt(t, s, fitReport(Compile(nil, device.WorkProfile), t0), t0)
		stale := t0.Add(24 * time.Hour)
		if turns, err := s.Turns(t.Context(), stale); err != nil || turns != nil {
			t.Errorf("before its time: %v, %v", turns, err)
		}
		turns, err := s.Turns(t.Context(), stale.Add(time.Second))
		if diff := cmp.Diff([]Turn{{phone().ID, stale}}, turns); err != nil || diff != "" {
			t.Errorf("turns (-want +got): %v\n%s", err, diff)
		}
		before := len(w.entries)
		w.advance(24*time.Hour - time.Second)
		if err := s.Judge(t.Context(), phone().ID); err != nil || len(w.entries) != before {
			t.Errorf("judged too early: %v, %d entries", err, len(w.entries)-before)
		}
		w.advance(time.Second)
		if err := s.Judge(t.Context(), phone().ID); err != nil || len(w.entries) != before+1 || w.entries[before].Action != "compliance.standing" {
			t.Errorf("judged in time: %v, %v", err, w.entries[before:])
		}
		if err := s.Judge(t.Context(), "nobody-0001"); err != nil {
			t.Errorf("nobody: %v", err)
		}
	})
}

// TestHolder: a certificate is somebody's if it is the very one that was issued,
// and not revoked.
func TestHolder(t *testing.T) {
	w := newWorld()
	s := w.service(true)
	w.apply(t, s, "p", fullSpec())
	chain, err := s.IssueCertificate(t.Context(), callerOf(phone()), "wifi", csrFor(t, elliptic.P256()).Raw)
	if err != nil {
		t.Fatal(err)
	}
	if id, epoch, err := s.Holder(t.Context(), "1", chain[0]); err != nil || id != phone().ID || epoch != 1 {
		t.Errorf("its holder is %s in epoch %d, %v", id, epoch, err)
	}
	if _, _, err := s.Holder(t.Context(), "1", slices.Concat(chain[0], []byte{0})); !errors.Is(err, ErrCertificateUnknown) {
		t.Errorf("another one of the same number: %v", err)
	}
	if _, _, err := s.Holder(t.Context(), "99", chain[0]); !errors.Is(err, ErrCertificateUnknown) {
		t.Errorf("a number that was never given: %v", err)
	}
	if _, err := s.RevokeCertificate(adminContext(t), "1", "lost"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Holder(t.Context(), "1", chain[0]); !errors.Is(err, ErrCertificateRevoked) {
		t.Errorf("a revoked one: %v", err)
	}
}
