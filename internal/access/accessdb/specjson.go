package accessdb

import (
	"net/netip"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/device"
)

// specForm is whom a policy is for, and what it asks. Numbers that have names are
// those of package access; durations are nanoseconds.
type specForm struct {
	Description string         `json:"description,omitempty"`
	State       int            `json:"state"`
	Include     peopleForm     `json:"include,omitzero"`
	Exclude     peopleForm     `json:"exclude,omitzero"`
	Apps        appsForm       `json:"apps,omitzero"`
	Actions     []int          `json:"actions,omitempty"`
	Conditions  conditionsForm `json:"conditions,omitzero"`
	Operator    int            `json:"operator,omitempty"`
	Controls    []int          `json:"controls,omitempty"`
	Session     sessionForm    `json:"session,omitzero"`
	MaxAge      maxAgeForm     `json:"max_age,omitzero"`
}

type peopleForm struct {
	Everyone bool     `json:"everyone,omitempty"`
	Users    []string `json:"users,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	Roles    []string `json:"roles,omitempty"`
}

type appsForm struct {
	All     bool     `json:"all,omitempty"`
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

type conditionsForm struct {
	IncludePlatforms []int              `json:"include_platforms,omitempty"`
	ExcludePlatforms []int              `json:"exclude_platforms,omitempty"`
	Clients          []int              `json:"clients,omitempty"`
	IncludeLocations placesForm         `json:"include_locations,omitzero"`
	ExcludeLocations placesForm         `json:"exclude_locations,omitzero"`
	DeviceFilter     string             `json:"device_filter,omitempty"`
	FilterExcludes   bool               `json:"filter_excludes,omitempty"`
	Custom           string             `json:"custom,omitempty"`
	SignInRisks      []int              `json:"sign_in_risks,omitempty"`
	UserRisks        []int              `json:"user_risks,omitempty"`
	Ownerships       []device.Ownership `json:"ownerships,omitempty"`
	Modes            []device.Mode      `json:"modes,omitempty"`
	Flows            []int              `json:"flows,omitempty"`
}

type placesForm struct {
	Trusted bool     `json:"trusted,omitempty"`
	Names   []string `json:"names,omitempty"`
}

type sessionForm struct {
	EverySignIn bool          `json:"every_sign_in,omitempty"`
	Frequency   time.Duration `json:"frequency,omitempty"`
	Labels      []string      `json:"labels,omitempty"`
}

type maxAgeForm struct {
	Compliance   time.Duration `json:"compliance,omitempty"`
	Registration time.Duration `json:"registration,omitempty"`
}

func encodeSpec(s access.Spec) (string, error) {
	return encode(specForm{
		Description: s.Description, State: number(s.State),
		Include: peopleForm(s.IncludePeople), Exclude: peopleForm(s.ExcludePeople),
		Apps: appsForm(s.Apps), Actions: list(s.Actions, number[access.Action]),
		Conditions: toConditionsForm(s.Conditions),
		Operator:   number(s.Grant.Operator), Controls: list(s.Grant.Controls, number[access.Control]),
		Session: sessionForm{s.Session.EverySignIn, s.Session.SignInFrequency, s.Session.Labels},
		MaxAge:  maxAgeForm(s.MaxAge),
	}, maxSpec)
}

func toConditionsForm(c access.Conditions) conditionsForm {
	return conditionsForm{
		IncludePlatforms: list(c.IncludePlatforms, number[access.Platform]),
		ExcludePlatforms: list(c.ExcludePlatforms, number[access.Platform]),
		Clients:          list(c.Clients, number[access.ClientApp]),
		IncludeLocations: placesForm(c.IncludeLocations), ExcludeLocations: placesForm(c.ExcludeLocations),
		DeviceFilter: c.DeviceFilter.Rule, FilterExcludes: c.DeviceFilter.Exclude, Custom: c.Custom,
		SignInRisks: list(c.SignInRisks, number[access.Risk]), UserRisks: list(c.UserRisks, number[access.Risk]),
		Ownerships: c.Ownerships, Modes: c.Modes, Flows: list(c.Flows, number[access.Flow]),
	}
}

// decodeSpec reads a spec. Whether it is right, compiling it says.
func decodeSpec(raw string) (access.Spec, error) {
	f, err := decode[specForm](raw, maxSpec)
	if err != nil {
		return access.Spec{}, err
	}
	return access.Spec{
		Description: f.Description, State: named[access.State](f.State),
		IncludePeople: access.People(f.Include), ExcludePeople: access.People(f.Exclude),
		Apps: access.Apps(f.Apps), Actions: list(f.Actions, named[access.Action]),
		Conditions: f.Conditions.conditions(),
		Grant:      access.Grant{Operator: named[access.Operator](f.Operator), Controls: list(f.Controls, named[access.Control])},
		Session:    access.Session{EverySignIn: f.Session.EverySignIn, SignInFrequency: f.Session.Frequency, Labels: f.Session.Labels},
		MaxAge:     access.MaxAge(f.MaxAge),
	}, nil
}

func (f conditionsForm) conditions() access.Conditions {
	return access.Conditions{
		IncludePlatforms: list(f.IncludePlatforms, named[access.Platform]),
		ExcludePlatforms: list(f.ExcludePlatforms, named[access.Platform]),
		Clients:          list(f.Clients, named[access.ClientApp]),
		IncludeLocations: access.Places(f.IncludeLocations), ExcludeLocations: access.Places(f.ExcludeLocations),
		DeviceFilter: access.DeviceFilter{Rule: f.DeviceFilter, Exclude: f.FilterExcludes}, Custom: f.Custom,
		SignInRisks: list(f.SignInRisks, named[access.Risk]), UserRisks: list(f.UserRisks, named[access.Risk]),
		Ownerships: f.Ownerships, Modes: f.Modes, Flows: list(f.Flows, named[access.Flow]),
	}
}

// locationForm is a location without its name.
type locationForm struct {
	Networks       []netip.Prefix `json:"networks,omitempty"`
	Countries      []string       `json:"countries,omitempty"`
	UnknownCountry bool           `json:"unknown_country,omitempty"`
	Trusted        bool           `json:"trusted,omitempty"`
}

func encodeLocation(l access.Location) (string, error) {
	return encode(locationForm{l.Networks, l.Countries, l.UnknownCountry, l.Trusted}, maxLocation)
}

func decodeLocation(raw string) (access.Location, error) {
	f, err := decode[locationForm](raw, maxLocation)
	return access.Location{Networks: f.Networks, Countries: f.Countries, UnknownCountry: f.UnknownCountry, Trusted: f.Trusted}, err
}
