package lease

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// bench is a keeper with a phone in memory, an executor that only notes what it
// is told, and a server that answers from a script.
type bench struct {
	*Keeper
	world
	enrollment wipe.Enrollment
	gone       bool // not enrolled
	manifest   *compliancev1.Manifest
	record     Record
	locked     string
	carried    []uint64 // numbers of leases
	refuses    bool     // the order does not verify
	holdsNot   bool     // the order that is kept does not verify any more
	answer     error    // of FetchLease
	asked      []uint64
	did        []string // saved, locked, opened and carried out
}

func newBench() *bench {
	b := &bench{enrollment: wipe.Enrollment{DeviceID: "this-phone", Epoch: 3, HasWorkProfile: true}}
	b.boot = 1
	b.Keeper = New(Options{Device: b, Wiper: b, Now: func() time.Time { return b.clocks().Wall }})
	return b
}

func (b *bench) Enrollment() (wipe.Enrollment, error) {
	if b.gone {
		return wipe.Enrollment{}, wipe.ErrNotEnrolled
	}
	return b.enrollment, nil
}
func (b *bench) LoadManifest() (string, *compliancev1.Manifest, error) { return "", b.manifest, nil }
func (b *bench) LoadLease() (Record, error)                            { return b.record, nil }
func (b *bench) SaveLease(r Record) error {
	b.record, b.did = r, append(b.did, "save")
	return nil
}
func (b *bench) Uptime() (string, time.Duration, error) {
	r := b.clocks()
	return r.Boot, r.Up, nil
}
func (b *bench) LockWork(why string) error {
	b.locked, b.did = why, append(b.did, "lock")
	return nil
}
func (b *bench) OpenWork() error {
	b.locked, b.did = "", append(b.did, "open")
	return nil
}

func (b *bench) CheckLease(_ context.Context, _ wipe.Reporter, signed *wipev1.SignedOrder, number uint64) (wipe.Lease, error) {
	if b.refuses {
		return wipe.Lease{}, errors.New("it is signed by somebody")
	}
	return wipe.Lease{Number: number, OrderID: signed.GetOrderId(), WipeAfter: 20 * time.Hour}, nil
}
func (b *bench) Holds(wipe.Lease) (bool, error) { return !b.holdsNot, nil }
func (b *bench) CarryOut(_ context.Context, l wipe.Lease) error {
	b.carried, b.did = append(b.carried, l.Number), append(b.did, "carry out")
	return nil
}
func (b *bench) SignAsDevice([]byte) ([]byte, error) { return nil, nil }
func (b *bench) ReportOrder(context.Context, *wipev1.ReportOrderRequest, ...grpc.CallOption) (*wipev1.ReportOrderResponse, error) {
	return nil, nil
}
func (b *bench) FetchLease(_ context.Context, r *wipev1.FetchLeaseRequest, _ ...grpc.CallOption) (*wipev1.FetchLeaseResponse, error) {
	b.asked = append(b.asked, r.GetNumber())
	return &wipev1.FetchLeaseResponse{Order: &wipev1.SignedOrder{OrderId: "lease-0001"}}, b.answer
}

func (b *bench) lease(number uint64, lock, wipes time.Duration) {
	b.manifest = &compliancev1.Manifest{Lease: &compliancev1.Lease{Number: number}}
	if lock != 0 {
		b.manifest.Lease.LockAfter = durationpb.New(lock)
	}
	if wipes != 0 {
		b.manifest.Lease.WipeAfter = durationpb.New(wipes)
	}
}

func (b *bench) follow(t *testing.T, wantAgain bool) {
	t.Helper()
	if again, err := b.Follow(t.Context(), b); err != nil || again != wantAgain {
		t.Fatalf("Follow: again %v, %v", again, err)
	}
}

func (b *bench) tick(t *testing.T) {
	t.Helper()
	if err := b.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) reached(t *testing.T, at time.Time) {
	t.Helper()
	if err := b.Contact(at); err != nil {
		t.Fatal(err)
	}
}

func refused(reason string) error {
	st, err := status.New(codes.FailedPrecondition, "no").WithDetails(&errdetails.ErrorInfo{Reason: reason})
	if err != nil {
		panic(err)
	}
	return st.Err()
}

