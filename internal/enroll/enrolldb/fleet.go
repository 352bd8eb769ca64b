package enrolldb

import (
	"cmp"
	"context"
	"slices"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/sqldb"
)

// CountEnrolled implements [enroll.Fleet].
func (s *Store) CountEnrolled(ctx context.Context) (int, error) {
	var n int64
	err := s.db.Read(ctx).Model(&deviceRow{}).Where("ended_at IS NULL").Count(&n).Error
	return int(n), sqldb.Fault(err)
}

// idsChunk is how many ids are asked for in one statement.
const idsChunk = 500

// SelectDevices implements [enroll.Fleet].
func (s *Store) SelectDevices(ctx context.Context, by enroll.DeviceSelector, limit int) ([]enroll.Device, error) {
	if len(by.IDs) > 0 {
		return s.byIDs(ctx, by.IDs, limit)
	}
	list := s.db.Read(ctx).Where("ended_at IS NULL").Order("id").Limit(limit)
	if by.Group != "" {
		list = list.Where("group_name = ?", by.Group)
	}
	if by.User != "" {
		list = list.Where("user_name = ? AND user_name <> ''", by.User)
	}
	var rows []deviceRow
	if err := list.Find(&rows).Error; err != nil {
		return nil, sqldb.Fault(err)
	}
	return sorted(devices(rows)), nil
}

// sorted sorts by id, octet by octet: databases may have an order of their own.
func sorted(all []enroll.Device) []enroll.Device {
	slices.SortFunc(all, func(a, b enroll.Device) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (s *Store) byIDs(ctx context.Context, ids []device.ID, limit int) ([]enroll.Device, error) {
	var rows []deviceRow
	distinct := slices.Compact(slices.Sorted(slices.Values(ids)))
	for chunk := range slices.Chunk(distinct, idsChunk) {
		var some []deviceRow
		err := s.db.Read(ctx).Where("id IN ? AND purged_at IS NULL", chunk).Order("id").Limit(limit - len(rows)).Find(&some).Error
		if err != nil {
			return nil, sqldb.Fault(err)
		}
		if rows = append(rows, some...); len(rows) >= limit {
			break
		}
	}
	return sorted(devices(rows)), nil
}

// Tombstones implements [enroll.Fleet].
func (s *Store) Tombstones(ctx context.Context, after device.ID, limit int) ([]enroll.Device, error) {
	var rows []deviceRow
	err := s.db.Read(ctx).Where("deleted_at IS NOT NULL AND purged_at IS NULL AND id > ?", string(after)).
		Order("id").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	return devices(rows), nil
}
