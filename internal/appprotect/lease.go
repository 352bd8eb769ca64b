package appprotect

import (
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
)

// Lease is how long an app may go on without the server: see LeaseToSign on the
// wire. Zero spans are never.
type Lease struct {
	ID             device.ID
	Epoch          device.Epoch
	Number         uint64
	IssuedAt       time.Time
	PolicyRevision string
	BlockAfter     time.Duration
	WipeAfter      time.Duration
	Standing       apprules.Standing
}
