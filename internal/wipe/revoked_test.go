package wipe

import (
	"errors"
	"strings"
	"testing"

	"ringfence/internal/device"
)

// revokes revokes the credential of alice.
func (w *world) revokes() { w.revoked = map[string]bool{"5e41a1alice": true} }

// TestApproveOfARevokedCredential: what was asked for with a credential that was
// revoked since is void, whatever it is, and says so before anybody tries.
func TestApproveOfARevokedCredential(t *testing.T) {
	tests := map[string]func(*world) Request{
		"a wipe":        func(w *world) Request { return w.waits(t) },
		"of a person":   func(w *world) Request { return w.person(t, 6) },
		"looser limits": func(w *world) Request { return w.looser(t) },
		"a lease": func(w *world) Request {
			return w.governs(alice(t), t, Governing{Lease: &GroupLease{Lease: Lease{Lock: 7 * dayLong}}})
		},
		"to close":       func(w *world) Request { w.opens(); return w.governs(alice(t), t, Governing{Close: Resume}) },
		"to cancel them": func(w *world) Request { w.opens(); return w.governs(alice(t), t, Governing{Close: CancelAll}) },
	}
	for name, asks := range tests {
		w := newWorld()
		r := asks(w)
		before := w.store.breaker
		w.revokes()
		if hint, err := w.Hint(bob(t), r); err != nil || !strings.Contains(hint, "was revoked") {
			t.Errorf("%s: hint %q, error %v", name, hint, err)
		}
		if _, _, err := w.Approve(bob(t), r.ID, ""); !errors.Is(err, ErrAskerRevoked) {
			t.Errorf("%s: got error %v, want %v", name, err, ErrAskerRevoked)
		}
		if got, err := w.GetRequest(bob(t), r.ID); err != nil || got.State != Void || len(w.store.orders) != 0 || w.store.breaker != before {
			t.Errorf("%s: got %s with %d orders, breaker %+v, error %v", name, got.State, len(w.store.orders), w.store.breaker, err)
		}
	}
}

// TestUserWipeOfARevokedCredential: it goes on only where a second person has said
// yes to it.
func TestUserWipeOfARevokedCredential(t *testing.T) {
	for devices, want := range map[int]int{1: 0, 6: 1} {
		w := newWorld()
		r := w.person(t, devices)
		if r.State == Waiting {
			r = w.approved(t, r)
		}
		w.now = w.now.Add(dayLong)
		f := factsOf(device.Personal, device.WorkProfile)
		f.User = "pat"
		w.enrol(1, f)
		w.revokes()
		if got := w.sweeps(t); got != want {
			t.Errorf("of %d devices: %d orders more, want %d", devices, got, want)
		}
		if hint, err := w.Hint(bob(t), r); err != nil || strings.Contains(hint, "lift it") != (want == 0) {
			t.Errorf("of %d devices: hint %q, error %v", devices, hint, err)
		}
	}
}
