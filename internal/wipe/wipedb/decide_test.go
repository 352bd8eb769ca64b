package wipedb

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// give is a decision that always says the same.
func give(b wipe.Booking, err error) func(wipe.Desk) (wipe.Booking, error) {
	return func(wipe.Desk) (wipe.Booking, error) { return b, err }
}

// tables counts the rows of everything that a decision may change.
func tables(t *testing.T, db *sqldb.DB) map[string]int64 {
	t.Helper()
	rows := map[string]int64{}
	for _, name := range []string{
		"wipe_orders", "wipe_requests", "wipe_request_devices", "wipe_request_groups", "wipe_limits", "wipe_leases",
		"wipe_alerts", "audit_entries",
	} {
		var n int64
		if err := db.Read(t.Context()).Table(name).Count(&n).Error; err != nil {
			t.Fatal(err)
		}
		rows[name] = n
	}
	return rows
}

// everything is a booking with all that there is.
func everything(t *testing.T) wipe.Booking {
	t.Helper()
	b := booking(fresh(1, "device-one", wipe.OfWorkProfile()), fresh(1, "device-two", wipe.OfWorkProfile()))
	b.Orders[1].Order.ID = "order-0002"
	limits := wipe.DefaultLimits()
	limits.Version, limits.PersonDay = 2, 7
	b.Limits = &limits
	b.Breaker = &wipe.Breaker{Since: monday, Why: "too many"}
	b.Lease = &wipe.GroupLease{
		Group: "sales", Lease: wipe.Lease{Number: 1, Lock: 24*time.Hour + 1, Wipe: 240*time.Hour + 1}, SetAt: monday, SetBy: "admin:alice",
	}
	b.Entries = []audit.Entry{note, note}
	b.Alert = "alice"
	return b
}

// TestDecide: all of a booking is there afterwards, and on the next desk.
func TestDecide(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		m := wipe.Matter{
			Now: monday, By: "admin:alice", Key: "key-request-0001", Request: "request-0001", Person: "alice", Credential: "a1",
			Devices: []device.ID{"device-two", "device-none"}, OrdersOf: "request-0001", Paused: true,
		}
		var first wipe.Desk
		b, err := s.Decide(t.Context(), m, func(d wipe.Desk) (wipe.Booking, error) {
			first = d
			return everything(t), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wipe.Desk{Limits: wipe.DefaultLimits(), Orders: []wipe.Order{}}, first); diff != "" {
			t.Errorf("the first desk (-want +got):\n%s", diff)
		}
		want := everything(t)
		for i := range want.Orders {
			want.Orders[i].Order.Sequence = 1
		}
		if diff := cmp.Diff(want, b); diff != "" {
			t.Errorf("booked (-want +got):\n%s", diff)
		}
		d, err := s.Survey(t.Context(), m)
		if diff := cmp.Diff(wipe.Desk{
			Limits: *want.Limits, Breaker: *want.Breaker, Leases: []wipe.GroupLease{*want.Lease},
			Spent: wipe.Spent{
				PersonHour: 2, PersonDay: 2, CredentialHour: 2, CredentialDay: 2, OrganizationHour: 2, OrganizationDay: 2, Breaker: 2,
			},
			Repeated: want.Request, Request: want.Request, Alerted: true,
			Orders: []wipe.Order{want.Orders[0].Order, want.Orders[1].Order},
		}, d); diff != "" || err != nil {
			t.Errorf("the next desk (-want +got):\n%s%v", diff, err)
		}
		if got := entries(t, db); got != 4 {
			t.Errorf("%d entries, want two, and one an order", got)
		}
		if breaker, err := s.Breaker(t.Context()); breaker != *want.Breaker || err != nil {
			t.Errorf("breaker: got %+v, error %v", breaker, err)
		}
		if n, err := s.Paused(t.Context()); n != 2 || err != nil {
			t.Errorf("paused: got %d, error %v; want 2", n, err)
		}
		if leases, err := s.Leases(t.Context()); cmp.Diff([]wipe.GroupLease{*want.Lease}, leases) != "" || err != nil {
			t.Errorf("leases: got %+v, error %v", leases, err)
		}
	})
}

var errOwn = errors.New("the decision's own")

// TestDecideNothing: a decision's error is the caller's, and undoes everything.
func TestDecideNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		create(t, s, fresh(7, "device-one", wipe.OfLock()))
		before := tables(t, db)
		for _, own := range []error{errOwn, wipe.ErrMoved, context.Canceled} {
			calls := 0
			b, err := s.Decide(t.Context(), wipe.Matter{}, func(wipe.Desk) (wipe.Booking, error) {
				calls++
				return everything(t), own
			})
			if err != own || calls != 1 || b.Request != nil { // the very same
				t.Errorf("got error %v after %d calls, want %v after one", err, calls, own)
			}
		}
		// What cannot be saved takes the rest along.
		twin, stale := everything(t), everything(t)
		twin.Orders[1].Order.ID = "order-0007"
		stale.Limits.Version = 9
		again := everything(t)
		again.Request.Key, again.Request.ID = "key-request-0007", "request-0009"
		for i := range again.Orders {
			again.Orders[i].Order.Request = "request-0009"
		}
		for name, b := range map[string]wipe.Booking{"an order twice": twin, "limits of another version": stale, "a key twice": again} {
			if _, err := s.Decide(t.Context(), wipe.Matter{}, give(b, nil)); fault.KindOf(err) != fault.Conflict {
				t.Errorf("%s: got error %v, want a conflict", name, err)
			}
		}
		if diff := cmp.Diff(before, tables(t, db)); diff != "" {
			t.Errorf("something stayed (-want +got):\n%s", diff)
		}
		if second := create(t, s, fresh(8, "device-one", wipe.OfLock())); second.Sequence != 2 {
			t.Errorf("sequence %d, want 2: what was undone left a gap", second.Sequence)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Decide(ended, wipe.Matter{}, give(everything(t), nil)); !errors.Is(err, context.Canceled) {
			t.Errorf("nobody waits any more: got error %v", err)
		}
	})
}

