package access

import (
	"fmt"
	"slices"
	"time"
)

// WhatIf decides a sign-in that nobody has made, on any facts and at any time,
// and explains it.
func WhatIf(s *Snapshot, in *SignIn, facts *Facts, at time.Time) Explanation {
	d := Decide(s, in, facts, at)
	return d.Explain()
}

// Explain gives all the reasons of the decision. It goes through every policy,
// and costs accordingly. The zero decision has no reasons.
func (d *Decision) Explain() Explanation {
	e := Explanation{
		Outcome: d.Outcome, WithReportOnly: d.WithReportOnly, Owed: d.Owed.Choices(),
		DecidedAt: d.at, CachedUntil: d.CachedUntil,
	}
	if d.snapshot == nil {
		return e
	}
	e.Session, e.Versions = d.Session(), VersionsOf(d.snapshot, d.in, d.facts)
	var q question
	q.ask(d.in, d.facts, d.at)
	e.Evidence = q.evidence()
	x := explainer{question: &q, snapshot: d.snapshot}
	blocked := false
	for i := range d.snapshot.policies {
		p := x.policy(i)
		blocked = blocked || p.State == On && p.Result == Blocking
		e.Policies = append(e.Policies, p)
	}
	e.Missing = x.missing
	slices.Sort(e.Missing)
	e.PersonDisabled = d.in.Person.Disabled
	e.LegacyClient = d.Outcome == Deny && !blocked && !e.PersonDisabled
	return e
}

// explainer looks at one sign-in, policy by policy and condition by condition.
type explainer struct {
	*question
	snapshot *Snapshot
	result   PolicyResult
	missing  []Condition
}

// policy explains the policy of a number.
func (x *explainer) policy(i int) PolicyResult {
	p, r := &x.snapshot.policies[i], &x.snapshot.rules[i]
	x.result = PolicyResult{Name: p.Name, Revision: p.Revision, State: p.Spec.State}
	x.people(&p.Spec)
	x.target(&p.Spec)
	x.settleValues(&p.Spec.Conditions)
	x.settlePlaces(&p.Spec.Conditions, r)
	x.filters(r)
	slices.SortFunc(x.result.Unmet, func(a, b Unmet) int { return int(a.Condition) - int(b.Condition) })
	if len(x.result.Unmet) == 0 {
		x.grant(&p.Spec.Grant, r)
	}
	for _, u := range x.result.Unmet {
		if u.Missing && p.Spec.State != Off && !slices.Contains(x.missing, u.Condition) {
			x.missing = append(x.missing, u.Condition)
		}
	}
	return x.result
}

// sides is what the sign-in matches of one condition.
type sides struct {
	// asked: the policy says what is included.
	asked              bool
	included, excluded []string
}

// settle notes what matches, and whether the condition is met.
func (x *explainer) settle(u Unmet, s sides) {
	for _, value := range s.included {
		x.result.Matched = append(x.result.Matched, Match{u.Condition, value, false})
	}
	for _, value := range s.excluded {
		x.result.Matched = append(x.result.Matched, Match{u.Condition, value, true})
	}
	u.Excluded = len(s.excluded) > 0
	if u.Excluded || s.asked && len(s.included) == 0 {
		u.Missing = u.Missing && !u.Excluded
		x.result.Unmet = append(x.result.Unmet, u)
	}
}

func (x *explainer) people(s *Spec) {
	x.settle(Unmet{Condition: ByPeople, Actual: x.in.Person.Name}, sides{
		true, x.matchPeople(&s.IncludePeople), x.matchPeople(&s.ExcludePeople),
	})
}

// matchPeople gives what a list of people has of the person.
func (x *explainer) matchPeople(p *People) []string {
	var matched []string
	if p.Everyone {
		matched = append(matched, "everyone")
	}
	note := func(prefix string, listed []string, has ...string) {
		for _, name := range has {
			if containsFolded(listed, name) {
				matched = append(matched, prefix+folded(name))
			}
		}
	}
	note("user:", p.Users, x.in.Person.Name)
	note("group:", p.Groups, x.in.Person.Groups...)
	note("role:", p.Roles, x.in.Person.Roles...)
	return matched
}

func containsFolded(listed []string, name string) bool {
	name = folded(name)
	return slices.ContainsFunc(listed, func(l string) bool { return folded(l) == name })
}

func (x *explainer) target(s *Spec) {
	if len(s.Actions) > 0 {
		u := Unmet{Condition: ByAction, Actual: x.action.String()}
		if x.action == NoAction {
			u.Actual = x.in.App
		}
		x.settle(u, sides{asked: true, included: texts(s.Actions, x.action)})
		return
	}
	u, sd := Unmet{Condition: ByApp, Actual: x.in.App}, sides{asked: true}
	switch app := folded(x.in.App); {
	case x.action != NoAction:
		u.Actual = x.action.String()
	default:
		if s.Apps.All {
			sd.included = append(sd.included, "all")
		}
		if containsFolded(s.Apps.Include, app) {
			sd.included = append(sd.included, app)
		}
		if containsFolded(s.Apps.Exclude, app) {
			sd.excluded = append(sd.excluded, app)
		}
	}
	x.settle(u, sd)
}

