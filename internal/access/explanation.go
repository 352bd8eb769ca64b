package access

import (
	"time"

	"ringfence/internal/device"
)

// Condition names one kind of condition. The numbers are no part of anything
// stored.
type Condition uint8

// The conditions, in the order in which they are told of.
const (
	ByPeople Condition = iota + 1
	ByApp
	ByAction
	ByPlatform
	ByClient
	ByLocation
	ByDeviceFilter
	ByCustom
	BySignInRisk
	ByUserRisk
	ByOwnership
	ByMode
	ByFlow
)

var conditionNames = []string{
	"", "people", "app", "action", "platform", "client", "location", "device-filter", "custom",
	"sign-in-risk", "user-risk", "ownership", "mode", "flow",
}

func (c Condition) String() string { return nameOf(conditionNames, c) }

// Result is what a policy says to a sign-in.
type Result uint8

// The results.
const (
	// NotApplied: some condition is not met.
	NotApplied Result = iota
	// Satisfied: it applies, and what it asks is met.
	Satisfied
	// Owing: it applies, and something is still to be done.
	Owing
	// Blocking: it applies, and shuts.
	Blocking
)

var resultNames = []string{"not-applied", "satisfied", "owing", "blocking"}

func (r Result) String() string { return nameOf(resultNames, r) }

// Explanation is a decision with all its reasons.
type Explanation struct {
	Outcome        Outcome
	WithReportOnly Outcome
	// LegacyClient: the sign-in is denied because nobody can ask its client for
	// what is owed.
	LegacyClient bool
	// PersonDisabled: the sign-in is denied because the account is out of use.
	PersonDisabled bool
	Owed           []ControlSet
	Session        Session
	// Policies are all of the snapshot, sorted by name, also those that are off.
	Policies []PolicyResult
	// Missing are the conditions that some policy asks about and nobody knows
	// the answer to: with it, the decision might be another.
	Missing     []Condition
	Evidence    []Evidence
	Versions    Versions
	DecidedAt   time.Time
	CachedUntil time.Time
}

// PolicyResult is what one policy says.
type PolicyResult struct {
	Name     string
	Revision uint64
	// State says whether the result counts. That of a policy that is off is what
	// it would be.
	State  State
	Result Result
	// Matched are the inclusions and exclusions that the sign-in matches.
	Matched []Match
	// Unmet are all conditions that are not met, at most one of a kind.
	Unmet []Unmet
	// Controls are those of the policy; empty where it does not apply.
	Operator Operator
	Controls []ControlResult
	// Problems are rules that failed. They count as met.
	Problems []string
}

// Match is one thing in a policy that the sign-in matches.
type Match struct {
	Condition Condition
	// Value is as the policy has it, such as "group:sales" or "everyone".
	Value    string
	Excluded bool
}

// Unmet is one condition that keeps a policy from applying.
type Unmet struct {
	Condition Condition
	// Actual is what the sign-in has.
	Actual string
	// Excluded: it is excluded, whether or not it is included, too.
	Excluded bool
	// Missing: it is not known.
	Missing bool
}

// ControlResult is one control of a policy that applies.
type ControlResult struct {
	Control Control
	// Reason is zero where the control is met.
	Reason Reason
	// Age is how old the evidence is, MaxAge from which age on it does not
	// count; both zero for controls without evidence.
	Age, MaxAge time.Duration
	// Findings are the rules that fail, with their remedies.
	Findings []Finding
}

// Met reports whether the control is met.
func (c *ControlResult) Met() bool { return c.Reason == 0 }

// Evidence is one fact that the decision could use.
type Evidence struct {
	// About is "compliance" or "protection".
	About   string
	Subject device.ID
	Fitness Fitness
	Version uint64
	// At is when the phone looked; Age is from then to the decision, zero where
	// it never looked.
	At        time.Time
	Age       time.Duration
	ChangesAt time.Time
}

// evidence tells of what is known.
func (q *question) evidence() []Evidence {
	var all []Evidence
	add := func(about string, id device.ID, s *standing) {
		v := s.verdict
		e := Evidence{About: about, Subject: id, Fitness: v.Fitness, Version: v.Version, At: v.EvidenceAt, ChangesAt: v.ChangesAt}
		if !v.EvidenceAt.IsZero() {
			e.Age = s.age
		}
		all = append(all, e)
	}
	if d := q.facts.Device; d != nil {
		add("compliance", d.ID, &q.compliance)
	}
	if r := q.facts.Registration; r != nil {
		add("protection", r.ID, &q.registration)
	}
	return all
}
