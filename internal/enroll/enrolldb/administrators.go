package enrolldb

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"ringfence/internal/audit"
	"ringfence/internal/enroll"
	"ringfence/internal/sqldb"
)

// CreateAdministrator implements [enroll.Administrators].
func (s *Store) CreateAdministrator(ctx context.Context, a enroll.Administrator, e audit.Entry) error {
	row := administratorToRow(a)
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		unlessKnown := clause.OnConflict{Columns: []clause.Column{{Name: "key_hash"}}, DoNothing: true}
		res := tx.Gorm().Clauses(unlessKnown).Create(new(row))
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected != 1 {
			return enroll.ErrKeyReused
		}
		return tx.Record(e)
	})
}

// Administrator implements [enroll.Administrators].
func (s *Store) Administrator(ctx context.Context, serial string) (enroll.Administrator, error) {
	var row administratorRow
	if err := s.db.Read(ctx).Where("serial = ?", serial).Take(&row).Error; err != nil {
		return enroll.Administrator{}, missing(err, enroll.ErrNoCertificate)
	}
	return row.administrator(), nil
}

// ListAdministrators implements [enroll.Administrators].
func (s *Store) ListAdministrators(ctx context.Context) ([]enroll.Administrator, error) {
	var rows []administratorRow
	if err := s.db.Read(ctx).Order("created_at, serial").Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	all := make([]enroll.Administrator, len(rows))
	for i, r := range rows {
		all[i] = r.administrator()
	}
	return all, nil
}

// RevokeAdministrator implements [enroll.Administrators].
func (s *Store) RevokeAdministrator(ctx context.Context, serial string, at time.Time, e audit.Entry) (a enroll.Administrator, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec("UPDATE enroll_administrators SET revoked_at = ? WHERE serial = ? AND revoked_at IS NULL",
			sqldb.Micros(at), serial)
		if err != nil {
			return err
		}
		var row administratorRow
		if err := tx.Gorm().Where("serial = ?", serial).Take(&row).Error; err != nil {
			return err
		}
		a = row.administrator()
		if n == 0 {
			return nil
		}
		return tx.Record(e)
	})
	return a, missing(err, enroll.ErrNoCertificate)
}
