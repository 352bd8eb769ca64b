package enrolldb

import (
	"context"

	"ringfence/internal/enroll"
	"ringfence/internal/sqldb"
)

const insertDeviceSQL = `INSERT INTO enroll_devices
(id, version, created_at, hardware_tag, epoch, state, ownership, mode, group_name, user_name, token_id,
 platform, model, os_version, enrolled_at, serial, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const reopenDeviceSQL = `UPDATE enroll_devices SET
version = ?, epoch = ?, state = ?, ownership = ?, mode = ?, group_name = ?, user_name = ?, token_id = ?,
platform = ?, model = ?, os_version = ?, enrolled_at = ?, ended_at = NULL, serial = ?, expires_at = ?,
next_serial = NULL, next_expires_at = NULL, deleted_at = NULL, deleted_by = NULL
WHERE id = ? AND version = ?`

// In the first certificate of a key only: see the schema.
const insertCertificateSQL = `INSERT INTO enroll_certificates
(serial, device_id, epoch, key_hash, csr_hash, chain, issued_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_hash) DO NOTHING`

const redeemSQL = `UPDATE enroll_tokens SET uses = uses + 1
WHERE id = ? AND uses < max_uses AND expires_at > ? AND revoked_at IS NULL`

// Join implements [enroll.Enrolments].
//
// The token comes last: on PostgreSQL its row stays locked until the commit,
// and everyone who joins with the same token waits for it.
func (s *Store) Join(ctx context.Context, j enroll.Join) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := putDevice(tx, j.Device); err != nil {
			return err
		}
		if j.Displaced != nil {
			if err := putEnding(tx, *j.Displaced); err != nil {
				return err
			}
		}
		fresh, err := putCertificate(tx, j.Device, j.Issued, octets(j.Issued.Key))
		if err != nil {
			return err
		}
		if !fresh {
			return enroll.ErrKeyReused
		}
		n, err := tx.Exec(redeemSQL, j.Device.TokenID, sqldb.Micros(j.Device.EnrolledAt))
		if err != nil {
			return err
		}
		if n != 1 {
			return enroll.ErrMoved
		}
		return tx.Record(j.Entry)
	})
	return moved(err)
}

// putDevice stores the record in its new epoch: a new one, or in the place of
// the version below.
func putDevice(tx *sqldb.Tx, d enroll.Device) error {
	if d.Version == 1 {
		_, err := tx.Exec(insertDeviceSQL,
			string(d.ID), d.Version, sqldb.Micros(d.CreatedAt), octets(d.Tag), uint64(d.Epoch), string(d.State),
			string(d.Ownership), string(d.Mode), d.Group, d.User, d.TokenID,
			string(d.Platform), d.Model, d.OSVersion, sqldb.Micros(d.EnrolledAt),
			d.Certificate.Serial, sqldb.Micros(d.Certificate.ExpiresAt))
		return err
	}
	n, err := tx.Exec(reopenDeviceSQL,
		d.Version, uint64(d.Epoch), string(d.State), string(d.Ownership), string(d.Mode), d.Group, d.User, d.TokenID,
		string(d.Platform), d.Model, d.OSVersion, sqldb.Micros(d.EnrolledAt), d.Certificate.Serial,
		sqldb.Micros(d.Certificate.ExpiresAt), string(d.ID), d.Version-1)
	if err == nil && n != 1 {
		return enroll.ErrMoved
	}
	return err
}

// putCertificate records a certificate. It changes nothing and gives false if
// the key is taken.
func putCertificate(tx *sqldb.Tx, d enroll.Device, i enroll.Issued, key []byte) (bool, error) {
	n, err := tx.Exec(insertCertificateSQL, i.Serial, string(d.ID), uint64(d.Epoch), key, octets(i.Request),
		joinChain(i.Chain), sqldb.Micros(i.IssuedAt), sqldb.Micros(i.ExpiresAt))
	return n == 1, err
}

const insertEndingSQL = `INSERT INTO enroll_endings (device_id, epoch, cause, reason, ended_at, token_id)
VALUES (?, ?, ?, ?, ?, ?)`

func putEnding(tx *sqldb.Tx, e enroll.Ending) error {
	_, err := tx.Exec(insertEndingSQL, string(e.Device), uint64(e.Epoch), string(e.Cause), e.Reason, sqldb.Micros(e.EndedAt),
		word(e.TokenID))
	return err
}
