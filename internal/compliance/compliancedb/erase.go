package compliancedb

import (
	"context"

	"ringfence/internal/audit"
	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// erased stands for a chain that is gone. No DER begins so.
var erased = []byte{0}

const eraseSQL = `UPDATE compliance_certificates
SET subject = '', profile_sha256 = ?, chain = ?, revocation_reason = ''
WHERE device_id = ? AND epoch <= ? AND chain <> ?`

// Erase takes what speaks of a person or a phone from what is kept of a device's
// epochs up to this one. Their certificates are all revoked, and stay so.
func (s *Store) Erase(ctx context.Context, id device.ID, epoch device.Epoch, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		ended, err := endedEpoch(tx, id)
		if err != nil {
			return err
		}
		if epoch > ended {
			return fault.New(fault.Conflict, "", "epoch %d of device %s has not ended: nothing of it is forgotten", epoch, id)
		}
		reports, err := forget(tx, id, epoch)
		if err != nil {
			return err
		}
		nothing := make([]byte, len(compliance.Certificate{}.Profile))
		certificates, err := tx.Exec(eraseSQL, nothing, erased, string(id), int64(epoch), erased)
		if err != nil || reports+certificates == 0 {
			return err
		}
		return tx.Record(e)
	})
}
