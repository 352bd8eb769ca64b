package enroll

import (
	"context"
	"sync"
	"time"

	"ringfence/internal/device"
)

// DeviceSelector names devices: some by their ids, or all that are enrolled in
// a group, of a user, or both.
type DeviceSelector struct {
	IDs         []device.ID
	Group, User string
}

func (by DeviceSelector) check() error {
	if (len(by.IDs) > 0) == (by.Group != "" || by.User != "") {
		return ErrNoSelection
	}
	return nil
}

// Select gives the records of the devices that are named, sorted by id: of a
// group or a user those enrolled, of ids every one there is, with its state;
// purged records are none. It gives them whoever asks: an administrator bound
// to groups must not be shown those they do not reach. limit must be at least 1.
//
// Errors: [ErrNoSelection]; [ErrTooMany] where more than limit are named.
func (s *Service) Select(ctx context.Context, by DeviceSelector, limit int) ([]Device, error) {
	if err := by.check(); err != nil {
		return nil, err
	}
	found, err := s.c.Fleet.SelectDevices(ctx, by, limit+1)
	if err != nil {
		return nil, err
	}
	if len(found) > limit {
		return nil, ErrTooMany
	}
	return found, nil
}

// countFor is how long the number of enrolled devices is remembered.
const countFor = time.Minute

// count is a number and when it was counted.
type count struct {
	mu sync.Mutex // guards the rest
	n  int
	at time.Time
}

// CountEnrolled says how many devices are enrolled, or were less than a minute
// ago.
func (s *Service) CountEnrolled(ctx context.Context) (int, error) {
	s.enrolled.mu.Lock()
	defer s.enrolled.mu.Unlock()
	now := s.clock()
	if age := now.Sub(s.enrolled.at); !s.enrolled.at.IsZero() && age >= 0 && age < countFor {
		return s.enrolled.n, nil
	}
	n, err := s.c.Fleet.CountEnrolled(ctx)
	if err != nil {
		return 0, err
	}
	s.enrolled.n, s.enrolled.at = n, now
	return n, nil
}
