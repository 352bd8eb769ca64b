package compliancerpc

import (
	"fmt"
	"time"

	"ringfence/internal/compliance"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/wire"
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
		Findings:    wire.Each(v.Findings, findingToWire),
		EvaluatedAt: wire.Time(v.EvaluatedAt),
		EvidenceAt:  wire.Time(v.EvidenceAt),
		Since:       wire.Time(v.Since),
		ChangesAt:   wire.Time(v.ChangesAt),
	}
}

func findingToWire(f compliance.Finding) *compliancev1.Finding {
	return &compliancev1.Finding{
		Rule:               f.Rule,
		Expected:           f.Expected,
		Actual:             f.Actual,
		EvidenceAgeSeconds: uint64(max(0, f.EvidenceAge) / time.Second),
		Since:              wire.Time(f.Since),
		Remedy:             f.Remedy,
		GraceUntil:         wire.Time(f.GraceUntil),
	}
}

func certificateToWire(c compliance.Certificate) *compliancev1.Certificate {
	w := &compliancev1.Certificate{
		Serial:    c.Serial,
		DeviceId:  string(c.Key.Device),
		Epoch:     uint64(c.Key.Epoch),
		Alias:     c.Key.Alias,
		Subject:   c.Subject,
		NotBefore: wire.Time(c.NotBefore),
		NotAfter:  wire.Time(c.NotAfter),
	}
	if c.Revocation != nil {
		w.RevokedAt, w.RevocationReason = wire.Time(c.Revocation.At), c.Revocation.Reason
	}
	return w
}
