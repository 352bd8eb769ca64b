package rpc

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func TestRateLimit(t *testing.T) {
	l := start(t, func(c *Config) { c.Limits.Device = Rate{PerSecond: 1, Burst: 3} })
	one, again, other := l.device(t, "device-one"), l.device(t, "device-one"), l.device(t, "device-two")
	want := answer{Code: "ResourceExhausted", Reason: TooManyCalls}
	for range 3 {
		if err := callLeave(t, one); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, answerOf(callLeave(t, one)).short()); diff != "" {
		t.Errorf("over the limit (-want +got):\n%s", diff)
	}
	if got := answerOf(callLeave(t, again)); got.Reason != TooManyCalls {
		t.Errorf("a second connection has a budget of its own: %+v", got)
	}
	if err := callLeave(t, other); err != nil {
		t.Errorf("another device pays: %v", err)
	}
	// An app has the same budget, and one of its own though its id is the same.
	app := l.app(t, "device-one")
	for range 3 {
		if err := callLeave(t, app); err != nil {
			t.Errorf("an app pays for a device: %v", err)
		}
	}
	if diff := cmp.Diff(want, answerOf(callLeave(t, app)).short()); diff != "" {
		t.Errorf("an app over the limit (-want +got):\n%s", diff)
	}
	l.clock.set(noon.Add(time.Second))
	if err := callLeave(t, one); err != nil {
		t.Errorf("a second later: %v", err)
	}
	if got := l.metric(t, "rpc_rejected_total", map[string]string{"reason": "rate"}); got != 3 {
		t.Errorf("counted %v", got)
	}
}

func TestStreamLimit(t *testing.T) {
	l := start(t, func(c *Config) { c.Limits.CallerStreams, c.Limits.ConnectionStreams = 2, 1000 })
	first, err := openWatch(t, l.device(t, "device-one"))
	if err != nil {
		t.Fatal(err)
	}
	conn := l.device(t, "device-one")
	ctx, cancel := context.WithCancel(t.Context())
	second, err := compliancev1.NewComplianceServiceClient(conn).Watch(ctx, &compliancev1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Recv(); err != nil {
		t.Fatal(err)
	}
	want := answer{Code: "ResourceExhausted", Reason: TooManyStreams}
	for range 100 {
		_, err := openWatch(t, conn)
		if diff := cmp.Diff(want, answerOf(err).short()); diff != "" {
			t.Fatalf("one too many (-want +got):\n%s", diff)
		}
	}
	if _, err := openWatch(t, l.device(t, "device-two")); err != nil {
		t.Errorf("another device pays: %v", err)
	}
	if got := l.metric(t, "rpc_open_streams", map[string]string{"method": watch}); got != 3 {
		t.Errorf("open streams = %v, want 3", got)
	}
	// A closed stream makes room. The server hears of it a little later.
	cancel()
	for {
		if _, err := openWatch(t, conn); err == nil {
			break
		} else if answerOf(err).Reason == TooManyCalls {
			l.clock.set(l.clock.Now().Add(time.Minute))
		}
	}
	if err := first.CloseSend(); err != nil {
		t.Fatal(err)
	}
}

func TestDrainEndsStreams(t *testing.T) {
	l := start(t, nil)
	stream, err := openWatch(t, l.device(t, "device-one"))
	if err != nil {
		t.Fatal(err)
	}
	l.Drain(t.Context())
	_, err = stream.Recv()
	if diff := cmp.Diff(answer{Code: "Unavailable", Reason: "DRAINING"}, answerOf(err).short()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if logged := l.log.of(t, watch); len(logged) != 1 || logged[0]["reason"] != "DRAINING" {
		t.Errorf("logged %v", logged)
	}
}

func TestDrainDoesNotWaitForever(t *testing.T) {
	l := start(t, nil)
	l.phones.watch = func(s grpc.ServerStreamingServer[compliancev1.WatchResponse]) error {
		if err := s.Send(&compliancev1.WatchResponse{}); err != nil {
			return err
		}
		<-s.Context().Done() // deaf to draining
		return s.Context().Err()
	}
	if _, err := openWatch(t, l.device(t, "device-one")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	l.Drain(ctx)
	l.Drain(ctx) // twice is once
}

func TestRecheckEndsStreams(t *testing.T) {
	l := start(t, nil)
	look := make(chan struct{})
	l.phones.watch = func(s grpc.ServerStreamingServer[compliancev1.WatchResponse]) error {
		for range look {
			if err := Recheck(s.Context()); err != nil {
				return err
			}
			if err := s.Send(&compliancev1.WatchResponse{}); err != nil {
				return err
			}
		}
		return nil
	}
	stream, err := compliancev1.NewComplianceServiceClient(l.device(t, "device-one")).Watch(t.Context(), &compliancev1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	look <- struct{}{}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	l.ended.Store("device-one", true)
	look <- struct{}{}
	_, err = stream.Recv()
	if diff := cmp.Diff(answer{Code: "Unauthenticated", Reason: EnrollmentEnded}, answerOf(err).short()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOutsideOfACall(t *testing.T) {
	if Draining(t.Context()) != nil || Recheck(t.Context()) != nil {
		t.Error("a context that is not of a call drains or is refused")
	}
}

func TestLimitersForget(t *testing.T) {
	l := newLimiters(Rate{PerSecond: 1, Burst: 1})
	l.size = 10
	if !l.allow("busy", noon) || l.allow("busy", noon) {
		t.Fatal("want one call")
	}
	for i := range 1000 {
		l.allow(fmt.Sprint("caller-", i), noon)
		if l.allow("busy", noon) {
			t.Fatalf("forgotten after %d others, though it kept calling", i+1)
		}
		if n := len(l.young) + len(l.old); n > 2*l.size {
			t.Fatalf("remembers %d callers", n)
		}
	}
}
