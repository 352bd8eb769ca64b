package accessrpc

import (
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// word gives a number of the wire as a word of the slice; both count alike. A
// number that the slice cannot hold becomes 255, which is no word of any of them:
// 0 is one of some.
func word[D ~uint8, W ~int32](w W) D {
	if w < 0 || w > 255 {
		return D(255)
	}
	return D(w)
}

// wire gives a word of the slice as a number of the wire.
func wire[W ~int32, D ~uint8](d D) W { return W(d) }

// each converts a list; an empty one becomes nil.
func each[A, B any](list []A, convert func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	converted := make([]B, len(list))
	for i, item := range list {
		converted[i] = convert(item)
	}
	return converted
}

// timeToWire leaves the zero time out.
func timeToWire(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// timeFromWire gives the zero time for none. A time that is none is Invalid.
func timeFromWire(t *timestamppb.Timestamp, field string) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	if t.CheckValid() != nil {
		return time.Time{}, fault.InvalidField(field, "is not a time")
	}
	return t.AsTime(), nil
}

// spanToWire leaves out what is nothing.
func spanToWire(d time.Duration) *durationpb.Duration {
	if d <= 0 {
		return nil
	}
	return durationpb.New(d)
}

// spanFromWire gives zero for none. A span that is none, or goes back, is
// Invalid.
func spanFromWire(d *durationpb.Duration, field string) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	if d.CheckValid() != nil || d.AsDuration() < 0 {
		return 0, fault.InvalidField(field, "is not a span of time")
	}
	return d.AsDuration(), nil
}

// limitFromWire is spanFromWire for what means something else where it is zero:
// zero must be left out.
func limitFromWire(d *durationpb.Duration, field string) (time.Duration, error) {
	span, err := spanFromWire(d, field)
	if err == nil && d != nil && span == 0 {
		err = fault.InvalidField(field, "must be longer than nothing, or left out")
	}
	return span, err
}

// idFromWire gives "" for none.
func idFromWire(id, field string) (device.ID, error) {
	if id == "" {
		return "", nil
	}
	parsed, err := device.ParseID(id)
	if err != nil {
		return "", fault.InvalidField(field, "is not the id of a phone or of a registration")
	}
	return parsed, nil
}

// named gives an Invalid fault the names that the request has: each pair is how
// the slice's names begin, and how those of the request do. The first that fits
// counts.
func named(err error, pairs ...string) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || len(f.Fields) == 0 {
		return err
	}
	renamed := *f
	renamed.Fields = make([]fault.Field, len(f.Fields))
	for i, field := range f.Fields {
		for p := 0; p+1 < len(pairs); p += 2 {
			if rest, ok := strings.CutPrefix(field.Name, pairs[p]); ok {
				renamed.Message = strings.Replace(renamed.Message, field.Name, pairs[p+1]+rest, 1)
				field.Name = pairs[p+1] + rest
				break
			}
		}
		renamed.Fields[i] = field
	}
	return &renamed
}
