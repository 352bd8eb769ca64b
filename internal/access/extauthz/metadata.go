package extauthz

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/access"
	"ringfence/internal/access/advice"
)

// metadata says what was decided, about whom and on what. With an explanation it
// has the policies that keep the door shut.
func metadata(a *access.Answer, e *access.Explanation) *structpb.Struct {
	m := fields{}
	m.text("decision", a.Decision.Outcome.String())
	m.text("user", a.SignIn.Person.Name)
	if d := a.Facts.Device; d != nil {
		m.text("device", string(d.ID))
	}
	if r := a.Facts.Registration; r != nil {
		m.text("registration", string(r.ID))
	}
	m.text("cached_until", a.Decision.CachedUntil.UTC().Format(time.RFC3339Nano))
	m["versions"] = structpb.NewStructValue(versions(a.Versions))
	m.texts("session", a.Decision.Session().Labels)
	if e != nil {
		var names []string
		for i := range e.Policies {
			if advice.Shuts(&e.Policies[i]) {
				names = append(names, e.Policies[i].Name)
			}
		}
		m.texts("policies", names)
		var owed []string
		for _, choice := range e.Owed {
			owed = append(owed, choice.String())
		}
		m.texts("owed", owed)
	}
	return &structpb.Struct{Fields: m}
}

// versions are texts: they need more digits than a double has.
func versions(v access.Versions) *structpb.Struct {
	m := fields{}
	m.number("policies", v.Policies)
	m.number("person", v.Person)
	m.number("device_epoch", uint64(v.DeviceEpoch))
	m.number("device", v.Device)
	m.number("compliance", v.Compliance)
	m.number("registration_epoch", uint64(v.RegistrationEpoch))
	m.number("registration", v.Registration)
	m.number("protection", v.Protection)
	return &structpb.Struct{Fields: m}
}

// fields are those of a struct. What is empty is left out.
type fields map[string]*structpb.Value

func (f fields) text(key, value string) {
	if value != "" {
		f[key] = structpb.NewStringValue(strings.ToValidUTF8(value, "\uFFFD"))
	}
}

func (f fields) number(key string, value uint64) {
	if value != 0 {
		f.text(key, strconv.FormatUint(value, 10))
	}
}

func (f fields) texts(key string, values []string) {
	if len(values) == 0 {
		return
	}
	list := &structpb.ListValue{}
	for _, value := range values {
		list.Values = append(list.Values, structpb.NewStringValue(value))
	}
	f[key] = structpb.NewListValue(list)
}
