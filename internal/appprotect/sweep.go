package appprotect

import (
	"context"
	"errors"
	"sync"

	"ringfence/internal/apprules"
	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

const (
	// sweepPage is how many registrations are looked up at once, sweepPages how
	// many such pages one Sweep goes through.
	sweepPage, sweepPages = 200, 10
	// sweepers judge at the same time: their writes share a transaction.
	sweepers = 8
	// maxPerPerson bounds the registrations of one person that are judged at
	// once. Who has more waits for the sweep.
	maxPerPerson = 1000
	// maxReported bounds how many errors of one Sweep are told.
	maxReported = 5
)

// Swept counts what a Sweep did.
type Swept struct {
	// Judged registrations were judged anew.
	Judged int
	// Turned ones stand otherwise than before.
	Turned int
	// Ordered is how many stand on wipe, and have their order.
	Ordered int
	// More is due: call it again.
	More bool
}

// Sweep does a bounded part of what is due without a report: it judges anew
// where the time has come or the policies have changed, orders the wipes that
// verdicts ask for, and rings whom it concerns. Call it now and then, from as
// many servers as there are. What fails for one registration does not keep it
// from the next; the errors are joined.
func (s *Service) Sweep(ctx context.Context) (Swept, error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	work := &sweep{}
	morePersons := s.sweepPersons(ctx, work)
	snap, err := s.catalog.latest(ctx)
	if err != nil {
		work.failed(err)
		return work.swept, errors.Join(work.errs...)
	}
	due := Due{Now: s.clock(), Generation: snap.generation, After: s.swept, Limit: sweepPage}
	for range sweepPages {
		ids, err := s.c.States.Due(ctx, due)
		if err != nil {
			work.failed(err)
			break
		}
		s.rejudgeAll(ctx, ids, work)
		// A wipe that cannot be ordered yet stays due: the walk goes on after it,
		// and begins anew at its end.
		work.swept.More = len(ids) == sweepPage
		if !work.swept.More {
			s.swept = ""
			break
		}
		due.After = ids[len(ids)-1]
		s.swept = due.After
	}
	work.swept.More = work.swept.More || morePersons
	return work.swept, errors.Join(work.errs...)
}

// sweep is one Sweep under way.
type sweep struct {
	mu    sync.Mutex // guards the rest
	swept Swept
	errs  []error
}

func (w *sweep) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && len(w.errs) < maxReported {
		w.errs = append(w.errs, err)
	}
}

func (w *sweep) done(o outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.swept.Judged++
	if o.turned {
		w.swept.Turned++
	}
	if o.ordered {
		w.swept.Ordered++
	}
}

// rejudgeAll judges several registrations, and rings those that see a
// difference.
func (s *Service) rejudgeAll(ctx context.Context, ids []device.ID, w *sweep) {
	var crew sync.WaitGroup
	queue := make(chan device.ID)
	for range min(sweepers, len(ids)) {
		crew.Go(func() {
			for id := range queue {
				o, err := s.rejudge(ctx, id)
				w.failed(err)
				if err == nil {
					w.done(o)
				}
				// Who has a new order, Orders rings.
				if o.turned || o.moved {
					s.c.Bell.Ring(id)
				}
			}
		})
	}
	for _, id := range ids {
		queue <- id
	}
	close(queue)
	crew.Wait()
}

// outcome is what came of judging a registration anew: its standing turned, it is
// to hold to another policy, it has an order to wipe.
type outcome struct{ turned, moved, ordered bool }

// rejudge judges a registration on its stored report, and orders the wipe that
// the verdict asks for. One that is over is left alone.
func (s *Service) rejudge(ctx context.Context, id device.ID) (outcome, error) {
	o, state, err := s.rejudgeState(ctx, id)
	if err != nil || state == nil || state.Verdict.Standing != apprules.StandingWipe {
		return o, err
	}
	o.ordered, err = s.wipe(ctx, state)
	// Not now: the app stays shut, and the next sweep asks again.
	if err != nil && fault.KindOf(err) == fault.Refused {
		err = nil
	}
	return o, err
}

// rejudgeState gives no state for a registration that is over.
func (s *Service) rejudgeState(ctx context.Context, id device.ID) (o outcome, state *State, err error) {
	slot := s.memory.lock(id)
	defer slot.mu.Unlock()
	err = fault.Retry(ErrMoved, func() error {
		o, state = outcome{}, nil
		if err := s.loadStanding(ctx, slot, id); err != nil {
			return err
		}
		if !slot.registration.Lasts() {
			return ErrEnded
		}
		at, err := s.bearings(ctx, slot.registration)
		if err != nil {
			return err
		}
		before := slot.state.of(slot.registration)
		next := before.now(slot.registration, at, s.clock())
		next.Intended = slot.expanded(at.ruling).Revision()
		if !next.sameSubstance(before) {
			err = s.keep(ctx, slot, next, turned(audit.Entry{Actor: "server"}, before, next))
		}
		o = outcome{turned: before.Verdict.Standing != next.Verdict.Standing, moved: before.Intended != next.Intended}
		state = next
		return err
	})
	if errors.Is(err, ErrEnded) || errors.Is(err, ErrNoRegistration) {
		slot.unload()
		return outcome{}, nil, nil
	}
	return o, state, err
}
