package enroll

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// settleTimeout bounds how long the end of an enrolment waits to be settled
// before it is left to Sweep.
const settleTimeout = 10 * time.Second

// finish does what follows a durable end. It cannot fail: the end is the truth
// already, and what is left undone is found by Sweep.
func (s *Service) finish(ctx context.Context, e Ending) {
	s.c.Bell.Ring(e.Device)
	// Also if the caller hangs up now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	_ = s.settle(ctx, e)
}

func (s *Service) settle(ctx context.Context, e Ending) error {
	if err := s.c.Settle(ctx, e.Device, e.Epoch, e.Reason); err != nil {
		return fmt.Errorf("settle the end of device %s epoch %d: %w", e.Device, e.Epoch, err)
	}
	return s.c.Enrolments.MarkSettled(ctx, e.Device, e.Epoch, s.clock())
}

// sweepPage is how many endings are read at once.
const sweepPage = 100

// Sweep settles the ends that a crash or an error left unsettled, buries the
// tombstones that no order waits for any more, and lets tokens forget users that
// nobody needs any more. To be called at the start and then at times. One that
// fails does not keep the others from being done; the errors are joined.
func (s *Service) Sweep(ctx context.Context) error {
	return errors.Join(s.sweepEnds(ctx), s.sweepTombstones(ctx), s.forgetTokens(ctx))
}

func (s *Service) sweepEnds(ctx context.Context) error {
	var (
		failed []error
		after  Ending
	)
	for {
		open, err := s.c.Enrolments.Unsettled(ctx, after, sweepPage)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		for _, e := range open {
			if err := ctx.Err(); err != nil {
				return errors.Join(append(failed, err)...)
			}
			if err := s.settle(ctx, e); err != nil {
				failed = append(failed, err)
			}
		}
		if len(open) < sweepPage {
			return errors.Join(failed...)
		}
		after = open[len(open)-1]
	}
}
