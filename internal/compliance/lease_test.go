package compliance

import (
	"errors"
	"testing"
	"time"

	"ringfence/internal/device"
)

// TestLeaseIsOfTheManifest: whoever changes it, the next look has it.
func TestLeaseIsOfTheManifest(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		none := manifestOf(t, s, phone())
		if none.Revision() != fullManifest().Revision() {
			t.Error("a manifest without a lease has another revision than its policies")
		}
		seen := map[string]bool{none.Revision(): true}
		for _, l := range []Lease{
			{Number: 1, LockAfter: day}, {Number: 1, LockAfter: day, WipeAfter: 2 * day},
			{Number: 2, LockAfter: day, WipeAfter: 2 * day}, {Number: 2, LockAfter: 2 * day, WipeAfter: 2 * day},
		} {
			w.mu.Lock()
			w.leases = map[string]Lease{"sales": l}
			w.mu.Unlock()
			m := manifestOf(t, s, phone())
			desired, err := s.Desired(t.Context(), callerOf(phone()))
			if err != nil || m.Lease != l || seen[m.Revision()] || desired.Revision != m.Revision() {
				t.Errorf("with %+v: %+v, revision %s, desired %+v, %v", l, m.Lease, m.Revision(), desired, err)
			}
			seen[m.Revision()] = true
			other := phone()
			other.Group = "hr"
			if got := manifestOf(t, s, other); got.Revision() != none.Revision() {
				t.Errorf("a group without a lease has %+v", got.Lease)
			}
			w.advance(time.Minute)
			if got := checkInAt(t, s, fitReport(m, t0), w.now); got.Revision != m.Revision() || got.Verdict.Standing != Compliant {
				t.Errorf("answer = %+v", got)
			}
		}
		w.mu.Lock()
		w.leases = nil
		w.mu.Unlock()
		if got := manifestOf(t, s, phone()); got.Revision() != none.Revision() {
			t.Error("a lease that is gone stays")
		}
	})
}

func TestLeaseWithoutPolicies(t *testing.T) {
	w := newWorld()
	w.leases = map[string]Lease{"sales": {Number: 1, LockAfter: day}}
	s := w.service(true)
	if m := manifestOf(t, s, phone()); m.Revision() == "" || m.Lease.Number != 1 {
		t.Errorf("manifest = %+v", m)
	}
}

// TestLeasesAway: a manifest without its lease would set phones free.
func TestLeasesAway(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.leaseless = errors.New("away")
		r := fitReport(Compile(nil, device.WorkProfile), t0)
		_, checkIn := s.CheckIn(t.Context(), callerOf(phone()), r)
		_, desired := s.Desired(t.Context(), callerOf(phone()))
		_, manifest := s.Manifest(t.Context(), callerOf(phone()))
		_, issue := s.IssueCertificate(t.Context(), callerOf(phone()), "wifi", nil)
		_, inspect := s.Inspect(adminContext(t), "phone-0001")
		for name, err := range map[string]error{
			"check in": checkIn, "desired": desired, "manifest": manifest, "issue": issue, "inspect": inspect,
		} {
			if !errors.Is(err, w.leaseless) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
