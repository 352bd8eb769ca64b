package access_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/device"
)

// reference decides as the manual says it, one policy after the other and one
// condition after the other. It is slow, keeps nothing, and shares no code with
// what it judges but the words.
type reference struct {
	config access.Ruleset
	in     *access.SignIn
	facts  *access.Facts
	now    time.Time
}

// ruling is what the reference says of one policy.
type ruling struct {
	name   string
	state  access.State
	result access.Result
	unmet  []string
	// controls are the unmet ones with their reasons; filled where it applies.
	controls []string
	choices  []access.ControlSet
}

func (r reference) rulings() []ruling {
	var all []ruling
	for _, p := range r.config.Policies {
		all = append(all, r.ruling(p))
	}
	slices.SortFunc(all, func(a, b ruling) int { return strings.Compare(a.name, b.name) })
	return all
}

func (r reference) ruling(p access.Policy) ruling {
	s, c := p.Spec, p.Spec.Conditions
	one := ruling{name: p.Name, state: s.State}
	condition := func(name string, met bool) {
		if !met {
			one.unmet = append(one.unmet, name)
		}
	}
	// The person is included and not excluded.
	condition("people", r.names(s.IncludePeople) && !r.names(s.ExcludePeople))
	// The policy is about this app, or about this action.
	if len(s.Actions) > 0 {
		condition("action", slices.Contains(s.Actions, r.in.Action))
	} else {
		condition("app", r.in.Action == access.NoAction &&
			(s.Apps.All || listed(s.Apps.Include, r.in.App)) && !listed(s.Apps.Exclude, r.in.App))
	}
	// Each kind of condition is met.
	platform := r.platform()
	condition("platform", anyOrListed(c.IncludePlatforms, platform) && !slices.Contains(c.ExcludePlatforms, platform))
	condition("client", anyOrListed(c.Clients, r.in.Client))
	condition("location", (!c.IncludeLocations.Trusted && len(c.IncludeLocations.Names) == 0 || r.at(c.IncludeLocations)) &&
		!r.at(c.ExcludeLocations))
	if c.DeviceFilter.Rule != "" {
		matched, failed := r.rule(c.DeviceFilter.Rule)
		condition("device-filter", failed || matched != c.DeviceFilter.Exclude)
	}
	if c.Custom != "" {
		matched, failed := r.rule(c.Custom)
		condition("custom", failed || matched)
	}
	condition("sign-in-risk", anyOrListed(c.SignInRisks, r.in.SignInRisk))
	condition("user-risk", anyOrListed(c.UserRisks, r.in.UserRisk))
	ownership, mode := r.holding()
	condition("ownership", anyOrListed(c.Ownerships, ownership))
	condition("mode", anyOrListed(c.Modes, mode))
	condition("flow", anyOrListed(c.Flows, r.in.Flow))
	if len(one.unmet) == 0 {
		r.grant(&one, s)
	}
	return one
}

// grant says what a policy that applies asks, and what of it is not met.
func (r reference) grant(one *ruling, s access.Spec) {
	one.result = access.Satisfied
	if slices.Contains(s.Grant.Controls, access.Block) {
		one.result = access.Blocking
		return
	}
	var met, unmet []access.Control
	for _, c := range s.Grant.Controls {
		if why := r.control(c, s.MaxAge); why != "" {
			unmet = append(unmet, c)
			one.controls = append(one.controls, c.String()+": "+why)
		} else {
			met = append(met, c)
		}
	}
	slices.Sort(one.controls)
	switch {
	case len(unmet) == 0:
	case s.Grant.Operator == access.AnyOf && len(met) > 0:
	case s.Grant.Operator == access.AnyOf:
		one.result = access.Owing
		one.choices = append(one.choices, choice(unmet...))
	default:
		one.result = access.Owing
		for _, c := range unmet {
			one.choices = append(one.choices, choice(c))
		}
	}
}

// control says why a control is not met, or nothing.
func (r reference) control(c access.Control, ages access.MaxAge) string {
	d, reg := r.facts.Device, r.facts.Registration
	switch c {
	case access.MFA:
		return unless(r.in.MFA, "not-shown")
	case access.CertificateBound:
		return unless(r.in.CertificateBound, "not-shown")
	case access.ManagedDevice:
		return unless(d != nil, "no-device")
	case access.CompliantDevice:
		if d == nil {
			return "no-device"
		}
		return r.verdict(d.Compliance, ages.Compliance)
	case access.AppProtection:
		if reg == nil {
			return "no-registration"
		}
		return r.verdict(reg.Protection, ages.Registration)
	case access.ApprovedApp:
		if reg == nil {
			return "no-registration"
		}
		if why := r.verdict(reg.Protection, ages.Registration); why != "" && why != "unfit" {
			return why
		}
		return unless(reg.Approved, "not-approved")
	default:
		return "unheard of"
	}
}

// verdict says why a verdict does not count, or nothing.
func (r reference) verdict(v access.Verdict, most time.Duration) string {
	if most == 0 {
		most = 24 * time.Hour
	}
	switch {
	case v.Fitness == access.NotJudged || v.EvidenceAt.IsZero():
		return "no-verdict"
	case !v.ChangesAt.IsZero() && !r.now.Before(v.ChangesAt):
		return "lapsed"
	case r.now.Sub(v.EvidenceAt) >= most:
		return "stale"
	default:
		return unless(v.Fitness == access.Fit, "unfit")
	}
}

