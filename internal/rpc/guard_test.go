package rpc

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"ringfence/internal/identity"
	"ringfence/internal/pki"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// TestSlowRequestOfARetiredPhone begins a call while the phone is enrolled and
// sends the request when it no longer is.
func TestSlowRequestOfARetiredPhone(t *testing.T) {
	identified := make(chan struct{}, 8)
	var l *listener
	l = start(t, func(c *Config) {
		c.Callers = func(ctx context.Context, client pki.Verified) (identity.Caller, error) {
			defer func() { identified <- struct{}{} }()
			return l.callers(ctx, client)
		}
	})
	l.phones.leave = func(context.Context) error {
		t.Error("the call reached its handler")
		return nil
	}
	stream, err := l.device(t, "device-one").NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, leave)
	if err != nil {
		t.Fatal(err)
	}
	<-identified
	l.ended.Store("device-one", true)
	l.clock.set(noon.Add(dawdling))
	if err := stream.SendMsg(&enrollv1.LeaveRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	want := answer{Code: "Unauthenticated", Reason: EnrollmentEnded}
	if diff := cmp.Diff(want, answerOf(stream.RecvMsg(&enrollv1.LeaveResponse{})).short()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMethodRate: a method's own rate bounds it, and nothing else.
func TestMethodRate(t *testing.T) {
	l := start(t, func(c *Config) {
		c.Rules = maps.Clone(testRules)
		c.Rules[leave] = Rule{Callers: testRules[leave].Callers, Rate: Rate{PerSecond: 1.0 / 60, Burst: 2}}
	})
	one := l.device(t, "device-one")
	for range 2 {
		if err := callLeave(t, one); err != nil {
			t.Fatal(err)
		}
	}
	want := answer{Code: "ResourceExhausted", Reason: TooManyCalls}
	if diff := cmp.Diff(want, answerOf(callLeave(t, one)).short()); diff != "" {
		t.Errorf("over the limit (-want +got):\n%s", diff)
	}
	if _, err := openWatch(t, one); err != nil {
		t.Errorf("another method pays: %v", err)
	}
	if err := callLeave(t, l.device(t, "device-two")); err != nil {
		t.Errorf("another device pays: %v", err)
	}
	if err := callLeave(t, l.app(t, "device-one")); err != nil {
		t.Errorf("an app of the same name pays: %v", err)
	}
	l.clock.set(noon.Add(time.Minute))
	if err := callLeave(t, one); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}
