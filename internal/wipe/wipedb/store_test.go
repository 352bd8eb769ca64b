package wipedb

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	"ringfence/internal/wipe"
	"ringfence/internal/wipe/wipetest"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 123456000, time.UTC)

var note = audit.Server("wipe.test", "device/device-one", "test")

func apps(t *testing.T, packages ...string) wipe.Scope {
	t.Helper()
	s, err := wipe.OfAppData(packages)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh gives an order as Plan makes it. n tells it from others.
func fresh(n int, id device.ID, s wipe.Scope) wipe.Order {
	at := monday.Add(time.Duration(n) * time.Second)
	return wipe.Order{
		ID: wipe.ID(fmt.Sprintf("order-%04d", n)), Device: id, Epoch: 3, Scope: s, State: wipe.Pending,
		Reason: "it's \"lost\"; DROP TABLE wipe_orders; -- ü", CreatedBy: "admin:alice",
		CreatedAt: at, NotAfter: at.Add(time.Hour), ChangedAt: at,
		RequestKey: fmt.Sprintf("key-%04d", n), RequestDigest: strings.Repeat("0", 60) + fmt.Sprintf("%04d", n), Version: 1,
	}
}

func create(t *testing.T, s *Store, o wipe.Order) wipe.Order {
	t.Helper()
	made, err := s.Create(t.Context(), o, note)
	if err != nil {
		t.Fatalf("create %s: %v", o.ID, err)
	}
	return made
}

// advance applies events and saves after each.
func advance(t *testing.T, s *Store, o wipe.Order, events ...wipe.Event) wipe.Order {
	t.Helper()
	for _, e := range events {
		e = signed(o, e)
		next, err := o.Apply(e, monday.Add(time.Minute))
		if err != nil {
			t.Fatalf("%s %s: %v", o.ID, e.Kind, err)
		}
		if err := s.Save(t.Context(), wipe.Change{Order: next, Entry: note, Proof: proofIn(e)}); err != nil {
			t.Fatalf("save %s after %s: %v", o.ID, e.Kind, err)
		}
		o = next
	}
	return o
}

var (
	handset = wipetest.NewPhone()
	oneTime = wipetest.NewKey()
)

// finish is a receipt that signed has to sign yet.
func finish(r wipe.Receipt) wipe.Event {
	return wipe.Event{Kind: wipe.Finish, Statement: &wipe.Statement{Receipt: &r}}
}

// signed signs what an honest phone would.
func signed(o wipe.Order, e wipe.Event) wipe.Event {
	profile := o.Scope.EndsEnrollment()
	commitment := []byte("commitment " + o.ID)
	s := &wipe.Statement{
		Order: o.ID, Device: o.Device, Epoch: o.Epoch, Sequence: o.Sequence, Scope: o.Scope,
		OrderDigest: wipe.DigestOf([]byte(o.ID)),
	}
	switch {
	case e.Kind == wipe.Acknowledge && profile:
		s.Commitment = &wipe.Commitment{
			At: monday, Packages: []string{"com.a"}, Files: math.MaxInt64, Bytes: 1, Keys: 2, Certificates: 3, Key: oneTime.Public(),
		}
		s.Proof = wipe.Proof{Content: commitment, Signature: handset.Sign(commitment), Chain: handset.Chain}
	case e.Kind == wipe.Finish && profile:
		content := []byte("receipt " + o.ID)
		s.Receipt, s.CommitmentDigest = e.Statement.Receipt, wipe.DigestOf(commitment)
		s.Proof = wipe.Proof{Content: content, Signature: oneTime.Sign(content)}
	case e.Kind == wipe.Finish:
		content := []byte("receipt " + o.ID)
		s.Receipt = e.Statement.Receipt
		s.Proof = wipe.Proof{Content: content, Signature: handset.Sign(content), Chain: slices.Concat(handset.Chain, handset.Chain)}
	default:
		return e
	}
	e.Statement = s
	return e
}

func proofIn(e wipe.Event) *wipe.Proof {
	if e.Statement == nil {
		return nil
	}
	return &e.Statement.Proof
}

func entries(t *testing.T, db *sqldb.DB) (n int64) {
	t.Helper()
	if err := db.Read(t.Context()).Table("audit_entries").Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRoundTrip: an order comes back as it was saved, in every state.
func TestRoundTrip(t *testing.T) {
	receipt := wipe.Receipt{
		FinishedAt: monday, Packages: []string{"com.a", "com.b"},
		Files: math.MaxInt64, Bytes: math.MaxInt64, Keys: 1, Certificates: 2,
	}
	deliver, promise := wipe.Event{Kind: wipe.Deliver}, wipe.Event{Kind: wipe.Acknowledge}
	done, end := finish(receipt), wipe.Event{Kind: wipe.End}
	tests := []struct {
		scope  wipe.Scope
		events []wipe.Event
	}{
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
			got, err = s.ByKey(t.Context(), want.CreatedBy, want.RequestKey)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s by key (-want +got):\n%s%v", want.State, diff, err)
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
		create(t, s, fresh(1, "device-one", wipe.OfWorkProfile()))
		if _, err := s.ByKey(t.Context(), "admin:bob", "key-0001"); !errors.Is(err, wipe.ErrUnknown) {
			t.Errorf("ByKey: got error %v, want %v", err, wipe.ErrUnknown)
		}
	})
}

func TestCreate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		s := New(db)
		first := create(t, s, fresh(1, "device-one", apps(t, "com.a")))
		before := entries(t, db)

		again := fresh(1, "device-one", apps(t, "com.a"))
		again.ID = "order-again"
		if got := create(t, s, again); got.ID != first.ID {
			t.Errorf("the same request gave %s, want %s", got.ID, first.ID)
		}
		for _, id := range []device.ID{"device-one", "device-two"} {
			other := fresh(2, id, apps(t, "com.b"))
			other.RequestKey = first.RequestKey
			if _, err := s.Create(t.Context(), other, note); !errors.Is(err, wipe.ErrKeyReused) {
				t.Errorf("the key on %s: got error %v, want %v", id, err, wipe.ErrKeyReused)
			}
		}
		if _, err := s.Create(t.Context(), fresh(3, "device-one", apps(t, "com.a")), note); !errors.Is(err, wipe.ErrPending) {
			t.Errorf("an equal order: got error %v, want %v", err, wipe.ErrPending)
		}
		if got := entries(t, db); got != before {
			t.Errorf("refusals recorded %d entries", got-before)
		}
		twin := fresh(4, "device-one", apps(t, "com.d"))
		twin.ID = first.ID
		if _, err := s.Create(t.Context(), twin, note); fault.KindOf(err) != fault.Conflict {
			t.Errorf("an id in use: got error %v, want a conflict", err)
		}
		second := create(t, s, fresh(5, "device-one", wipe.OfWorkProfile()))
		if second.Sequence != first.Sequence+1 {
			t.Errorf("sequences %d and %d: refusals left a gap", first.Sequence, second.Sequence)
		}
		if got := entries(t, db); got != before+1 {
			t.Errorf("%d entries for an order, want 1", got-before)
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
		check("walk on", []wipe.ID{"order-0004", "order-0009"})(s.After(t.Context(), "order-0003", 3))
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
			o = create(t, s, o)
			if i%2 == 0 {
				o = advance(t, s, o, wipe.Event{Kind: wipe.Deliver})
			}
			all = append(all, o)
		}
		slices.Reverse(all)
		for _, q := range []wipe.Query{
			{}, {Device: "device-1"}, {State: wipe.Delivered}, {Device: "device-2", State: wipe.Pending}, {Device: "device-none"},
		} {
			var want []wipe.Order
			for _, o := range all {
				if (q.Device == "" || o.Device == q.Device) && (q.State == "" || o.State == q.State) {
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
