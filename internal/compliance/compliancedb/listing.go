package compliancedb

import (
	"context"
	"slices"

	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
)

// chunk is how many devices one query names: a statement takes only so many
// values.
const chunk = 5000

// WorkApps gives the work apps of the devices' last reports.
func (s *Store) WorkApps(ctx context.Context, ids []device.ID) (map[device.ID][]compliance.WorkApp, error) {
	apps := make(map[device.ID][]compliance.WorkApp, len(ids))
	for some := range slices.Chunk(ids, chunk) {
		var rows []struct {
			DeviceID string
			Report   []byte
		}
		err := s.db.Read(ctx).Table("compliance_reports").Select("device_id, report").
			Where("device_id IN ?", each(some, func(id device.ID) string { return string(id) })).Scan(&rows).Error
		if err != nil {
			return nil, sqldb.Fault(err)
		}
		for _, r := range rows {
			report, err := decodeReport(r.Report)
			if err != nil {
				return nil, sqldb.Fault(err)
			}
			apps[device.ID(r.DeviceID)] = report.Posture.WorkApps
		}
	}
	return apps, nil
}

// Standings gives the stored standings of devices.
func (s *Store) Standings(ctx context.Context, ids []device.ID, groups []string) ([]compliance.DeviceStanding, error) {
	if len(ids) == 0 || groups != nil && len(groups) == 0 {
		return nil, nil
	}
	q := s.db.Read(ctx).Table("compliance_reports").Select("device_id, verdict").Order("device_id").
		Where("device_id IN ?", each(ids, func(id device.ID) string { return string(id) }))
	if groups != nil {
		q = q.Where("device_group IN ?", groups)
	}
	var rows []struct {
		DeviceID string
		Verdict  []byte
	}
	if err := q.Scan(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	standings := make([]compliance.DeviceStanding, len(rows))
	for i, r := range rows {
		v, err := decodeVerdict(r.Verdict)
		if err != nil {
			return nil, sqldb.Fault(err)
		}
		standings[i] = compliance.DeviceStanding{Device: device.ID(r.DeviceID), Standing: v.Standing, Since: v.Since}
	}
	return standings, nil
}
