package enroll

import (
	"strconv"
	"strings"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// Cursor is a place in a listing: after the item with this time and id. The
// zero value is the beginning, and the end when given as the next one.
type Cursor struct {
	At time.Time
	ID string
}

// IsZero reports whether it is the beginning.
func (c Cursor) IsZero() bool { return c.ID == "" }

// String writes the cursor for [ParseCursor]; "" for the zero value.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return strconv.FormatInt(c.At.UnixMicro(), 10) + "/" + c.ID
}

// ParseCursor reads what String writes. Anything else is Invalid.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	at, id, ok := strings.Cut(s, "/")
	micros, err := strconv.ParseInt(at, 10, 64)
	if _, bad := device.ParseID(id); !ok || err != nil || bad != nil {
		return Cursor{}, fault.InvalidField("page_token", "is not a page token of this server")
	}
	return Cursor{At: time.UnixMicro(micros).UTC(), ID: id}, nil
}

// TokenQuery asks for one page of tokens, newest first.
type TokenQuery struct {
	After Cursor
	// Limit is how many at most. Required.
	Limit int
	// Groups leaves out all but those of these groups; nil does not.
	Groups []string
	// UsableOnly leaves out those that can no longer be redeemed at Now.
	UsableOnly bool
	Now        time.Time
}

// DeviceQuery asks for one page of devices, in the order they first joined.
// Empty filters match everything; the others are joined by AND.
type DeviceQuery struct {
	After Cursor
	// Limit is how many at most. Required.
	Limit int
	// Groups leaves out all but those of these groups; nil does not.
	Groups []string
	// Deleted takes deleted records in, which are left out otherwise.
	Deleted   bool
	Group     string
	User      string
	State     State
	Ownership device.Ownership
	Mode      device.Mode
}

// split cuts a listing that was asked for one item more than the page holds:
// that one tells whether there is a next page.
func split[T any](items []T, limit int, at func(T) Cursor) ([]T, Cursor) {
	if len(items) <= limit {
		return items, Cursor{}
	}
	return items[:limit], at(items[limit-1])
}
