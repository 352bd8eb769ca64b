package wiperpc

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringfence/internal/fault"
	"ringfence/internal/wipe"
)

// fromCursor writes a place in the listing of orders as text; "" for none.
func fromCursor(c wipe.Cursor) string { return fromPlace(c.CreatedAt, string(c.ID)) }

func toCursor(s string) (wipe.Cursor, error) {
	at, id, err := toPlace(s)
	return wipe.Cursor{CreatedAt: at, ID: wipe.ID(id)}, err
}

// fromRequestCursor is fromCursor for requests.
func fromRequestCursor(c wipe.RequestCursor) string { return fromPlace(c.CreatedAt, string(c.ID)) }

func toRequestCursor(s string) (wipe.RequestCursor, error) {
	at, id, err := toPlace(s)
	return wipe.RequestCursor{CreatedAt: at, ID: wipe.RequestID(id)}, err
}

func fromPlace(at time.Time, id string) string {
	if at.IsZero() && id == "" {
		return ""
	}
	return fmt.Sprintf("%d/%s", at.UnixMicro(), id)
}

func toPlace(s string) (time.Time, string, error) {
	if s == "" {
		return time.Time{}, "", nil
	}
	at, id, ok := strings.Cut(s, "/")
	us, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || id == "" {
		return time.Time{}, "", fault.InvalidField("page_token", "is not a page token of this server")
	}
	return time.UnixMicro(us).UTC(), id, nil
}
