// Package wire converts what every slice's messages hold: times, spans of time and
// lists. It knows no slice and no message of this module: what a slice's own words
// mean on the wire, its rpc package says.
package wire

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Time leaves the zero time out.
func Time(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// FromTime gives the zero time for none, and false for a time that the wire's type
// cannot mean. Times are UTC.
func FromTime(t *timestamppb.Timestamp) (time.Time, bool) {
	if t == nil {
		return time.Time{}, true
	}
	return t.AsTime(), t.CheckValid() == nil
}

// Span leaves out 0, and less: what never comes.
func Span(d time.Duration) *durationpb.Duration {
	if d <= 0 {
		return nil
	}
	return durationpb.New(d)
}

// Each converts a list; an empty one becomes nil.
func Each[A, B any](list []A, convert func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	converted := make([]B, len(list))
	for i, item := range list {
		converted[i] = convert(item)
	}
	return converted
}
