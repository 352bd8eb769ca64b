package access

import (
	"fmt"
	"regexp"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"ringfence/internal/fault"
)

// Bounds of a spec.
const (
	maxDescription  = 1024
	maxNames        = 1024
	maxName         = 256
	maxLabels       = 16
	maxNetworks     = 4096
	minAge, maxAge  = time.Minute, 90 * 24 * time.Hour
	minFrequency    = 5 * time.Minute
	maxFrequency    = 365 * 24 * time.Hour
	lengthOfCountry = 2
)

var labelPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// Validate checks a spec, and compiles its rules with filters. The error is an
// Invalid fault that names the field.
func (s Spec) Validate(filters Filters) error {
	if len(s.Description) > maxDescription || !utf8.ValidString(s.Description) {
		return fault.InvalidField("spec.description", "must be text of at most %d bytes", maxDescription)
	}
	if s.State < On || s.State > Off {
		return fault.InvalidField("spec.state", "must be on, report-only or off")
	}
	for _, check := range []func() error{
		s.validatePeople, s.validateTargets, s.Conditions.validateLists, s.Conditions.validatePlaces,
		s.validateGrant, s.validateSession, s.MaxAge.validate,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return s.Conditions.validateRules(filters)
}

func (s Spec) validatePeople() error {
	in, out := s.IncludePeople, s.ExcludePeople
	if !in.Everyone && len(in.Users)+len(in.Groups)+len(in.Roles) == 0 {
		return fault.InvalidField("spec.include_people", "must name somebody")
	}
	if in.Everyone && len(in.Users)+len(in.Groups)+len(in.Roles) > 0 {
		return fault.InvalidField("spec.include_people.everyone", "leaves nobody else to name")
	}
	if out.Everyone {
		return fault.InvalidField("spec.exclude_people.everyone", "leaves nobody: turn the policy off instead")
	}
	return validateNames([]namedList{
		{"spec.include_people.users", in.Users},
		{"spec.include_people.groups", in.Groups},
		{"spec.include_people.roles", in.Roles},
		{"spec.exclude_people.users", out.Users},
		{"spec.exclude_people.groups", out.Groups},
		{"spec.exclude_people.roles", out.Roles},
	})
}

func (s Spec) validateTargets() error {
	switch {
	case s.Apps.given() == (len(s.Actions) > 0):
		return fault.InvalidField("spec.apps", "must be given, or spec.actions, and not both")
	case s.Apps.All && len(s.Apps.Include) > 0:
		return fault.InvalidField("spec.apps.include", "must be empty where every app is meant")
	case s.Apps.given() && !s.Apps.All && len(s.Apps.Include) == 0:
		return fault.InvalidField("spec.apps.include", "must name an app, or every app must be meant")
	}
	if err := eachListed("spec.actions", s.Actions, func(a Action) bool {
		return a != NoAction && int(a) < len(actionNames)
	}); err != nil {
		return err
	}
	return validateNames([]namedList{{"spec.apps.include", s.Apps.Include}, {"spec.apps.exclude", s.Apps.Exclude}})
}

func (c Conditions) validateLists() error {
	const prefix = "spec.conditions."
	for _, err := range []error{
		eachListed(prefix+"include_platforms", c.IncludePlatforms, within[Platform](platformNames)),
		eachListed(prefix+"exclude_platforms", c.ExcludePlatforms, within[Platform](platformNames)),
		eachListed(prefix+"clients", c.Clients, within[ClientApp](clientNames)),
		eachListed(prefix+"sign_in_risks", c.SignInRisks, within[Risk](riskNames)),
		eachListed(prefix+"user_risks", c.UserRisks, within[Risk](riskNames)),
		eachListed(prefix+"ownerships", c.Ownerships, among(ownerships)),
		eachListed(prefix+"modes", c.Modes, among(modes)),
		eachListed(prefix+"flows", c.Flows, within[Flow](flowNames)),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c Conditions) validatePlaces() error {
	return validateNames([]namedList{
		{"spec.conditions.include_locations.names", c.IncludeLocations.Names},
		{"spec.conditions.exclude_locations.names", c.ExcludeLocations.Names},
	})
}

func (c Conditions) validateRules(filters Filters) error {
	if c.DeviceFilter.Rule == "" && c.DeviceFilter.Exclude {
		return fault.InvalidField("spec.conditions.device_filter.rule", "must be given where it is to exclude")
	}
	if filters == nil {
		if c.DeviceFilter.Rule+c.Custom == "" {
			return nil
		}
		return fault.New(fault.Internal, "", "there is nothing to check rules with")
	}
	if err := validateRule("spec.conditions.device_filter.rule", c.DeviceFilter.Rule, filters.DeviceFilter); err != nil {
		return err
	}
	return validateRule("spec.conditions.custom", c.Custom, filters.Condition)
}

func (s Spec) validateGrant() error {
	g := s.Grant
	if err := eachListed("spec.grant.controls", g.Controls, func(c Control) bool {
		return c >= Block && c <= CertificateBound
	}); err != nil {
		return err
	}
	switch {
	case slices.Contains(g.Controls, Block) && (!g.blocks() || s.Session.given()):
		return fault.InvalidField("spec.grant.controls", "block stands alone")
	case len(g.Controls) == 0 && !s.Session.given():
		return fault.InvalidField("spec.grant.controls", "must ask for something, or spec.session must")
	case len(g.Controls) > 1 && g.Operator != AllOf && g.Operator != AnyOf:
		return fault.InvalidField("spec.grant.operator", "must be and, or or")
	case g.Operator > AnyOf:
		return fault.InvalidField("spec.grant.operator", "is no operator")
	}
	return nil
}

func (s Spec) validateSession() error {
	const field = "spec.session.sign_in_frequency"
	f := s.Session.SignInFrequency
	switch {
	case f != 0 && s.Session.EverySignIn:
		return fault.InvalidField(field, "must not be given where people sign in each time")
	case f != 0 && (f < minFrequency || f > maxFrequency):
		return fault.InvalidField(field, "must be %s to %s", minFrequency, maxFrequency)
	case len(s.Session.Labels) > maxLabels:
		return fault.InvalidField("spec.session.labels", "must name at most %d", maxLabels)
	}
	return eachListed("spec.session.labels", s.Session.Labels, labelPattern.MatchString)
}

func (m MaxAge) validate() error {
	for field, age := range map[string]time.Duration{"compliance": m.Compliance, "registration": m.Registration} {
		if age != 0 && (age < minAge || age > maxAge) {
			return fault.InvalidField("spec.max_age."+field, "must be %s to %s", minAge, maxAge)
		}
	}
	return nil
}

// Validate checks a location. The error is an Invalid fault that names the
// field.
func (l Location) Validate() error {
	if !plain(l.Name) {
		return fault.InvalidField("location.name", "must be plain text of 1 to %d bytes", maxName)
	}
	if len(l.Networks)+len(l.Countries) == 0 && !l.UnknownCountry {
		return fault.InvalidField("location.networks", "must be given, or location.countries")
	}
	if len(l.Networks) > maxNetworks {
		return fault.InvalidField("location.networks", "must name at most %d", maxNetworks)
	}
	for i, n := range l.Networks {
		if !n.IsValid() || n != n.Masked() || n.Addr().Is4In6() {
			return fault.InvalidField(fmt.Sprintf("location.networks[%d]", i), "must be a network such as 192.0.2.0/24")
		}
	}
	return eachListed("location.countries", l.Countries, func(c string) bool {
		return len(c) == lengthOfCountry && c[0] >= 'A' && c[0] <= 'Z' && c[1] >= 'A' && c[1] <= 'Z'
	})
}

// namedList is a list of names and the field it is in.
type namedList struct {
	field string
	names []string
}

func validateNames(lists []namedList) error {
	for _, l := range lists {
		if len(l.names) > maxNames {
			return fault.InvalidField(l.field, "must name at most %d", maxNames)
		}
		for i, name := range l.names {
			if !plain(name) {
				return fault.InvalidField(fmt.Sprintf("%s[%d]", l.field, i), "must be plain text of 1 to %d bytes", maxName)
			}
		}
	}
	return nil
}

// plain reports whether text is a name that can be read.
func plain(text string) bool {
	if text == "" || len(text) > maxName || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// eachListed checks that each value of a list is right, and there once.
func eachListed[T comparable](field string, list []T, right func(T) bool) error {
	for i, value := range list {
		switch {
		case !right(value):
			return fault.InvalidField(fmt.Sprintf("%s[%d]", field, i), "%v is no value of it", value)
		case slices.Contains(list[:i], value):
			return fault.InvalidField(fmt.Sprintf("%s[%d]", field, i), "%v is named twice", value)
		}
	}
	return nil
}

// within makes the check for a number that has a name.
func within[T ~uint8](names []string) func(T) bool {
	return func(n T) bool { return int(n) < len(names) }
}

// among makes the check for one of the words.
func among[T comparable](all []T) func(T) bool {
	return func(value T) bool { return slices.Contains(all, value) }
}