// outcome adds up the policies that count.
func (r reference) outcome(rulings []ruling, counts ...access.State) (access.Outcome, []access.ControlSet) {
	var choices []access.ControlSet
	if r.in.Person.Disabled {
		return access.Deny, nil
	}
	for _, one := range rulings {
		if !slices.Contains(counts, one.state) {
			continue
		}
		if one.result == access.Blocking {
			return access.Deny, nil
		}
		choices = append(choices, one.choices...)
	}
	switch {
	case len(choices) == 0:
		return access.Allow, nil
	case r.in.Client == access.ActiveSync || r.in.Client == access.OtherClient:
		return access.Deny, nil
	default:
		return access.AllowWith, needed(choices)
	}
}

// needed drops choices that others make superfluous, and sorts them.
func needed(choices []access.ControlSet) []access.ControlSet {
	slices.Sort(choices)
	choices = slices.Compact(choices)
	var kept []access.ControlSet
	for _, c := range choices {
		if !slices.ContainsFunc(choices, func(o access.ControlSet) bool { return o != c && o&c == o }) {
			kept = append(kept, c)
		}
	}
	return kept
}

// session gives the strictest session controls of the policies that are on and
// apply.
func (r reference) session(rulings []ruling) access.Session {
	var s access.Session
	for _, one := range rulings {
		if one.state != access.On || one.result == access.NotApplied {
			continue
		}
		i := slices.IndexFunc(r.config.Policies, func(p access.Policy) bool { return p.Name == one.name })
		o := r.config.Policies[i].Spec.Session
		s.EverySignIn = s.EverySignIn || o.EverySignIn
		if o.SignInFrequency != 0 && (s.SignInFrequency == 0 || o.SignInFrequency < s.SignInFrequency) {
			s.SignInFrequency = o.SignInFrequency
		}
		for _, label := range o.Labels {
			if !slices.Contains(s.Labels, label) {
				s.Labels = append(s.Labels, label)
			}
		}
	}
	if s.EverySignIn {
		s.SignInFrequency = 0
	}
	slices.Sort(s.Labels)
	return s
}

func (r reference) names(p access.People) bool {
	if p.Everyone || listed(p.Users, r.in.Person.Name) {
		return true
	}
	for _, g := range r.in.Person.Groups {
		if listed(p.Groups, g) {
			return true
		}
	}
	for _, role := range r.in.Person.Roles {
		if listed(p.Roles, role) {
			return true
		}
	}
	return false
}

// platform: what is attested outranks what a client says.
func (r reference) platform() access.Platform {
	if d := r.facts.Device; d != nil && d.Platform != access.UnknownPlatform {
		return d.Platform
	}
	if reg := r.facts.Registration; reg != nil && reg.Platform != access.UnknownPlatform {
		return reg.Platform
	}
	return r.in.Platform
}

func (r reference) holding() (device.Ownership, device.Mode) {
	switch {
	case r.facts.Device != nil:
		return r.facts.Device.Ownership, r.facts.Device.Mode
	case r.facts.Registration != nil:
		return device.Personal, device.AppAccount
	default:
		return "", ""
	}
}

// at tells whether the sign-in comes from one of the places.
func (r reference) at(p access.Places) bool {
	for _, l := range r.config.Locations {
		if !(p.Trusted && l.Trusted) && !listed(p.Names, l.Name) {
			continue
		}
		if r.in.Country == "" && l.UnknownCountry || listed(l.Countries, r.in.Country) {
			return true
		}
		for _, n := range l.Networks {
			if n.Contains(r.in.Address.Unmap()) {
				return true
			}
		}
	}
	return false
}

func (r reference) rule(text string) (matched, failed bool) {
	matched, err := plainRule(text).Match(r.in, r.facts)
	return matched, err != nil
}

func listed(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

func anyOrListed[T comparable](list []T, value T) bool {
	return len(list) == 0 || slices.Contains(list, value)
}

func unless(met bool, why string) string {
	if met {
		return ""
	}
	return why
}

// choice makes a set by its definition: bit 0 is MFA.
func choice(controls ...access.Control) access.ControlSet {
	var s access.ControlSet
	for _, c := range controls {
		s |= 1 << (c - access.MFA)
	}
	return s
}

// plainRules stand in for CEL: a rule is "always", "never", "fails", or
// "model:NAME", which an unknown phone does not match.
type plainRules struct{}

type plainRule string

func (plainRules) DeviceFilter(rule string) (access.Filter, error) { return compilePlain(rule) }
func (plainRules) Condition(rule string) (access.Filter, error)    { return compilePlain(rule) }

func compilePlain(rule string) (access.Filter, error) {
	if rule == "broken" {
		return nil, fmt.Errorf("%q is no rule", rule)
	}
	return plainRule(rule), nil
}

func (p plainRule) Match(_ *access.SignIn, f *access.Facts) (bool, error) {
	switch p {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "fails":
		return true, fmt.Errorf("too much to do")
	}
	return f.Device != nil && "model:"+f.Device.Model == string(p), nil
}
