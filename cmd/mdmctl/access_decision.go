package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/enumname"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// writeDecision says a decision with all its reasons, the verdict first.
func (a *app) writeDecision(r *accessv1.WhatIfResponse, asked *accessv1.WhatIfRequest) error {
	now, d := a.now(), r.GetDecision()
	e := d.GetExplanation()
	s := &sheet{w: a.out}
	s.field("Verdict", strings.ToUpper(enumname.Of(d.GetOutcome())))
	if e.GetLegacyClient() {
		s.field("  because", "nobody can ask this client for what is owed")
	}
	s.fields("Owed", choices(d.GetOwed()))
	s.field("Session", sessionWords(d.GetSession()))
	s.field("Person", d.GetUser())
	if would := d.GetWithReportOnly(); would != d.GetOutcome() {
		s.field("On trial", strings.ToUpper(enumname.Of(would))+" if the policies that only report were on")
	}
	if asked.GetAsOf() != nil {
		s.field("As of", moment(d.GetDecidedAt(), now))
	}
	s.field("Facts of", moment(r.GetFactsStoredAt(), now))
	if len(e.GetMissing()) > 0 {
		s.field("Not known", strings.Join(e.GetMissing(), ", ")+": with it the verdict might be another")
	}
	for _, section := range []struct {
		title string
		below func(*sheet) error
	}{
		{"Policies", func(s *sheet) error { return sheetTable(s, resultColumns(), byWeight(e.GetPolicies())) }},
		{"Evidence", func(s *sheet) error { return sheetTable(s, evidenceColumns(), e.GetEvidence()) }},
	} {
		if err := s.section(section.title, section.below); err != nil {
			return err
		}
	}
	findings := findingsOf(e)
	if len(findings) == 0 {
		return s.flush()
	}
	return s.section("To put right", func(s *sheet) error { return sheetTable(s, findingColumns(), findings) })
}

// byWeight puts what decides first: what blocks, then what is owed. What is off
// comes last.
func byWeight(results []*accessv1.PolicyResult) []*accessv1.PolicyResult {
	weight := func(p *accessv1.PolicyResult) int {
		w := -int(p.GetResult())
		if p.GetState() != accessv1.PolicyState_POLICY_STATE_ON {
			w += 10 * int(p.GetState())
		}
		return w
	}
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(x, y *accessv1.PolicyResult) int { return weight(x) - weight(y) })
	return sorted
}

func resultColumns() []column[*accessv1.PolicyResult] {
	type p = *accessv1.PolicyResult
	return []column[p]{
		{"POLICY", false, p.GetName},
		{"STATE", false, func(m p) string { return enumname.Of(m.GetState()) }},
		{"RESULT", false, func(m p) string { return enumname.Of(m.GetResult()) }},
		{"WHY", false, why},
		{"SINCE", false, func(m p) string {
			if m.GetResult() == accessv1.PolicyResult_RESULT_NOT_APPLIED {
				return ""
			}
			return strings.Join(matches(m), ", ")
		}},
	}
}

// why says why a policy says what it does.
func why(m *accessv1.PolicyResult) string {
	var words []string
	for _, u := range m.GetUnmet() {
		words = append(words, unmet(m, u))
	}
	if m.GetResult() == accessv1.PolicyResult_RESULT_BLOCKING {
		words = append(words, "it applies, and blocks")
	} else {
		words = append(words, controlResults(m)...)
	}
	for _, text := range m.GetProblems() {
		words = append(words, "a rule failed, and counts as met: "+text)
	}
	return strings.Join(words, "; ")
}

// unmet says which condition keeps a policy from applying.
func unmet(m *accessv1.PolicyResult, u *accessv1.Unmet) string {
	switch {
	case u.GetExcluded():
		return u.GetCondition() + " is left out: " + strings.Join(matchesOf(m, u.GetCondition(), true), ", ")
	case u.GetMissing():
		return u.GetCondition() + " is not known"
	case u.GetActual() == "":
		return u.GetCondition() + " does not match"
	default:
		return u.GetCondition() + " is " + u.GetActual()
	}
}

