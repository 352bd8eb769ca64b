package apprules

import (
	"cmp"
	"slices"
	"time"
)

// integrityServes is how long an integrity verdict serves.
const integrityServes = 24 * time.Hour

// Evidence is what a verdict is given on.
type Evidence struct {
	Effective *Effective
	// Report is as received; nil where the app has not reported yet.
	Report       *Report
	Registration Registration
	// Previous is the last verdict of this registration: what it found keeps
	// its "since".
	Previous Verdict
}

// Evaluate judges whether the work account may be opened at now. The strictest
// action of all checks wins.
//
// What is not reported fails a check, and can warn and block; it never wipes.
func Evaluate(e Evidence, now time.Time) Verdict {
	j := judgement{Evidence: e, settings: e.Effective.Settings, now: storedTime(now)}
	if !e.Effective.Governed() {
		j.find(check{"policy", remedyAskForPolicy}, ActionBlock, "a policy for this person, app and phone", "none")
		return j.verdict()
	}
	j.judgeRegistration()
	if e.Report == nil {
		j.find(check{"report", remedyOpenApp}, ActionBlock, "a report since registration", "none")
		return j.verdict()
	}
	j.report = e.Report
	j.age = max(0, j.now.Sub(e.Report.ObservedAt))
	j.judgeVersions()
	j.judgePhone()
	j.judgeIntegrity()
	j.judgeThreats()
	j.judgePINFailures()
	return j.verdict()
}

// judgement is one evaluation under way.
type judgement struct {
	Evidence
	settings Settings
	report   *Report
	now      time.Time
	age      time.Duration
	findings []Finding
	// turns is the earliest time at which a finding comes, goes or changes.
	turns time.Time
}

// check is one condition of launch.
type check struct {
	name   Key
	remedy remedy
}

// find notes that a check does not hold.
func (j *judgement) find(c check, a Action, threshold, actual string) {
	f := Finding{
		Check: c.name, Threshold: threshold, Actual: actual, Action: a,
		EvidenceAge: j.age, Since: j.now, RemedyKey: c.remedy.key, Remedy: c.remedy.text,
	}
	if before, found := j.Previous.finding(c.name); found && before.Action == a && before.Since.Before(f.Since) {
		f.Since = before.Since
	}
	if c.remedy == remedyUpdateApp {
		f.Link = j.Effective.Config.Custom[UpdateSource]
	}
	j.findings = append(j.findings, f)
}

// known is what is judged: its text, and whether it was reported at all.
type known struct {
	text     string
	reported bool
}

// threshold judges one check with thresholds. Good tells whether what was
// reported is good enough.
func threshold[T any](j *judgement, c check, t *Thresholds[T], actual known, good func(T) bool, describe func(T) string) {
	for _, a := range []Action{ActionWipe, ActionBlock, ActionWarn} {
		s := t.of(a)
		if s == nil {
			continue
		}
		want, asked := s.In(j.settings)
		if !asked || actual.reported && good(want) {
			continue
		}
		if a == ActionWipe && !actual.reported {
			a = ActionBlock
		}
		j.find(c, a, describe(want), actual.text)
		return
	}
}

// flat judges a check that has an action and no threshold.
func (j *judgement) flat(c check, asked Action, threshold string, actual known, good bool) {
	if asked == ActionNone || actual.reported && good {
		return
	}
	if !actual.reported {
		asked = min(asked, ActionBlock)
	}
	j.find(c, asked, threshold, actual.text)
}

// turnsAt notes that a finding comes, goes or changes at t.
func (j *judgement) turnsAt(t time.Time) {
	if t.After(j.now) && (j.turns.IsZero() || t.Before(j.turns)) {
		j.turns = t
	}
}

// passed reports whether a deadline is over; until then it is a turn.
func (j *judgement) passed(deadline time.Time) bool {
	j.turnsAt(deadline)
	return !j.now.Before(deadline)
}

// verdict sums up.
func (j *judgement) verdict() Verdict {
	slices.SortStableFunc(j.findings, func(a, b Finding) int { return cmp.Compare(b.Action, a.Action) })
	v := Verdict{
		Standing: StandingOK, Findings: j.findings, EvaluatedAt: j.now,
		Since: j.now, ChangesAt: j.turns,
	}
	if j.report != nil {
		v.EvidenceAt = j.report.ObservedAt
	}
	if len(v.Findings) > 0 {
		v.Standing = standingAfter(v.Findings[0].Action)
	}
	if p := &j.Previous; p.Standing == v.Standing && !p.Since.IsZero() {
		v.Since = p.Since
	}
	return v
}
