package compliancerpc

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"ringfence/internal/bell"
	"ringfence/internal/compliance"
	"ringfence/internal/identity"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

var errDrained = errors.New("drained")

// station is a server with one open stream, in a bubble where time only
// passes when everybody waits.
type station struct {
	bell    bell.Bell
	drain   chan struct{}
	leave   context.CancelFunc
	ended   chan error
	mu      sync.Mutex // guards what follows
	desired compliance.Desired
	refusal error
	sent    []string
}

func (s *station) Desired(context.Context, identity.Caller) (compliance.Desired, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.desired, nil
}

func (*station) Manifest(context.Context, identity.Caller) (*compliance.Manifest, error) {
	return nil, errors.ErrUnsupported
}

func (*station) CheckIn(context.Context, identity.Caller, compliance.Report) (compliance.CheckInAnswer, error) {
	return compliance.CheckInAnswer{}, errors.ErrUnsupported
}

func (*station) IssueCertificate(context.Context, identity.Caller, string, []byte) ([][]byte, error) {
	return nil, errors.ErrUnsupported
}

// stream takes what is sent.
type stream struct {
	grpc.ServerStream
	ctx     context.Context
	station *station
}

func (s stream) Context() context.Context { return s.ctx }

func (s stream) Send(m *compliancev1.WatchResponse) error {
	s.station.mu.Lock()
	defer s.station.mu.Unlock()
	s.station.sent = append(s.station.sent, m.GetManifestRevision())
	return nil
}

// open opens a stream and waits until it listens.
func open(t *testing.T) *station {
	s := &station{drain: make(chan struct{}), ended: make(chan error, 1), desired: compliance.Desired{Revision: "r1", Generation: 1}}
	server := NewDeviceServer(Config{
		Service: s,
		Watch: bell.Watch{
			Bell: &s.bell, Tick: time.Minute,
			Recheck: func(context.Context) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				return s.refusal
			},
			Draining: func(context.Context) <-chan struct{} { return s.drain }, Drained: errDrained,
		},
	})
	ctx, cancel := context.WithCancel(identity.With(t.Context(), identity.Caller{Kind: identity.Device, Device: "phone-0001", Epoch: 1}))
	s.leave = cancel
	go func() { s.ended <- server.Watch(nil, stream{ctx: ctx, station: s}) }()
	synctest.Wait()
	return s
}

// want is everything that was sent so far.
func (s *station) want(t *testing.T, what string, sent ...string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(sent, s.sent); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (s *station) set(revision string, generation uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.desired = compliance.Desired{Revision: revision, Generation: generation}
}

// end waits for the stream's end.
func (s *station) end(t *testing.T, want error) {
	t.Helper()
	if err := <-s.ended; !errors.Is(err, want) {
		t.Errorf("ended with %v, want %v", err, want)
	}
	if n := s.bell.Listening(); n != 0 {
		t.Errorf("%d still listen", n)
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		s.want(t, "at once", "r1")
		s.bell.Ring("phone-0002")
		s.want(t, "after a ring for another", "r1")
		s.bell.Ring("phone-0001")
		s.want(t, "after a ring for this one", "r1", "r1")
		s.set("r2", 2)
		s.bell.RingAll()
		s.want(t, "after a change", "r1", "r1", "r2")
		s.set("r3", 3)
		<-time.After(2 * time.Minute) // in a bubble: at once
		s.want(t, "after a change nobody rang for", "r1", "r1", "r2", "r3")
		<-time.After(10 * time.Minute)
		s.want(t, "after ticks", "r1", "r1", "r2", "r3")
		s.leave()
		s.end(t, context.Canceled)
	})
}

// TestChangeForOthers: a change of policies that is not for this device is not
// passed on at once, and a ring that hid in it not lost.
func TestChangeForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		s.set("r1", 2)
		s.bell.RingAll()
		s.want(t, "at the change", "r1")
		<-time.After(2 * time.Minute)
		s.want(t, "at the next tick", "r1", "r1")
		<-time.After(10 * time.Minute)
		s.want(t, "after that", "r1", "r1")
		s.leave()
		s.end(t, context.Canceled)
	})
}

func TestWatchEndsWithTheEnrolment(t *testing.T) {
	for name, wake := range map[string]func(*station){
		"ring": func(s *station) { s.bell.Ring("phone-0001") },
		"tick": func(*station) { <-time.After(2 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				retired := errors.New("retired")
				s.mu.Lock()
				s.refusal = retired
				s.mu.Unlock()
				wake(s)
				s.end(t, retired)
				s.want(t, "to a retired device", "r1")
			})
		})
	}
}

func TestWatchDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		close(s.drain)
		s.end(t, errDrained)
	})
}
