package bell

import (
	"context"
	"math/rand/v2"
	"time"

	"ringfence/internal/device"
)

// State is what a listener should have now.
type State struct {
	// Revision names it: a listener with another one must look.
	Revision string
	// Generation counts changes that rang everybody, whether or not they were
	// for this listener.
	Generation uint64
}

// Watch is how the streams of one service listen. All but Tick is required.
type Watch struct {
	Bell interface {
		Subscribe(id device.ID) (rings <-chan struct{}, cancel func())
	}
	// Tick is about how often a stream looks without having been rung. 0 means
	// a minute.
	Tick time.Duration
	// Recheck reports whether the stream of a context may go on; its error
	// ends the stream.
	Recheck func(ctx context.Context) error
	// Draining is closed when the server is about to stop; Drained then ends
	// the stream.
	Draining func(ctx context.Context) <-chan struct{}
	Drained  error
}

// Stream is one open stream.
type Stream struct {
	// ID is the device whose rings it hears, or the registration.
	ID device.ID
	// State looks what the listener should have; its error ends the stream.
	State func(ctx context.Context) (State, error)
	// Send tells the listener to look; its error ends the stream.
	Send func(revision string) error
}

// Run serves a stream until it ends, and says why it did. It subscribes first
// and looks then, so that nothing falls between; from then on it looks when rung
// and on a slow tick, and each time asks whether the caller may still listen.
func (w Watch) Run(ctx context.Context, s Stream) error {
	rings, cancel := w.Bell.Subscribe(s.ID)
	defer cancel()
	tick := time.NewTimer(w.pause())
	defer tick.Stop()
	draining := w.Draining(ctx)
	l := listener{why: opened}
	for {
		if err := w.look(ctx, s, &l); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-draining:
			return w.Drained
		case <-rings:
			l.why = rang
		case <-tick.C:
			tick.Reset(w.pause())
			l.why = ticked
		}
	}
}

// look asks whether the caller may go on listening, and sends if there is
// something to look at.
func (w Watch) look(ctx context.Context, s Stream, l *listener) error {
	if err := w.Recheck(ctx); err != nil {
		return err
	}
	state, err := s.State(ctx)
	if err != nil || !l.hear(state) {
		return err
	}
	return s.Send(state.Revision)
}

// pause is the tick give or take a fifth, so that streams that were opened
// together do not look together for ever.
func (w Watch) pause() time.Duration {
	tick := w.Tick
	if tick <= 0 {
		tick = time.Minute
	}
	fifth := tick / 5
	return tick - fifth + rand.N(2*fifth+1) //nolint:gosec // jitter is no secret
}

// reason is why a stream looks.
type reason uint8

const (
	opened reason = iota
	rang
	ticked
)

// listener is what a stream knows.
type listener struct {
	why reason
	// last is what the stream has seen.
	last State
	// owed is a ring that was not passed on.
	owed bool
}

// hear reports whether to send, now that the listener should have s.
//
// When policies change, every stream is rung, and most listeners have nothing to
// look at. Their rings are not passed on at once, or a change for one of them
// would call in the whole fleet. But a ring meant for the listener may hide in
// that one; so it is passed on at the next tick, and ticks are spread.
func (l *listener) hear(s State) bool {
	before := l.last
	l.last = s
	send := false
	switch {
	case l.why == opened, s.Revision != before.Revision:
		send = true
	case l.why == rang:
		send = s.Generation == before.Generation
		l.owed = l.owed || !send
	case l.why == ticked:
		send = l.owed
	}
	if send {
		l.owed = false
	}
	return send
}