// TestLifeOfALease: it is followed, locks, is opened by contact, and wipes.
func TestLifeOfALease(t *testing.T) {
	b := newBench()
	if b.tick(t); len(b.did) > 0 {
		t.Errorf("without a lease the phone did %v", b.did)
	}
	b.reached(t, epoch.Add(-time.Hour)) // the server's clock is an hour slow
	b.lease(1, lockAfter, wipeAfter)
	b.follow(t, false)
	b.follow(t, false)
	if active, err := b.Active(); err != nil || !active || !cmp.Equal(b.asked, []uint64{1}) {
		t.Fatalf("active %v, %v; asked for %v", active, err, b.asked)
	}
	b.pass(lockAfter - time.Second)
	if b.tick(t); b.locked != "" {
		t.Errorf("locked too early: %s", b.locked)
	}
	if at, err := b.ServerTime(); err != nil || !at.Equal(epoch.Add(lockAfter-time.Second-time.Hour)) {
		t.Errorf("the server's time: %v, %v", at, err)
	}
	b.pass(time.Second)
	b.did = nil
	b.tick(t)
	b.tick(t)
	if diff := cmp.Diff([]string{"save", "lock", "save", "lock"}, b.did); diff != "" { // written down first, and again after a death in between
		t.Errorf("did (-want +got):\n%s", diff)
	}
	if locked, err := b.Locked(); err != nil || !locked || !strings.Contains(b.locked, "no contact") {
		t.Errorf("locked %v, %v: %q", locked, err, b.locked)
	}
	b.reached(t, epoch.Add(lockAfter))
	if locked, err := b.Locked(); err != nil || locked || b.locked != "" || !b.record.LastContact.Equal(epoch.Add(lockAfter)) {
		t.Errorf("after contact: locked %v, %v: %q", locked, err, b.locked)
	}
	b.pass(wipeAfter - time.Second)
	if b.tick(t); b.carried != nil {
		t.Errorf("wiped too early")
	}
	b.pass(time.Second)
	if b.tick(t); !cmp.Equal(b.carried, []uint64{1}) || b.locked == "" {
		t.Errorf("carried out %v, locked %q", b.carried, b.locked)
	}
}

// TestAnotherLease: what becomes of the order when the lease in the manifest is
// another one.
func TestAnotherLease(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bench)
		again  bool
		order  uint64 // 0 for none
		wipes  time.Duration
		active bool
	}{
		"the same":           {func(*bench) {}, false, 1, 20 * time.Hour, true},
		"no manifest":        {func(b *bench) { b.manifest = nil }, false, 0, 0, false},
		"no lease":           {func(b *bench) { b.manifest = &compliancev1.Manifest{} }, false, 0, 0, false},
		"asks for nothing":   {func(b *bench) { b.lease(2, 0, 0) }, false, 0, 0, false},
		"negative":           {func(b *bench) { b.lease(2, -time.Hour, -time.Hour) }, false, 0, 0, false},
		"no number":          {func(b *bench) { b.lease(0, time.Hour, time.Hour) }, false, 0, 0, false},
		"no wipe":            {func(b *bench) { b.lease(2, time.Hour, 0) }, false, 0, 0, true},
		"replaced":           {func(b *bench) { b.lease(2, time.Hour, 20*time.Hour) }, false, 2, 20 * time.Hour, true},
		"not yet, longer":    {func(b *bench) { b.lease(2, 0, 30*time.Hour); b.answer = refused("BREAKER_OPEN") }, true, 1, 30 * time.Hour, true},
		"not yet, shorter":   {func(b *bench) { b.lease(2, 0, time.Hour); b.answer = refused("LEASE_MOVED") }, true, 1, 20 * time.Hour, true},
		"never":              {func(b *bench) { b.lease(2, 0, time.Hour); b.answer = refused("LEASE_NEVER_WIPES") }, false, 0, 0, true},
		"signed by somebody": {func(b *bench) { b.lease(2, 0, 30*time.Hour); b.refuses = true }, true, 1, 30 * time.Hour, true},
		"no work profile":    {func(b *bench) { b.lease(2, 0, 30*time.Hour); b.enrollment.HasWorkProfile = false }, false, 1, 30 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			b.reached(t, epoch)
			b.lease(1, lockAfter, wipeAfter)
			b.follow(t, false)
			b.pass(time.Hour)
			c.change(b)
			b.follow(t, c.again)
			number := uint64(0)
			if b.record.Order != nil {
				number = b.record.Order.Number
			}
			if active, err := b.Active(); err != nil || active != c.active {
				t.Errorf("active %v, %v", active, err)
			}
			if number != c.order || b.record.WipeAfter() != c.wipes {
				t.Errorf("order of lease %d, wipes after %v", number, b.record.WipeAfter())
			}
			if b.pass(time.Hour); c.active {
				if b.tick(t); b.record.Silence.Proven() != 2*time.Hour {
					t.Errorf("the silence began anew: %+v", b.record.Silence)
				}
			}
		})
	}
}

