package enroll

import (
	"context"
	"sync"
	"time"

	"ringfence/internal/device"
)

// seen is when devices were last seen and that was not written yet.
type seen struct {
	mu sync.Mutex // guards at
	at map[device.ID]time.Time
}

func (s *seen) note(id device.ID, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.After(s.at[id]) {
		s.at[id] = now
	}
}

// take empties it and gives what was in it.
func (s *seen) take() map[device.ID]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.at
	s.at = make(map[device.ID]time.Time)
	return at
}

// Touch notes that a device was seen. It is written by the next FlushSeen; what
// a crash loses is a few seconds of "last seen", no more.
func (s *Service) Touch(id device.ID, now time.Time) {
	s.seen.note(id, now.UTC().Truncate(time.Microsecond))
}

// FlushSeen writes what Touch has noted. After an error it is kept for the next
// time.
func (s *Service) FlushSeen(ctx context.Context) error {
	at := s.seen.take()
	if len(at) == 0 {
		return nil
	}
	ids := make([]string, 0, len(at))
	for id := range at {
		ids = append(ids, string(id))
	}
	defer s.records.change(ids...)()
	err := s.c.Enrolments.SaveSeen(ctx, at)
	if err != nil {
		for id, t := range at {
			s.seen.note(id, t)
		}
	}
	return err
}
