package compliance

import (
	"context"
	"errors"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// upkeepBatch is how many devices one transaction of upkeep writes.
const upkeepBatch = 200

// FlushEvidence stores the later looks that are only in memory. Call it every
// few seconds and before the end. A later look that a crash loses makes
// evidence look older than it was, never newer.
func (s *Service) FlushEvidence(ctx context.Context) error {
	for {
		ids := s.memory.takeUnwritten(upkeepBatch)
		if len(ids) == 0 {
			return nil
		}
		err := s.upkeepAll(ctx, ids, func(slot *slot, _ device.ID) (Write, bool, error) {
			return Write{State: slot.state}, slot.dirty, nil
		})
		if err != nil {
			return err
		}
	}
}

// Sweep judges again whatever may have changed without a report, because its
// time has come or because the policies have changed, so that stored standings
// and the record follow. It writes in small batches. What fails for one device
// does not keep it from the next.
func (s *Service) Sweep(ctx context.Context) error {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	// Evidence in memory may be newer than what the database would judge by.
	if err := s.FlushEvidence(ctx); err != nil {
		return err
	}
	snap, err := s.catalog.latest(ctx)
	if err != nil {
		return err
	}
	now := s.now()
	due := Due{Until: now, Generation: snap.generation, Limit: upkeepBatch}
	var errs []error
	for {
		ids, err := s.config.Reports.Due(ctx, due)
		if err != nil || len(ids) == 0 {
			return errors.Join(append(errs, err)...)
		}
		err = s.upkeepAll(ctx, ids, func(slot *slot, id device.ID) (Write, bool, error) {
			return s.rejudge(ctx, slot, id, now)
		})
		if err != nil && len(errs) < maxTries {
			errs = append(errs, err)
		}
		due.After = ids[len(ids)-1]
	}
}

// rejudge judges a device on its stored report, or forgets what is stored of a
// device that is no longer in that enrolment. The caller holds the slot.
func (s *Service) rejudge(ctx context.Context, slot *slot, id device.ID, now time.Time) (Write, bool, error) {
	snap, err := s.load(ctx, slot, id)
	if err != nil || slot.state.Version == 0 {
		return Write{}, false, err
	}
	facts, err := s.config.Devices.Facts(ctx, id)
	gone := err != nil && fault.KindOf(err) == fault.NotFound
	switch {
	case err != nil && !gone:
		return Write{}, false, err
	case gone || !facts.Enrolled || facts.Epoch != slot.state.Epoch:
		epoch := slot.state.Epoch
		slot.unload()
		return Write{}, false, s.config.Reports.Forget(ctx, id, epoch)
	}
	d, err := s.demand(ctx, snap, facts)
	if err != nil {
		return Write{}, false, err
	}
	c := checkIn{
		device: facts, manifest: d.manifest, generation: snap.generation,
		report: slot.state.Report, now: now, limits: s.config.Limits,
		actor: audit.Entry{Actor: "server"},
	}
	// Stored in any case: by then it is no longer due.
	return c.judge(&slot.state).write, true, nil
}

// upkeepAll holds the slots of the devices, lets change say for each what to
// write, and writes it in one transaction. It does what it can and returns
// every error. No other call of it holds slots meanwhile.
func (s *Service) upkeepAll(ctx context.Context, ids []device.ID, change func(*slot, device.ID) (Write, bool, error)) error {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	var held, slots []*slot
	var writes []Write
	var errs []error
	defer func() {
		for _, slot := range held {
			slot.mu.Unlock()
		}
	}()
	for _, id := range ids {
		slot := s.memory.lock(id)
		held = append(held, slot)
		w, wanted, err := change(slot, id)
		if err != nil {
			errs = append(errs, err)
		} else if wanted {
			slots, writes = append(slots, slot), append(writes, w)
		}
	}
	if len(writes) == 0 {
		return errors.Join(errs...)
	}
	saved, err := s.config.Reports.SaveAll(ctx, writes)
	for i, slot := range slots {
		switch {
		case err == nil && saved[i]:
			slot.written(&writes[i].State)
			s.retired(&writes[i])
		case err != nil && slot.dirty:
			s.memory.markUnwritten(writes[i].State.Device) // to be tried again
		default:
			slot.unload()
		}
	}
	return errors.Join(append(errs, err)...)
}
