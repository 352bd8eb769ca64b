package wipe

import (
	"context"
	"errors"
	"time"

	"ringfence/internal/audit"
)

// sweepRequests ends requests that nobody approved in time.
func (s *Service) sweepRequests(ctx context.Context) (int, error) {
	now := s.time()
	overdue, err := s.requests.OverdueRequests(ctx, now, sweepBatch)
	if err != nil {
		return 0, err
	}
	var errs []error
	lapsed := 0
	for _, r := range overdue {
		_, err := s.desks.Decide(ctx, Matter{Request: r.ID}, func(d Desk) (Booking, error) {
			if d.Request == nil || !d.Request.expired(now) {
				return Booking{}, errRepeated
			}
			r := d.Request.next(RequestEnd)
			r.Outcome = "nobody approved it in time"
			return Booking{Request: &r, Entries: []audit.Entry{onRequest(ctx, "wipe.lapse_request", r, r.Summary()+": "+r.Outcome)}}, nil
		})
		switch {
		case err == nil:
			lapsed++
		case !errors.Is(err, errRepeated):
			errs = append(errs, err)
		}
	}
	return lapsed, errors.Join(errs...)
}

// sweepPersons goes on with standing wipes, a part of them with each call.
func (s *Service) sweepPersons(ctx context.Context) (int, error) {
	s.mu.Lock()
	from := s.stood
	s.mu.Unlock()
	standing, err := s.requests.StandingWipes(ctx, from, sweepBatch)
	if err != nil {
		return 0, err
	}
	next := RequestID("")
	if len(standing) == sweepBatch {
		next = standing[len(standing)-1].ID
	}
	s.mu.Lock()
	s.stood = next
	s.mu.Unlock()
	var errs []error
	expanded := 0
	for _, r := range standing {
		n, err := s.expand(ctx, r)
		expanded, errs = expanded+n, append(errs, err)
	}
	return expanded, errors.Join(errs...)
}

// ringBack is how far back the first sweep of a process looks for devices whose
// orders were released while nobody was there to ring them.
const ringBack = time.Hour

// overlap is how far each sweep looks back behind the one before: another
// server's clock may be late, and so may its commit.
const overlap = 5 * time.Second

// sweepReleased rings devices whose orders were held until now, and those that
// another server has orders for since: its own bell is not heard here. A device
// that is rung twice looks twice.
func (s *Service) sweepReleased(ctx context.Context) (int, error) {
	now := s.time()
	s.mu.Lock()
	from := s.rungTo
	s.mu.Unlock()
	if from.IsZero() {
		from = now.Add(-ringBack)
	}
	ids, err := s.store.Released(ctx, from.Add(-overlap), now)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		s.bell.Ring(id)
	}
	s.mu.Lock()
	s.rungTo = now
	s.mu.Unlock()
	return len(ids), nil
}
