package compliance

import "time"

// Evidence is what a verdict is given on.
type Evidence struct {
	Manifest *Manifest
	// Report is normalized; nil where the device has not reported in this
	// epoch.
	Report *Report
	// Previous is the last verdict of this epoch: what it found keeps its
	// "since" and its grace.
	Previous Verdict
	// Limits have no zero field.
	Limits Limits
}

// Evaluate judges a device at now.
//
// Nothing that was in force before comes back under grace, and time alone
// never makes a device compliant.
func Evaluate(e Evidence, now time.Time) Verdict {
	now = storedTime(now)
	if e.Report == nil {
		return unheard(now)
	}
	j := judgement{Evidence: e, now: now, age: max(0, now.Sub(e.Report.ObservedAt))}
	j.judgeEvidence()
	j.judgeManifest()
	j.judgePins()
	j.judgeRoots()
	j.judgeCertificates()
	j.judgeVPNs()
	j.judgeResults()
	return j.verdict()
}

// unheard is the verdict on a device that has not reported in this epoch.
func unheard(now time.Time) Verdict {
	return Verdict{
		Standing:    Unknown,
		EvaluatedAt: now,
		Findings: []Finding{{
			Rule: "evidence.report", Expected: "a report since enrolment", Actual: "none",
			Since: now, Remedy: "open the work agent and let it report",
		}},
	}
}

// judgement is one evaluation under way.
type judgement struct {
	Evidence
	now      time.Time
	age      time.Duration
	findings []Finding
	// turns is the earliest time at which a rule that holds, or a finding
	// under grace, stops doing so; zero for never.
	turns time.Time
}

// find adds a finding in force. Since is since when, as far as the rule knows:
// zero means that it is seen now for the first time, unless it was before.
func (j *judgement) find(f Finding, since time.Time) {
	f.EvidenceAge, f.Since = j.age, since
	if f.Since.IsZero() {
		f.Since = j.now
	}
	if before, found := j.Previous.finding(f.Rule); found && before.Since.Before(f.Since) {
		f.Since = before.Since
	}
	j.findings = append(j.findings, f)
}

// excuse adds a finding that is under grace for a while. A grace is given once
// for what is expected: it neither starts again nor follows one in force.
func (j *judgement) excuse(f Finding) {
	until := j.now.Add(j.Limits.Grace)
	before, found := j.Previous.finding(f.Rule)
	switch {
	case found && before.inForce():
		until = time.Time{}
	case found && before.Expected == f.Expected:
		until = before.GraceUntil
	}
	if until.After(j.now) {
		f.GraceUntil = until
		j.turnsAt(until)
	}
	j.find(f, time.Time{})
}

// miss adds a finding about something that the agent sets up by itself. While
// the newest manifest is not applied it shares that one's grace, or one policy
// would turn every phone that happens to be offline.
func (j *judgement) miss(f Finding) {
	if j.Report.AppliedRevision != j.Manifest.Revision() {
		j.excuse(f)
		return
	}
	j.find(f, time.Time{})
}

// turnsAt notes that something will stop holding at t.
func (j *judgement) turnsAt(t time.Time) {
	if j.turns.IsZero() || t.Before(j.turns) {
		j.turns = t
	}
}

// passed reports whether a deadline is over; until then it is a turn.
func (j *judgement) passed(deadline time.Time) bool {
	if j.now.Before(deadline) {
		j.turnsAt(deadline)
		return false
	}
	return true
}

// verdict sums up.
func (j *judgement) verdict() Verdict {
	v := Verdict{
		Standing: Compliant, Findings: j.findings, EvaluatedAt: j.now,
		EvidenceAt: j.Report.ObservedAt, Since: j.now, ChangesAt: j.turns,
	}
	for i := range j.findings {
		if j.findings[i].inForce() {
			// Whatever turns next is one more reason, not another standing.
			v.Standing, v.ChangesAt = NonCompliant, time.Time{}
			break
		}
	}
	switch p := &j.Previous; {
	case p.Standing == v.Standing:
		v.Since = p.Since
	case turnedByItself(p, &v):
		v.Since = p.ChangesAt
	}
	return v
}

// turnedByItself reports whether the standing changed when it was foretold to,
// on the same evidence.
func turnedByItself(before, after *Verdict) bool {
	return !before.ChangesAt.IsZero() && !before.ChangesAt.After(after.EvaluatedAt) &&
		before.EvidenceAt.Equal(after.EvidenceAt)
}
