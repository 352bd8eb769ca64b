package wipedb

import (
	"errors"
	"testing"

	"ringfence/internal/audit"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// TestRenumber: an order that its device has gone past gets the next number, with
// its entry, until the device promises; then the database takes no other.
func TestRenumber(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s, ctx := New(db), t.Context()
		held := create(t, s, fresh(1, "device-0001", apps(t, "com.a")))
		lock := create(t, s, fresh(2, "device-0001", wipe.OfLock()))
		other := create(t, s, fresh(3, "device-0002", wipe.OfLock()))
		if acted, err := s.Acted(ctx, held.Device); err != nil || acted != 0 {
			t.Fatalf("Acted = %d, %v before anything was", acted, err)
		}
		lock = advance(t, s, lock, wipe.Event{Kind: wipe.Deliver}, wipe.Event{Kind: wipe.Acknowledge})
		advance(t, s, other, wipe.Event{Kind: wipe.Acknowledge})
		if acted, err := s.Acted(ctx, held.Device); err != nil || acted != lock.Sequence {
			t.Fatalf("Acted = %d, %v, want %d", acted, err, lock.Sequence)
		}
		before := entries(t, db)
		next := held
		next.Version++
		next, err := s.Renumber(ctx, next, audit.Server("wipe.renumber", "device/device-0001", "a test"))
		if err != nil || next.Sequence != lock.Sequence+1 {
			t.Fatalf("Renumber = %d, %v, want %d", next.Sequence, err, lock.Sequence+1)
		}
		if n := entries(t, db); n != before+1 {
			t.Errorf("%d entries, want %d", n, before+1)
		}
		if got, err := s.Order(ctx, held.ID); err != nil || got.Sequence != next.Sequence || got.Version != next.Version || got.State != wipe.Pending {
			t.Errorf("kept: %+v, %v", got, err)
		}
		// Somebody who has not seen that is too late, and uses no number up.
		stale := held
		stale.Version++
		if _, err := s.Renumber(ctx, stale, audit.Server("wipe.renumber", "device/device-0001", "a test")); !errors.Is(err, wipe.ErrMoved) {
			t.Errorf("a stale one: %v, want %v", err, wipe.ErrMoved)
		}
		if third := create(t, s, fresh(4, "device-0001", apps(t, "com.b"))); third.Sequence != next.Sequence+1 {
			t.Errorf("the next order has number %d, want %d", third.Sequence, next.Sequence+1)
		}
		promised := lock
		promised.Version++
		if _, err := s.Renumber(ctx, promised, audit.Server("wipe.renumber", "device/device-0001", "a test")); err == nil {
			t.Error("an order that was promised got another number")
		}
	})
}
