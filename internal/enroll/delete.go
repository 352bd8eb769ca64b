package enroll

import (
	"context"
	"errors"
	"fmt"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// recordDeleted is why an enrolment ends whose record was deleted.
const recordDeleted = "the device's record was deleted"

// DeleteDevice deletes a device record by an administrator's word, and gives
// what is then left of it. Epoch 0 means the latest.
//
// The mark comes first and is durable. Where no order waits, the enrolment ends,
// the other rooms forget the device, and the record is purged before this
// returns. Where orders wait, the record stays as a tombstone and works, until
// Sweep finds them settled; where something fails, Sweep goes on from there. A
// record that was deleted before keeps its first mark. An order made in the very
// moment in which the enrolment ends is void and says so, as with RetireDevice.
//
// A phone that joins again while its record is a tombstone gets the record's
// next epoch, and the mark goes.
//
// Errors: [ErrNoDevice] (also one beyond the administrator's groups),
// [ErrEpochMoved], Invalid (the reason), [ErrMoved].
func (s *Service) DeleteDevice(ctx context.Context, id device.ID, epoch device.Epoch, reason string) (Device, error) {
	if reason == "" {
		return Device{}, fault.InvalidField("reason", "is required")
	}
	if err := checkText("reason", reason, maxReason); err != nil {
		return Device{}, err
	}
	var d Device
	err := fault.Retry(ErrMoved, func() error {
		var err error
		d, err = s.mark(ctx, id, epoch, reason)
		return err
	})
	if err != nil || d.Purged() {
		return d, err
	}
	if d, err = s.bury(ctx, d); err != nil {
		return d, err
	}
	// The record is purged by now: what is left undone is found by Sweep.
	_ = s.forgetTokens(ctx)
	return d, nil
}

// mark makes a record a tombstone, if it is none yet.
func (s *Service) mark(ctx context.Context, id device.ID, epoch device.Epoch, reason string) (Device, error) {
	before, err := s.FindDevice(ctx, id)
	if err != nil {
		return Device{}, err
	}
	if epoch != 0 && epoch != before.Epoch {
		return Device{}, ErrEpochMoved
	}
	after := before.Delete(actor(ctx), s.clock())
	if after == before {
		return before, nil
	}
	detail := fmt.Sprintf("epoch %d: %s", after.Epoch, reason)
	return after, s.save(ctx, before, Change{Device: after, Entry: audit.Of(ctx, "enroll.delete", target(id), detail)})
}

// bury ends the enrolment of a tombstone that nothing waits for, has the device
// forgotten and purges the record. It gives the record as it is then: the
// tombstone as it was where orders wait, and one that lives where the device has
// joined again meanwhile.
//
// The purge comes last. Whatever comes in between, the record is a tombstone that
// Sweep finds, until every room has forgotten.
func (s *Service) bury(ctx context.Context, d Device) (Device, error) {
	waiting, err := s.c.Pending(ctx, d.ID, d.Epoch)
	if err != nil || waiting {
		return d, err
	}
	err = s.End(ctx, d.ID, d.Epoch, Retired, recordDeleted)
	if err != nil {
		return d, err
	}
	after, err := s.c.Devices.Device(ctx, d.ID)
	if err != nil || after.Epoch != d.Epoch || !after.Tombstone() {
		return after, err
	}
	if err := s.forget(ctx, d.ID, d.Epoch); err != nil {
		return after, err
	}
	err = fault.Retry(ErrMoved, func() error {
		var err error
		after, err = s.purge(ctx, d.ID, d.Epoch)
		return err
	})
	return after, err
}

// purge purges the record if it still is a tombstone of that epoch.
func (s *Service) purge(ctx context.Context, id device.ID, epoch device.Epoch) (Device, error) {
	before, err := s.c.Devices.Device(ctx, id)
	if err != nil || before.Epoch != epoch || !before.Tombstone() {
		return before, err
	}
	after, err := before.Purge(s.clock())
	if err != nil {
		return before, err
	}
	detail := fmt.Sprintf("epoch %d: nothing waits for the device any more", epoch)
	err = s.save(ctx, before, Change{Device: after, Entry: audit.Of(ctx, "enroll.purge", target(id), detail)})
	if err != nil {
		return before, err
	}
	return after, nil
}

// sweepTombstones buries the tombstones that nothing waits for any more.
func (s *Service) sweepTombstones(ctx context.Context) error {
	var (
		failed []error
		after  device.ID
	)
	for {
		found, err := s.c.Fleet.Tombstones(ctx, after, sweepPage)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		for _, d := range found {
			if err := ctx.Err(); err != nil {
				return errors.Join(append(failed, err)...)
			}
			if _, err := s.bury(ctx, d); err != nil {
				failed = append(failed, fmt.Errorf("bury device %s: %w", d.ID, err))
			}
		}
		if len(found) < sweepPage {
			return errors.Join(failed...)
		}
		after = found[len(found)-1].ID
	}
}
