package compliancedb

import (
	"context"

	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

const (
	revokeSQL = `UPDATE compliance_certificates SET revoked_at = ?, revocation_code = ?, revocation_reason = ?
WHERE serial = ? AND revoked_at IS NULL`
	liveSQL = `SELECT sequence, serial, alias FROM compliance_certificates
WHERE device_id = ? AND epoch = ? AND revoked_at IS NULL AND not_after_at > ? ORDER BY sequence`
)

// retire revokes what the writes say, each certificate with its entry.
func retire(tx *sqldb.Tx, writes []compliance.Write) error {
	var recalled []string
	ended := int64(0)
	for _, w := range writes {
		var live []compliance.LiveCertificate
		err := tx.Gorm().Raw(liveSQL, string(w.State.Device), int64(w.State.Epoch), sqldb.Micros(w.Retirement.At)).Scan(&live).Error
		if err != nil {
			return sqldb.Fault(err)
		}
		for _, c := range w.Retirement.Decide(live) {
			r := c.Revocation
			n, err := tx.Exec(revokeSQL, sqldb.Micros(r.At), int64(r.Code), r.Reason, c.Serial)
			if err != nil {
				return err
			}
			if n == 0 { // somebody else was faster
				continue
			}
			ended++
			if c.Recall {
				recalled = append(recalled, c.Serial)
			}
			if err := tx.Record(c.Entry); err != nil {
				return err
			}
		}
	}
	if err := countRevocations(tx, ended); err != nil {
		return err
	}
	return recall(tx, recalled)
}

// recall gives revoked certificates the next numbers. It comes last in a
// transaction: until that ends nobody else gets a number, so that numbers appear
// in their order.
func recall(tx *sqldb.Tx, serials []string) error {
	if len(serials) == 0 {
		return nil
	}
	n := int64(len(serials))
	if _, err := tx.Exec("UPDATE compliance_generation SET recalls = recalls + ?", n); err != nil {
		return err
	}
	var last int64
	if err := tx.QueryRow("SELECT recalls FROM compliance_generation", nil, &last); err != nil {
		return err
	}
	for i, serial := range serials {
		_, err := tx.Exec("UPDATE compliance_certificates SET recall = ? WHERE serial = ?", last-n+1+int64(i), serial)
		if err != nil {
			return err
		}
	}
	return nil
}

// Recalls gives the recalls with a greater number than last.
func (s *Store) Recalls(ctx context.Context, last uint64) ([]compliance.Recall, error) {
	var rows []certificateRow
	err := s.db.Read(ctx).Select("recall, serial, device_id, epoch, alias, key_sha256, revoked_at").
		Where("recall > ?", int64(last)).Order("recall").Find(&rows).Error
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	return each(rows, func(r certificateRow) compliance.Recall {
		recall := compliance.Recall{Serial: r.Serial, At: sqldb.FromNullMicros(r.RevokedAt), Key: compliance.CertificateKey{
			Device: device.ID(r.DeviceID), Epoch: device.Epoch(r.Epoch), Alias: r.Alias,
		}}
		if r.Recall != nil {
			recall.Number = *r.Recall
		}
		copy(recall.Key.SHA256[:], r.KeySHA256)
		return recall
	}), nil
}
