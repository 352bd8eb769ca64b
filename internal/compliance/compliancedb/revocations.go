package compliancedb

import (
	"context"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

// Revoke revokes a certificate, recalls it and gives it as it is then.
func (s *Store) Revoke(ctx context.Context, serial string, r compliance.Revocation, e audit.Entry) (compliance.Certificate, error) {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var id string
		var epoch int64
		err := tx.QueryRow("SELECT device_id, epoch FROM compliance_certificates WHERE serial = ?", []any{serial}, &id, &epoch)
		if err != nil {
			return err
		}
		// The verdict was given by what was asked before: the device is due.
		_, err = tx.Exec("UPDATE compliance_reports SET generation = 0 WHERE device_id = ? AND epoch = ?", id, epoch)
		if err != nil {
			return err
		}
		n, err := tx.Exec(revokeSQL, sqldb.Micros(r.At), int64(r.Code), r.Reason, serial)
		if err != nil || n == 0 {
			return err
		}
		if err := revoked(tx, n, e); err != nil {
			return err
		}
		return recall(tx, []string{serial})
	})
	if err != nil {
		return compliance.Certificate{}, err
	}
	return s.Certificate(ctx, serial)
}

// revoked counts revocations and records them.
func revoked(tx *sqldb.Tx, n int64, e audit.Entry) error {
	if err := countRevocations(tx, n); err != nil {
		return err
	}
	return tx.Record(e)
}

func countRevocations(tx *sqldb.Tx, n int64) error {
	if n == 0 {
		return nil
	}
	_, err := tx.Exec("UPDATE compliance_revocation_list SET revocations = revocations + ?", n)
	return err
}

// EndEpoch revokes the certificates of a device's epochs up to this one, drops
// its report and keeps Record from taking more.
func (s *Store) EndEpoch(ctx context.Context, id device.ID, epoch device.Epoch, r compliance.Revocation, e audit.Entry) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		ended, err := endedEpoch(tx, id)
		if err != nil || epoch <= ended {
			return err
		}
		_, err = tx.Exec("UPDATE compliance_ended_epochs SET epoch = ? WHERE device_id = ?", int64(epoch), string(id))
		if err != nil {
			return err
		}
		if _, err := forget(tx, id, epoch); err != nil {
			return err
		}
		n, err := tx.Exec(`UPDATE compliance_certificates SET revoked_at = ?, revocation_code = ?, revocation_reason = ?
WHERE device_id = ? AND epoch <= ? AND revoked_at IS NULL`, sqldb.Micros(r.At), int64(r.Code), r.Reason, string(id), int64(epoch))
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE compliance_certificates SET recall = NULL, device_group = NULL
WHERE device_id = ? AND epoch <= ? AND (recall IS NOT NULL OR device_group IS NOT NULL)`, string(id), int64(epoch))
		if err != nil {
			return err
		}
		return revoked(tx, n, e)
	})
}

const listInfoSQL = `SELECT revocations, number, listed, this_update_at, next_update_at FROM compliance_revocation_list`

// ListInfo gives what is known of the last list, and how many revocations
// there ever were.
func (s *Store) ListInfo(ctx context.Context) (info compliance.ListInfo, revocations uint64, err error) {
	var thisUpdate, nextUpdate *int64
	err = s.row(ctx, listInfoSQL, nil, []any{&revocations, &info.Number, &info.Revocations, &thisUpdate, &nextUpdate})
	info.ThisUpdate, info.NextUpdate = sqldb.FromNullMicros(thisUpdate), sqldb.FromNullMicros(nextUpdate)
	return info, revocations, err
}

// ListDER gives the last list if it has this number.
func (s *Store) ListDER(ctx context.Context, number uint64) ([]byte, error) {
	var der []byte
	err := s.row(ctx, "SELECT der FROM compliance_revocation_list WHERE number = ? AND number > 0",
		[]any{int64(number)}, []any{&der})
	return der, err
}

// Revoked gives the revoked certificates that expire after a time.
func (s *Store) Revoked(ctx context.Context, expiringAfter time.Time) ([]compliance.Revoked, error) {
	var rows []struct {
		Serial         string
		RevokedAt      int64
		RevocationCode uint8
	}
	err := s.db.Read(ctx).Table("compliance_certificates").
		Select("serial, revoked_at, revocation_code").
		Where("revoked_at IS NOT NULL AND not_after_at > ?", sqldb.Micros(expiringAfter)).
		Order("sequence").Scan(&rows).Error
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	list := make([]compliance.Revoked, len(rows))
	for i, r := range rows {
		list[i] = compliance.Revoked{Serial: r.Serial, At: sqldb.FromMicros(r.RevokedAt), Code: compliance.RevocationCode(r.RevocationCode)}
	}
	return list, nil
}

// SaveList stores the list that follows the last. It changes nothing that a
// record would explain: what it says was recorded when it was revoked.
func (s *Store) SaveList(ctx context.Context, info compliance.ListInfo, der []byte) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(`UPDATE compliance_revocation_list
SET number = ?, listed = ?, this_update_at = ?, next_update_at = ?, der = ? WHERE number = ?`,
			int64(info.Number), int64(info.Revocations), sqldb.Micros(info.ThisUpdate), sqldb.Micros(info.NextUpdate), der,
			int64(info.Number)-1)
		if err == nil && n == 0 {
			return fault.New(fault.Conflict, "", "another revocation list was made meanwhile")
		}
		return err
	})
}