func matchesOf(m *accessv1.PolicyResult, condition string, excluded bool) []string {
	var values []string
	for _, x := range m.GetMatched() {
		if x.GetCondition() == condition && x.GetExcluded() == excluded {
			values = append(values, x.GetValue())
		}
	}
	return values
}

// matches says what of a policy that applies the sign-in matches.
func matches(m *accessv1.PolicyResult) []string {
	var words []string
	for _, x := range m.GetMatched() {
		words = append(words, x.GetCondition()+" "+x.GetValue())
	}
	return words
}

// controlResults says which controls are met and which are not.
func controlResults(m *accessv1.PolicyResult) []string {
	var met, lacking []string
	for _, c := range m.GetControls() {
		word := enumname.Of(c.GetControl())
		if c.GetMet() {
			met = append(met, word)
			continue
		}
		lacking = append(lacking, word+" "+reason(c))
	}
	var words []string
	if len(lacking) > 0 {
		joint := ", "
		if m.GetOperator() == accessv1.Operator_OPERATOR_OR {
			joint = " or "
		}
		words = append(words, "lacks "+strings.Join(lacking, joint))
	}
	if len(met) > 0 {
		words = append(words, "met: "+strings.Join(met, ", "))
	}
	return words
}

// reason says why a control is not met.
func reason(c *accessv1.ControlResult) string {
	text := c.GetReason()
	if limit := c.GetMaxAge().AsDuration(); limit > 0 && (text == "stale" || text == "lapsed") {
		text += fmt.Sprintf(", %s old of %s at most", span(c.GetAge().AsDuration()), exact(c.GetMaxAge()))
	}
	var rules []string
	for _, f := range c.GetFindings() {
		rules = append(rules, f.GetRule())
	}
	if len(rules) > 0 {
		text += ": " + firstFew(rules)
	}
	return "(" + text + ")"
}

func evidenceColumns() []column[*accessv1.Evidence] {
	type e = *accessv1.Evidence
	return []column[e]{
		{"ABOUT", false, e.GetAbout},
		{"OF", false, e.GetSubject},
		{"SAYS", false, e.GetFitness},
		{"AGE", false, func(m e) string {
			if m.GetObservedAt() == nil {
				return "none"
			}
			return span(m.GetAge().AsDuration())
		}},
		{"CHANGES", false, func(m e) string {
			if m.GetChangesAt() == nil {
				return ""
			}
			// Seen from the decision, which may be of another time.
			left := m.GetChangesAt().AsTime().Sub(m.GetObservedAt().AsTime()) - m.GetAge().AsDuration()
			if left <= 0 {
				return span(-left) + " before"
			}
			return "after " + exact(durationpb.New(left.Truncate(time.Second)))
		}},
	}
}

// findingsOf gives every rule that does not hold, once.
func findingsOf(e *accessv1.Explanation) []*accessv1.AccessFinding {
	var all []*accessv1.AccessFinding
	seen := map[string]bool{}
	for _, p := range e.GetPolicies() {
		for _, c := range p.GetControls() {
			for _, f := range c.GetFindings() {
				key := enumname.Of(c.GetControl()) + " " + f.GetRule() + " " + f.GetExpected()
				if !seen[key] {
					all, seen[key] = append(all, f), true
				}
			}
		}
	}
	return all
}

func findingColumns() []column[*accessv1.AccessFinding] {
	type f = *accessv1.AccessFinding
	return []column[f]{
		{"RULE", false, f.GetRule},
		{"ASKED", false, f.GetExpected},
		{"ACTUAL", false, f.GetActual},
		{"REMEDY", false, f.GetRemedy},
		{"LINK", false, f.GetLink},
	}
}
