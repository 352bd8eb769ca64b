package enrolldb

import (
	"context"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/sqldb"
)

const saveDeviceSQL = `UPDATE enroll_devices SET
version = ?, state = ?, ended_at = ?, serial = ?, expires_at = ?, next_serial = ?, next_expires_at = ?,
hardware_tag = ?, user_name = ?, model = ?, os_version = ?, deleted_at = ?, deleted_by = ?, purged_at = ?
WHERE id = ? AND version = ?`

// Save implements [enroll.Enrolments].
func (s *Store) Save(ctx context.Context, c enroll.Change) error {
	d := c.Device
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(saveDeviceSQL,
			d.Version, string(d.State), sqldb.NullMicros(d.EndedAt), d.Certificate.Serial, sqldb.Micros(d.Certificate.ExpiresAt),
			word(d.Next.Serial), sqldb.NullMicros(d.Next.ExpiresAt), octets(d.Tag), d.User, d.Model, d.OSVersion,
			sqldb.NullMicros(d.DeletedAt), word(d.DeletedBy), sqldb.NullMicros(d.PurgedAt), string(d.ID), d.Version-1)
		if err != nil {
			return err
		}
		if n != 1 {
			return enroll.ErrMoved
		}
		if c.Issued != nil {
			if err := putNext(tx, d, *c.Issued); err != nil {
				return err
			}
		}
		if c.Ending != nil {
			if err := putEnding(tx, *c.Ending); err != nil {
				return err
			}
		}
		if d.Purged() {
			if err := forgetEpochs(tx, d); err != nil {
				return err
			}
		}
		return tx.Record(c.Entry)
	})
	return moved(err)
}

// putNext records a renewed certificate, whose key may be one that the epoch
// has already.
func putNext(tx *sqldb.Tx, d enroll.Device, i enroll.Issued) error {
	fresh, err := putCertificate(tx, d, i, octets(i.Key))
	if err != nil || fresh {
		return err
	}
	var (
		owner string
		epoch uint64
	)
	err = tx.QueryRow("SELECT device_id, epoch FROM enroll_certificates WHERE key_hash = ?",
		[]any{octets(i.Key)}, &owner, &epoch)
	if err != nil {
		return err
	}
	if device.ID(owner) != d.ID || device.Epoch(epoch) != d.Epoch {
		return enroll.ErrKeyReused
	}
	_, err = putCertificate(tx, d, i, nil)
	return err
}
