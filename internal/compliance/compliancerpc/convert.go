package compliancerpc

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// The enums of the slice have the numbers of the wire. A number the slice
// cannot hold becomes 0, which is no value of any of them.
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

// timeFromWire gives the zero time for none, and false for a time that the
// wire's type cannot mean.
func timeFromWire(t *timestamppb.Timestamp) (time.Time, bool) {
	if t == nil {
		return time.Time{}, true
	}
	return t.AsTime(), t.CheckValid() == nil
}

// notATime complains about a time of a report.
func notATime(field string, args ...any) error {
	return fault.InvalidField(fmt.Sprintf(field, args...), "is not a time")
}

func deviceFromWire(s string) (device.ID, error) {
	id, err := device.ParseID(s)
	if err != nil {
		return "", fault.InvalidField("device_id", "is not a device id")
	}
	return id, nil
}

func verdictToWire(v compliance.Verdict) *compliancev1.Verdict {
	return &compliancev1.Verdict{
		Standing:    compliancev1.Standing(v.Standing),
		Findings:    each(v.Findings, findingToWire),
		EvaluatedAt: timeToWire(v.EvaluatedAt),
		EvidenceAt:  timeToWire(v.EvidenceAt),
		Since:       timeToWire(v.Since),
		ChangesAt:   timeToWire(v.ChangesAt),
	}
}

func findingToWire(f compliance.Finding) *compliancev1.Finding {
	return &compliancev1.Finding{
		Rule:               f.Rule,
		Expected:           f.Expected,
		Actual:             f.Actual,
		EvidenceAgeSeconds: uint64(max(0, f.EvidenceAge) / time.Second),
		Since:              timeToWire(f.Since),
		Remedy:             f.Remedy,
		GraceUntil:         timeToWire(f.GraceUntil),
	}
}

func certificateToWire(c compliance.Certificate) *compliancev1.Certificate {
	w := &compliancev1.Certificate{
		Serial:    c.Serial,
		DeviceId:  string(c.Key.Device),
		Epoch:     uint64(c.Key.Epoch),
		Alias:     c.Key.Alias,
		Subject:   c.Subject,
		NotBefore: timeToWire(c.NotBefore),
		NotAfter:  timeToWire(c.NotAfter),
	}
	if c.Revocation != nil {
		w.RevokedAt, w.RevocationReason = timeToWire(c.Revocation.At), c.Revocation.Reason
	}
	return w
}
