package wipedb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// holder gives what an enrolment is about to hold.
func holder(order string, lease uint64) wipe.LeaseHolder {
	return wipe.LeaseHolder{
		Enrollment: wipe.Enrollment{Device: "device-one", Epoch: 3},
		Lease:      wipe.Lease{Number: lease, Lock: 24*time.Hour + 1, Wipe: 240*time.Hour + 1},
		Order:      wipe.ID(order), FetchedAt: monday,
	}
}

// TestHold: the same lease gives the same order, another lease another one.
func TestHold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		create(t, s, fresh(1, "device-one", wipe.OfLock()))
		before := entries(t, db)
		hold := func(h wipe.LeaseHolder, want wipe.LeaseHolder) {
			t.Helper()
			got, err := s.Hold(t.Context(), h, note)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("held (-want +got):\n%s%v", diff, err)
			}
			got, err = s.Holder(t.Context(), h.Enrollment)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("holds (-want +got):\n%s%v", diff, err)
			}
		}
		first, second := holder("lease-a", 1), holder("lease-c", 2)
		first.Sequence, second.Sequence = 2, 3
		hold(holder("lease-a", 1), first)
		hold(holder("lease-b", 1), first)
		hold(holder("lease-c", 2), second)
		other := holder("lease-d", 2)
		other.Epoch = 4
		want := other
		want.Sequence = 4
		hold(other, want)
		hold(holder("lease-e", 2), second)
		if got := entries(t, db) - before; got != 3 {
			t.Errorf("%d entries, want one for each order that was given", got)
		}
	})
}

// TestInvoke: what a device reports on comes to be once, and only what it holds.
func TestInvoke(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		h, err := s.Hold(t.Context(), holder("lease-a", 1), note)
		if err != nil {
			t.Fatal(err)
		}
		if none, err := s.Unsettled(t.Context(), h.Device, h.Epoch); len(none) != 0 || err != nil {
			t.Errorf("before it is invoked: got %v, error %v", none, err)
		}
		o := leaseOrder(h)
		before := entries(t, db)
		for range 2 {
			got, err := s.Invoke(t.Context(), o, note)
			if diff := cmp.Diff(o, got); diff != "" || err != nil {
				t.Errorf("invoked (-want +got):\n%s%v", diff, err)
			}
		}
		if got := entries(t, db) - before; got != 1 {
			t.Errorf("%d entries, want 1", got)
		}
		if got, err := s.Unsettled(t.Context(), h.Device, h.Epoch); cmp.Diff([]wipe.Order{o}, got) != "" || err != nil {
			t.Errorf("got %v, error %v", got, err)
		}
		promised := advance(t, s, o, wipe.Event{Kind: wipe.Acknowledge})
		if got, err := s.Invoke(t.Context(), o, note); cmp.Diff(promised, got) != "" || err != nil {
			t.Errorf("invoked again: got %v, error %v", got, err)
		}

		// It is charged to nobody, and the breaker counts it from now on, however
		// long ago the device has fetched it.
		for after, want := range map[time.Duration]uint32{0: 1, 24*time.Hour - 1000: 1, 24 * time.Hour: 0} {
			d, err := s.Survey(t.Context(), wipe.Matter{Now: o.ChangedAt.Add(after)})
			if d.Spent != (wipe.Spent{Breaker: want}) || err != nil {
				t.Errorf("%s later: spent %+v, error %v", after, d.Spent, err)
			}
		}
		for name, change := range map[string]func(*wipe.Order){
			"another order":    func(o *wipe.Order) { o.ID = "lease-z" },
			"another sequence": func(o *wipe.Order) { o.ID, o.Sequence = "lease-z", 9 },
			"another lease": func(o *wipe.Order) {
				o.ID, o.Sequence = "lease-z", 9
				o.Lease = &wipe.Lease{Number: 5, Lock: 1, Wipe: 2}
			},
			"another epoch": func(o *wipe.Order) { o.ID, o.Sequence, o.Epoch = "lease-z", 9, 4 },
		} {
			wrong := o
			change(&wrong)
			if got, err := s.Invoke(t.Context(), wrong, note); err == nil {
				t.Errorf("%s: invoked %+v", name, got)
			}
		}
	})
}

func leaseOrder(h wipe.LeaseHolder) wipe.Order {
	o := fresh(1, h.Device, wipe.OfWorkProfile())
	o.CreatedAt, o.ChangedAt = h.FetchedAt.Add(-1000*time.Hour), h.FetchedAt
	o.ID, o.Epoch, o.Sequence, o.Lease = h.Order, h.Epoch, h.Sequence, &h.Lease
	o.Source, o.Request, o.Person, o.Credential, o.CreatedBy = wipe.ByLease, "", "", "", "server"
	return o
}

