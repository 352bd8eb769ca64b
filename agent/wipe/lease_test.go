package wipe

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// leased is a good order for lease 4. Its number may be older than what was
// acted on, and its end past when it is carried out.
func (b *bench) leased() *wipev1.OrderToSign {
	m := b.content()
	m.OrderId, m.Sequence = "lease-0004", 5
	m.Lease = &wipev1.Lease{Number: 4, LockAfter: durationpb.New(time.Hour), WipeAfter: durationpb.New(2 * time.Hour)}
	return m
}

// held gives the order of lease 4 as the phone keeps it.
func (b *bench) held(t *testing.T) Lease {
	t.Helper()
	l, err := b.CheckLease(t.Context(), b.server, b.sign(t, b.leased()), 4)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCheckLease(t *testing.T) {
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 1)
	for name, c := range map[string]struct {
		edit func(*wipev1.OrderToSign, *bench)
		want string // "" means that it is kept
	}{
		"good":                 {func(*wipev1.OrderToSign, *bench) {}, ""},
		"past its own end":     {func(m *wipev1.OrderToSign, b *bench) { m.NotAfter = timestamppb.New(b.now.Add(-time.Hour)) }, ""},
		"another lease":        {func(m *wipev1.OrderToSign, _ *bench) { m.Lease.Number = 5 }, "IDENTITY"},
		"no lease":             {func(m *wipev1.OrderToSign, _ *bench) { m.Lease = nil }, "IDENTITY"},
		"never wipes":          {func(m *wipev1.OrderToSign, _ *bench) { m.Lease.WipeAfter = nil }, "TIME"},
		"wipes at once":        {func(m *wipev1.OrderToSign, _ *bench) { m.Lease.WipeAfter = durationpb.New(0) }, "TIME"},
		"a time that is none":  {func(m *wipev1.OrderToSign, _ *bench) { m.Lease.WipeAfter = &durationpb.Duration{Seconds: 1, Nanos: -1} }, "TIME"},
		"app data":             {func(m *wipev1.OrderToSign, _ *bench) { m.Scope = apps("com.example.mail") }, "IDENTITY"},
		"no scope":             {func(m *wipev1.OrderToSign, _ *bench) { m.Scope = nil }, "IDENTITY"},
		"another phone":        {func(m *wipev1.OrderToSign, _ *bench) { m.DeviceId = "another-phone" }, "DEVICE"},
		"another epoch":        {func(m *wipev1.OrderToSign, _ *bench) { m.Epoch = 2 }, "EPOCH"},
		"without a beginning":  {func(m *wipev1.OrderToSign, _ *bench) { m.IssuedAt = nil }, "TIME"},
		"unknown in the lease": {func(m *wipev1.OrderToSign, _ *bench) { m.Lease.ProtoReflect().SetUnknown(unknown) }, "IDENTITY"},
		"no work profile":      {func(_ *wipev1.OrderToSign, b *bench) { b.device.enrollment.HasWorkProfile = false }, "IDENTITY"},
		"own root":             {func(_ *wipev1.OrderToSign, b *bench) { b.device.enrollment.Roots = nil }, "SIGNATURE"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			m := b.leased()
			c.edit(m, b)
			l, err := b.CheckLease(t.Context(), b.server, b.sign(t, m), 4)
			if (err == nil) != (c.want == "") {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			b.assertUntouched(t)
			if diff := cmp.Diff(Journal{}, b.device.journal); diff != "" {
				t.Errorf("journal (-want +got):\n%s", diff)
			}
			if c.want == "" {
				if l.Number != 4 || l.WipeAfter != 2*time.Hour || l.OrderID != "lease-0004" || len(b.server.said) > 0 {
					t.Errorf("kept %+v, said %q", l, b.server.said)
				}
				return
			}
			if !slices.Equal(b.server.said, []string{"refused: " + c.want}) {
				t.Errorf("said %q", b.server.said)
			}
		})
	}
}

// TestLeaseIsNoOrderForNow: it is not carried out as another order, and no other
// order as one with a lease.
func TestLeaseIsNoOrderForNow(t *testing.T) {
	b := newBench(t)
	b.run(t, b.sign(t, b.leased()))
	b.assertUntouched(t)
	if !slices.Equal(b.server.said, []string{"refused: IDENTITY"}) {
		t.Errorf("said %q", b.server.said)
	}
	o := b.sign(t, b.content())
	l := Lease{Number: 4, OrderID: o.GetOrderId(), SignedData: o.GetSignedData(), WipeAfter: time.Hour, VerifiedAt: b.now}
	if err := b.CarryOut(t.Context(), l); err == nil {
		t.Error("another order was carried out as one with a lease")
	}
	b.assertUntouched(t)
}

// TestHolds: an order that is kept holds for as long as its root is trusted, and
// as it is on the disk.
func TestHolds(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*bench, *Lease)
		want bool
	}{
		"as it came":     {func(*bench, *Lease) {}, true},
		"years later":    {func(b *bench, _ *Lease) { b.now = b.now.AddDate(9, 0, 0) }, true},
		"another root":   {func(b *bench, _ *Lease) { b.device.enrollment.Roots = nil }, false},
		"another epoch":  {func(b *bench, _ *Lease) { b.device.enrollment.Epoch++ }, false},
		"another number": {func(_ *bench, l *Lease) { l.Number++ }, false},
		"damaged":        {func(_ *bench, l *Lease) { l.SignedData[len(l.SignedData)/2] ^= 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			l := b.held(t)
			c.edit(b, &l)
			if got, err := b.Holds(l); err != nil || got != c.want {
				t.Errorf("holds: %v, %v; want %v", got, err, c.want)
			}
			if err := b.CarryOut(t.Context(), l); (err == nil) != c.want {
				t.Errorf("carried out: %v", err)
			}
			if !c.want {
				b.assertUntouched(t)
			}
		})
	}
}

