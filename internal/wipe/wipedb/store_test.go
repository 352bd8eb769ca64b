package wipedb

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
)

// TestRoundTrip: an order comes back as it was saved, in every state.
func TestRoundTrip(t *testing.T) {
	receipt := wipe.Receipt{
		FinishedAt: monday, Packages: []string{"com.a", "com.b"},
		Files: math.MaxInt64, Bytes: math.MaxInt64, Keys: 1, Certificates: 2,
	}
	deliver, promise := wipe.Event{Kind: wipe.Deliver}, wipe.Event{Kind: wipe.Acknowledge}
	done, end := finish(receipt), wipe.Event{Kind: wipe.End}
	whole, _ := wipe.OfWholeDevice(device.Company, device.FullyManaged)
	personal, _ := wipe.OfWholeDevice(device.Company, device.WorkProfile)
	tests := []struct {
		scope  wipe.Scope
		events []wipe.Event
	}{
		{wipe.OfLock(), nil},
		{wipe.OfLock(), []wipe.Event{deliver, promise, finish(wipe.Receipt{FinishedAt: monday})}},
		{wipe.OfRelinquish(), []wipe.Event{promise}},
		{wipe.OfRelinquish(), []wipe.Event{promise, done}},
		{whole, []wipe.Event{promise, done}},
		{personal, []wipe.Event{deliver}},
		{personal, []wipe.Event{promise, done, end}},
		{wipe.OfWorkProfile(), nil},
		{apps(t, "com.b", "com.a"), nil},
		{wipe.OfWorkProfile(), []wipe.Event{deliver}},
		{wipe.OfWorkProfile(), []wipe.Event{deliver, {Kind: wipe.NotNow, Reason: "in a call"}}},
		{wipe.OfWorkProfile(), []wipe.Event{deliver, promise}},
		{wipe.OfWorkProfile(), []wipe.Event{deliver, promise, done}},
		{wipe.OfWorkProfile(), []wipe.Event{deliver, promise, done, end}},
		{apps(t, "com.a", "com.b"), []wipe.Event{promise, done}},
		{apps(t, "com.a"), []wipe.Event{promise, finish(wipe.Receipt{FinishedAt: monday})}},
		{wipe.OfWorkProfile(), []wipe.Event{deliver, promise, {Kind: wipe.Fail, Reason: "no space"}}},
		{wipe.OfWorkProfile(), []wipe.Event{{Kind: wipe.Cancel, Reason: "found"}}},
		{wipe.OfWorkProfile(), []wipe.Event{deliver, end}},
		{wipe.OfWorkProfile(), []wipe.Event{deliver, promise, end}},
		{wipe.OfWorkProfile(), []wipe.Event{deliver, {Kind: wipe.Refuse, Reason: "signature"}, {Kind: wipe.Refuse, Reason: "epoch"}}},
	}
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		for i, tt := range tests {
			want := fresh(i, device.ID(fmt.Sprintf("device-%04d", i)), tt.scope)
			if i%2 == 0 {
				want.HeldUntil = monday.Add(time.Hour)
			}
			made := create(t, s, want)
			want.Sequence = 1
			if diff := cmp.Diff(want, made); diff != "" {
				t.Errorf("created (-want +got):\n%s", diff)
			}
			want = advance(t, s, made, tt.events...)
			got, err := s.Order(t.Context(), want.ID)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s (-want +got):\n%s%v", want.State, diff, err)
			}
		}
	})
}

func TestUnknown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		if _, err := s.Order(t.Context(), "order-none"); !errors.Is(err, wipe.ErrUnknown) {
			t.Errorf("Order: got error %v, want %v", err, wipe.ErrUnknown)
		}
		if _, err := s.GetRequest(t.Context(), "request-none"); !errors.Is(err, wipe.ErrNoRequest) {
			t.Errorf("GetRequest: got error %v, want %v", err, wipe.ErrNoRequest)
		}
		if _, err := s.Holder(t.Context(), wipe.Enrollment{Device: "device-one", Epoch: 1}); !errors.Is(err, wipe.ErrUnknown) {
			t.Errorf("Holder: got error %v, want %v", err, wipe.ErrUnknown)
		}
	})
}

