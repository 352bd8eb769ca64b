package wipedb

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// saveRequest saves a new request, or lets it take the place of the version
// below it.
func saveRequest(db *gorm.DB, r wipe.Request) error {
	row, err := toRequestRow(r)
	if err != nil {
		return err
	}
	if r.Version > 1 {
		res := db.Model(&requestRow{}).Select(deciding).Where("id = ? AND version = ?", row.ID, row.Version-1).Updates(&row)
		if res.Error == nil && res.RowsAffected != 1 {
			return wipe.ErrMoved
		}
		return res.Error
	}
	if err := db.Create(&row).Error; err != nil {
		return err
	}
	parts := make([]partRow, len(r.Devices))
	for i, e := range r.Devices {
		parts[i] = partRow{RequestID: row.ID, Position: int64(i), DeviceID: string(e.Device), Epoch: int64(e.Epoch)}
	}
	for part := range slices.Chunk(parts, valuesPerStatement) {
		if err := db.Create(&part).Error; err != nil {
			return err
		}
	}
	groups := make([]groupRow, len(r.Groups))
	for i, g := range r.Groups {
		groups[i] = groupRow{RequestID: row.ID, GroupName: g}
	}
	for part := range slices.Chunk(groups, valuesPerStatement) {
		if err := db.Create(&part).Error; err != nil {
			return err
		}
	}
	return nil
}

// requestOf gives the one request that found finds, with its devices; nil for
// none.
func requestOf(found, db *gorm.DB) (*wipe.Request, error) {
	requests, err := requestsOf(found.Limit(1), db)
	if err != nil || len(requests) == 0 {
		return nil, err
	}
	r := &requests[0]
	var parts []partRow
	if err := db.Where("request_id = ?", string(r.ID)).Order("position").Find(&parts).Error; err != nil {
		return nil, err
	}
	r.Devices = nil
	for _, p := range parts {
		r.Devices = append(r.Devices, wipe.Enrollment{Device: device.ID(p.DeviceID), Epoch: device.Epoch(p.Epoch)})
	}
	return r, nil
}

// requestsOf gives the requests that found finds, with their groups.
func requestsOf(found, db *gorm.DB) ([]wipe.Request, error) {
	var rows []requestRow
	if err := found.Find(&rows).Error; err != nil {
		return nil, err
	}
	requests, ids := make([]wipe.Request, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		var err error
		if requests[i], err = row.request(); err != nil {
			return nil, err
		}
		ids[i] = row.ID
	}
	groups := make(map[wipe.RequestID][]string)
	for part := range slices.Chunk(ids, valuesPerStatement) {
		var rows []groupRow
		if err := db.Where("request_id IN ?", part).Order("request_id, group_name").Find(&rows).Error; err != nil {
			return nil, err
		}
		for _, g := range rows {
			id := wipe.RequestID(g.RequestID)
			groups[id] = append(groups[id], g.GroupName)
		}
	}
	for i := range requests {
		requests[i].Groups = groups[requests[i].ID]
		slices.Sort(requests[i].Groups) // the database may sort by another alphabet
	}
	return requests, nil
}

// GetRequest is as wipe.Requests says.
func (s *Store) GetRequest(ctx context.Context, id wipe.RequestID) (wipe.Request, error) {
	db := s.db.Read(ctx)
	r, err := requestOf(db.Where("id = ?", string(id)), db)
	switch {
	case err != nil:
		return wipe.Request{}, sqldb.Fault(err)
	case r == nil:
		return wipe.Request{}, wipe.ErrNoRequest
	}
	return *r, nil
}

// ListRequests is as wipe.Requests says.
func (s *Store) ListRequests(ctx context.Context, q wipe.RequestQuery) ([]wipe.Request, error) {
	db := s.db.Read(ctx).Order("created_at DESC, id DESC").Limit(q.Limit)
	if q.State != "" {
		db = db.Where("state = ?", string(q.State))
	}
	if q.Kind != "" {
		db = db.Where("kind = ?", string(q.Kind))
	}
	if q.Groups != nil {
		db = reached(db, q.Groups)
	}
	if q.After != (wipe.RequestCursor{}) {
		db = db.Where("(created_at, id) < (?, ?)", q.After.CreatedAt.UnixMicro(), string(q.After.ID))
	}
	return s.requests(ctx, db)
}

// reached narrows a query to what concerns everybody, to leases of these groups,
// and to requests all of whose groups are among these. No list of groups may be
// empty: "not in" it would be nothing.
func reached(db *gorm.DB, groups []string) *gorm.DB {
	const everybody = `scope IS NULL AND (lease_group IS NULL OR lease_group = '')`
	const of = `SELECT 1 FROM wipe_request_groups g WHERE g.request_id = wipe_requests.id`
	if len(groups) == 0 {
		return db.Where(everybody)
	}
	return db.Where(everybody+" OR lease_group IN @groups OR (EXISTS ("+of+") AND NOT EXISTS ("+of+" AND g.group_name NOT IN @groups))",
		map[string]any{"groups": groups})
}

func (s *Store) requests(ctx context.Context, found *gorm.DB) ([]wipe.Request, error) {
	requests, err := requestsOf(found, s.db.Read(ctx))
	return requests, sqldb.Fault(err)
}

// OverdueRequests is as wipe.Requests says.
func (s *Store) OverdueRequests(ctx context.Context, now time.Time, limit int) ([]wipe.Request, error) {
	return s.requests(ctx, s.db.Read(ctx).
		Where("state = ? AND expires_at < ?", string(wipe.Waiting), now.UnixMicro()).Order("expires_at, id").Limit(limit))
}

// StandingWipes is as wipe.Requests says.
func (s *Store) StandingWipes(ctx context.Context, after wipe.RequestID, limit int) ([]wipe.Request, error) {
	return s.requests(ctx, standing(s.db.Read(ctx)).Where("id > ?", string(after)).Order("id").Limit(limit))
}

// standing narrows a query to wipes of persons that have not been lifted.
func standing(db *gorm.DB) *gorm.DB {
	return db.Where("kind = ? AND state = ? AND lifted_at IS NULL", string(wipe.UserWipe), string(wipe.Executed))
}

// askedBy counts what the person asked for within a day that needed another one.
func askedBy(db *gorm.DB, m wipe.Matter) (int, error) {
	var n int64
	err := db.Model(&requestRow{}).Where("person = ? AND expires_at IS NOT NULL AND created_at > ?",
		m.Person, m.Now.Add(-24*time.Hour).UnixMicro()).Count(&n).Error
	return int(n), err
}
