package wipe

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

const dayLong = 24 * time.Hour

// leased gives a world with a lease of everybody, and the phone that is under it.
func leased(t *testing.T) (*world, context.Context, identity.Caller) {
	t.Helper()
	w := newWorld()
	w.store.leases = []GroupLease{{Lease: Lease{Number: 4, Lock: 7 * dayLong, Wipe: 30 * dayLong}}}
	ctx, c := phone(t)
	return w, ctx, c
}

func TestLeaseCheck(t *testing.T) {
	tests := []struct {
		name  string
		lease GroupLease
		want  string
	}{
		{"none", GroupLease{}, ""},
		{"a lock alone", GroupLease{Lease: Lease{Lock: MinLeaseLock}}, ""},
		{"the shortest", GroupLease{Lease: Lease{Lock: MinLeaseLock, Wipe: MinLeaseWipe}}, ""},
		{"the longest", GroupLease{Group: strings.Repeat("g", 64), Lease: Lease{Lock: MaxLeaseLock, Wipe: MaxLeaseWipe}}, ""},
		{"a long group", GroupLease{Group: strings.Repeat("g", 65)}, "group"},
		{"a short lock", GroupLease{Lease: Lease{Lock: MinLeaseLock - 1}}, "lock_after"},
		{"a long lock", GroupLease{Lease: Lease{Lock: MaxLeaseLock + 1}}, "lock_after"},
		{"a negative lock", GroupLease{Lease: Lease{Lock: -1}}, "lock_after"},
		{"a short wipe", GroupLease{Lease: Lease{Lock: MinLeaseLock, Wipe: MinLeaseWipe - 1}}, "wipe_after"},
		{"a long wipe", GroupLease{Lease: Lease{Lock: MinLeaseLock, Wipe: MaxLeaseWipe + 1}}, "wipe_after"},
		{"a wipe alone", GroupLease{Lease: Lease{Wipe: MinLeaseWipe}}, "lock_after"},
		{"a lock with the wipe", GroupLease{Lease: Lease{Lock: MinLeaseWipe, Wipe: MinLeaseWipe}}, "lock_after"},
	}
	for _, tt := range tests {
		if got := invalidField(tt.lease.check()); got != tt.want {
			t.Errorf("%s: a complaint about %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestLeaseStricter(t *testing.T) {
	none, lock, both := Lease{}, Lease{Lock: 7 * dayLong}, Lease{Lock: 7 * dayLong, Wipe: 30 * dayLong}
	longer, mixed := Lease{Lock: 8 * dayLong, Wipe: 31 * dayLong}, Lease{Lock: 6 * dayLong, Wipe: 60 * dayLong}
	tests := []struct {
		next, old Lease
		want      bool
	}{
		{none, none, false}, {lock, none, true}, {both, none, true}, {none, both, false}, {lock, both, false},
		{both, lock, true}, {longer, both, false}, {both, longer, true}, {mixed, both, true}, {both, mixed, true}, {both, both, false},
	}
	for _, tt := range tests {
		if got := tt.next.stricter(tt.old); got != tt.want {
			t.Errorf("%+v is stricter than %+v = %t", tt.next, tt.old, got)
		}
	}
}

func TestJudgeLease(t *testing.T) {
	of := Lease{Number: 1, Lock: 7 * dayLong, Wipe: 30 * dayLong}
	holder := &LeaseHolder{Lease: of, FetchedAt: monday}
	older := &LeaseHolder{Lease: Lease{Number: 1, Lock: dayLong, Wipe: 7 * dayLong}, FetchedAt: monday}
	end := func(d time.Duration) time.Time { return monday.Add(d) }
	tests := []struct {
		name         string
		lease        Lease
		holder       *LeaseHolder
		contact, now time.Time
		want         LeaseStanding
		locks, wipes time.Time
	}{
		{"no lease", Lease{}, nil, monday, end(999 * dayLong), NoLease, time.Time{}, time.Time{}},
		{"one that was taken away", Lease{Number: 9}, nil, monday, end(999 * dayLong), NoLease, time.Time{}, time.Time{}},
		{"in contact", of, holder, monday, monday, LeaseHeld, end(7 * dayLong), end(30 * dayLong)},
		{"just before the lock", of, holder, monday, end(7 * dayLong), LeaseHeld, end(7 * dayLong), end(30 * dayLong)},
		{"just after", of, holder, monday, end(7*dayLong + 1), PresumedLocked, end(7 * dayLong), end(30 * dayLong)},
		{"just before the wipe", of, holder, monday, end(30 * dayLong), PresumedLocked, end(7 * dayLong), end(30 * dayLong)},
		{"just after", of, holder, monday, end(30*dayLong + 1), PresumedWiped, end(7 * dayLong), end(30 * dayLong)},
		{"without an order nothing is wiped", of, nil, monday, end(999 * dayLong), PresumedLocked, end(7 * dayLong), time.Time{}},
		{"a lock alone", Lease{Number: 1, Lock: 7 * dayLong}, nil, monday, end(999 * dayLong), PresumedLocked, end(7 * dayLong), time.Time{}},
		{"what it holds counts, not what is new", of, older, monday, end(8 * dayLong), PresumedWiped, end(dayLong), end(7 * dayLong)},
		{"what it holds still counts", Lease{Number: 2}, older, monday, end(8 * dayLong), PresumedWiped, end(dayLong), end(7 * dayLong)},
		{"never heard of", of, nil, time.Time{}, end(999 * dayLong), NoLease, time.Time{}, time.Time{}},
		{"heard of when it fetched", of, holder, time.Time{}, monday, LeaseHeld, end(7 * dayLong), end(30 * dayLong)},
		{"heard of before it fetched", of, holder, end(-dayLong), end(7 * dayLong), LeaseHeld, end(7 * dayLong), end(30 * dayLong)},
	}
	for _, tt := range tests {
		want := LeaseStatus{Standing: tt.want, Holder: tt.holder, Lease: tt.lease, LastContact: tt.contact, LocksAt: tt.locks, WipesAt: tt.wipes}
		if tt.holder != nil {
			want.Lease = tt.holder.Lease
		}
		if diff := cmp.Diff(want, judgeLease(tt.lease, tt.holder, tt.contact, tt.now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestLeaseOf(t *testing.T) {
	sales, all := Lease{Number: 2}, Lease{Number: 1}
	leases := []GroupLease{{Group: "sales", Lease: sales}, {Lease: all}}
	for _, order := range [][]GroupLease{leases, {leases[1], leases[0]}} {
		if got := leaseOf(order, "sales"); got != sales {
			t.Errorf("its own: got %+v", got)
		}
		if got := leaseOf(order, "hr"); got != all {
			t.Errorf("everybody's: got %+v", got)
		}
		if got := leaseOf(order, ""); got != all {
			t.Errorf("of no group: got %+v", got)
		}
	}
	if got := leaseOf(leases[:1], "hr"); got != (Lease{}) {
		t.Errorf("none: got %+v", got)
	}
}

// TestLeaseTakesTwo: what lets phones act sooner.
func TestLeaseTakesTwo(t *testing.T) {
	w := newWorld()
	lease := GroupLease{Group: "sales", Lease: Lease{Lock: 7 * dayLong, Wipe: 30 * dayLong}}
	r := w.governs(alice(t), t, Governing{Lease: &lease})
	if r.State != Waiting || len(w.store.leases) != 0 {
		t.Fatalf("the first with a wipe: %s, %+v", r.State, w.store.leases)
	}
	w.now = w.now.Add(time.Hour)
	w.approved(t, r)
	want := lease
	want.Number, want.SetAt, want.SetBy = 1, w.now, "admin:alice"
	if diff := cmp.Diff([]GroupLease{want}, w.store.leases); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	everybody := GroupLease{Lease: Lease{Lock: 7 * dayLong}}
	w.approved(t, w.governs(alice(t), t, Governing{Lease: &everybody}))
	longer := GroupLease{Group: "sales", Lease: Lease{Lock: 14 * dayLong, Wipe: 60 * dayLong}}
	if r := w.governs(alice(t), t, Governing{Lease: &longer}); r.State != Executed {
		t.Errorf("a longer one: %s", r.State)
	}
	never := GroupLease{Group: "sales"}
	if r := w.governs(alice(t), t, Governing{Lease: &never}); r.State != Executed {
		t.Errorf("none: %s", r.State)
	}
	// A group of its own starts from everybody's.
	hr := GroupLease{Group: "hr", Lease: Lease{Lock: 8 * dayLong}}
	if r := w.governs(alice(t), t, Governing{Lease: &hr}); r.State != Executed {
		t.Errorf("longer than everybody's: %s", r.State)
	}
	leases, err := w.Leases(alice(t))
	numbers := map[string]uint64{}
	for _, l := range leases {
		numbers[l.Group] = l.Number
	}
	if diff := cmp.Diff(map[string]uint64{"": 2, "sales": 4, "hr": 5}, numbers); diff != "" || err != nil {
		t.Errorf("numbers (-want +got):\n%s%v", diff, err)
	}
	if l, err := w.Lease(t.Context(), "hr"); err != nil || l.Lock != 8*dayLong {
		t.Errorf("got %+v, error %v", l, err)
	}
}

func TestFetchLease(t *testing.T) {
	w, ctx, c := leased(t)
	d, err := w.FetchLease(ctx, c, 4)
	if err != nil {
		t.Fatal(err)
	}
	lease := Lease{Number: 4, Lock: 7 * dayLong, Wipe: 30 * dayLong}
	want := Order{
		ID: "lease-id-00001", Device: "device-one", Epoch: 3, Sequence: 1, Scope: OfWorkProfile(), State: Pending,
		Reason: "lease 4: without contact for 30 days", CreatedBy: "server", CreatedAt: monday,
		NotAfter: monday.Add(LeaseOrderLifetime), ChangedAt: monday, Source: ByLease, Ownership: device.Personal, Lease: &lease, Version: 1,
	}
	if diff := cmp.Diff(want, d.Order); diff != "" || string(d.Signed) != "signed lease-id-00001" {
		t.Errorf("got %s (-want +got):\n%s", d.Signed, diff)
	}
	if len(w.store.orders) != 0 {
		t.Errorf("%d orders exist", len(w.store.orders))
	}
	w.now = w.now.Add(time.Hour)
	again, err := w.FetchLease(ctx, c, 4)
	if diff := cmp.Diff(d, again); diff != "" || err != nil {
		t.Errorf("once more (-first +again):\n%s%v", diff, err)
	}
	w.store.leases[0].Number++
	next, err := w.FetchLease(ctx, c, 5)
	if err != nil || next.Order.ID == d.Order.ID || next.Order.Sequence != 2 || next.Order.Lease.Number != 5 {
		t.Errorf("another lease: %+v, error %v", next.Order, err)
	}
}

func TestFetchLeaseRefuses(t *testing.T) {
	w, ctx, c := leased(t)
	dedicated := callerOf(factsOf(device.Company, device.Dedicated))
	if _, err := w.FetchLease(ctx, c, 3); !errors.Is(err, ErrLeaseMoved) {
		t.Errorf("an older lease: error %v, want %v", err, ErrLeaseMoved)
	}
	if _, err := w.FetchLease(ctx, dedicated, 4); !errors.Is(err, ErrLeaseNeverWipes) {
		t.Errorf("without a work profile: error %v, want %v", err, ErrLeaseNeverWipes)
	}
	for _, nobody := range []identity.Caller{{}, administrator("alice", identity.Owner)} {
		if _, err := w.FetchLease(ctx, nobody, 4); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: error %v", nobody.Actor(), err)
		}
	}
	w.opens()
	if _, err := w.FetchLease(ctx, c, 4); !errors.Is(err, ErrBreakerOpen) {
		t.Errorf("under an open breaker: error %v, want %v", err, ErrBreakerOpen)
	}
	w.store.breaker, w.store.leases[0].Wipe = Breaker{}, 0
	if _, err := w.FetchLease(ctx, c, 4); !errors.Is(err, ErrLeaseNeverWipes) {
		t.Errorf("a lease that never wipes: error %v, want %v", err, ErrLeaseNeverWipes)
	}
	if len(w.store.holders) != 0 || w.store.writes != 0 {
		t.Errorf("refusals left a trace: %v", w.store.holders)
	}
}

// TestLapse: the order of a lease comes to be with the phone's word, is charged to
// nobody, counts for the breaker, and is done by the receipt like any other.
func TestLapse(t *testing.T) {
	w, ctx, c := leased(t)
	held, err := w.FetchLease(ctx, c, 4)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(40 * dayLong)
	w.opens() // it has happened: nothing holds it any more
	got, err := w.Report(ctx, c, held.Order.ID, promise(held.Order))
	if err != nil || got.State != Acknowledged || got.Source != ByLease || got.Confirmation() != Committed {
		t.Fatalf("got %+v, error %v", got, err)
	}
	want := Spent{Breaker: 1}
	if diff := cmp.Diff(want, w.store.spent(Matter{Now: w.now, Person: "alice"})); diff != "" {
		t.Errorf("spent (-want +got):\n%s", diff)
	}
	if again, err := w.Report(ctx, c, held.Order.ID, promise(held.Order)); err != nil || cmp.Diff(got, again) != "" {
		t.Errorf("once more: %+v, error %v", again, err)
	}
	done, err := w.Report(ctx, c, held.Order.ID, receipted(got, Receipt{FinishedAt: w.now}))
	if err != nil || done.State != Done || len(w.ended) != 1 {
		t.Errorf("got %s, error %v, ended %v", done.State, err, w.ended)
	}
	var actions []string
	for _, e := range w.store.entries {
		actions = append(actions, e.Actor+" "+e.Action)
	}
	wantActions := []string{
		"device:device-one wipe.hold", "device:device-one wipe.lapse", "device:device-one wipe.commit",
		"device:device-one wipe.done", "device:device-one wipe.settle",
	}
	if diff := cmp.Diff(wantActions, actions); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

// TestLapseOpensTheBreaker: no administrator is needed for too much of the fleet to
// go. The one that opens it is the phone's own word, and is kept.
func TestLapseOpensTheBreaker(t *testing.T) {
	w, ctx, c := leased(t)
	w.fleet, w.counted, w.store.limits.BreakerFloor = 19, true, 0
	held, err := w.FetchLease(ctx, c, 4)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(40 * dayLong)
	got, err := w.Report(ctx, c, held.Order.ID, promise(held.Order))
	if err != nil || got.State != Acknowledged {
		t.Fatalf("got %+v, error %v", got, err)
	}
	if b := w.store.breaker; !b.Since.Equal(w.now) || !strings.Contains(b.Why, "1 order within 24h0m0s, and at most 0 of 19") {
		t.Errorf("got breaker %+v", b)
	}
	if e := w.store.entries[1]; e.Action != "wipe.breaker" || e.Actor != "server" {
		t.Errorf("got entry %+v", e)
	}
}

// TestLapseMustHold: what is no good promise on the order that is held makes no
// order.
func TestLapseMustHold(t *testing.T) {
	w, ctx, c := leased(t)
	held, err := w.FetchLease(ctx, c, 4)
	if err != nil {
		t.Fatal(err)
	}
	id := held.Order.ID
	other, later := c, c
	other.Device, later.Epoch = "device-two", 4
	forged := promise(held.Order)
	forged.Statement.Proof.Signature = nil
	elsewhere := promise(held.Order)
	elsewhere.Statement.OrderDigest[0] ^= 1
	tests := map[string]struct {
		c    identity.Caller
		id   ID
		e    Event
		want error
	}{
		"another device":        {other, id, promise(held.Order), ErrUnknown},
		"another epoch":         {later, id, promise(held.Order), ErrUnknown},
		"another order":         {c, "lease-another", promise(held.Order), ErrUnknown},
		"done without promise":  {c, id, receipted(held.Order, Receipt{FinishedAt: monday}), ErrUnknown},
		"a failure":             {c, id, Event{Kind: Fail}, ErrUnknown},
		"a refusal":             {c, id, Event{Kind: Refuse}, ErrUnknown},
		"no commitment":         {c, id, Event{Kind: Acknowledge}, nil},
		"a forged commitment":   {c, id, forged, nil},
		"of another order, too": {c, id, elsewhere, nil},
	}
	for name, tt := range tests {
		_, err := w.Report(ctx, tt.c, tt.id, tt.e)
		if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
		if len(w.store.orders) != 0 {
			t.Fatalf("%s made an order", name)
		}
	}
	w.now = held.Order.NotAfter.Add(time.Microsecond)
	if _, err := w.Report(ctx, c, id, promise(held.Order)); !errors.Is(err, ErrExpired) || len(w.store.orders) != 0 {
		t.Errorf("after its time: error %v", err)
	}
}

func TestLeaseStatus(t *testing.T) {
	w, ctx, c := leased(t)
	f := w.facts["device-one"]
	f.LastContact = monday
	w.facts["device-one"] = f
	if s, err := w.LeaseStatus(alice(t), "device-one"); err != nil || s.Standing != LeaseHeld || s.Holder != nil || !s.WipesAt.IsZero() {
		t.Errorf("before it fetched: %+v, error %v", s, err)
	}
	if _, err := w.FetchLease(ctx, c, 4); err != nil {
		t.Fatal(err)
	}
	w.now = monday.Add(31 * dayLong)
	s, err := w.LeaseStatus(alice(t), "device-one")
	if err != nil || s.Standing != PresumedWiped || s.Holder == nil || s.Holder.Order != "lease-id-00001" {
		t.Errorf("after 31 days: %+v, error %v", s, err)
	}
	f.Enrolled = false
	w.facts["device-one"] = f
	if s, err := w.LeaseStatus(alice(t), "device-one"); err != nil || s.Standing != NoLease {
		t.Errorf("gone: %+v, error %v", s, err)
	}
	// What there is not, and what the caller does not reach, look the same.
	bound := administrator("carol", identity.Viewer)
	bound.Groups = []string{"elsewhere"}
	_, none := w.LeaseStatus(as(t, bound), "device-none")
	_, beyond := w.LeaseStatus(as(t, bound), "device-one")
	if fault.KindOf(none) != fault.NotFound || strings.ReplaceAll(none.Error(), "none", "one") != beyond.Error() || !errors.Is(none, beyond) {
		t.Errorf("no device: error %v; beyond reach: error %v", none, beyond)
	}
}

// TestLeasesWithinReach: who is bound to groups sees theirs, and everybody's.
func TestLeasesWithinReach(t *testing.T) {
	w := newWorld()
	w.store.leases = []GroupLease{{Lease: Lease{Number: 1}}, {Group: "hr", Lease: Lease{Number: 2}}, {Group: "sales", Lease: Lease{Number: 3}}}
	bound := administrator("carol", identity.Viewer)
	bound.Groups = []string{"sales"}
	var groups []string
	leases, err := w.Leases(as(t, bound))
	for _, l := range leases {
		groups = append(groups, l.Group)
	}
	if diff := cmp.Diff([]string{"", "sales"}, groups); diff != "" || err != nil {
		t.Errorf("groups (-want +got):\n%s%v", diff, err)
	}
}

func TestLeaseInWords(t *testing.T) {
	for _, tt := range []struct {
		l    GroupLease
		want string
	}{
		{GroupLease{}, "lease of every group without its own: locks never, wipes never without contact"},
		{
			GroupLease{Group: "sales", Lease: Lease{Lock: 36 * time.Hour, Wipe: 30 * dayLong}},
			"lease of group sales: locks after 36h0m0s, wipes after 30 days without contact",
		},
	} {
		if got := tt.l.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
