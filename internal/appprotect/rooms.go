package appprotect

import (
	"context"
	"strings"
	"sync"
	"time"

	"ringfence/internal/device"
)

// ListRegistrations gives a page of registrations, oldest first, as last judged.
func (s *Service) ListRegistrations(ctx context.Context, q Query) ([]Standing, error) {
	q.User = strings.ToLower(q.User)
	return s.c.Registrations.List(ctx, q)
}

// SelectByUser gives at most limit registrations that last, by id, of the person
// who has the name, or has had it.
func (s *Service) SelectByUser(ctx context.Context, user string, limit int) ([]Registration, error) {
	return s.c.Registrations.Select(ctx, strings.ToLower(user), limit)
}

// ByIDs gives those of these registrations that there are, by id.
func (s *Service) ByIDs(ctx context.Context, ids []device.ID) ([]Registration, error) {
	return s.c.Registrations.ByIDs(ctx, ids)
}

// Standings gives those of these registrations that there are, by id, each once,
// with the last report and verdict of its present epoch. It is for other parts of
// the server, and takes a few queries for ten thousand.
func (s *Service) Standings(ctx context.Context, ids []device.ID) ([]Standing, error) {
	return s.c.Registrations.Standings(ctx, ids)
}

// countFor is how long the number of registrations is remembered.
const countFor = time.Minute

// count is a number and when it was counted.
type count struct {
	mu sync.Mutex // guards the rest
	n  int
	at time.Time
}

// Count says how many registrations last, or did less than a minute ago.
func (s *Service) Count(ctx context.Context) (int, error) {
	s.lasting.mu.Lock()
	defer s.lasting.mu.Unlock()
	now := s.clock()
	if age := now.Sub(s.lasting.at); !s.lasting.at.IsZero() && age >= 0 && age < countFor {
		return s.lasting.n, nil
	}
	n, err := s.c.Registrations.Count(ctx)
	if err != nil {
		return 0, err
	}
	s.lasting.n, s.lasting.at = n, now
	return n, nil
}
