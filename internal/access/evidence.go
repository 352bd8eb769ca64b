package access

import "time"

// Fitness is the word of another slice on a phone or an app.
type Fitness uint8

// The words. The zero value was never given.
const (
	NotJudged Fitness = iota
	Fit
	Unfit
)

var fitnessNames = []string{"not-judged", "fit", "unfit"}

func (f Fitness) String() string { return nameOf(fitnessNames, f) }

// Verdict is what another slice says of a phone or an app, and on evidence how
// old.
type Verdict struct {
	Fitness Fitness
	// EvidenceAt is when the phone looked; zero where it never did.
	EvidenceAt time.Time
	// ChangesAt is from when on the verdict no longer speaks; zero is never.
	ChangesAt time.Time
	// Version changes when the verdict or its evidence does.
	Version uint64
	// Findings are the rules that do not hold.
	Findings []Finding
}

// Finding is a rule that does not hold, and what the person can do about it.
type Finding struct {
	Rule     string
	Expected string
	Actual   string
	Remedy   string
	// Link is where the remedy is to be had; may be empty.
	Link string
	// Since is when it was first found; zero where nobody knows.
	Since time.Time
}

// Reason says why a control is not met.
type Reason uint8

// The reasons. The zero value is that of a control that is met.
const (
	// NotShown: the session has not shown it.
	NotShown Reason = iota + 1
	// NoDevice: no enrolled phone is known.
	NoDevice
	// NoRegistration: no registration of the app is known.
	NoRegistration
	// NoVerdict: the phone or the app was never judged.
	NoVerdict
	// Stale: the evidence has reached the greatest age that the policy allows.
	Stale
	// Lapsed: the verdict has reached the time at which it changes by itself,
	// and no other has come.
	Lapsed
	// NotFit: the verdict is "unfit".
	NotFit
	// NotApproved: the app is not one the organisation approves.
	NotApproved
)

var reasonNames = []string{
	"", "not-shown", "no-device", "no-registration", "no-verdict", "stale", "lapsed", "unfit", "not-approved",
}

func (r Reason) String() string { return nameOf(reasonNames, r) }

// standing is a verdict as it is at one time, before a policy's greatest age.
type standing struct {
	verdict *Verdict // nil where nothing is known
	// unknown is the reason where nothing is known.
	unknown Reason
	age     time.Duration
	lapsed  bool
}

func standingOf(v *Verdict, unknown Reason, now time.Time) standing {
	s := standing{verdict: v, unknown: unknown}
	if v != nil {
		s.age = max(0, now.Sub(v.EvidenceAt))
		s.lapsed = !v.ChangesAt.IsZero() && !now.Before(v.ChangesAt)
	}
	return s
}

// reason says why the verdict does not help a policy; zero if it does. Of
// several reasons the one is named that must be removed first.
func (s *standing) reason(maxAge time.Duration) Reason {
	switch {
	case s.verdict == nil:
		return s.unknown
	case s.verdict.Fitness != Fit && s.verdict.Fitness != Unfit, s.verdict.EvidenceAt.IsZero():
		return NoVerdict
	case s.lapsed:
		return Lapsed
	case s.age >= maxAge:
		return Stale
	case s.verdict.Fitness == Unfit:
		return NotFit
	default:
		return 0
	}
}

// turn gives the time at which the reason changes by time alone, if it is
// earlier than until.
func (s *standing) turn(maxAge time.Duration, until time.Time) time.Time {
	if s.lapsed || s.age >= maxAge || s.verdict == nil {
		return until
	}
	if stale := s.verdict.EvidenceAt.Add(maxAge); stale.Before(until) {
		until = stale
	}
	if c := s.verdict.ChangesAt; !c.IsZero() && c.Before(until) {
		until = c
	}
	return until
}
