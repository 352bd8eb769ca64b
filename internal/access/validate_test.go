package access_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/fault"
)

// TestValidate: each spec is right but for one thing, and the error names it.
func TestValidate(t *testing.T) {
	long := strings.Repeat("x", 257)
	for _, test := range []struct {
		field  string
		change func(*access.Spec)
	}{
		{"", func(*access.Spec) {}},
		{"", func(s *access.Spec) { s.Grant, s.Session.Labels = access.Grant{}, []string{"limited"} }},
		{"", func(s *access.Spec) { s.Apps, s.Actions = access.Apps{}, []access.Action{access.RegisterDevice} }},
		{"", func(s *access.Spec) { s.Conditions.DeviceFilter.Rule = "always" }},
		{"spec.description", func(s *access.Spec) { s.Description = strings.Repeat("x", 1025) }},
		{"spec.description", func(s *access.Spec) { s.Description = "\xff" }},
		{"spec.state", func(s *access.Spec) { s.State = 0 }},
		{"spec.state", func(s *access.Spec) { s.State = 4 }},
		{"spec.include_people", func(s *access.Spec) { s.IncludePeople = access.People{} }},
		{"spec.include_people.everyone", func(s *access.Spec) { s.IncludePeople.Users = []string{"ada"} }},
		{"spec.exclude_people.everyone", func(s *access.Spec) { s.ExcludePeople.Everyone = true }},
		{"spec.exclude_people.groups[1]", func(s *access.Spec) { s.ExcludePeople.Groups = []string{"a", ""} }},
		{"spec.exclude_people.users[0]", func(s *access.Spec) { s.ExcludePeople.Users = []string{long} }},
		{"spec.exclude_people.roles[0]", func(s *access.Spec) { s.ExcludePeople.Roles = []string{"a\nb"} }},
		{"spec.exclude_people.roles", func(s *access.Spec) { s.ExcludePeople.Roles = make([]string, 1025) }},
		{"spec.apps", func(s *access.Spec) { s.Apps = access.Apps{} }},
		{"spec.apps", func(s *access.Spec) { s.Actions = []access.Action{access.RegisterDevice} }},
		{"spec.apps.include", func(s *access.Spec) { s.Apps.Include = []string{"mail"} }},
		{"spec.apps.include", func(s *access.Spec) { s.Apps = access.Apps{Exclude: []string{"mail"}} }},
		{"spec.actions[0]", func(s *access.Spec) { s.Apps, s.Actions = access.Apps{}, []access.Action{0} }},
		{"spec.conditions.include_platforms[0]", func(s *access.Spec) { s.Conditions.IncludePlatforms = []access.Platform{9} }},
		{"spec.conditions.exclude_platforms[1]", func(s *access.Spec) {
			s.Conditions.ExcludePlatforms = []access.Platform{access.IOS, access.IOS}
		}},
		{"spec.conditions.clients[0]", func(s *access.Spec) { s.Conditions.Clients = []access.ClientApp{9} }},
		{"spec.conditions.sign_in_risks[0]", func(s *access.Spec) { s.Conditions.SignInRisks = []access.Risk{9} }},
		{"spec.conditions.user_risks[0]", func(s *access.Spec) { s.Conditions.UserRisks = []access.Risk{9} }},
		{"spec.conditions.ownerships[0]", func(s *access.Spec) { s.Conditions.Ownerships = append(owners[:0:0], "borrowed") }},
		{"spec.conditions.modes[0]", func(s *access.Spec) { s.Conditions.Modes = append(allModes[:0:0], "odd") }},
		{"spec.conditions.flows[0]", func(s *access.Spec) { s.Conditions.Flows = []access.Flow{9} }},
		{"spec.conditions.include_locations.names[0]", func(s *access.Spec) { s.Conditions.IncludeLocations.Names = []string{""} }},
		{"spec.conditions.device_filter.rule", func(s *access.Spec) { s.Conditions.DeviceFilter.Exclude = true }},
		{"spec.conditions.device_filter.rule", func(s *access.Spec) { s.Conditions.DeviceFilter.Rule = "broken" }},
		{"spec.conditions.custom", func(s *access.Spec) { s.Conditions.Custom = "broken" }},
		{"spec.conditions.custom", func(s *access.Spec) { s.Conditions.Custom = strings.Repeat("x", 3073) }},
		{"spec.grant.controls", func(s *access.Spec) { s.Grant.Controls = nil }},
		{"spec.grant.controls", func(s *access.Spec) { s.Grant.Controls = []access.Control{access.Block, access.MFA} }},
		{"spec.grant.controls", func(s *access.Spec) {
			s.Grant.Controls, s.Session.EverySignIn = []access.Control{access.Block}, true
		}},
		{"spec.grant.controls[0]", func(s *access.Spec) { s.Grant.Controls = []access.Control{0} }},
		{"spec.grant.controls[0]", func(s *access.Spec) { s.Grant.Controls = []access.Control{8} }},
		{"spec.grant.controls[1]", func(s *access.Spec) { s.Grant.Controls = []access.Control{access.MFA, access.MFA} }},
		{"spec.grant.operator", func(s *access.Spec) { s.Grant.Controls = []access.Control{access.MFA, access.ManagedDevice} }},
		{"spec.grant.operator", func(s *access.Spec) { s.Grant.Operator = 3 }},
		{"spec.session.sign_in_frequency", func(s *access.Spec) { s.Session.SignInFrequency = time.Second }},
		{"spec.session.sign_in_frequency", func(s *access.Spec) {
			s.Session.SignInFrequency, s.Session.EverySignIn = time.Hour, true
		}},
		{"spec.session.labels[0]", func(s *access.Spec) { s.Session.Labels = []string{"Not a label"} }},
		{"spec.session.labels", func(s *access.Spec) { s.Session.Labels = make([]string, 17) }},
		{"spec.max_age.compliance", func(s *access.Spec) { s.MaxAge.Compliance = time.Second }},
		{"spec.max_age.registration", func(s *access.Spec) { s.MaxAge.Registration = -time.Hour }},
	} {
		s := forAll(test.change)
		wantField(t, s.Validate(plainRules{}), test.field)
	}
	ruled := forAll(func(s *access.Spec) { s.Conditions.Custom = "always" })
	if err := ruled.Validate(nil); fault.KindOf(err) != fault.Internal {
		t.Errorf("a rule and nothing to check it with: got %v", err)
	}
}

