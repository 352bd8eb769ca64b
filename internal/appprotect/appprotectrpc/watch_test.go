package appprotectrpc

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"ringfence/internal/appprotect"
	"ringfence/internal/bell"
	"ringfence/internal/identity"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// doorbell is a stream with what it is told; it is a service whose policy changes.
type doorbell struct {
	service
	grpc.ServerStream
	ctx context.Context

	mu      sync.Mutex // guards what follows
	desired appprotect.Desired
	refusal error
	sent    []string
}

func (d *doorbell) Context() context.Context { return d.ctx }

func (d *doorbell) Send(m *appprotectv1.WatchResponse) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = append(d.sent, m.GetPolicyRevision())
	return nil
}

func (d *doorbell) Desired(_ context.Context, caller identity.Caller) (appprotect.Desired, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if caller.Device != mail.Device {
		return appprotect.Desired{}, errors.New("another caller")
	}
	return d.desired, d.refusal
}

func (d *doorbell) set(change func(d *doorbell)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// TestWatch: the stream of a registration hears its own rings, and ends with it.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bell.Bell)
		d := &doorbell{ctx: identity.With(t.Context(), mail), desired: appprotect.Desired{Revision: "r1", Generation: 1}}
		server := NewDeviceServer(d, nil, bell.Watch{
			Bell: b, Tick: time.Hour, Recheck: func(context.Context) error { return nil },
			Draining: func(context.Context) <-chan struct{} { return nil },
		})
		ended := make(chan error, 1)
		go func() { ended <- server.Watch(&appprotectv1.WatchRequest{}, d) }()
		want := func(what string, sent ...string) {
			t.Helper()
			synctest.Wait()
			d.mu.Lock()
			defer d.mu.Unlock()
			if diff := cmp.Diff(sent, d.sent); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		want("at once", "r1")
		b.Ring("registration-2")
		want("a ring for another", "r1")
		b.Ring(mail.Device)
		want("a ring for this one", "r1", "r1")
		d.set(func(d *doorbell) { d.desired.Generation = 2 })
		b.RingAll()
		want("a change for others", "r1", "r1")
		d.set(func(d *doorbell) { d.desired = appprotect.Desired{Revision: "r2", Generation: 3} })
		b.RingAll()
		want("a change", "r1", "r1", "r2")
		d.set(func(d *doorbell) { d.refusal = appprotect.ErrEnded })
		b.Ring(mail.Device)
		if err := <-ended; !errors.Is(err, appprotect.ErrEnded) {
			t.Errorf("ended with %v", err)
		}
		if n := b.Listening(); n != 0 {
			t.Errorf("%d still listen", n)
		}
	})
}