// TestHoldAtOnce: a device that asks from several hands gets one order.
func TestHoldAtOnce(t *testing.T) {
	run := func(t *testing.T, stores ...*Store) {
		for round := range uint64(5) {
			var hands sync.WaitGroup
			var given sync.Map
			for n := range 6 {
				hands.Go(func() {
					h, err := stores[n%len(stores)].Hold(t.Context(), holder(fmt.Sprintf("lease-%d-%d", round, n), round+1), note)
					if err != nil {
						t.Errorf("hold: %v", err)
					}
					given.Store(h, true)
				})
			}
			hands.Wait()
			orders := 0
			given.Range(func(h, _ any) bool {
				orders++
				if got := h.(wipe.LeaseHolder).Sequence; got != round+1 {
					t.Errorf("sequence %d, want %d", got, round+1)
				}
				return true
			})
			if orders != 1 {
				t.Errorf("%d orders for one lease", orders)
			}
		}
	}
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) { run(t, New(db)) })
	t.Run("two servers", func(t *testing.T) {
		dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) { run(t, New(a), New(b)) })
	})
}

// groupLease is one lease for everybody.
func groupLease(n uint64) *wipe.GroupLease {
	return &wipe.GroupLease{Lease: wipe.Lease{Number: n, Lock: time.Duration(n) * 24 * time.Hour}, SetAt: monday, SetBy: "admin:alice"}
}

// TestLeases: who changes a lease sees it at once; another server does so soon,
// and a process that writes alone needs no database for it.
func TestLeases(t *testing.T) {
	number := func(t *testing.T, s *Store, want uint64) {
		t.Helper()
		leases, err := s.Leases(t.Context())
		var got uint64
		for _, l := range leases {
			got = l.Number
		}
		if got != want || err != nil {
			t.Errorf("got lease %d, error %v; want %d", got, err, want)
		}
	}
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		for n := range uint64(3) {
			number(t, s, n)
			booked(t, s, wipe.Booking{Lease: groupLease(n + 1)})
			number(t, s, n+1)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Leases(ended); db.Exclusive() != (err == nil) {
			t.Errorf("without a database: error %v", err)
		}
		if leases, err := s.Leases(t.Context()); err == nil {
			leases[0].Number = 99
		}
		number(t, s, 3)
	})
	t.Run("two servers", func(t *testing.T) {
		dbtest.Two(t, func(t *testing.T, a, b *sqldb.DB) {
			now := monday
			s, other := New(a, WithClock(func() time.Time { return now })), New(b, WithClock(func() time.Time { return now }))
			number(t, other, 0)
			booked(t, s, wipe.Booking{Lease: groupLease(1)})
			number(t, s, 1)
			now = now.Add(leaseAge - time.Microsecond)
			number(t, other, 0)
			now = now.Add(time.Microsecond)
			number(t, other, 1)
		})
	})
}

// TestLeaseCache: while one reads the leases again the others get what there
// was; nobody keeps what was read before a change.
func TestLeaseCache(t *testing.T) {
	now := monday
	c := &leaseCache{now: func() time.Time { return now }}
	old, fresh := []wipe.GroupLease{*groupLease(1)}, []wipe.GroupLease{*groupLease(2)}
	give := func(l []wipe.GroupLease) func(context.Context) ([]wipe.GroupLease, error) {
		return func(context.Context) ([]wipe.GroupLease, error) { return l, nil }
	}
	get := func(name string, want []wipe.GroupLease, read func(context.Context) ([]wipe.GroupLease, error)) {
		t.Helper()
		got, err := c.get(t.Context(), read)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
		}
	}
	get("first", old, give(old))
	get("again", old, give(fresh))
	now = now.Add(leaseAge)
	get("while others ask", fresh, func(context.Context) ([]wipe.GroupLease, error) {
		get("meanwhile", old, give(nil))
		return fresh, nil
	})
	now = now.Add(leaseAge)
	if _, err := c.get(t.Context(), func(context.Context) ([]wipe.GroupLease, error) { return nil, errOwn }); !errors.Is(err, errOwn) {
		t.Errorf("got error %v, want %v", err, errOwn)
	}
	get("after a failure", old, func(context.Context) ([]wipe.GroupLease, error) {
		c.forget()
		return old, nil
	})
	get("after a change", fresh, give(fresh))

	// Where there is nothing yet everybody waits for one.
	c.forget()
	var reads atomic.Int32
	var hands sync.WaitGroup
	for range 8 {
		hands.Go(func() {
			get("at once", fresh, func(context.Context) ([]wipe.GroupLease, error) {
				reads.Add(1)
				return fresh, nil
			})
		})
	}
	hands.Wait()
	if got := reads.Load(); got != 1 {
		t.Errorf("read %d times, want once", got)
	}
}