func TestValidateLocation(t *testing.T) {
	for _, test := range []struct {
		field string
		l     access.Location
	}{
		{"", access.Location{Name: "a", Networks: nets("192.0.2.0/24", "2001:db8::/32", "0.0.0.0/0")}},
		{"", access.Location{Name: "a", UnknownCountry: true}},
		{"location.name", access.Location{Countries: []string{"DE"}}},
		{"location.networks", access.Location{Name: "a"}},
		{"location.networks", access.Location{Name: "a", Networks: make([]netip.Prefix, 4097)}},
		{"location.networks[0]", access.Location{Name: "a", Networks: make([]netip.Prefix, 1)}},
		{"location.networks[1]", access.Location{Name: "a", Networks: nets("10.0.0.0/8", "192.0.2.1/24")}},
		{"location.networks[0]", access.Location{Name: "a", Networks: nets("::ffff:10.0.0.0/104")}},
		{"location.countries[0]", access.Location{Name: "a", Countries: []string{"de"}}},
		{"location.countries[1]", access.Location{Name: "a", Countries: []string{"DE", "DE"}}},
	} {
		wantField(t, test.l.Validate(), test.field)
	}
}

// TestCompileRefuses what is right alone and wrong together.
func TestCompileRefuses(t *testing.T) {
	one := access.Policy{Name: "one", Spec: forAll(func(*access.Spec) {})}
	lost := access.Policy{Name: "two", Spec: forAll(func(s *access.Spec) {
		s.Conditions.ExcludeLocations.Names = []string{"office", "moon"}
	})}
	var labels []access.Policy
	for i := range 5 {
		p := access.Policy{Name: string(rune('a' + i)), Spec: forAll(func(s *access.Spec) {
			for j := range 16 {
				s.Session.Labels = append(s.Session.Labels, "l-"+string(rune('a'+i))+string(rune('a'+j)))
			}
		})}
		labels = append(labels, p)
	}
	for field, c := range map[string]access.Ruleset{
		"policies":  {Policies: []access.Policy{one, one}},
		"locations": {Locations: []access.Location{locations[0], {Name: "OFFICE", Countries: []string{"DE"}}}},
		"spec.conditions.exclude_locations.names[1]": {Policies: []access.Policy{one, lost}, Locations: locations},
		"spec.session.labels[0]":                     {Policies: labels},
		"spec.state":                                 {Policies: []access.Policy{{Name: "one"}}},
		"location.networks":                          {Locations: []access.Location{{Name: "a"}}},
	} {
		_, err := access.Compile(c)
		wantField(t, err, field)
	}
}

// wantField checks which field an error complains about; none is no error.
func wantField(t *testing.T, err error, field string) {
	t.Helper()
	var got string
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		got = f.Fields[0].Name
	}
	if got != field || (err == nil) != (field == "") {
		t.Errorf("got %v, want a complaint about %q", err, field)
	}
}
