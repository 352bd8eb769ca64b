package wipe

import (
	"errors"
	"slices"
	"testing"
	"time"

	"ringfence/internal/device"
)

// TestALockPassesWhatIsHeld: a lock goes to the phone at once, whatever is held for
// it; what it has passed comes with a new number when its time has come, and is
// acted on once.
func TestALockPassesWhatIsHeld(t *testing.T) {
	w := newWorld()
	_, orders := w.bulk(t, OfWorkProfile())
	held := orders[0]
	lock, _, err := w.Ask(alice(t), Ask{
		Key: "key-lock-1", Target: Target{Devices: []device.ID{held.Device}}, Scope: OfLock(), Reason: "lost",
	})
	if err != nil || lock.State != Executed {
		t.Fatalf("a lock beside a held order: %+v, %v", lock, err)
	}
	given := w.fetched(t, held.Device)
	if len(given) != 1 || given[0] == held.ID {
		t.Fatalf("given %v, want the lock alone", given)
	}
	if o, err := w.sayAs(t, given[0], Acknowledge); err != nil || o.State != Acknowledged {
		t.Fatalf("the lock: %+v, %v", o, err)
	}
	w.now = w.now.Add(DefaultLimits().CoolingOff + time.Minute)
	// Asked under its old number, as by a phone that kept what it was given, it is
	// put back.
	if _, err := w.sayAs(t, held.ID, Acknowledge); !errors.Is(err, ErrPaused) {
		t.Errorf("acknowledged under a number that was passed: %v, want %v", err, ErrPaused)
	}
	if got := w.fetched(t, held.Device); !slices.Contains(got, held.ID) {
		t.Fatalf("given %v, want %s among them", got, held.ID)
	}
	again, err := w.store.Order(t.Context(), held.ID)
	if err != nil || again.Sequence <= held.Sequence {
		t.Fatalf("its number is %d, was %d, %v", again.Sequence, held.Sequence, err)
	}
	if o, err := w.sayAs(t, held.ID, Acknowledge); err != nil || o.State != Acknowledged {
		t.Errorf("under its new number: %+v, %v", o, err)
	}
	if got := w.fetched(t, held.Device); !slices.Contains(got, held.ID) {
		t.Errorf("given %v, and it was promised", got)
	}
	if last, err := w.store.Order(t.Context(), held.ID); err != nil || last.Sequence != again.Sequence {
		t.Errorf("a promised order has number %d, had %d, %v", last.Sequence, again.Sequence, err)
	}
}
