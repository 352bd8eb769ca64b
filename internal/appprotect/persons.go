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

const (
	// personsTimeout bounds what a change in the directory waits for here.
	personsTimeout = 30 * time.Second
	// personsAtOnce is how many persons such a change waits for: a group may have
	// a hundred thousand. personsPerSweep is how many of the others one Sweep
	// sees to.
	personsAtOnce, personsPerSweep = 100, 1000
)

// PersonsChanged judges the registrations of persons anew, because the directory
// says otherwise of them than before, and rings them. It cannot fail: a report
// sees the change anyhow, and what is left undone, of many persons most, the next
// Sweeps do.
func (s *Service) PersonsChanged(ctx context.Context, names []string) {
	// Also if who changed the directory hangs up now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), personsTimeout)
	defer cancel()
	for i, name := range names {
		name = strings.ToLower(name)
		if i >= personsAtOnce || s.personChanged(ctx, name, &sweep{}) != nil {
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

// sweepPersons does a part of what PersonsChanged could not, and reports whether
// more of it is left.
func (s *Service) sweepPersons(ctx context.Context, w *sweep) (more bool) {
	names, more := s.owed.take(personsPerSweep)
	for _, name := range names {
		own := &sweep{}
		if err := s.personChanged(ctx, name, own); err != nil {
			s.owed.add(name)
			w.failed(err)
		}
		w.swept.Judged += own.swept.Judged
		w.swept.Turned += own.swept.Turned
		w.swept.Ordered += own.swept.Ordered
	}
	return more
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

// take takes out at most so many names, and reports whether there are more.
func (o *owed) take(most int) (names []string, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	names = slices.Sorted(maps.Keys(o.names))
	names = names[:min(most, len(names))]
	for _, name := range names {
		delete(o.names, name)
	}
	return names, len(o.names) > 0
}
