package auditdb

import (
	"time"

	"ringfence/internal/audit"
)

// row is an entry as it is stored. Times are microseconds since 1970, UTC.
type row struct {
	Sequence   int64 `gorm:"primaryKey"`
	RecordedAt int64
	Actor      string
	Action     string
	Target     string
	Detail     string
	RequestID  string
	Peer       string
	Credential string
}

// TableName names the table.
func (row) TableName() string { return "audit_entries" }

func (r row) entry() audit.Entry {
	return audit.Entry{
		Sequence:   uint64(r.Sequence),
		Time:       time.UnixMicro(r.RecordedAt).UTC(),
		Actor:      r.Actor,
		Action:     r.Action,
		Target:     r.Target,
		Detail:     r.Detail,
		RequestID:  r.RequestID,
		Peer:       r.Peer,
		Credential: r.Credential,
	}
}