func TestSaveComparesVersions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		one := create(t, s, fresh(1, "device-one", apps(t, "com.a")))
		two := create(t, s, fresh(2, "device-one", apps(t, "com.b")))
		advance(t, s, two, wipe.Event{Kind: wipe.Deliver})
		before := entries(t, db)

		var changes []wipe.Change
		for _, o := range []wipe.Order{one, two} {
			next, err := o.Apply(wipe.Event{Kind: wipe.Acknowledge}, monday)
			if err != nil {
				t.Fatal(err)
			}
			changes = append(changes, wipe.Change{Order: next, Entry: note})
		}
		if err := s.Save(t.Context(), changes...); !errors.Is(err, wipe.ErrMoved) {
			t.Errorf("got error %v, want %v", err, wipe.ErrMoved)
		}
		if got, err := s.Order(t.Context(), one.ID); err != nil || got.State != wipe.Pending {
			t.Errorf("half of a refused save stayed: %s, error %v", got.State, err)
		}
		if got := entries(t, db); got != before {
			t.Errorf("a refused save recorded %d entries", got-before)
		}
		if err := s.Save(t.Context()); err != nil {
			t.Errorf("saving nothing: %v", err)
		}
	})
}

func TestUnsettled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		none, err := s.Unsettled(t.Context(), "device-one", 3)
		if err != nil || len(none) != 0 {
			t.Fatalf("got %v, error %v; want none", none, err)
		}
		promise := wipe.Event{Kind: wipe.Acknowledge}
		done := finish(wipe.Receipt{FinishedAt: monday})
		a := create(t, s, fresh(9, "device-one", apps(t, "com.a")))
		b := advance(t, s, create(t, s, fresh(8, "device-one", apps(t, "com.b"))), promise)
		advance(t, s, create(t, s, fresh(7, "device-one", apps(t, "com.c"))), promise, done)
		older := fresh(6, "device-one", apps(t, "com.d"))
		older.Epoch = 2
		create(t, s, older)
		create(t, s, fresh(5, "device-two", wipe.OfWorkProfile()))
		gone := advance(t, s, create(t, s, fresh(4, "device-one", wipe.OfWorkProfile())), promise, done)

		// Another store on the same database, as after a restart.
		for name, s := range map[string]*Store{"the one that wrote": s, "a new one": New(db)} {
			got, err := s.Unsettled(t.Context(), "device-one", 3)
			if diff := cmp.Diff([]wipe.Order{a, b, gone}, got); diff != "" || err != nil {
				t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
			}
		}
	})
}

func TestBacklog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s, p := New(db), wipe.OfWorkProfile()
		promise := wipe.Event{Kind: wipe.Acknowledge}
		done := finish(wipe.Receipt{FinishedAt: monday})
		advance(t, s, create(t, s, fresh(3, "device-3", p)), wipe.Event{Kind: wipe.Deliver})
		create(t, s, fresh(1, "device-1", p))
		create(t, s, fresh(9, "device-9", p))
		advance(t, s, create(t, s, fresh(2, "device-2", p)), promise)
		advance(t, s, create(t, s, fresh(4, "device-4", p)), promise, done)
		advance(t, s, create(t, s, fresh(5, "device-5", p)), promise, done, wipe.Event{Kind: wipe.End})
		advance(t, s, create(t, s, fresh(6, "device-6", p)), wipe.Event{Kind: wipe.Cancel, Reason: "found"})

		// Held, and held no more because nothing is left of it.
		held := fresh(10, "device-10", p)
		held.NotAfter, held.HeldUntil = monday.Add(9*time.Hour), monday.Add(time.Minute)
		create(t, s, held)
		again := fresh(11, "device-10", apps(t, "com.a"))
		again.NotAfter, again.HeldUntil = held.NotAfter, held.HeldUntil
		create(t, s, again)
		stopped := fresh(12, "device-12", p)
		stopped.HeldUntil = held.HeldUntil
		advance(t, s, create(t, s, stopped), wipe.Event{Kind: wipe.Cancel, Reason: "found"})
		for _, tt := range []struct {
			from, to time.Duration
			want     []device.ID
		}{
			{8 * time.Second, 9 * time.Second, []device.ID{"device-9"}}, // never held: since it came to be
			{20 * time.Second, time.Minute - time.Microsecond, nil},
			{20 * time.Second, time.Minute, []device.ID{"device-10"}},
			{time.Minute - time.Microsecond, time.Hour, []device.ID{"device-10"}},
			{time.Minute, time.Hour, nil},
		} {
			got, err := s.Released(t.Context(), monday.Add(tt.from), monday.Add(tt.to))
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("released from %s to %s (-want +got):\n%s%v", tt.from, tt.to, diff, err)
			}
		}

		at := monday.Add(9*time.Second + time.Hour)
		check := func(name string, want []wipe.ID) func([]wipe.Order, error) {
			return func(got []wipe.Order, err error) {
				t.Helper()
				if diff := cmp.Diff(want, ids(got)); diff != "" || err != nil {
					t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
				}
			}
		}
		check("overdue", []wipe.ID{"order-0001", "order-0003"})(s.Overdue(t.Context(), at, 10))
		check("overdue, a microsecond on", []wipe.ID{"order-0001", "order-0003", "order-0009"})(s.Overdue(t.Context(), at.Add(time.Microsecond), 10))
		check("overdue, one", []wipe.ID{"order-0001"})(s.Overdue(t.Context(), at, 1))
		check("unended", []wipe.ID{"order-0004"})(s.Unended(t.Context(), 10))
		check("walk", []wipe.ID{"order-0001", "order-0002", "order-0003"})(s.After(t.Context(), "", 3))
		check("walk on", []wipe.ID{"order-0004", "order-0009", "order-0010"})(s.After(t.Context(), "order-0003", 3))
	})
}

