package appprotectrpc

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// word gives a number of the wire as a word of the slice, where both count alike:
// levels, standings and what phones attest. A number that the slice cannot hold
// becomes 0, which is no word of any of them.
func word[D ~uint8, W ~int32](w W) D {
	if w < 0 || w > 255 {
		return 0
	}
	return D(w)
}

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

// spanToWire leaves out what never comes.
func spanToWire(d time.Duration) *durationpb.Duration {
	if d <= 0 {
		return nil
	}
	return durationpb.New(d)
}

func registrationFromWire(id string) (device.ID, error) {
	parsed, err := device.ParseID(id)
	if err != nil {
		return "", fault.InvalidField("registration_id", "is not the id of a registration")
	}
	return parsed, nil
}

func verdictToWire(v apprules.Verdict) *appprotectv1.Verdict {
	return &appprotectv1.Verdict{
		Standing:    appprotectv1.Standing(v.Standing),
		Findings:    each(v.Findings, findingToWire),
		EvaluatedAt: timeToWire(v.EvaluatedAt),
		EvidenceAt:  timeToWire(v.EvidenceAt),
		Since:       timeToWire(v.Since),
		ChangesAt:   timeToWire(v.ChangesAt),
	}
}

var standingOfAction = map[apprules.Action]appprotectv1.Standing{
	apprules.ActionWarn:  appprotectv1.Standing_STANDING_WARN,
	apprules.ActionBlock: appprotectv1.Standing_STANDING_BLOCK,
	apprules.ActionWipe:  appprotectv1.Standing_STANDING_WIPE,
}

func findingToWire(f apprules.Finding) *appprotectv1.Finding {
	return &appprotectv1.Finding{
		Check:              string(f.Check),
		Threshold:          f.Threshold,
		Actual:             f.Actual,
		Action:             standingOfAction[f.Action],
		EvidenceAgeSeconds: uint64(max(0, f.EvidenceAge) / time.Second),
		Since:              timeToWire(f.Since),
		RemedyKey:          f.RemedyKey,
		Remedy:             f.Remedy,
		Link:               f.Link,
	}
}
