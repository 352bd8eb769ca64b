package wipe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// app gives an order for the data of one app, whose number is its sequence too.
func (b *bench) app(t *testing.T, n uint64) *wipev1.SignedOrder {
	t.Helper()
	m := b.content()
	m.OrderId, m.Sequence, m.Scope = fmt.Sprintf("order-%04d", n), n, apps(fmt.Sprintf("com.app%d", n))
	b.device.there[fmt.Sprintf("com.app%d", n)] = true
	return b.sign(t, m)
}

func (b *bench) run(t *testing.T, orders ...*wipev1.SignedOrder) Result {
	t.Helper()
	r, err := b.Execute(t.Context(), b.server, given(orders...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// acted gives the numbers of the apps that were removed, in order.
func (b *bench) acted() string {
	var all []string
	for _, step := range b.device.removed {
		all = append(all, strings.TrimPrefix(step, "com.app"))
	}
	return strings.Join(all, " ")
}

// permutations gives every order of the numbers 1 to n.
func permutations(n uint64) [][]uint64 {
	if n == 0 {
		return [][]uint64{nil}
	}
	var all [][]uint64
	for _, p := range permutations(n - 1) {
		for i := range len(p) + 1 {
			all = append(all, slices.Insert(slices.Clone(p), i, n))
		}
	}
	return all
}

// TestSequenceAtOnce: orders that come together are carried out by sequence,
// however they are shuffled.
func TestSequenceAtOnce(t *testing.T) {
	b := newBench(t)
	clean := b.device
	for _, p := range permutations(4) {
		fresh := *clean
		fresh.there, b.server.said = map[string]bool{}, nil
		b.device = &fresh
		b.Executor = New(Options{Device: b.device, Now: func() time.Time { return b.now }})
		var orders []*wipev1.SignedOrder
		for _, n := range p {
			orders = append(orders, b.app(t, n))
		}
		b.run(t, orders...)
		if got := b.acted(); got != "1 2 3 4" || b.device.journal.Acted != (Acted{thisPhone, 4}) {
			t.Errorf("%v: acted on %s, up to %v", p, got, b.device.journal.Acted)
		}
		b.device.removed, b.server.said = nil, nil
		b.run(t, orders...)
		if b.acted() != "" {
			t.Errorf("%v, once more: acted on %s", p, b.acted())
		}
	}
}

// TestSequenceOneByOne: of orders that come one by one in any order, exactly
// those are carried out that are later than all before.
func TestSequenceOneByOne(t *testing.T) {
	b := newBench(t)
	clean := b.device
	for _, p := range permutations(4) {
		fresh := *clean
		fresh.there = map[string]bool{}
		b.device = &fresh
		b.Executor = New(Options{Device: b.device, Now: func() time.Time { return b.now }})
		var want, said []string
		highest := uint64(0)
		b.server.said = nil
		for _, n := range p {
			b.run(t, b.app(t, n))
			if n > highest {
				want, said = append(want, fmt.Sprint(n)), append(said, "acknowledged", "done")
			} else {
				said = append(said, "refused: SEQUENCE")
			}
			highest = max(n, highest)
		}
		if got := b.acted(); got != strings.Join(want, " ") {
			t.Errorf("%v: acted on %s, want %v", p, got, want)
		}
		if diff := cmp.Diff(said, b.server.said); diff != "" {
			t.Errorf("%v: said (-want +got):\n%s", p, diff)
		}
	}
}

// TestSequenceOutlivesTheJournal: even an order that the journal has forgotten
// is not carried out again, and neither is another one of the same number.
func TestSequenceOutlivesTheJournal(t *testing.T) {
	b := newBench(t)
	order := b.app(t, 5)
	b.run(t, order)
	b.device.journal.Past, b.device.removed = nil, nil
	twin := b.content()
	twin.OrderId, twin.Sequence, twin.Scope = "order-twin", 5, apps("com.app6")
	b.run(t, order, b.sign(t, twin))
	b.assertUntouched(t)
	if diff := cmp.Diff([]string{"acknowledged", "done", "refused: SEQUENCE", "refused: SEQUENCE"}, b.server.said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

// TestSequenceOfAnotherDevice: a phone that has become another device counts
// anew.
func TestSequenceOfAnotherDevice(t *testing.T) {
	b := newBench(t)
	b.device.journal.Acted = Acted{DeviceID: strings.Repeat("f", 32), Sequence: 99}
	b.run(t, b.app(t, 1))
	if b.acted() != "1" || b.device.journal.Acted != (Acted{thisPhone, 1}) {
		t.Errorf("acted on %q, up to %v", b.acted(), b.device.journal.Acted)
	}
}

// TestSequenceLives: what happens to orders honestly never locks one out.
func TestSequenceLives(t *testing.T) {
	silence := status.Error(codes.Unavailable, "gone")
	cancelled := errorOf(codes.FailedPrecondition, "ORDER_CANCELLED")
	t.Run("put back, with another behind it", func(t *testing.T) {
		b := newBench(t)
		orders := []*wipev1.SignedOrder{b.app(t, 2), b.app(t, 1)}
		b.device.busy = "in a call"
		if r := b.run(t, orders...); !r.Waiting || b.acted() != "" {
			t.Errorf("%+v, acted on %s", r, b.acted())
		}
		b.device.busy = ""
		if r := b.run(t, orders...); r.Waiting || b.acted() != "1 2" {
			t.Errorf("%+v, acted on %s", r, b.acted())
		}
	})
	t.Run("the call ends between two orders", func(t *testing.T) {
		b := newBench(t)
		orders := []*wipev1.SignedOrder{b.app(t, 1), b.app(t, 2)}
		b.Executor.o.Device = &fickle{fakeDevice: b.device, busy: []string{"in a call"}}
		if r := b.run(t, orders...); !r.Waiting || b.acted() != "" {
			t.Errorf("%+v, acted on %s", r, b.acted())
		}
		if r := b.run(t, orders...); r.Waiting || b.acted() != "1 2" {
			t.Errorf("%+v, acted on %s", r, b.acted())
		}
	})
	t.Run("cancelled, with another behind it", func(t *testing.T) {
		b := newBench(t)
		b.server.script = []error{cancelled}
		b.run(t, b.app(t, 1), b.app(t, 2))
		if b.acted() != "2" {
			t.Errorf("acted on %s", b.acted())
		}
	})
	t.Run("the later one cancelled", func(t *testing.T) {
		b := newBench(t)
		b.server.script = []error{cancelled}
		b.run(t, b.app(t, 2))
		b.run(t, b.app(t, 1))
		if b.acted() != "1" || b.device.journal.Acted.Sequence != 1 {
			t.Errorf("acted on %s: an order that was not acted on counts", b.acted())
		}
	})
	t.Run("impossible, with an earlier one after it", func(t *testing.T) {
		b := newBench(t)
		m := b.content()
		m.OrderId, m.Scope = "order-0007", nil
		b.run(t, b.sign(t, m))
		b.run(t, b.app(t, 1))
		if b.acted() != "1" {
			t.Errorf("acted on %q", b.acted())
		}
	})
	t.Run("no answer to the promise, with another behind it", func(t *testing.T) {
		b := newBench(t)
		b.server.script = []error{silence}
		orders := []*wipev1.SignedOrder{b.app(t, 1), b.app(t, 2)}
		if _, err := b.Execute(t.Context(), b.server, given(orders...)); err == nil || b.acted() != "" {
			t.Fatalf("error %v, acted on %q", err, b.acted())
		}
		b.run(t, orders...)
		if diff := cmp.Diff([]string{"acknowledged", "acknowledged", "done", "acknowledged", "done"}, b.server.said); diff != "" || b.acted() != "1 2" {
			t.Errorf("acted on %s; said (-want +got):\n%s", b.acted(), diff)
		}
	})
	t.Run("not known, then known", func(t *testing.T) {
		b := newBench(t)
		b.server.script = []error{errorOf(codes.NotFound, "")}
		order := b.app(t, 1)
		b.run(t, order)
		b.run(t, order)
		if b.acted() != "1" {
			t.Errorf("acted on %q", b.acted())
		}
	})
}

// fickle is busy as a script says.
type fickle struct {
	*fakeDevice
	busy []string
}

func (f *fickle) Busy() (string, error) {
	if len(f.busy) == 0 {
		return "", nil
	}
	now := f.busy[0]
	f.busy = f.busy[1:]
	return now, nil
}

// TestSequenceIsKeptBeforeActing: at the first removal the disk knows, and
// before the server has kept the promise it does not.
func TestSequenceIsKeptBeforeActing(t *testing.T) {
	b := newBench(t)
	want := map[string]bool{"before acknowledging": false, "after acknowledging": false, "before keys": true, "within keys": true, "within files": true}
	seen := 0
	b.Executor.o.Progress = func(step string) {
		if known, ok := want[step]; ok {
			seen++
			if got := b.device.journal.Acted.Sequence == 7; got != known {
				t.Errorf("%s: the disk knows: %t, want %t", step, got, known)
			}
		}
	}
	if r := b.run(t, b.sign(t, b.content())); !r.Ended || seen != len(want) {
		t.Errorf("%+v after %d steps", r, seen)
	}
}

// TestCommitment: what is said before a work profile goes, and after.
func TestCommitment(t *testing.T) {
	b := newBench(t)
	silence := status.Error(codes.Unavailable, "gone")
	b.server.script = []error{silence, nil, silence}
	orders := []*wipev1.SignedOrder{b.sign(t, b.content())}
	for range 2 {
		if _, err := b.Execute(t.Context(), b.server, given(orders...)); err == nil {
			t.Fatal("silence was no error")
		}
		b.server.key = newKey() // the certificate was renewed meanwhile
	}
	if b.device.dropped > 0 {
		t.Error("the receipt key went before the receipt was answered")
	}
	receiptKey := b.device.keys["order-0001"].Public()
	if r := b.run(t, orders...); !r.Ended || b.device.keys != nil {
		t.Errorf("%+v; receipt keys left: %v", r, b.device.keys)
	}
	if diff := cmp.Diff([]string{"acknowledged", "acknowledged", "done", "done"}, b.server.said); diff != "" {
		t.Fatalf("said (-want +got):\n%s", diff)
	}
	sent := b.server.sent
	first, again := sent[0].GetStatement(), sent[1].GetStatement()
	if diff := cmp.Diff(first.GetContent(), again.GetContent()); diff != "" {
		t.Errorf("the commitment changed (-first +again):\n%s", diff)
	}
	m := parse(t, first)
	der, err := x509.MarshalPKIXPublicKey(receiptKey)
	if err != nil {
		t.Fatal(err)
	}
	c := m.GetCommitment()
	want := &wipev1.Commitment{CommittedAt: c.GetCommittedAt(), Files: 2, SizeBytes: 20, ReceiptKey: der}
	if diff := cmp.Diff(want, c, protocmp.Transform()); diff != "" {
		t.Errorf("commitment (-want +got):\n%s", diff)
	}
	digest := sha256.Sum256(first.GetContent())
	for _, r := range sent[2:] {
		m := parse(t, r.GetStatement())
		want := &wipev1.Completion{Receipt: r.GetDone(), CommitmentSha256: digest[:]}
		if diff := cmp.Diff(want, m.GetCompletion(), protocmp.Transform()); diff != "" {
			t.Errorf("completion (-want +got):\n%s", diff)
		}
		assertSigned(t, receiptKey, r.GetStatement())
	}
}

// TestAppDataIsSignedByTheDevice: there is no commitment, and no other key.
func TestAppDataIsSignedByTheDevice(t *testing.T) {
	b := newBench(t)
	b.run(t, b.app(t, 1))
	if s := b.server.sent[0].GetStatement(); s != nil || b.device.keys != nil {
		t.Errorf("a commitment to app data: %v", s)
	}
	done := b.server.sent[1]
	assertSigned(t, b.server.key.Public(), done.GetStatement())
	m := parse(t, done.GetStatement())
	if diff := cmp.Diff(&wipev1.Completion{Receipt: done.GetDone()}, m.GetCompletion(), protocmp.Transform()); diff != "" {
		t.Errorf("completion (-want +got):\n%s", diff)
	}
	if m.GetFormat() != statementFormat || m.GetOrderId() != "order-0001" || m.GetDeviceId() != thisPhone || m.GetEpoch() != 3 ||
		m.GetSequence() != 1 || !slices.Equal(m.GetScope().GetAppData().GetPackages(), []string{"com.app1"}) || len(m.GetOrderSha256()) != 32 {
		t.Errorf("the statement is about %v", m)
	}
}

func parse(t *testing.T, s *wipev1.SignedStatement) *wipev1.Statement {
	t.Helper()
	m := &wipev1.Statement{}
	if err := proto.Unmarshal(s.GetContent(), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func assertSigned(t *testing.T, key crypto.PublicKey, s *wipev1.SignedStatement) {
	t.Helper()
	digest := sha256.Sum256(s.GetContent())
	if !ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), digest[:], s.GetSignature()) {
		t.Error("the signature does not hold")
	}
}

// TestNamesAreBounded: what is said fits on the wire, however long the names.
func TestNamesAreBounded(t *testing.T) {
	long := make([]string, 2*maxReceiptPackages)
	for i := range long {
		long[i] = fmt.Sprintf("com.example.%s.app%05d", strings.Repeat("a", 200), i)
	}
	short := make([]string, 2*maxReceiptPackages)
	for i := range short {
		short[i] = fmt.Sprintf("com.app%05d", i)
	}
	for _, names := range [][]string{long, short, {"com.app", "../../0"}} {
		got := sum([]Step{{Removes: Tally{Packages: slices.Clone(names)}}}).Packages
		if size := len(strings.Join(got, "")); size > maxReceiptNames || len(got) > maxReceiptPackages || !slices.IsSorted(got) || len(got) == 0 {
			t.Errorf("%d names of %d octets", len(got), size)
		}
	}
}
