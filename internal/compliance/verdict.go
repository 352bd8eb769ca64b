package compliance

import (
	"slices"
	"time"
)

// Standing is the verdict in one word. The numbers are stored: do not reorder.
type Standing uint8

// The standings.
const (
	// Compliant: no finding is in force.
	Compliant Standing = iota + 1
	// NonCompliant: some finding is in force.
	NonCompliant
	// Unknown: the device has not reported in this epoch.
	Unknown
)

var standingNames = [...]string{"unknown", "compliant", "non-compliant", "unknown"}

func (s Standing) String() string { return nameOf(standingNames[:], int(s)) }

// Verdict says whether a device is fit, why, since when, on evidence how old,
// and what happens next. The zero value is one that was never given.
type Verdict struct {
	Standing Standing
	// Findings are in the order of the rules: evidence, manifest, settings.
	Findings    []Finding
	EvaluatedAt time.Time
	// EvidenceAt is when the device looked; zero without a report.
	EvidenceAt time.Time
	// Since is since when the standing holds; zero where that is not known.
	Since time.Time
	// ChangesAt is when the standing will change by itself; zero when it will
	// not.
	ChangesAt time.Time
}

// Finding is one rule that does not hold.
type Finding struct {
	Rule     string
	Expected string
	Actual   string
	// EvidenceAge is the time between the device's look and the judgement.
	EvidenceAge time.Duration
	Since       time.Time
	// Remedy is what the person can do about it.
	Remedy string
	// GraceUntil is until when the finding does not make the device
	// non-compliant; zero when it already does.
	GraceUntil time.Time
}

// inForce reports whether the finding makes a device non-compliant.
func (f *Finding) inForce() bool { return f.GraceUntil.IsZero() }

// finding gives the finding of a rule.
func (v *Verdict) finding(rule string) (*Finding, bool) {
	for i := range v.Findings {
		if v.Findings[i].Rule == rule {
			return &v.Findings[i], true
		}
	}
	return nil, false
}

// sameSubstance reports whether two verdicts differ in nothing but when they
// were given and on evidence how old.
func (v *Verdict) sameSubstance(o *Verdict) bool {
	return v.Standing == o.Standing && v.Since.Equal(o.Since) &&
		slices.EqualFunc(v.Findings, o.Findings, func(a, b Finding) bool {
			return a.Rule == b.Rule && a.Expected == b.Expected && a.Actual == b.Actual && a.Remedy == b.Remedy &&
				a.Since.Equal(b.Since) && a.GraceUntil.Equal(b.GraceUntil)
		})
}

// Limits are the times a judgement goes by. Zero fields mean the defaults.
type Limits struct {
	// EvidenceAge is how old a report may be. Default 24 hours.
	EvidenceAge time.Duration
	// Grace is how long a device has to apply a new manifest, and
	// administrators to resolve a conflict, before it counts. Default 1 hour.
	Grace time.Duration
	// CheckInEvery is when a device should report again. Default 1 hour.
	CheckInEvery time.Duration
	// RevocationListLife is for how long a revocation list speaks. Default 7
	// days. A new one is made when half of it has passed.
	RevocationListLife time.Duration
}

func (l Limits) withDefaults() Limits {
	for field, byDefault := range map[*time.Duration]time.Duration{
		&l.EvidenceAge:        24 * time.Hour,
		&l.Grace:              time.Hour,
		&l.CheckInEvery:       time.Hour,
		&l.RevocationListLife: 7 * 24 * time.Hour,
	} {
		if *field <= 0 {
			*field = byDefault
		}
	}
	return l
}