// TestNeverAsksAgain: a lease of which the server said that it never wipes.
func TestNeverAsksAgain(t *testing.T) {
	b := newBench()
	b.lease(1, time.Hour, 2*time.Hour)
	b.answer = refused("LEASE_NEVER_WIPES")
	b.follow(t, false)
	b.follow(t, false)
	b.lease(2, time.Hour, 2*time.Hour)
	b.answer = nil
	b.follow(t, false)
	if diff := cmp.Diff([]uint64{1, 2}, b.asked); diff != "" || b.record.Order == nil {
		t.Errorf("order %v; asked for (-want +got):\n%s", b.record.Order, diff)
	}
}

// TestOrderThatHoldsNoLonger: another is asked for.
func TestOrderThatHoldsNoLonger(t *testing.T) {
	b := newBench()
	b.lease(1, time.Hour, 2*time.Hour)
	b.follow(t, false)
	b.holdsNot, b.answer = true, refused("BREAKER_OPEN")
	if b.follow(t, true); b.record.Order != nil {
		t.Errorf("kept %+v", b.record.Order)
	}
	b.holdsNot, b.answer = false, nil
	if b.follow(t, false); b.record.Order == nil || len(b.asked) != 3 {
		t.Errorf("kept %+v, asked for %v", b.record.Order, b.asked)
	}
}

// TestFollowHearsSilence: what the server did not say is asked again.
func TestFollowHearsSilence(t *testing.T) {
	b := newBench()
	b.lease(1, time.Hour, 2*time.Hour)
	b.answer = status.Error(codes.Unavailable, "gone")
	if _, err := b.Follow(t.Context(), b); status.Code(err) != codes.Unavailable {
		t.Errorf("Follow: %v", err)
	}
	b.answer = nil
	b.follow(t, false)
}

// TestLeaseWithoutContact: a lease counts from when the phone had it, if there
// was no contact before.
func TestLeaseWithoutContact(t *testing.T) {
	b := newBench()
	b.lease(1, lockAfter, wipeAfter)
	b.follow(t, false)
	b.pass(lockAfter)
	if b.tick(t); b.locked == "" {
		t.Error("not locked")
	}
}

// TestLeaseEndsWithTheEnrollment: nothing locks or wipes a phone that belongs to
// nobody, or to another enrolment than the lease.
func TestLeaseEndsWithTheEnrollment(t *testing.T) {
	begin := func(t *testing.T) *bench {
		b := newBench()
		b.reached(t, epoch)
		b.lease(1, lockAfter, wipeAfter)
		b.follow(t, false)
		b.pass(lockAfter)
		b.tick(t)
		b.pass(wipeAfter)
		b.did = nil
		return b
	}
	t.Run("ended", func(t *testing.T) {
		b := begin(t)
		b.gone = true
		b.tick(t)
		b.tick(t)
		if active, err := b.Active(); err != nil || active || b.locked != "" || b.carried != nil || len(b.did) != 2 {
			t.Errorf("active %v, %v; did %v", active, err, b.did)
		}
	})
	t.Run("another", func(t *testing.T) {
		b := begin(t)
		b.enrollment.Epoch++
		b.tick(t)
		if active, err := b.Active(); err != nil || active || len(b.did) > 0 {
			t.Errorf("active %v, %v; did %v", active, err, b.did)
		}
	})
}
