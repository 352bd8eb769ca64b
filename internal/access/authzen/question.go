package authzen

import (
	"net/netip"
	"slices"
	"strings"

	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// The types that have a meaning here.
const (
	userType       = "user"
	appType        = "app"
	userActionType = "user-action"
)

// errUnknown: a subject or a user action that nobody knows. It is denied, and no
// error of the one who asks.
var errUnknown = fault.New(fault.NotFound, "UNKNOWN", "is not known here")

// question says in our words what is asked.
func (e *evaluation) question() (access.Question, error) {
	if e.subject.kind != userType {
		return access.Question{}, fault.New(fault.NotFound, errUnknown.Reason, "subject.type: only %q is known here", userType)
	}
	var m meaning
	q := access.Question{
		SignIn: access.SignIn{
			Person: access.Person{
				Name:   strings.ToLower(e.subject.id),
				Groups: m.names("subject.properties.groups", e.subject.properties["groups"]),
				Roles:  m.names("subject.properties.roles", e.subject.properties["roles"]),
			},
			Request: &access.Request{
				Action: e.action.name, ActionAttributes: scalars(e.action.properties),
				ResourceType: e.resource.kind, ResourceID: e.resource.id, Resource: scalars(e.resource.properties),
				Subject: scalars(e.subject.properties), Context: scalars(e.context),
			},
		},
		Device:       m.id("subject.properties.device_id", e.subject.properties["device_id"]),
		Registration: m.id("subject.properties.registration_id", e.subject.properties["registration_id"]),
	}
	if err := e.target(&q.SignIn); err != nil {
		return access.Question{}, err
	}
	m.circumstances(&q, e)
	return q, m.err
}

// target says what is signed in to.
func (e *evaluation) target(in *access.SignIn) error {
	switch e.resource.kind {
	case appType:
		in.App = e.resource.id
	case userActionType:
		action, ok := named[access.Action](e.resource.id)
		if !ok {
			return fault.New(fault.NotFound, errUnknown.Reason, "resource.id: there is no such user action")
		}
		in.Action = action
	default:
		in.App = e.resource.kind
	}
	return nil
}

// meaning reads values that have one, and keeps the first complaint. An absent
// value is nil.
type meaning struct{ reader }

func (m *meaning) circumstances(q *access.Question, e *evaluation) {
	in := &q.SignIn
	for _, at := range []struct {
		part   string
		fields map[string]any
	}{{"context", e.context}, {"subject.properties", e.subject.properties}} {
		for _, key := range []string{"ip", "ip_address"} {
			address := m.address(at.part+"."+key, at.fields[key])
			if !in.Address.IsValid() {
				in.Address = address
			}
		}
	}
	in.Country = m.country("context.country", e.context["country"])
	in.Platform = word[access.Platform](m, "context.platform", e.context["platform"])
	in.Client = word[access.ClientApp](m, "context.client", e.context["client"])
	in.Flow = word[access.Flow](m, "context.flow", e.context["flow"])
	in.SignInRisk = word[access.Risk](m, "context.sign_in_risk", e.context["sign_in_risk"])
	in.UserRisk = word[access.Risk](m, "context.user_risk", e.context["user_risk"])
	in.MFA = m.truth("context.mfa", e.context["mfa"])
	// A certificate of nobody in particular binds the session to nothing.
	bound := m.truth("context.certificate_bound", e.context["certificate_bound"])
	in.CertificateBound = bound && (q.Device != "" || q.Registration != "")
}

func (m *meaning) text(field string, v any) string {
	if v == nil {
		return ""
	}
	text, ok := v.(string)
	if !ok {
		m.fail(field, "must be a string")
	}
	return text
}

func (m *meaning) truth(field string, v any) bool {
	truth, ok := v.(bool)
	if !ok && v != nil {
		m.fail(field, "must be true or false")
	}
	return truth
}

// id reads the id of a phone or a registration. Others than we give are unknown
// phones: many who ask have ids of their own.
func (m *meaning) id(field string, v any) device.ID {
	id, err := device.ParseID(m.text(field, v))
	if err != nil {
		return ""
	}
	return id
}

func (m *meaning) address(field string, v any) netip.Addr {
	text := m.text(field, v)
	if text == "" {
		return netip.Addr{}
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		m.fail(field, "must be an IP address")
	}
	return address
}

func (m *meaning) country(field string, v any) string {
	text := strings.ToUpper(m.text(field, v))
	other := func(r rune) bool { return r < 'A' || r > 'Z' }
	if text != "" && (len(text) != 2 || strings.ContainsFunc(text, other)) {
		m.fail(field, "must be two letters")
	}
	return text
}

// names reads a list of names.
func (m *meaning) names(field string, v any) []string {
	if v == nil {
		return nil
	}
	items, ok := v.([]any)
	if !ok || len(items) > maxNames {
		m.fail(field, "must be an array of at most %d strings", maxNames)
		return nil
	}
	names := make([]string, 0, len(items))
	for _, item := range items {
		name, ok := item.(string)
		if !ok || len(name) > maxName {
			m.fail(field, "must have strings of at most %d bytes", maxName)
		}
		names = append(names, name)
	}
	return names
}

// word reads a value by the name that policies have for it.
func word[T kind](m *meaning, field string, v any) T {
	text := m.text(field, v)
	if text == "" {
		return 0
	}
	value, ok := named[T](strings.ToLower(text))
	if !ok {
		m.fail(field, "must be one of %s", strings.Join(namesOf[T](), ", "))
	}
	return value
}

// kind is a set of values that have names.
type kind interface {
	~uint8
	String() string
}

// namesOf gives the names of all values. Numbers without a value have the name
// of the first.
func namesOf[T kind]() []string {
	names := []string{T(0).String()}
	for v := T(1); v.String() != names[0]; v++ {
		names = append(names, v.String())
	}
	return names
}

func named[T kind](name string) (T, bool) {
	i := slices.Index(namesOf[T](), name)
	return T(max(0, i)), i >= 0
}

// scalars gives the properties that custom conditions see.
func scalars(properties map[string]any) map[string]any {
	seen := make(map[string]any, len(properties))
	for name, value := range properties {
		switch value.(type) {
		case string, bool, int64, float64:
			seen[name] = value
		}
	}
	return seen
}
