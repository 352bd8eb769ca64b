package appprotect

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ringfence/internal/device"
)

// personsTimeout bounds what a change in the directory waits for here.
const personsTimeout = 30 * time.Second

// PersonsChanged judges the registrations of persons anew, because the directory
// says otherwise of them than before, and rings them. It cannot fail: a report
// sees the change anyhow, and what is left undone the next Sweep does.
func (s *Service) PersonsChanged(ctx context.Context, names []string) {
	// Also if who changed the directory hangs up now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), personsTimeout)
	defer cancel()
	for _, name := range names {
		name = strings.ToLower(name)
		if s.personChanged(ctx, name, &sweep{}) != nil {
			s.owed.add(name)
		}
	}
}

// personChanged judges the registrations of one person anew and rings all of
// them. W is its own.
func (s *Service) personChanged(ctx context.Context, name string, w *sweep) error {
	theirs, err := s.c.Registrations.Select(ctx, name, maxPerPerson)
	if err != nil {
		return err
	}
	ids := make([]device.ID, len(theirs))
	for i, r := range theirs {
		ids[i] = r.ID
	}
	s.rejudgeAll(ctx, ids, w)
	for _, id := range ids {
		s.c.Bell.Ring(id)
	}
	return errors.Join(w.errs...)
}

// sweepPersons does what PersonsChanged could not.
func (s *Service) sweepPersons(ctx context.Context, w *sweep) {
	for _, name := range s.owed.take() {
		own := &sweep{}
		if err := s.personChanged(ctx, name, own); err != nil {
			s.owed.add(name)
			w.failed(err)
		}
		w.swept.Judged += own.swept.Judged
		w.swept.Turned += own.swept.Turned
		w.swept.Ordered += own.swept.Ordered
	}
}

// owed are the persons whose change is still to be seen to.
type owed struct {
	mu    sync.Mutex // guards names
	names map[string]struct{}
}

func (o *owed) add(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names[name] = struct{}{}
}

// take empties it and gives what was in it.
func (o *owed) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	names := slices.Sorted(maps.Keys(o.names))
	clear(o.names)
	return names
}
