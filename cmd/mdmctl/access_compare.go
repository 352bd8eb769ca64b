package main

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"ringfence/internal/enumname"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// word is an enum's short name, "none" where the value has none.
func word(e protoreflect.Enum) string {
	if s := enumname.Of(e); s != "" {
		return s
	}
	return "none"
}

// compare says where a decision is not as expected. What the expectation does not
// speak of may be anything.
func compare(want *accessv1.Expectation, got *accessv1.Decision) []difference {
	var all []difference
	results := got.GetExplanation().GetPolicies()
	if want.GetOutcome() != got.GetOutcome() {
		all = append(all, difference{"outcome", word(want.GetOutcome()), word(got.GetOutcome()) + decisive(got)})
	}
	if len(want.GetOwed()) > 0 {
		if w, g := owed(want.GetOwed()), owed(got.GetOwed()); w != g {
			all = append(all, difference{"owed", w, g})
		}
	}
	byName := make(map[string]*accessv1.PolicyResult, len(results))
	for _, p := range results {
		byName[p.GetName()] = p
	}
	names := make([]string, 0, len(want.GetPolicies()))
	for name := range want.GetPolicies() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		w, p := want.GetPolicies()[name], byName[name]
		switch {
		case p == nil:
			all = append(all, difference{"policy " + name, word(w), "there is no such policy"})
		case p.GetResult() != w:
			all = append(all, difference{"policy " + name, word(w), because(p)})
		}
	}
	if want.GetSession() != nil {
		if w, g := session(want.GetSession()), session(got.GetSession()); w != g {
			all = append(all, difference{"session", w, g})
		}
	}
	return all
}

// owed gives what is owed in one form: in any order it is the same.
func owed(list []*accessv1.Choice) string {
	var words []string
	for _, c := range list {
		controls := slices.Clone(c.GetAnyOf())
		slices.Sort(controls)
		words = append(words, strings.Join(shortNamesOf(slices.Compact(controls)), " or "))
	}
	if len(words) == 0 {
		return "nothing"
	}
	slices.SortFunc(words, func(a, b string) int {
		if n := strings.Count(a, " or ") - strings.Count(b, " or "); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	return strings.Join(slices.Compact(words), "; ")
}

func session(m *accessv1.Session) string {
	labels := slices.Clone(m.GetLabels())
	slices.Sort(labels)
	words := sessionWords(&accessv1.Session{EverySignIn: m.GetEverySignIn(), SignInFrequency: m.GetSignInFrequency(), Labels: labels})
	if words == "" {
		return "nothing"
	}
	return words
}

// decisive names the policies that a decision comes from: those that block, else
// those to which something is owed.
func decisive(d *accessv1.Decision) string {
	if d.GetExplanation().GetLegacyClient() {
		return ": nobody can ask this client for what is owed"
	}
	for _, result := range []accessv1.PolicyResult_Result{accessv1.PolicyResult_RESULT_BLOCKING, accessv1.PolicyResult_RESULT_OWING} {
		var names []string
		for _, p := range d.GetExplanation().GetPolicies() {
			if p.GetState() == accessv1.PolicyState_POLICY_STATE_ON && p.GetResult() == result {
				names = append(names, p.GetName()+" is "+because(p))
			}
		}
		if len(names) > 0 {
			return ", since " + firstFew(names)
		}
	}
	return ""
}

// because is what a policy says, and why.
func because(p *accessv1.PolicyResult) string {
	text := word(p.GetResult())
	if reasons := why(p); reasons != "" {
		text += " (" + reasons + ")"
	}
	return text
}