func ids(orders []wipe.Order) []wipe.ID {
	var got []wipe.ID
	for _, o := range orders {
		got = append(got, o.ID)
	}
	return got
}

func TestList(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		var all []wipe.Order
		for i := range 12 {
			o := fresh(i, device.ID(fmt.Sprintf("device-%d", i%3)), apps(t, fmt.Sprintf("com.app%d", i)))
			o.CreatedAt = monday.Add(time.Duration(i/4) * time.Second) // four at a time
			o.Group = fmt.Sprintf("group-%d", i%4)
			o = create(t, s, o)
			if i%2 == 0 {
				o = advance(t, s, o, wipe.Event{Kind: wipe.Deliver})
			}
			all = append(all, o)
		}
		slices.Reverse(all)
		for _, q := range []wipe.Query{
			{}, {Device: "device-1"}, {State: wipe.Delivered}, {Device: "device-2", State: wipe.Pending}, {Device: "device-none"},
			{Request: "request-0003"}, {Groups: []string{"group-0"}}, {Groups: []string{"group-0", "group-1"}, State: wipe.Pending},
			{Groups: []string{}}, {Groups: []string{"group-none"}, Device: "device-1"},
		} {
			var want []wipe.Order
			for _, o := range all {
				if (q.Device == "" || o.Device == q.Device) && (q.State == "" || o.State == q.State) &&
					(q.Request == "" || o.Request == q.Request) && (q.Groups == nil || slices.Contains(q.Groups, o.Group)) {
					want = append(want, o)
				}
			}
			if diff := cmp.Diff(want, pages(t, s, q)); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", q, diff)
			}
		}
	})
}

// pages reads a listing to its end, two orders at a time.
func pages(t *testing.T, s *Store, q wipe.Query) (all []wipe.Order) {
	t.Helper()
	q.Limit = 2
	for {
		page, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		last := page[len(page)-1]
		q.After = wipe.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

// TestProofs: what a device signed comes back as it came, or not at all.
func TestProofs(t *testing.T) {
	promise, done := wipe.Event{Kind: wipe.Acknowledge}, finish(wipe.Receipt{FinishedAt: monday})
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		check := func(o wipe.Order, want wipe.Proofs) {
			t.Helper()
			got, err := s.Proofs(t.Context(), o.ID)
			signature := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Signature" },
				cmp.Comparer(func(a, b []byte) bool { return len(a) > 0 && len(b) > 0 }))
			if diff := cmp.Diff(want, got, signature); diff != "" || err != nil {
				t.Errorf("%s (-want +got):\n%s%v", o.ID, diff, err)
			}
		}
		mail := create(t, s, fresh(1, "device-one", apps(t, "com.a")))
		all := create(t, s, fresh(2, "device-one", wipe.OfWorkProfile()))
		check(mail, wipe.Proofs{})
		mail = advance(t, s, mail, promise)
		check(mail, wipe.Proofs{})
		mail = advance(t, s, mail, done)
		check(mail, wipe.Proofs{Receipt: proofIn(signed(mail, done))})
		all = advance(t, s, all, promise)
		check(all, wipe.Proofs{Commitment: proofIn(signed(all, promise))})
		all = advance(t, s, all, done)
		check(all, wipe.Proofs{Commitment: proofIn(signed(all, promise)), Receipt: proofIn(signed(all, done))})

		// A proof that is there already means that somebody else was faster.
		next := all
		next.Version++
		if err := s.Save(t.Context(), wipe.Change{Order: next, Entry: note, Proof: proofIn(signed(all, done))}); !errors.Is(err, wipe.ErrMoved) {
			t.Errorf("a second receipt: got error %v, want %v", err, wipe.ErrMoved)
		}
		if err := s.Save(t.Context(), wipe.Change{Order: fresh(9, "device-one", wipe.OfWorkProfile()), Entry: note, Proof: proofIn(signed(all, promise))}); err == nil {
			t.Error("a proof of no order was saved")
		}
	})
}
