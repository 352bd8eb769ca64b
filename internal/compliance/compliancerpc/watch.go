package compliancerpc

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"

	"ringfence/internal/compliance"
	"ringfence/internal/identity"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// Watch is the doorbell. It subscribes first and looks then, so that nothing
// falls between; from then on it looks when rung and on a slow tick, and each
// time asks whether the caller may still listen.
func (s *DeviceServer) Watch(_ *compliancev1.WatchRequest, stream grpc.ServerStreamingServer[compliancev1.WatchResponse]) error {
	ctx := stream.Context()
	caller := identity.From(ctx)
	rings, cancel := s.config.Bell.Subscribe(caller.Device)
	defer cancel()
	tick := time.NewTimer(s.pause())
	defer tick.Stop()
	draining := s.config.Draining(ctx)
	listener := listener{why: opened}
	for {
		if err := s.look(ctx, caller, stream, &listener); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-draining:
			return s.config.Drained
		case <-rings:
			listener.why = rung
		case <-tick.C:
			tick.Reset(s.pause())
			listener.why = ticked
		}
	}
}

// look asks whether the caller may go on listening, and sends a message if
// there is something to look at.
func (s *DeviceServer) look(
	ctx context.Context, caller identity.Caller,
	stream grpc.ServerStreamingServer[compliancev1.WatchResponse], l *listener,
) error {
	if err := s.config.Recheck(ctx); err != nil {
		return err
	}
	desired, err := s.config.Service.Desired(ctx, caller)
	if err != nil || !l.hear(desired) {
		return err
	}
	return stream.Send(&compliancev1.WatchResponse{ManifestRevision: desired.Revision})
}

// pause is the tick give or take a fifth, so that streams that were opened
// together do not look together for ever.
func (s *DeviceServer) pause() time.Duration {
	fifth := s.config.Tick / 5
	return s.config.Tick - fifth + rand.N(2*fifth+1) //nolint:gosec // jitter is no secret
}

// reason is why a stream looks.
type reason uint8

const (
	opened reason = iota
	rung
	ticked
)

// listener is what a stream knows.
type listener struct {
	why reason
	// last is what the stream has seen.
	last compliance.Desired
	// owed is a ring that was not passed on.
	owed bool
}

// hear reports whether to send a message, now that the caller should have d.
//
// When policies change, every stream is rung, and most devices have nothing to
// look at. Their rings are not passed on at once, or a change for one phone
// would call in the whole fleet. But a ring meant for the device may hide in
// that one; so it is passed on at the next tick, and ticks are spread.
func (l *listener) hear(d compliance.Desired) bool {
	before := l.last
	l.last = d
	send := false
	switch {
	case l.why == opened, d.Revision != before.Revision:
		send = true
	case l.why == rung:
		send = d.Generation == before.Generation
		l.owed = l.owed || !send
	case l.why == ticked:
		send = l.owed
	}
	if send {
		l.owed = false
	}
	return send
}
