package wipedb

import (
	"context"
	"time"

	"gorm.io/gorm"

	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
	"ringfence/internal/wipe"
)

// limitsRow is the one row of wipe_limits, and in a request the limits that are
// asked for. Spans are nanoseconds.
type limitsRow struct {
	ID               int64 `gorm:"column:id;primaryKey;autoIncrement:false" json:"-"`
	Version          int64 `gorm:"column:version" json:"version"`
	PersonHour       int64 `gorm:"column:person_hour" json:"person_hour"`
	PersonDay        int64 `gorm:"column:person_day" json:"person_day"`
	HelpDeskHour     int64 `gorm:"column:help_desk_hour" json:"help_desk_hour"`
	HelpDeskDay      int64 `gorm:"column:help_desk_day" json:"help_desk_day"`
	OrganizationHour int64 `gorm:"column:organization_hour" json:"organization_hour"`
	OrganizationDay  int64 `gorm:"column:organization_day" json:"organization_day"`
	QuorumAbove      int64 `gorm:"column:quorum_above" json:"quorum_above"`
	NewCredential    int64 `gorm:"column:new_credential" json:"new_credential"`
	CoolingOff       int64 `gorm:"column:cooling_off" json:"cooling_off"`
	BreakerPercent   int64 `gorm:"column:breaker_percent" json:"breaker_percent"`
	BreakerFloor     int64 `gorm:"column:breaker_floor" json:"breaker_floor"`
	BreakerWindow    int64 `gorm:"column:breaker_window" json:"breaker_window"`
}

// TableName names the table for gorm.
func (limitsRow) TableName() string { return "wipe_limits" }

func toLimitsRow(l wipe.Limits) limitsRow {
	return limitsRow{
		ID: 1, Version: int64(l.Version),
		PersonHour: int64(l.PersonHour), PersonDay: int64(l.PersonDay),
		HelpDeskHour: int64(l.HelpDeskHour), HelpDeskDay: int64(l.HelpDeskDay),
		OrganizationHour: int64(l.OrganizationHour), OrganizationDay: int64(l.OrganizationDay),
		QuorumAbove: int64(l.QuorumAbove), NewCredential: int64(l.NewCredential), CoolingOff: int64(l.CoolingOff),
		BreakerPercent: int64(l.BreakerPercent), BreakerFloor: int64(l.BreakerFloor), BreakerWindow: int64(l.BreakerWindow),
	}
}

func (r limitsRow) limits() wipe.Limits {
	return wipe.Limits{
		Version:    uint64(r.Version),
		PersonHour: uint32(r.PersonHour), PersonDay: uint32(r.PersonDay),
		HelpDeskHour: uint32(r.HelpDeskHour), HelpDeskDay: uint32(r.HelpDeskDay),
		OrganizationHour: uint32(r.OrganizationHour), OrganizationDay: uint32(r.OrganizationDay),
		QuorumAbove: uint32(r.QuorumAbove), NewCredential: time.Duration(r.NewCredential), CoolingOff: time.Duration(r.CoolingOff),
		BreakerPercent: uint32(r.BreakerPercent), BreakerFloor: uint32(r.BreakerFloor), BreakerWindow: time.Duration(r.BreakerWindow),
	}
}

// limitsOf gives the defaults until somebody has changed them.
func limitsOf(db *gorm.DB) (wipe.Limits, error) {
	var rows []limitsRow
	if err := db.Find(&rows).Error; err != nil {
		return wipe.Limits{}, err
	}
	if len(rows) == 0 {
		return wipe.DefaultLimits(), nil
	}
	return rows[0].limits(), nil
}

// saveLimits lets next take the place of the version below it.
func saveLimits(db *gorm.DB, next wipe.Limits) error {
	row := toLimitsRow(next)
	if row.Version == int64(wipe.DefaultLimits().Version)+1 {
		return moved(db.Create(&row).Error)
	}
	res := db.Model(&limitsRow{}).Select("*").Where("id = 1 AND version = ?", row.Version-1).Updates(&row)
	if res.Error == nil && res.RowsAffected != 1 {
		return wipe.ErrMoved
	}
	return res.Error
}

// breakerRow is the one row of wipe_breaker.
type breakerRow struct {
	ID       int64  `gorm:"column:id;primaryKey;autoIncrement:false"`
	OpenedAt *int64 `gorm:"column:opened_at"`
	Why      string `gorm:"column:why"`
	ClosedAt *int64 `gorm:"column:closed_at"`
}

