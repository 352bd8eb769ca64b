package appprotectrpc

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/wire"
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

// timeFromWire gives the zero time for none. A time that is none is Invalid.
func timeFromWire(t *timestamppb.Timestamp, field string) (time.Time, error) {
	at, ok := wire.FromTime(t)
	if !ok {
		return time.Time{}, fault.InvalidField(field, "is not a time")
	}
	return at, nil
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
		Findings:    wire.Each(v.Findings, findingToWire),
		EvaluatedAt: wire.Time(v.EvaluatedAt),
		EvidenceAt:  wire.Time(v.EvidenceAt),
		Since:       wire.Time(v.Since),
		ChangesAt:   wire.Time(v.ChangesAt),
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
		Since:              wire.Time(f.Since),
		RemedyKey:          f.RemedyKey,
		Remedy:             f.Remedy,
		Link:               f.Link,
	}
}
