package appsdk

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/agent/appsdk/appsdktest"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestStart: a ring brings the new policy, an order is carried out, and then it
// is over.
func TestStart(t *testing.T) {
	b := readyBench(t)
	if err := errors.Join(b.Start(), b.Start()); err != nil {
		t.Fatal(err)
	}
	b.server.Until(t, "the app listens", func() bool { return b.server.Streams() == 1 })
	stricter := policyOf(t, "data.print_blocked=true")
	b.server.SetPolicy(stricter)
	b.server.Until(t, "the policy is applied", func() bool {
		last := b.server.CheckIns[len(b.server.CheckIns)-1]
		return last.GetReport().GetAppliedRevision() == stricter.Revision()
	})
	if b.MayPrint() {
		t.Error("may print")
	}
	before := 0
	b.server.Do(func() { before = len(b.server.CheckIns) })
	b.expect(EventLaunch, "proceed")
	b.server.Until(t, "the app checks in at launch", func() bool { return len(b.server.CheckIns) > before })
	o := b.server.Order(appsdktest.Apps(pkg))
	b.server.Until(t, "the order is done", func() bool { return o.State == wipev1.State_STATE_DONE })
	<-b.running()
	b.expect(EventTimer, "wiped wiped_by_order")
	b.assertErased("after the order")
	b.Stop()
}

func (b *bench) running() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.runs
}

// TestStartChecksInWhileUsed: when the server asked for it, and only while the app
// is used.
func TestStartChecksInWhileUsed(t *testing.T) {
	b := readyBench(t)
	due := make(chan chan struct{}, 8)
	b.wait = func(ctx context.Context, d time.Duration) error {
		if d < minute {
			<-ctx.Done()
			return ctx.Err()
		}
		over := make(chan struct{})
		select {
		case due <- over:
		default:
		}
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	before := len(b.server.CheckIns)
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	b.server.Until(t, "the first ring was answered", func() bool { return len(b.server.CheckIns) > before })
	b.server.Do(func() { before = len(b.server.CheckIns) })
	for done := false; !done; {
		close(<-due)
		b.server.Do(func() { done = len(b.server.CheckIns) > before })
	}
}

// TestStartBackOff: a server that is away is waited for, longer each time.
func TestStartBackOff(t *testing.T) {
	b := readyBench(t)
	b.server.Do(func() { b.server.Fail = func(string) error { return status.Error(codes.Unavailable, "gone") } })
	var mu sync.Mutex
	var waits []time.Duration
	enough := make(chan struct{})
	b.random = func() float64 { return 1 }
	b.wait = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		if d > minute { // for a check-in
			return errors.New("not now")
		}
		if waits = append(waits, d); len(waits) == 6 {
			close(enough)
		}
		if len(waits) >= 6 {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	<-enough
	b.Stop()
	for i := 1; i < len(waits); i++ {
		if waits[i] < waits[i-1] {
			t.Errorf("waited %v", waits)
		}
	}
}

// TestStartEnded: the server's word ends it.
func TestStartEnded(t *testing.T) {
	b := readyBench(t)
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	b.server.Until(t, "the app listens", func() bool { return b.server.Streams() == 1 })
	b.server.EndRegistration()
	<-b.running()
	b.expect(EventTimer, "block registration_ended")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); !errors.Is(err, ErrClosed) {
		t.Errorf("Start: %v", err)
	}
	b.expect(EventLaunch, "block closed")
}
