package wipe

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"ringfence/internal/device"
)

// TestApproversAreNotTiredOut: one person has so many requests a day that need a
// second one, whatever becomes of them; what needs nobody goes on.
func TestApproversAreNotTiredOut(t *testing.T) {
	w := newWorld()
	id := w.enrol(1, factsOf(device.Company, device.Dedicated))[0]
	ask := func(n int) (Request, error) {
		return w.AskWhole(alice(t), WholeAsk{Key: fmt.Sprintf("whole-%04d", n), Device: id, Reason: "sold"})
	}
	for n := range MaxAsked {
		r, err := ask(n)
		if err != nil || r.State != Waiting {
			t.Fatalf("request %d: %+v, %v", n, r, err)
		}
		if _, _, err := w.Stop(alice(t), r.ID, "not yet"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ask(MaxAsked); !errors.Is(err, ErrTooManyRequests) {
		t.Errorf("one more: %v, want %v", err, ErrTooManyRequests)
	}
	limits := w.store.limits
	limits.PersonDay++
	if _, err := w.Govern(alice(t), Governing{Key: "limits-0001", Reason: "more", Limits: &limits}); !errors.Is(err, ErrTooManyRequests) {
		t.Errorf("looser limits: %v, want %v", err, ErrTooManyRequests)
	}
	if r, err := ask(0); err != nil || r.State != Stopped {
		t.Errorf("the first again: %+v, %v", r, err)
	}
	w.order(t, apps(t, "com.a"), id)
	w.now = w.now.Add(24*time.Hour + time.Second)
	if r, err := ask(MaxAsked); err != nil || r.State != Waiting {
		t.Errorf("a day later: %+v, %v", r, err)
	}
}