// texts gives the value as a text if it is listed.
func texts[T comparable](listed []T, value T) []string {
	if !slices.Contains(listed, value) {
		return nil
	}
	if text := fmt.Sprint(value); text != "" {
		return []string{text}
	}
	return []string{"unknown"}
}

func (x *explainer) settleValues(c *Conditions) {
	v := x.values
	settleValue(x, ByPlatform, Platform(v[byPlatform]), c.IncludePlatforms, c.ExcludePlatforms)
	settleValue(x, ByClient, ClientApp(v[byClient]), c.Clients, nil)
	settleValue(x, BySignInRisk, Risk(v[bySignInRisk]), c.SignInRisks, nil)
	settleValue(x, ByUserRisk, Risk(v[byUserRisk]), c.UserRisks, nil)
	settleValue(x, ByOwnership, ownerships[v[byOwnership]], c.Ownerships, nil)
	settleValue(x, ByMode, modes[v[byMode]], c.Modes, nil)
	settleValue(x, ByFlow, Flow(v[byFlow]), c.Flows, nil)
}

func settleValue[T comparable](x *explainer, c Condition, actual T, included, excluded []T) {
	text := fmt.Sprint(actual)
	if text == "" {
		text = "unknown"
	}
	x.settle(Unmet{Condition: c, Actual: text, Missing: text == "unknown"}, sides{
		len(included) > 0, texts(included, actual), texts(excluded, actual),
	})
}

func (x *explainer) settlePlaces(c *Conditions, r *rule) {
	u := Unmet{Condition: ByLocation, Missing: !x.address.IsValid() && x.country == ""}
	switch {
	case !x.address.IsValid():
		u.Actual = x.country
	case x.country == "":
		u.Actual = x.address.String()
	default:
		u.Actual = x.address.String() + " in " + x.country
	}
	x.settle(u, sides{c.IncludeLocations.given(), x.placesIn(r.from), x.placesIn(r.notFrom)})
}

func (x *explainer) placesIn(p places) []string {
	var in []string
	for _, each := range p {
		if each.has(x.address, x.country) && !slices.Contains(in, each.name) {
			in = append(in, each.name)
		}
	}
	return in
}

func (x *explainer) filters(r *rule) {
	ask := func(n int, c Condition, excludes bool) {
		if n < 0 {
			return
		}
		matched, err := x.snapshot.filters[n].Match(x.in, x.facts)
		if err != nil {
			x.result.Problems = append(x.result.Problems, fmt.Sprintf("%s: %v", c, err))
			return
		}
		s := sides{asked: !excludes}
		switch {
		case matched && excludes:
			s.excluded = []string{"rule"}
		case matched:
			s.included = []string{"rule"}
		}
		u := Unmet{Condition: c, Actual: "the rule does not match", Missing: c == ByDeviceFilter && x.facts.Device == nil}
		if matched {
			u.Actual = "the rule matches"
		}
		x.settle(u, s)
	}
	ask(r.filter, ByDeviceFilter, r.filterExcludes)
	ask(r.custom, ByCustom, false)
}

// grant explains the controls of a policy that applies.
func (x *explainer) grant(g *Grant, r *rule) {
	x.result.Operator, x.result.Result = g.Operator, Satisfied
	d := &x.snapshot.demands[r.demand]
	if d.blocks {
		x.result.Result = Blocking
		return
	}
	met := 0
	for c := range d.controls.All() {
		one := x.control(c, d)
		if one.Met() {
			met++
		}
		x.result.Controls = append(x.result.Controls, one)
	}
	if enough := met == len(x.result.Controls) || d.anyOf && met > 0; !enough {
		x.result.Result = Owing
	}
}

func (x *explainer) control(c Control, d *demand) ControlResult {
	switch c {
	case CompliantDevice:
		return judged(c, &x.compliance, d.maxAge.Compliance)
	case AppProtection:
		return judged(c, &x.registration, d.maxAge.Registration)
	case ApprovedApp:
		one := judged(c, &x.registration, d.maxAge.Registration)
		one.Findings = nil
		if one.Reason == NotFit {
			one.Reason = 0
		}
		if one.Reason == 0 && !x.facts.Registration.Approved {
			one.Reason = NotApproved
		}
		return one
	case ManagedDevice:
		if x.facts.Device == nil {
			return ControlResult{Control: c, Reason: NoDevice}
		}
	default:
		if !x.met.Has(c) {
			return ControlResult{Control: c, Reason: NotShown}
		}
	}
	return ControlResult{Control: c}
}

// judged explains a control that rests on a verdict.
func judged(c Control, s *standing, maxAge time.Duration) ControlResult {
	one := ControlResult{Control: c, Reason: s.reason(maxAge), MaxAge: maxAge}
	if s.verdict != nil && !s.verdict.EvidenceAt.IsZero() {
		one.Age = s.age
	}
	if one.Reason != 0 && s.verdict != nil {
		one.Findings = s.verdict.Findings
	}
	return one
}
