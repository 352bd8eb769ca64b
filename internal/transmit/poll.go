package transmit

import (
	"context"
	"time"

	"ringfence/internal/fault"
)

// The bounds of a poll.
const (
	// MaxPoll is how many events one answer has at most.
	MaxPoll = 100
	// maxAcks bounds what one request says of earlier events.
	maxAcks = 10_000
	// pollWait is how long an answer waits for an event, and pollTick how often
	// it looks for those that another server wrote.
	pollWait = 25 * time.Second
	pollTick = time.Second
)

// PollRequest asks for events (RFC 8936).
type PollRequest struct {
	// MaxEvents is how many at most; nil leaves it to the server, 0 asks for
	// none: such a request only acknowledges.
	MaxEvents *int
	// ReturnImmediately: the answer does not wait for an event.
	ReturnImmediately bool
	// Ack are the jtis that the receiver has.
	Ack []string
	// SetErrs says of jtis why the receiver refuses them, in words for people.
	SetErrs map[string]string
}

// PollAnswer is what is given.
type PollAnswer struct {
	// Sets are signed tokens by jti.
	Sets map[string]string
	// MoreAvailable: there are more than were given.
	MoreAvailable bool
}

// Poll takes what a client says of earlier events, and gives those that wait,
// oldest first, until they are acknowledged. Without any it waits a while, unless
// asked not to. A paused or disabled stream gives only what is said of itself.
// Errors: Invalid, ErrNoStream, ErrNotPolled.
func (s *Service) Poll(ctx context.Context, o Owner, id string, r PollRequest) (PollAnswer, error) {
	most, err := r.check()
	if err != nil {
		return PollAnswer{}, err
	}
	rings, cancel := s.c.Bells.listen(id)
	defer cancel()
	st, err := s.polled(ctx, o, id)
	if err != nil {
		return PollAnswer{}, err
	}
	if len(r.Ack)+len(r.SetErrs) > 0 {
		if err := s.c.Store.Acknowledge(ctx, id, r.Ack, r.refused()); err != nil {
			return PollAnswer{}, err
		}
		s.c.Metrics.tried(Poll, Taken, len(r.Ack))
		s.c.Metrics.tried(Poll, Refused, len(r.SetErrs))
	}
	if most == 0 {
		n, err := s.c.Store.CountWaiting(ctx, id, 1)
		return PollAnswer{MoreAvailable: n > 0 && st.Status == Enabled}, err
	}
	over := s.c.After(pollWait)
	for {
		a, err := s.give(ctx, &st, most)
		if err != nil || len(a.Sets) > 0 || r.ReturnImmediately {
			return a, err
		}
		select {
		case <-ctx.Done():
			return PollAnswer{}, ctx.Err()
		case <-over:
			return a, nil
		case <-s.drained:
			return a, nil
		case <-rings:
		case <-s.c.After(pollTick):
		}
		// Whoever lost the stream meanwhile is given nothing.
		if st, err = s.polled(ctx, o, id); err != nil {
			return PollAnswer{}, err
		}
	}
}

func (s *Service) polled(ctx context.Context, o Owner, id string) (Stream, error) {
	st, err := s.Stream(ctx, o, id)
	if err == nil && st.Delivery != Poll {
		return Stream{}, ErrNotPolled
	}
	return st, err
}

// give signs what waits.
func (s *Service) give(ctx context.Context, st *Stream, most int) (PollAnswer, error) {
	items, err := s.c.Store.Waiting(ctx, st.ID, WaitingQuery{Most: most + 1, OnlyControl: st.Status != Enabled})
	if err != nil {
		return PollAnswer{}, err
	}
	a := PollAnswer{Sets: make(map[string]string), MoreAvailable: len(items) > most}
	for i := range items[:min(len(items), most)] {
		set, err := token(ctx, s.c.Signer, s.c.Issuer, st, &items[i])
		if err != nil {
			return PollAnswer{}, err
		}
		a.Sets[items[i].JTI] = set
	}
	return a, nil
}

// check gives how many events are asked for.
func (r *PollRequest) check() (int, error) {
	if len(r.Ack)+len(r.SetErrs) > maxAcks {
		return 0, fault.InvalidField("ack", "more than %d at once", maxAcks)
	}
	if r.MaxEvents == nil {
		return MaxPoll, nil
	}
	if *r.MaxEvents < 0 {
		return 0, fault.InvalidField("maxEvents", "must not be negative")
	}
	return min(*r.MaxEvents, MaxPoll), nil
}

// refused gives what the receiver refuses, with reasons fit to be stored.
func (r *PollRequest) refused() map[string]string {
	all := make(map[string]string, len(r.SetErrs))
	for jti, why := range r.SetErrs {
		all[jti] = cut(oneLine(why))
	}
	return all
}