// TestCarryOut: without a server the phone commits itself and removes; with one,
// it tells, in the same two words as for an order, and the enrolment ends.
func TestCarryOut(t *testing.T) {
	b := newBench(t)
	l := b.held(t)
	b.device.journal.Acted = Acted{thisPhone, 9}
	b.now = b.now.Add(3 * 365 * 24 * time.Hour) // the signer's certificate has ended, and so has the order
	for range 2 {
		if err := b.CarryOut(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"keys", "files"}, b.device.removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	j := b.device.journal
	if len(b.server.said) > 0 || j.Current == nil || j.Current.Phase != Removed || j.Acted.Sequence != 9 || b.device.destroyed > 0 {
		t.Fatalf("said %q; journal %+v", b.server.said, j)
	}
	if begun, err := b.Begun(); err != nil || !begun {
		t.Errorf("begun: %v, %v", begun, err)
	}
	// The server falls silent once after each word, and holds the first back once.
	silence := status.Error(codes.Unavailable, "gone")
	b.server.script = []error{silence, errorOf(codes.FailedPrecondition, "ORDER_PAUSED"), nil, silence}
	wholes := 0
	for range 4 {
		r, err := b.Execute(t.Context(), b.server, Fetched{})
		if r.Ended {
			wholes++
		}
		b.server.key = newKey()
		if err == nil && !r.Waiting && !r.Ended {
			t.Errorf("nothing was left to do")
		}
	}
	if diff := cmp.Diff([]string{"acknowledged", "acknowledged", "acknowledged", "done", "done"}, b.server.said); diff != "" || wholes != 1 {
		t.Fatalf("ended %d times; said (-want +got):\n%s", wholes, diff)
	}
	for _, r := range b.server.sent[:3] {
		if diff := cmp.Diff(j.Current.Commitment, r.GetStatement().GetContent()); diff != "" {
			t.Errorf("the commitment changed:\n%s", diff)
		}
	}
	if got := lastPhase(b.device.journal); got != Finished || b.device.destroyed == 0 || b.device.keys != nil {
		t.Errorf("phase %s, destroyed %d, keys %v", got, b.device.destroyed, b.device.keys)
	}
}

// TestLeaseAnswers: the phone has acted; whatever the server says, it is over.
func TestLeaseAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		script []error
		said   []string
	}{
		"cancelled":       {[]error{errorOf(codes.FailedPrecondition, "ORDER_CANCELLED")}, []string{"acknowledged"}},
		"not known":       {[]error{errorOf(codes.NotFound, "")}, []string{"acknowledged"}},
		"enrolment over":  {[]error{errorOf(codes.Unauthenticated, "ENROLLMENT_ENDED")}, []string{"acknowledged"}},
		"no receipt kept": {[]error{nil, errorOf(codes.InvalidArgument, "")}, []string{"acknowledged", "done"}},
		"receipt kept":    {[]error{nil, errorOf(codes.Unauthenticated, "ENROLLMENT_ENDED")}, []string{"acknowledged", "done"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if err := b.CarryOut(t.Context(), b.held(t)); err != nil {
				t.Fatal(err)
			}
			b.server.script = c.script
			if r := b.run(t, b.app(t, 9)); !r.Ended || lastPhase(b.device.journal) != Finished {
				t.Errorf("%+v in phase %s", r, lastPhase(b.device.journal))
			}
			if diff := cmp.Diff(c.said, b.server.said); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLeaseMakesWay: phase by phase, what becomes of another order that was under
// way when the lease runs out.
func TestLeaseMakesWay(t *testing.T) {
	work, app := Scope{Kind: WorkProfile}, Scope{Kind: AppData, Packages: []string{"com.example.mail"}}
	for name, c := range map[string]struct {
		phase   Phase
		scope   Scope
		past    Phase // of the other order; "" where it goes on itself
		removed []string
	}{
		"not promised":           {Accepted, work, Dropped, []string{"keys", "files"}},
		"promised":               {Acknowledged, work, "", []string{"keys", "files"}},
		"gone":                   {Removed, work, "", nil},
		"app data, not promised": {Accepted, app, Dropped, []string{"keys", "files"}},
		"app data, promised":     {Acknowledged, app, Finished, []string{"com.example.mail", "keys", "files"}},
		"app data, gone":         {Removed, app, Finished, []string{"keys", "files"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			l := b.held(t)
			b.device.journal.Current = &Entry{OrderID: "order-0001", DeviceID: thisPhone, Epoch: 3, Sequence: 7, Phase: c.phase, Scope: c.scope}
			if err := b.CarryOut(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.removed, b.device.removed); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
			j := b.device.journal
			if j.Current == nil || j.Current.Phase != Removed || j.Current.Lease != (c.past != "") {
				t.Fatalf("under way: %+v", j.Current)
			}
			if past := j.find("order-0001"); (past != nil) != (c.past != "") || past != nil && past.Phase != c.past {
				t.Errorf("past: %+v", past)
			}
		})
	}
}
