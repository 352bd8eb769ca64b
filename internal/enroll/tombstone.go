package enroll

import (
	"errors"
	"time"
)

// Deletion is a mark on the record, beside the state of its epoch:
//
//	           Delete                     Purge
//	(no mark) ────────▶ tombstone ─────────────────────────▶ purged
//	    ▲                   │        no order waits, and
//	    └───────────────────┘        the epoch has ended
//	       Join, epoch + 1
//
// A tombstone is a whole record that works; nothing but the listing treats it
// differently. Purged is final: without its hardware tag no phone finds it.

// Tombstone reports whether the record was deleted and is kept because
// something waits for the device.
func (d Device) Tombstone() bool { return !d.DeletedAt.IsZero() && d.PurgedAt.IsZero() }

// Purged reports whether nothing is left but the device's id, its epochs and
// their times.
func (d Device) Purged() bool { return !d.PurgedAt.IsZero() }

// Delete gives the record with the mark of who deleted it. One that was
// deleted before stays as it was.
func (d Device) Delete(by string, now time.Time) Device {
	if !d.DeletedAt.IsZero() {
		return d
	}
	d.DeletedAt, d.DeletedBy = now, by
	d.Version++
	return d
}

var errNotOver = errors.New("purge: the record is no tombstone, or its enrolment has not ended")

// Purge gives what stays of a deleted record: nothing of the person and nothing
// of the phone. The record must be a tombstone whose epoch has ended.
func (d Device) Purge(now time.Time) (Device, error) {
	if !d.Tombstone() || d.State == Enrolled {
		return d, errNotOver
	}
	d.Tag, d.User, d.Model, d.OSVersion = Digest{}, "", "", ""
	d.PurgedAt = now
	d.Version++
	return d, nil
}
