package accessrpc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/grpc"

	"ringfence/internal/access"
	"ringfence/internal/bell"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	accessv1 "ringfence/proto/mdm/access/v1"
)

const (
	// maxWatched is how many sign-ins one stream watches at most.
	maxWatched = 1000
	// perRound is how many are decided before the stream looks up: for the server's
	// drain, for its caller's end, and for rings, which go before.
	perRound = 64
	// betweenAll is the least time between two rings for everybody that count. The
	// first one counts at once; of those that follow fast, one does.
	betweenAll = 100 * time.Millisecond
	// leastTurn is the least time after which an answer is looked at again only
	// because of the time.
	leastTurn = 10 * time.Millisecond
)

// WatchDecisions decides sign-ins, and again whenever an answer may have changed.
func (s *Server) WatchDecisions(r *accessv1.WatchDecisionsRequest, stream grpc.ServerStreamingServer[accessv1.WatchDecisionsResponse]) error {
	w, err := s.newWatch(r)
	if err != nil {
		return err
	}
	w.send = stream.Send
	// Subscribe first and decide then, so that nothing falls between.
	ear, cancel := s.c.Bell.SubscribeSeveral(w.ids())
	defer cancel()
	return w.run(stream.Context(), ear)
}

// watch is one stream.
type watch struct {
	c       *Config
	explain bool
	send    func(*accessv1.WatchDecisionsResponse) error
	asked   []watched
	// askers are the places of the questions that ask about an id.
	askers map[device.ID][]int
	// tick is when everything is decided again, whatever happens.
	tick time.Time
	// rungAll: everybody was rung. It counts from quiet on.
	rungAll bool
	quiet   time.Time
}

// watched is one sign-in.
type watched struct {
	question access.Question
	answered bool
	told     told
	// due is when to decide; the zero time is before everything else.
	due time.Time
}

func (s *Server) newWatch(r *accessv1.WatchDecisionsRequest) (*watch, error) {
	if n := len(r.GetSignIns()); n == 0 || n > maxWatched {
		return nil, fault.InvalidField("sign_ins", "must be 1 to %d", maxWatched)
	}
	w := &watch{c: &s.c, explain: r.GetExplain(), askers: map[device.ID][]int{}}
	for i, in := range r.GetSignIns() {
		q, err := questionFromWire(in, fmt.Sprintf("sign_ins[%d]", i))
		if err != nil {
			return nil, err
		}
		w.asked = append(w.asked, watched{question: q})
		for _, id := range identified(q) {
			w.askers[id] = append(w.askers[id], i)
		}
	}
	return w, nil
}

func (w *watch) ids() []device.ID {
	ids := make([]device.ID, 0, len(w.askers))
	for id := range w.askers {
		ids = append(ids, id)
	}
	return ids
}

// run serves the stream until it ends, and says why it did.
func (w *watch) run(ctx context.Context, ear *bell.Several) error {
	draining := w.c.Draining(ctx)
	w.tick = w.c.Now().Add(w.pause())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := w.c.Recheck(ctx); err != nil {
			return err
		}
		if err := w.round(ctx); err != nil {
			return err
		}
		timer.Reset(max(0, w.next().Sub(w.c.Now())))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-draining:
			return w.c.Drained
		case <-ear.Rings():
			w.hear(ear.Take())
		case <-timer.C:
		}
	}
}

// hear notes what was rung.
func (w *watch) hear(ids []device.ID, all bool) {
	for _, id := range ids {
		for _, i := range w.askers[id] {
			w.asked[i].due = time.Time{}
		}
	}
	w.rungAll = w.rungAll || all
}

// allDue has everything decided if it is time for that.
func (w *watch) allDue(now time.Time) {
	switch {
	case w.rungAll && !now.Before(w.quiet):
		w.rungAll, w.quiet = false, now.Add(betweenAll)
	case !now.Before(w.tick):
		w.tick = now.Add(w.pause())
	default:
		return
	}
	for i := range w.asked {
		w.asked[i].due = earlier(w.asked[i].due, now)
	}
}

// round decides what is due, the most urgent first, and not all of it where it is
// much.
func (w *watch) round(ctx context.Context) error {
	now := w.c.Now()
	w.allDue(now)
	var due []int
	for i := range w.asked {
		if !w.asked[i].due.After(now) {
			due = append(due, i)
		}
	}
	slices.SortStableFunc(due, func(a, b int) int { return w.asked[a].due.Compare(w.asked[b].due) })
	for _, i := range due[:min(len(due), perRound)] {
		if err := w.decide(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// decide decides one sign-in, and tells of it if it is news. An error ends the
// stream: whoever watches must not go on with an answer that nobody stands for.
func (w *watch) decide(ctx context.Context, i int) error {
	one := &w.asked[i]
	ask := w.c.Service.Reconsider
	if !one.answered {
		ask = w.c.Service.Decide
	}
	a, err := ask(ctx, one.question)
	if err != nil {
		return err
	}
	one.due = w.turn(&a)
	news, response := newsOf(&a, w.explain)
	if one.answered && news == one.told {
		return nil
	}
	one.answered, one.told = true, news
	if response == nil {
		response = decisionToWire(&a, false)
	}
	return w.send(&accessv1.WatchDecisionsResponse{Index: uint32(i), Decision: response}) //nolint:gosec // at most maxWatched
}

// turn is when time alone may change an answer. One that may not be kept at all
// says nothing of that: the tick looks after it.
func (w *watch) turn(a *access.Answer) time.Time {
	until := a.Decision.CachedUntil
	if !until.After(a.Decision.At()) {
		return w.tick
	}
	return later(until, w.c.Now().Add(leastTurn))
}

// next is when something is due.
func (w *watch) next() time.Time {
	next := w.tick
	if w.rungAll {
		next = earlier(next, w.quiet)
	}
	for i := range w.asked {
		next = earlier(next, w.asked[i].due)
	}
	return next
}

// pause is the tick give or take a fifth, so that streams that were opened
// together do not decide together for ever.
func (w *watch) pause() time.Duration {
	fifth := w.c.Tick / 5
	return w.c.Tick - fifth + rand.N(2*fifth+1) //nolint:gosec // jitter is no secret
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
