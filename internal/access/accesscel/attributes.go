package accesscel

import (
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"

	"ringfence/internal/access"
)

// subject is what a rule is asked about.
type subject struct {
	in    *access.SignIn
	facts *access.Facts
}

// attribute is one thing that a rule can see.
type attribute struct {
	kind *types.Type
	// read gives a string, bool, int64, []string or map[string]any. The zero
	// value is absent.
	read func(subject) any
}

// object is a variable of rules, and its attributes by name.
type object struct {
	name       string
	attributes map[string]attribute
}

// typeName cannot be written in a rule, so that no rule makes objects.
func (o *object) typeName() string { return "@" + o.name }

func text(read func(subject) string) attribute {
	return attribute{types.StringType, func(s subject) any { return read(s) }}
}

func yes(read func(subject) bool) attribute {
	return attribute{types.BoolType, func(s subject) any { return read(s) }}
}

func number(read func(subject) int64) attribute {
	return attribute{types.IntType, func(s subject) any { return read(s) }}
}

func list(read func(subject) []string) attribute {
	return attribute{types.NewListType(types.StringType), func(s subject) any { return read(s) }}
}

// properties are what a door says in its own words. Their names are not known
// when a rule is saved, nor is what they are.
func properties(read func(*access.Request) map[string]any) attribute {
	kind := types.NewMapType(types.StringType, types.DynType)
	return attribute{kind, func(s subject) any { return read(s.request()) }}
}

// absent is what stands for what is not known.
var (
	noDevice       access.Device
	noRegistration access.Registration
	noRequest      access.Request
)

func (s subject) request() *access.Request {
	if s.in.Request == nil {
		return &noRequest
	}
	return s.in.Request
}

func (s subject) device() *access.Device {
	if s.facts == nil || s.facts.Device == nil {
		return &noDevice
	}
	return s.facts.Device
}

func (s subject) registration() *access.Registration {
	if s.facts == nil || s.facts.Registration == nil {
		return &noRegistration
	}
	return s.facts.Registration
}

var deviceObject = object{"device", map[string]attribute{
	"id":             text(func(s subject) string { return string(s.device().ID) }),
	"user":           text(func(s subject) string { return strings.ToLower(s.device().User) }),
	"ownership":      text(func(s subject) string { return string(s.device().Ownership) }),
	"mode":           text(func(s subject) string { return string(s.device().Mode) }),
	"platform":       text(func(s subject) string { return known(s.device().Platform) }),
	"group":          text(func(s subject) string { return s.device().Group }),
	"model":          text(func(s subject) string { return s.device().Model }),
	"os_version":     text(func(s subject) string { return s.device().OSVersion }),
	"os_major":       number(func(s subject) int64 { return major(s.device().OSVersion) }),
	"security_patch": text(func(s subject) string { return s.device().SecurityPatch }),
	"work_apps":      list(func(s subject) []string { return s.device().WorkApps }),
}}

var registrationObject = object{"registration", map[string]attribute{
	"id":       text(func(s subject) string { return string(s.registration().ID) }),
	"package":  text(func(s subject) string { return s.registration().Package }),
	"platform": text(func(s subject) string { return known(s.registration().Platform) }),
	"approved": yes(func(s subject) bool { return s.registration().Approved }),
}}

// Names of people, groups, roles and apps are in small letters: policies do not
// tell large from small ones, and rules should not by accident.
var personObject = object{"person", map[string]attribute{
	"name":       text(func(s subject) string { return strings.ToLower(s.in.Person.Name) }),
	"groups":     list(func(s subject) []string { return small(s.in.Person.Groups) }),
	"roles":      list(func(s subject) []string { return small(s.in.Person.Roles) }),
	"properties": properties(func(r *access.Request) map[string]any { return r.Subject }),
}}

// What a door asks for in its own words stays as the door writes it: nobody but
// the door knows whether large and small letters are the same there.
var (
	actionObject = object{"action", map[string]attribute{
		"name":       text(func(s subject) string { return s.request().Action }),
		"properties": properties(func(r *access.Request) map[string]any { return r.ActionAttributes }),
	}}
	resourceObject = object{"resource", map[string]attribute{
		"type":       text(func(s subject) string { return s.request().ResourceType }),
		"id":         text(func(s subject) string { return s.request().ResourceID }),
		"properties": properties(func(r *access.Request) map[string]any { return r.Resource }),
	}}
	contextObject = object{"context", map[string]attribute{
		"properties": properties(func(r *access.Request) map[string]any { return r.Context }),
	}}
)

var signInObject = object{"signin", map[string]attribute{
	"app":               text(func(s subject) string { return strings.ToLower(s.in.App) }),
	"action":            text(func(s subject) string { return s.in.Action.String() }),
	"platform":          text(func(s subject) string { return known(access.PlatformOf(s.in, factsOf(s))) }),
	"client":            text(func(s subject) string { return known(s.in.Client) }),
	"address":           text(address),
	"country":           text(func(s subject) string { return strings.ToUpper(s.in.Country) }),
	"sign_in_risk":      text(func(s subject) string { return known(s.in.SignInRisk) }),
	"user_risk":         text(func(s subject) string { return known(s.in.UserRisk) }),
	"flow":              text(func(s subject) string { return s.in.Flow.String() }),
	"mfa":               yes(func(s subject) bool { return s.in.MFA }),
	"certificate_bound": yes(func(s subject) bool { return s.in.CertificateBound }),
}}

func factsOf(s subject) *access.Facts {
	if s.facts == nil {
		return new(access.Facts)
	}
	return s.facts
}

// known gives the name of a value that is known.
func known[T interface {
	~uint8
	String() string
}](value T) string {
	if value == 0 {
		return ""
	}
	return value.String()
}

func address(s subject) string {
	if !s.in.Address.IsValid() {
		return ""
	}
	return s.in.Address.Unmap().WithZone("").String()
}

// major gives the number that a version begins with, zero if it does not.
func major(version string) int64 {
	digits, _, _ := strings.Cut(version, ".")
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// small gives the names in small letters, the list itself where they are.
func small(names []string) []string {
	for i, name := range names {
		if folded := strings.ToLower(name); folded != name {
			names = slices.Clone(names)
			for j := i; j < len(names); j++ {
				names[j] = strings.ToLower(names[j])
			}
			return names
		}
	}
	return names
}

// empty reports whether a value is that of an absent attribute.
func empty(value any) bool {
	switch v := value.(type) {
	case string:
		return v == ""
	case bool:
		return !v
	case int64:
		return v == 0
	case []string:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return true
	}
}
