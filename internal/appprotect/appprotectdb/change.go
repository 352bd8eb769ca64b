package appprotectdb

import (
	"context"

	"ringfence/internal/appprotect"
	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// lockEpochSQL changes nothing of an epoch that lasts, and keeps it so until the
// transaction ends: otherwise a certificate could slip in behind its end.
const lockEpochSQL = "UPDATE appprotect_epochs SET ended_at = NULL WHERE registration_id = ? AND epoch = ? AND ended_at IS NULL"

// Certify implements [appprotect.Registrations].
func (s *Store) Certify(ctx context.Context, c appprotect.Certificate, e audit.Entry) error {
	return moved(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(lockEpochSQL, string(c.ID), int64(c.Epoch))
		if err != nil {
			return err
		}
		if n == 0 {
			return whyOver(tx, c.ID)
		}
		fresh, err := putKey(tx, c)
		if err != nil {
			return err
		}
		if !fresh {
			if err := ownKey(tx, c); err != nil {
				return err
			}
		}
		if err := putCertificate(tx, c, 0); err != nil {
			return err
		}
		return tx.Record(e)
	}))
}

// whyOver says why an epoch does not last: it is over, or there is no such
// registration.
func whyOver(tx *sqldb.Tx, id device.ID) error {
	var epoch uint64
	err := tx.QueryRow("SELECT epoch FROM appprotect_registrations WHERE id = ?", []any{string(id)}, &epoch)
	if err != nil {
		return missing(err, appprotect.ErrNoRegistration)
	}
	return appprotect.ErrEnded
}

// ownKey refuses a key that is of another epoch than the certificate.
func ownKey(tx *sqldb.Tx, c appprotect.Certificate) error {
	var (
		id    string
		epoch uint64
	)
	err := tx.QueryRow("SELECT registration_id, epoch FROM appprotect_keys WHERE digest = ?", []any{c.Key[:]}, &id, &epoch)
	if err == nil && (device.ID(id) != c.ID || device.Epoch(epoch) != c.Epoch) {
		return appprotect.ErrKeyReused
	}
	return err
}

// Finish implements [appprotect.Registrations].
func (s *Store) Finish(ctx context.Context, r appprotect.Registration, e audit.Entry) error {
	if r.End == nil {
		return fault.New(fault.Internal, "", "registration %s is to be finished without an end", r.ID)
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		err := one(tx.Exec("UPDATE appprotect_registrations SET version = ? WHERE id = ? AND epoch = ? AND version = ?",
			int64(r.Version), string(r.ID), int64(r.Epoch), int64(r.Version)-1))
		if err != nil {
			return err
		}
		if err := endEpoch(tx, r.ID, r.Epoch, *r.End); err != nil {
			return err
		}
		return tx.Record(e)
	})
}
