package sqldb

import "time"

// Micros is a time as it is stored: microseconds since 1970.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// NullMicros is Micros with NULL for the zero time.
func NullMicros(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMicro())
}

// FromMicros reads Micros, in UTC.
func FromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// FromNullMicros reads NullMicros.
func FromNullMicros(us *int64) time.Time {
	if us == nil {
		return time.Time{}
	}
	return FromMicros(*us)
}
