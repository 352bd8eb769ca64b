package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"ringfence/internal/enumname"
	"ringfence/internal/policyfile"
	accessv1 "ringfence/proto/mdm/access/v1"
)

func accessPoliciesView(now time.Time) view[*accessv1.AccessPolicy] {
	type p = *accessv1.AccessPolicy
	return view[p]{kind: "access-policy", name: p.GetName, columns: []column[p]{
		{"NAME", false, p.GetName},
		{"REVISION", false, func(m p) string { return strconv.FormatUint(m.GetRevision(), 10) }},
		{"STATE", false, func(m p) string { return enumname.Of(m.GetSpec().GetState()) }},
		{"FOR", false, func(m p) string { return firstFew(persons(m.GetSpec().GetIncludePeople())) }},
		{"TO", false, func(m p) string { return firstFew(targets(m.GetSpec())) }},
		{"ASKS", false, func(m p) string { return controlsOf(m.GetSpec().GetGrant()) }},
		{"REVISED", false, func(m p) string { return age(m.GetRevisedAt(), now) }},
		{"NOT-FOR", true, func(m p) string { return firstFew(persons(m.GetSpec().GetExcludePeople())) }},
		{"WHEN", true, func(m p) string { return strings.Join(conditions(m.GetSpec().GetConditions()), "; ") }},
		{"BY", true, p.GetRevisedBy},
		{"DESCRIPTION", true, func(m p) string { return m.GetSpec().GetDescription() }},
	}}
}

func locationsView(now time.Time) view[*accessv1.Location] {
	type l = *accessv1.Location
	return view[l]{kind: "location", name: l.GetName, columns: []column[l]{
		{"NAME", false, l.GetName},
		{"TRUSTED", false, func(m l) string {
			if m.GetSpec().GetTrusted() {
				return "trusted"
			}
			return ""
		}},
		{"NETWORKS", false, func(m l) string { return firstFew(m.GetSpec().GetNetworks()) }},
		{"COUNTRIES", false, func(m l) string { return firstFew(countries(m.GetSpec())) }},
		{"CHANGED", false, func(m l) string { return age(m.GetChangedAt(), now) }},
		{"VERSION", true, func(m l) string { return strconv.FormatUint(m.GetVersion(), 10) }},
		{"BY", true, l.GetChangedBy},
	}}
}

func countries(m *accessv1.LocationSpec) []string {
	all := slices.Clone(m.GetCountries())
	if m.GetUnknownCountry() {
		all = append(all, "unknown")
	}
	return all
}

// locationWords says in short where a location is.
func locationWords(m *accessv1.LocationSpec) string {
	return firstFew(append(slices.Clone(m.GetNetworks()), countries(m)...))
}

// persons says who people are.
func persons(m *accessv1.People) []string {
	if m.GetEveryone() {
		return []string{"everyone"}
	}
	var words []string
	for _, group := range m.GetGroups() {
		words = append(words, "group "+group)
	}
	for _, role := range m.GetRoles() {
		words = append(words, "role "+role)
	}
	for _, user := range m.GetUsers() {
		words = append(words, "user "+user)
	}
	return words
}

// targets says what is signed in to, or done.
func targets(m *accessv1.AccessPolicySpec) []string {
	words := []string{}
	if m.GetApps().GetAll() {
		words = append(words, "every app")
	}
	for _, app := range m.GetApps().GetInclude() {
		words = append(words, "app "+app)
	}
	return append(words, shortNamesOf(m.GetActions())...)
}

func shortNamesOf[E protoreflect.Enum](values []E) []string {
	var words []string
	for _, v := range values {
		words = append(words, enumname.Of(v))
	}
	return words
}

// controlsOf says what a policy asks, in the words that files have.
func controlsOf(m *accessv1.Grant) string {
	if len(m.GetControls()) == 0 {
		return ""
	}
	joint := ", "
	if m.GetOperator() == accessv1.Operator_OPERATOR_OR {
		joint = " or "
	}
	return strings.Join(shortNamesOf(m.GetControls()), joint)
}

// choice is what is owed by one choice.
func choice(m *accessv1.Choice) string { return strings.Join(shortNamesOf(m.GetAnyOf()), " or ") }

func choices(list []*accessv1.Choice) []string {
	var words []string
	for _, c := range list {
		words = append(words, choice(c))
	}
	return words
}

// conditions says when a policy applies, one sentence for each condition.
func conditions(m *accessv1.Conditions) []string {
	var all []string
	is := func(what, verb string, values []string) {
		if len(values) > 0 {
			all = append(all, what+" "+verb+" "+strings.Join(values, " or "))
		}
	}
	is("platform", "is", shortNamesOf(m.GetIncludePlatforms()))
	is("platform", "is not", shortNamesOf(m.GetExcludePlatforms()))
	is("client", "is", shortNamesOf(m.GetClients()))
	is("location", "is", places(m.GetIncludeLocations()))
	is("location", "is not", places(m.GetExcludeLocations()))
	if f := m.GetDeviceFilter(); f != nil {
		word := "matches"
		if f.GetExclude() {
			word = "does not match"
		}
		all = append(all, "phone "+word+" "+f.GetRule())
	}
	if m.GetCustom() != "" {
		all = append(all, "it holds that "+m.GetCustom())
	}
	is("sign-in risk", "is", shortNamesOf(m.GetSignInRisks()))
	is("user risk", "is", shortNamesOf(m.GetUserRisks()))
	is("ownership", "is", m.GetOwnerships())
	is("mode", "is", m.GetModes())
	is("flow", "is", shortNamesOf(m.GetFlows()))
	return all
}

func places(m *accessv1.Places) []string {
	var words []string
	if m.GetTrusted() {
		words = append(words, "any trusted one")
	}
	return append(words, m.GetNames()...)
}

// shutsAll says of a policy that shuts everybody out of everything that it does,
// and of one that nobody is left out of that a slip in it would; "" for others.
func shutsAll(d policyfile.Document, m *accessv1.AccessPolicySpec) string {
	on := m.GetState() == accessv1.PolicyState_POLICY_STATE_ON
	blocks := slices.Contains(m.GetGrant().GetControls(), accessv1.Control_CONTROL_BLOCK)
	if !on || !blocks || !m.GetIncludePeople().GetEveryone() || !m.GetApps().GetAll() || len(persons(m.GetExcludePeople())) > 0 {
		return ""
	}
	if len(conditions(m.GetConditions())) == 0 && len(m.GetApps().GetExclude()) == 0 {
		return thing(d) + " shuts everybody out of every app"
	}
	return thing(d) + " blocks and leaves nobody out: keep an account for emergencies out of it"
}
