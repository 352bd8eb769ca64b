package wipe

import (
	"context"
	"errors"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// EnrollmentEnded tells that an epoch of a device is over, for whatever
// reason: nothing ordered for it can be carried out or confirmed any more. An
// order that the device had promised but not confirmed says so; none becomes
// done. Safe to repeat, and not vital: Sweep finds what was missed.
func (s *Service) EnrollmentEnded(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error {
	orders, err := s.store.Unsettled(ctx, id, epoch)
	if err != nil {
		return err
	}
	_, err = s.each(ctx, orders, Event{Kind: End, Reason: reason})
	return err
}

// Swept counts what a Sweep did.
type Swept struct {
	// Expired orders had run out of time.
	Expired int
	// Ended enrolments and registrations belonged to work profiles, and to work
	// accounts, that are gone.
	Ended int
	// Voided orders belonged to epochs whose end had not been heard of.
	Voided int
	// Lapsed requests were not approved in time.
	Lapsed int
	// Expanded orders were added to standing wipes of persons.
	Expanded int
	// Released devices were rung because orders for them can be given now.
	Released int
}

// sweepBatch bounds each part of one Sweep.
const sweepBatch = 100

// Sweep does a bounded part of what is overdue: it expires orders, ends
// enrolments after a wipe that a crash left half done, and looks whether the
// epochs of unsettled orders still last. It ends requests that nobody approved,
// goes on with standing wipes, and rings devices whose orders were held. Call it now and then, from as many
// servers as there are. One order's trouble does not keep it from the others;
// all errors are returned, joined.
func (s *Service) Sweep(ctx context.Context) (Swept, error) {
	var swept Swept
	var errs [6]error
	swept.Expired, errs[0] = s.sweepOverdue(ctx)
	swept.Ended, errs[1] = s.sweepUnended(ctx)
	swept.Voided, errs[2] = s.sweepEpochs(ctx)
	swept.Lapsed, errs[3] = s.sweepRequests(ctx)
	swept.Expanded, errs[4] = s.sweepPersons(ctx)
	swept.Released, errs[5] = s.sweepReleased(ctx)
	return swept, errors.Join(errs[:]...)
}

func (s *Service) sweepOverdue(ctx context.Context) (int, error) {
	orders, err := s.store.Overdue(ctx, s.time(), sweepBatch)
	if err != nil {
		return 0, err
	}
	return s.each(ctx, orders, Event{Kind: Expire})
}

// each applies one event to several orders and counts those it changed.
func (s *Service) each(ctx context.Context, orders []Order, e Event) (int, error) {
	var errs []error
	changed := 0
	for _, o := range orders {
		next, err := s.apply(ctx, o.ID, e, anyone)
		switch {
		case errors.Is(err, ErrCancelled), errors.Is(err, ErrExpired), errors.Is(err, ErrFinished):
			// Somebody else ended it first.
		case err != nil:
			errs = append(errs, err)
		case next.Version != o.Version:
			changed++
		}
	}
	return changed, errors.Join(errs...)
}

func (s *Service) sweepUnended(ctx context.Context) (int, error) {
	orders, err := s.store.Unended(ctx, sweepBatch)
	if err != nil {
		return 0, err
	}
	var errs []error
	ended := 0
	for _, o := range orders {
		if err := s.endEnrollment(ctx, o); err != nil {
			errs = append(errs, err)
			continue
		}
		ended++
	}
	return ended, errors.Join(errs...)
}

// sweepEpochs walks all unsettled orders, a part with each call, and voids
// those of ended epochs.
func (s *Service) sweepEpochs(ctx context.Context) (int, error) {
	s.mu.Lock()
	from := s.walked
	s.mu.Unlock()
	orders, err := s.store.After(ctx, from, sweepBatch)
	if err != nil {
		return 0, err
	}
	next := ID("")
	if len(orders) == sweepBatch {
		next = orders[len(orders)-1].ID
	}
	s.mu.Lock()
	s.walked = next
	s.mu.Unlock()
	return s.voidEnded(ctx, orders)
}

func (s *Service) voidEnded(ctx context.Context, orders []Order) (int, error) {
	var errs []error
	voided := 0
	for _, o := range orders {
		if o.State.Final() {
			continue // sweepUnended ends its enrolment
		}
		f, err := s.devices.Facts(ctx, o.Device)
		if fault.KindOf(err) == fault.NotFound {
			continue // a missing record proves nothing: the order has its own end
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if f.ended(o.Epoch) {
			n, err := s.each(ctx, []Order{o}, Event{Kind: End, Reason: "found by the sweep"})
			voided, errs = voided+n, append(errs, err)
		}
	}
	return voided, errors.Join(errs...)
}