// TestDecideRefused: what a booking refuses with is not what undoes it.
func TestDecideRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		b, err := s.Decide(t.Context(), wipe.Matter{Now: monday, Person: "alice"},
			give(wipe.Booking{Alert: "alice", Entries: []audit.Entry{note}, Err: wipe.ErrBudget}, nil))
		if err != nil || !errors.Is(b.Err, wipe.ErrBudget) || entries(t, db) != 1 {
			t.Errorf("got %+v, error %v, %d entries", b, err, entries(t, db))
		}
		for _, tt := range []struct {
			person string
			after  time.Duration
			want   bool
		}{
			{"alice", 0, true}, {"alice", time.Hour - time.Microsecond, true}, {"alice", time.Hour, false}, {"bob", 0, false},
		} {
			d, err := s.Survey(t.Context(), wipe.Matter{Now: monday.Add(tt.after), Person: tt.person})
			if d.Alerted != tt.want || err != nil {
				t.Errorf("%s after %s: alerted %t, error %v", tt.person, tt.after, d.Alerted, err)
			}
		}
		// Said anew, it holds anew.
		later := wipe.Matter{Now: monday.Add(2 * time.Hour), Person: "alice"}
		if _, err := s.Decide(t.Context(), later, give(wipe.Booking{Alert: "alice"}, nil)); err != nil {
			t.Fatal(err)
		}
		if d, err := s.Survey(t.Context(), later); !d.Alerted || err != nil {
			t.Errorf("not alerted anew: error %v", err)
		}
	})
}

// TestDecideAgain: where an order or the request has moved the decision is made
// anew, with what there is now.
func TestDecideAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		o := create(t, s, fresh(1, "device-one", wipe.OfLock()))
		moving := func(until int) (int, error) {
			calls := 0
			_, err := s.Decide(t.Context(), wipe.Matter{Devices: []device.ID{o.Device}}, func(d wipe.Desk) (wipe.Booking, error) {
				calls++
				next, err := d.Orders[0].Apply(wipe.Event{Kind: wipe.Refuse, Reason: "again"}, monday)
				if calls < until {
					next.Version++ // as if a device had been faster
				}
				return wipe.Booking{Changes: []wipe.Change{{Order: next, Entry: note}}}, err
			})
			return calls, err
		}
		if calls, err := moving(tries); calls != tries || err != nil {
			t.Errorf("%d calls, error %v; want %d calls", calls, err, tries)
		}
		if calls, err := moving(tries + 1); calls != tries || !errors.Is(err, wipe.ErrMoved) {
			t.Errorf("%d calls, error %v; want %d calls and %v", calls, err, tries, wipe.ErrMoved)
		}
		if got, err := s.Order(t.Context(), o.ID); got.Refusals != 1 || err != nil {
			t.Errorf("%d refusals noted, error %v; want one", got.Refusals, err)
		}
	})
}

// TestDecideMany: a request for more devices than a statement takes is saved as
// one, and lies on the desk as a whole.
func TestDecideMany(t *testing.T) {
	const many = 2*valuesPerStatement + 1
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		create(t, s, fresh(1, "device-00007", wipe.OfLock()))
		var orders []wipe.Order
		m := wipe.Matter{Now: monday, Person: "alice"}
		for i := range many {
			o := fresh(2, device.ID(fmt.Sprintf("device-%05d", i)), wipe.OfWorkProfile())
			o.ID = wipe.ID(fmt.Sprintf("many-%05d", i))
			orders, m.Devices = append(orders, o), append(m.Devices, o.Device)
		}
		b := booked(t, s, booking(orders...))
		for i, c := range b.Orders {
			want := uint64(1)
			if i == 7 {
				want = 2
			}
			if orders[i].Sequence = want; c.Order.Sequence != want {
				t.Fatalf("order %d has sequence %d, want %d", i, c.Order.Sequence, want)
			}
		}
		d, err := s.Survey(t.Context(), m)
		if err != nil || len(d.Orders) != many+1 || d.Spent.PersonHour != many+1 {
			t.Fatalf("%d orders, spent %+v, error %v", len(d.Orders), d.Spent, err)
		}
		if got := entries(t, db); got != many+1 {
			t.Errorf("%d entries", got)
		}
		r, err := s.GetRequest(t.Context(), "request-0002")
		if diff := cmp.Diff(requestFor(orders...), r); diff != "" || err != nil {
			t.Errorf("the request (-want +got):\n%s%v", diff, err)
		}
	})
}

// TestSequences: several orders of one device in one decision follow each other.
func TestSequences(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		for n, want := range [][]uint64{{1, 1, 2}, {3, 2, 4}} {
			a, b, c := fresh(n, "device-one", wipe.OfLock()), fresh(n, "device-two", wipe.OfLock()), fresh(n, "device-one", wipe.OfLock())
			a.ID, b.ID, c.ID = a.ID+"-a", b.ID+"-b", c.ID+"-c"
			made := booking(a, b)
			made.Orders = append(made.Orders, wipe.Change{Order: c, Entry: note})
			var got []uint64
			for _, o := range booked(t, s, made).Orders {
				got = append(got, o.Order.Sequence)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("sequences (-want +got):\n%s", diff)
			}
		}
	})
}
