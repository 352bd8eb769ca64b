package transmitdb

import (
	"encoding/json"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/transmit"
)

// Times are microseconds since 1970, UTC; NULL for none.

func at(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := t.UnixMicro()
	return &us
}

func timeOf(us *int64) time.Time {
	if us == nil {
		return time.Time{}
	}
	return time.UnixMicro(*us).UTC()
}

// flag stores yes or no as both databases have it.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// streamRow is a stream as it is stored.
type streamRow struct {
	ID           string `gorm:"primaryKey"`
	ClientID     string
	ClientName   string
	Delivery     string
	Endpoint     string
	Sealed       []byte
	Audience     string // JSON, as the next two
	Requested    *string
	Events       string
	Description  string
	Alg          string
	Status       string
	StatusReason string
	Version      int64
	CreatedAt    int64 `gorm:"autoCreateTime:false"`
	UpdatedAt    int64 `gorm:"autoUpdateTime:false"`
	VerifiedAt   *int64
}

// TableName names the table.
func (streamRow) TableName() string { return "transmit_streams" }

func rowOf(s *transmit.Stream) (streamRow, error) {
	r := streamRow{
		ID: s.ID, ClientID: s.ClientID, ClientName: s.ClientName, Delivery: string(s.Delivery), Endpoint: s.Endpoint,
		Sealed: s.Sealed, Description: s.Description, Alg: s.Alg, Status: string(s.Status), StatusReason: s.StatusReason,
		Version: int64(s.Version), CreatedAt: s.CreatedAt.UnixMicro(), UpdatedAt: s.UpdatedAt.UnixMicro(), VerifiedAt: at(s.VerifiedAt),
	}
	var err error
	if r.Audience, err = list(s.Audience); err != nil {
		return r, err
	}
	if r.Events, err = list(s.Events); err != nil || s.Requested == nil {
		return r, err
	}
	text, err := list(s.Requested)
	r.Requested = &text
	return r, err
}

func list[T ~string](all []T) (string, error) {
	if all == nil {
		all = []T{}
	}
	raw, err := json.Marshal(all)
	return string(raw), err
}

func (r *streamRow) stream() (transmit.Stream, error) {
	s := transmit.Stream{
		ID: r.ID, ClientID: r.ClientID, ClientName: r.ClientName, Delivery: transmit.Delivery(r.Delivery), Endpoint: r.Endpoint,
		Sealed: r.Sealed, Description: r.Description, Alg: r.Alg, Status: transmit.Status(r.Status), StatusReason: r.StatusReason,
		Version: uint64(r.Version), CreatedAt: timeOf(&r.CreatedAt), UpdatedAt: timeOf(&r.UpdatedAt), VerifiedAt: timeOf(r.VerifiedAt),
	}
	if len(s.Sealed) == 0 {
		s.Sealed = nil
	}
	for _, column := range []struct {
		text *string
		to   any
	}{{&r.Audience, &s.Audience}, {&r.Events, &s.Events}, {r.Requested, &s.Requested}} {
		if column.text == nil {
			continue
		}
		if err := json.Unmarshal([]byte(*column.text), column.to); err != nil {
			return s, fault.New(fault.Internal, "", "stream %s is not as it was stored", r.ID).WithCause(err)
		}
	}
	return s, nil
}

// ruleRow is a rule as it is stored.
type ruleRow struct {
	StreamID string `gorm:"primaryKey"`
	DeviceID string `gorm:"primaryKey"`
	UserName string `gorm:"primaryKey"`
	Tenant   string `gorm:"primaryKey"`
	LeftOut  int64  // 0 or 1
	Number   int64
}

// TableName names the table.
func (ruleRow) TableName() string { return "transmit_rules" }

func (r ruleRow) rule() transmit.Rule {
	return transmit.Rule{
		Subject: transmit.Subject{Device: device.ID(r.DeviceID), User: r.UserName, Tenant: r.Tenant},
		Out:     r.LeftOut == 1, Number: uint64(r.Number),
	}
}

// fareRow is how a stream fares, as it is stored.
type fareRow struct {
	StreamID     string `gorm:"primaryKey"`
	Failures     int
	FailingSince *int64
	LastError    string
	DeliveredAt  *int64
}

// TableName names the table.
func (fareRow) TableName() string { return "transmit_fares" }

func (r fareRow) fare() transmit.Fare {
	return transmit.Fare{
		Failures: r.Failures, FailingSince: timeOf(r.FailingSince), LastError: r.LastError, DeliveredAt: timeOf(r.DeliveredAt),
	}
}

// itemRow is an item as it is stored.
type itemRow struct {
	Number    int64 `gorm:"primaryKey"`
	StreamID  string
	JTI       string `gorm:"column:jti"`
	Event     string
	DeviceID  string
	Subject   string
	Claims    string
	Sequence  int64
	CreatedAt int64 `gorm:"autoCreateTime:false"`
	Tries     int
	FailedAt  *int64
	NextAt    *int64
	DeadAt    *int64
	Reason    string
}

// TableName names the table.
func (itemRow) TableName() string { return "transmit_outbox" }

func (r *itemRow) item() transmit.Item {
	return transmit.Item{
		Number: uint64(r.Number), Stream: r.StreamID, JTI: r.JTI, Type: transmit.EventType(r.Event), Device: device.ID(r.DeviceID),
		Subject: json.RawMessage(r.Subject), Claims: json.RawMessage(r.Claims), Sequence: uint64(r.Sequence),
		CreatedAt: timeOf(&r.CreatedAt), Tries: r.Tries, FailedAt: timeOf(r.FailedAt), NextAt: timeOf(r.NextAt),
	}
}

func items(rows []itemRow) []transmit.Item {
	all := make([]transmit.Item, len(rows))
	for i := range rows {
		all[i] = rows[i].item()
	}
	return all
}