// TableName names the table for gorm.
func (breakerRow) TableName() string { return "wipe_breaker" }

// Breaker is as wipe.Desks says.
func (s *Store) Breaker(ctx context.Context) (wipe.Breaker, error) {
	b, err := breakerOf(s.db.Read(ctx))
	return b, sqldb.Fault(err)
}

// breakerOf fails where the row is missing: without it nobody would know
// whether everything is paused.
func breakerOf(db *gorm.DB) (wipe.Breaker, error) {
	var rows []breakerRow
	if err := db.Find(&rows).Error; err != nil {
		return wipe.Breaker{}, err
	}
	if len(rows) != 1 {
		return wipe.Breaker{}, fault.New(fault.Internal, "", "the breaker is missing")
	}
	r := rows[0]
	return wipe.Breaker{Since: sqldb.FromNullMicros(r.OpenedAt), Why: r.Why, ClosedAt: sqldb.FromNullMicros(r.ClosedAt)}, nil
}

func saveBreaker(db *gorm.DB, b wipe.Breaker) error {
	row := breakerRow{ID: 1, OpenedAt: sqldb.NullMicros(b.Since), Why: b.Why, ClosedAt: sqldb.NullMicros(b.ClosedAt)}
	return db.Model(&breakerRow{}).Select("*").Where("id = 1").Updates(&row).Error
}

// Paused is as wipe.Desks says.
func (s *Store) Paused(ctx context.Context) (int, error) {
	var n int64
	err := paused(s.db.Read(ctx)).Count(&n).Error
	return int(n), sqldb.Fault(err)
}

// paused narrows a query to the orders that an open breaker holds.
func paused(db *gorm.DB) *gorm.DB {
	return db.Model(&orderRow{}).Where("settled_at IS NULL AND state IN ? AND scope <> ?",
		[]string{string(wipe.Pending), string(wipe.Delivered)}, string(wipe.Lock))
}

// spentSQL counts orders, which are devices and registrations. Each count is a walk over one part
// of one index. What is as old as the window is out of it, and what came to be
// at the moment in which the breaker closed does not count for the next time.
const spentSQL = `SELECT
(SELECT COUNT(*) FROM wipe_orders WHERE person = @person AND person <> '' AND counted_at > @hour) AS person_hour,
(SELECT COUNT(*) FROM wipe_orders WHERE person = @person AND person <> '' AND counted_at > @day) AS person_day,
(SELECT COUNT(*) FROM wipe_orders WHERE credential = @credential AND credential <> '' AND counted_at > @hour AND scope <> 'lock') AS credential_hour,
(SELECT COUNT(*) FROM wipe_orders WHERE credential = @credential AND credential <> '' AND counted_at > @day AND scope <> 'lock') AS credential_day,
(SELECT COUNT(*) FROM wipe_orders WHERE counted_at > @hour AND source NOT IN ('lease', 'policy')) AS organization_hour,
(SELECT COUNT(*) FROM wipe_orders WHERE counted_at > @day AND source NOT IN ('lease', 'policy')) AS organization_day,
(SELECT COUNT(*) FROM wipe_orders WHERE counted_at > @breaker AND scope <> 'lock') AS breaker`

// spentOf counts at the matter's time.
func spentOf(db *gorm.DB, m wipe.Matter, l wipe.Limits, b wipe.Breaker) (wipe.Spent, error) {
	since := m.Now.Add(-l.BreakerWindow)
	if b.ClosedAt.After(since) {
		since = b.ClosedAt
	}
	var s wipe.Spent
	err := db.Raw(spentSQL, map[string]any{
		"person": m.Person, "credential": m.Credential,
		"hour": m.Now.Add(-time.Hour).UnixMicro(), "day": m.Now.Add(-24 * time.Hour).UnixMicro(), "breaker": since.UnixMicro(),
	}).Scan(&s).Error
	return s, err
}

// alertWindow is how long an exhausted budget that was recorded stays said.
const alertWindow = time.Hour

func alerted(db *gorm.DB, m wipe.Matter) (bool, error) {
	var n int64
	err := db.Table("wipe_alerts").Where("person = ? AND alerted_at > ?", m.Person, m.Now.Add(-alertWindow).UnixMicro()).Count(&n).Error
	return n > 0, err
}

func saveAlert(tx *sqldb.Tx, person string, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO wipe_alerts (person, alerted_at) VALUES (?, ?)
ON CONFLICT (person) DO UPDATE SET alerted_at = excluded.alerted_at`, person, now.UnixMicro())
	return err
}
