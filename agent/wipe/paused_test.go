package wipe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestPaused: an order that the server holds back removes nothing, and is carried
// out when it comes again with the same id and number; what comes after it waits,
// because it would pass it by.
func TestPaused(t *testing.T) {
	held := errorOf(codes.FailedPrecondition, "ORDER_PAUSED")
	t.Run("work profile", func(t *testing.T) {
		b := newBench(t)
		b.server.script = []error{held, held}
		order := b.sign(t, b.content())
		for range 2 {
			if r := b.run(t, order); !r.Waiting || r.Ended {
				t.Errorf("%+v, want it to wait", r)
			}
			b.assertUntouched(t)
			if j := b.device.journal; j.Current != nil || lastPhase(j) != Dropped || j.Acted.Sequence != 0 || b.device.keys != nil {
				t.Errorf("journal %+v, keys %v", j, b.device.keys)
			}
		}
		if r := b.run(t, order); !r.Ended {
			t.Errorf("%+v, want it carried out", r)
		}
		if diff := cmp.Diff([]string{"acknowledged", "acknowledged", "acknowledged", "done"}, b.server.said); diff != "" {
			t.Errorf("said (-want +got):\n%s", diff)
		}
	})
	t.Run("with another behind it", func(t *testing.T) {
		b := newBench(t)
		b.server.script = []error{held}
		orders := []*wipev1.SignedOrder{b.app(t, 1), b.app(t, 2)}
		if r := b.run(t, orders...); !r.Waiting || b.acted() != "" {
			t.Errorf("%+v, acted on %s", r, b.acted())
		}
		if r := b.run(t, orders...); r.Waiting || b.acted() != "1 2" {
			t.Errorf("%+v, acted on %s", r, b.acted())
		}
	})
	t.Run("after silence", func(t *testing.T) {
		b := newBench(t)
		b.server.script = []error{status.Error(codes.Unavailable, "gone"), held}
		order := b.app(t, 1)
		if _, err := b.Execute(t.Context(), b.server, given(order)); err == nil {
			t.Fatal("silence was no error")
		}
		if r := b.run(t, order); !r.Waiting || b.acted() != "" {
			t.Errorf("%+v, acted on %s", r, b.acted())
		}
		if b.run(t, order); b.acted() != "1" {
			t.Errorf("acted on %s", b.acted())
		}
	})
}
