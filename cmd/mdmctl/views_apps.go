package main

import (
	"strconv"
	"strings"
	"time"

	"ringfence/internal/enumname"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

func appPoliciesView(now time.Time) view[*appprotectv1.AppPolicy] {
	type p = *appprotectv1.AppPolicy
	return view[p]{kind: "app-policy", name: p.GetName, columns: []column[p]{
		{"NAME", false, p.GetName},
		{"REVISION", false, func(m p) string { return strconv.FormatUint(m.GetRevision(), 10) }},
		{"APPS", false, func(m p) string { return targetedApps(m.GetSpec().GetTarget()) }},
		{"INCLUDES", false, func(m p) string { return people(m.GetSpec().GetTarget().GetInclude()) }},
		{"SAYS", false, func(m p) string { return says(m.GetSpec()) }},
		{"REVISED", false, func(m p) string { return age(m.GetRevisedAt(), now) }},
		{"EXCLUDES", true, func(m p) string { return people(m.GetSpec().GetTarget().GetExclude()) }},
		{"LEVELS", true, func(m p) string { return levels(m.GetSpec().GetTarget()) }},
		{"BY", true, p.GetRevisedBy},
		{"DESCRIPTION", true, func(m p) string { return m.GetSpec().GetDescription() }},
	}}
}

// firstFew joins words, the first three at most.
func firstFew(words []string) string {
	if len(words) > 4 {
		words = append(words[:3:3], "and "+strconv.Itoa(len(words)-3)+" more")
	}
	return strings.Join(words, ", ")
}

func targetedApps(t *appprotectv1.AppTarget) string {
	var words []string
	for _, m := range t.GetApps() {
		words = append(words, m.GetPackage())
	}
	for _, group := range t.GetAppGroups() {
		words = append(words, "group "+group)
	}
	return firstFew(words)
}

// people says who an audience is; "" for nobody.
func people(m *appprotectv1.Audience) string {
	if m.GetEveryone() {
		return "everyone"
	}
	var words []string
	for _, group := range m.GetGroups() {
		words = append(words, "group "+group)
	}
	for _, user := range m.GetUsers() {
		words = append(words, "user "+user)
	}
	return firstFew(words)
}

func levels(t *appprotectv1.AppTarget) string {
	if len(t.GetLevels()) == 0 {
		return "all"
	}
	var words []string
	for _, l := range t.GetLevels() {
		words = append(words, enumname.Of(l))
	}
	return strings.Join(words, ", ")
}

// says counts what a policy says: "12 settings, configuration".
func says(s *appprotectv1.AppPolicySpec) string {
	words := []string{count(len(s.GetSettings()), "setting")}
	if s.GetConfig() != nil {
		words = append(words, "configuration")
	}
	if s.GetFallback() {
		words = append(words, "fallback")
	}
	return strings.Join(words, ", ")
}

func appsView(now time.Time) view[*appprotectv1.App] {
	type m = *appprotectv1.App
	return view[m]{kind: "app", name: m.GetPackage, columns: []column[m]{
		{"PACKAGE", false, m.GetPackage},
		{"TITLE", false, func(x m) string { return x.GetSpec().GetTitle() }},
		{"GROUPS", false, func(x m) string { return firstFew(x.GetSpec().GetGroups()) }},
		{"SIGNERS", false, func(x m) string { return strconv.Itoa(len(x.GetSpec().GetSignerSha256())) }},
		{"SCHEMA", false, func(x m) string {
			if n := len(x.GetSpec().GetSchema()); n > 0 {
				return count(n, "item")
			}
			return ""
		}},
		{"CHANGED", false, func(x m) string { return age(x.GetChangedAt(), now) }},
		{"VERSION", true, func(x m) string { return strconv.FormatUint(x.GetVersion(), 10) }},
		{"BY", true, m.GetChangedBy},
	}}
}

func registrationsView(now time.Time) view[*appprotectv1.Registration] {
	type r = *appprotectv1.Registration
	return view[r]{kind: "registration", name: r.GetId, columns: []column[r]{
		{"ID", false, r.GetId},
		{"STATE", false, func(m r) string { return enumname.Of(m.GetState()) }},
		{"STANDING", false, func(m r) string { return enumname.Of(m.GetStanding()) }},
		{"USER", false, r.GetUser},
		{"PACKAGE", false, r.GetPackage},
		{"LEVEL", false, func(m r) string { return enumname.Of(m.GetLevel()) }},
		{"POLICY", false, registrationPolicy},
		{"SEEN", false, func(m r) string { return age(m.GetLastCheckIn(), now) }},
		{"TAG", true, r.GetDeviceTag},
		{"MODEL", true, func(m r) string { return strings.TrimSpace(m.GetManufacturer() + " " + m.GetModel()) }},
		{"OS", true, r.GetOsVersion},
		{"APP-VERSION", true, r.GetAppVersion},
		{"EPOCH", true, func(m r) string { return strconv.FormatUint(m.GetEpoch(), 10) }},
		{"REGISTERED", true, func(m r) string { return age(m.GetRegisteredAt(), now) }},
		{"ENDED", true, func(m r) string { return m.GetEndedWhy() }},
	}}
}

// registrationPolicy compares the policy that an app shall hold to with the one it
// says it holds to.
func registrationPolicy(m *appprotectv1.Registration) string {
	switch {
	case m.GetState() == appprotectv1.RegistrationState_REGISTRATION_STATE_ENDED:
		return ""
	case m.GetLastCheckIn() == nil:
		return "not-reported"
	case m.GetIntendedRevision() != m.GetAppliedRevision():
		return "outdated"
	default:
		return "applied"
	}
}
