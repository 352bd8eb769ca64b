package access

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"ringfence/internal/device"
)

// Bounds of what is remembered.
const (
	samplesLast = 30 * 24 * time.Hour
	momentsLast = 90 * 24 * time.Hour
	// sameFor is for how long facts are not stored again if nothing but the age of
	// their evidence changes.
	sameFor = 4 * time.Hour
	// perMoments is how many moments are looked at together.
	perMoments = 250
	// perSweep is how many rows one transaction forgets, and sweeps how many
	// transactions one Sweep has.
	perSweep, sweeps = 500, 40
)

// Remember stores what is known of phones and registrations now, where it differs
// from what was stored last. One that is gone is stored as gone. It is to be
// called when something of them may have changed.
func (s *Service) Remember(ctx context.Context, ids []device.ID) error {
	now := s.clock()
	for some := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), perMoments) {
		var moments []Moment
		for _, id := range some {
			m, err := s.moment(ctx, id, now)
			if err != nil {
				return err
			}
			moments = append(moments, m)
		}
		if err := s.keepMoments(ctx, moments); err != nil {
			return err
		}
	}
	return nil
}

// moment gives what is known of an id, which may be of either kind.
func (s *Service) moment(ctx context.Context, id device.ID, now time.Time) (Moment, error) {
	m := Moment{ID: id, At: now}
	d, err := s.c.Phones.Phone(ctx, id)
	if err == nil {
		m.Device = &d
		return m, nil
	}
	if !errors.Is(err, ErrNotKnown) {
		return Moment{}, err
	}
	r, err := s.c.Apps.App(ctx, id)
	if err == nil {
		m.Registration = &r
		return m, nil
	}
	if !errors.Is(err, ErrNotKnown) {
		return Moment{}, err
	}
	return m, nil
}

// momentsOf gives what a decision knew.
func momentsOf(f Facts, at time.Time) []Moment {
	var all []Moment
	if f.Device != nil {
		all = append(all, Moment{ID: f.Device.ID, At: at, Device: f.Device})
	}
	if f.Registration != nil {
		all = append(all, Moment{ID: f.Registration.ID, At: at, Registration: f.Registration})
	}
	return all
}

// keepMoments stores those that say something new.
func (s *Service) keepMoments(ctx context.Context, moments []Moment) error {
	slices.SortFunc(moments, func(a, b Moment) int {
		if a.ID != b.ID {
			if a.ID < b.ID {
				return -1
			}
			return 1
		}
		return a.At.Compare(b.At)
	})
	for some := range slices.Chunk(moments, perMoments) {
		if err := s.keepSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) keepSome(ctx context.Context, moments []Moment) error {
	var ids []device.ID
	latest := s.clock()
	for _, m := range moments {
		ids = append(ids, m.ID)
		if m.At.After(latest) {
			latest = m.At
		}
	}
	kept, err := s.c.History.Moments(ctx, slices.Compact(ids), latest)
	if err != nil {
		return err
	}
	last := make(map[device.ID]Moment, len(kept))
	for _, m := range kept {
		last[m.ID] = m
	}
	var fresh []Moment
	for _, m := range moments {
		if old, known := last[m.ID]; m.saysMore(old, known) {
			fresh, last[m.ID] = append(fresh, m), m
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return s.c.History.SaveMoments(ctx, fresh)
}

// saysMore reports whether a moment is worth storing after the last one. Of what
// was never there, nothing is stored.
func (m Moment) saysMore(last Moment, known bool) bool {
	gone := m.Device == nil && m.Registration == nil
	switch {
	case !known:
		return !gone
	case !m.At.After(last.At):
		return false
	case !reflect.DeepEqual(m.substance(), last.substance()):
		return true
	}
	return !gone && m.At.Sub(last.At) >= sameFor
}

// substance is a moment without what changes with every check-in.
func (m Moment) substance() Facts {
	f := Facts{Device: m.Device, Registration: m.Registration}.brief()
	if d := f.Device; d != nil {
		d.Version, d.WorkApps = 0, some(d.WorkApps)
		d.Compliance = Verdict{Fitness: d.Compliance.Fitness}
	}
	if r := f.Registration; r != nil {
		r.Version = 0
		r.Protection = Verdict{Fitness: r.Protection.Fitness}
	}
	return f
}

// Sweep forgets samples that were not seen for 30 days, and what was known of
// phones and apps more than 90 days ago, some at a time.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.clock()
	if err := sweep(func() (int, error) {
		return s.c.Samples.ForgetSamples(ctx, now.Add(-samplesLast), perSweep)
	}); err != nil {
		return err
	}
	return sweep(func() (int, error) {
		return s.c.History.ForgetMoments(ctx, now.Add(-momentsLast), perSweep)
	})
}

// sweep forgets until there is no more to forget, or until it has done enough for
// one time.
func sweep(forget func() (int, error)) error {
	for range sweeps {
		if n, err := forget(); err != nil || n < perSweep {
			return err
		}
	}
	return nil
}
