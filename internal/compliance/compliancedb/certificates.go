package compliancedb

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"

	"gorm.io/gorm"

	"ringfence/internal/audit"
	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

// certificateRow is a row of compliance_certificates.
type certificateRow struct {
	Sequence         uint64
	Serial           string
	DeviceID         string
	Epoch            uint64
	Alias            string
	KeySHA256        []byte `gorm:"column:key_sha256"`
	Ordinal          uint64
	ProfileSHA256    []byte `gorm:"column:profile_sha256"`
	Subject          string
	NotBeforeAt      int64
	NotAfterAt       int64
	Chain            []byte
	RevokedAt        *int64
	RevocationCode   *uint8
	RevocationReason *string
	DeviceGroup      *string
	Recall           *uint64
}

// TableName is for gorm.
func (certificateRow) TableName() string { return "compliance_certificates" }

func (r certificateRow) certificate() (compliance.Certificate, error) {
	c := compliance.Certificate{
		Sequence: r.Sequence, Serial: r.Serial,
		Key:     compliance.CertificateKey{Device: device.ID(r.DeviceID), Epoch: device.Epoch(r.Epoch), Alias: r.Alias},
		Group:   textOrEmpty(r.DeviceGroup),
		Ordinal: r.Ordinal, Subject: r.Subject,
		NotBefore: sqldb.FromMicros(r.NotBeforeAt), NotAfter: sqldb.FromMicros(r.NotAfterAt),
	}
	copy(c.Key.SHA256[:], r.KeySHA256)
	copy(c.Profile[:], r.ProfileSHA256)
	if r.RevokedAt != nil {
		c.Revocation = &compliance.Revocation{
			At: sqldb.FromMicros(*r.RevokedAt), Code: compliance.RevocationCode(*r.RevocationCode), Reason: *r.RevocationReason,
		}
	}
	if bytes.Equal(r.Chain, erased) {
		return c, nil
	}
	// DER says where it ends, so that a chain is its certificates in a row.
	chain, err := x509.ParseCertificates(r.Chain)
	if err != nil {
		return compliance.Certificate{}, sqldb.Fault(fmt.Errorf("read stored chain: %w", err))
	}
	for _, cert := range chain {
		c.Chain = append(c.Chain, cert.Raw)
	}
	return c, nil
}

// Latest gives the last certificate issued for a key, or one that was recalled.
func (s *Store) Latest(ctx context.Context, k compliance.CertificateKey) (compliance.Certificate, error) {
	var r certificateRow
	err := s.db.Read(ctx).
		Where("device_id = ? AND epoch = ? AND alias = ? AND key_sha256 = ?",
			string(k.Device), int64(k.Epoch), k.Alias, k.SHA256[:]).
		Order("recall IS NULL, ordinal DESC").Take(&r).Error
	if err != nil {
		return compliance.Certificate{}, sqldb.Fault(err)
	}
	return r.certificate()
}

// Certificate gives one by its serial number.
func (s *Store) Certificate(ctx context.Context, serial string) (compliance.Certificate, error) {
	var r certificateRow
	if err := s.db.Read(ctx).Where("serial = ?", serial).Take(&r).Error; err != nil {
		return compliance.Certificate{}, sqldb.Fault(err)
	}
	return r.certificate()
}

const recordSQL = `INSERT INTO compliance_certificates
	(serial, device_id, epoch, alias, key_sha256, ordinal, profile_sha256, subject, not_before_at, not_after_at, chain, device_group)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const countLiveSQL = `SELECT COUNT(*) FROM compliance_certificates
WHERE device_id = ? AND epoch = ? AND alias = ? AND revoked_at IS NULL AND not_after_at > ?`

// Record stores a certificate as the next one of its key.
func (s *Store) Record(ctx context.Context, c compliance.Certificate, e audit.Entry) error {
	args := []any{
		c.Serial, string(c.Key.Device), int64(c.Key.Epoch), c.Key.Alias, c.Key.SHA256[:], int64(c.Ordinal), c.Profile[:],
		c.Subject, sqldb.Micros(c.NotBefore), sqldb.Micros(c.NotAfter), bytes.Join(c.Chain, nil), textOrNull(c.Group),
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		ended, err := endedEpoch(tx, c.Key.Device)
		if err != nil {
			return err
		}
		if c.Key.Epoch <= ended {
			return compliance.ErrEnrollmentEnded
		}
		var live int
		err = tx.QueryRow(countLiveSQL,
			[]any{string(c.Key.Device), int64(c.Key.Epoch), c.Key.Alias, sqldb.Micros(c.NotBefore)}, &live)
		if err != nil {
			return err
		}
		if live >= compliance.MaxLiveCertificates {
			return compliance.ErrTooManyCertificates
		}
		if _, err := tx.Exec(recordSQL, args...); err != nil {
			return err
		}
		return tx.Record(e)
	})
}

// endedEpoch gives the last epoch of a device that is over. Until the
// transaction ends nobody else can end or begin to record: otherwise a
// certificate could slip in behind the end of its epoch, and stay good.
func endedEpoch(tx *sqldb.Tx, id device.ID) (device.Epoch, error) {
	_, err := tx.Exec(`INSERT INTO compliance_ended_epochs AS old (device_id, epoch) VALUES (?, 0)
ON CONFLICT (device_id) DO UPDATE SET epoch = old.epoch`, string(id))
	if err != nil {
		return 0, err
	}
	var epoch uint64
	err = tx.QueryRow("SELECT epoch FROM compliance_ended_epochs WHERE device_id = ?", []any{string(id)}, &epoch)
	return device.Epoch(epoch), err
}

// Issued gives a page of certificates.
func (s *Store) Issued(ctx context.Context, query compliance.CertificateQuery) ([]compliance.Certificate, error) {
	if query.Groups != nil && len(query.Groups) == 0 {
		return nil, nil
	}
	q := s.db.Read(ctx).Order("sequence DESC").Limit(query.Limit)
	if query.Device != "" {
		q = q.Where("device_id = ?", string(query.Device))
	}
	if query.Groups != nil {
		q = q.Where("device_group IN ?", query.Groups)
	}
	if query.Before != 0 {
		q = q.Where("sequence < ?", int64(query.Before))
	}
	return certificates(q)
}

func certificates(q *gorm.DB) ([]compliance.Certificate, error) {
	var rows []certificateRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	list := make([]compliance.Certificate, 0, len(rows))
	for _, r := range rows {
		c, err := r.certificate()
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}
