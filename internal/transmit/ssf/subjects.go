package ssf

import (
	"context"
	"net/http"
	"strings"

	"ringfence/internal/device"
	"ringfence/internal/transmit"
)

// addSubject tells a stream of a subject again. Whether the subject is one that
// is known here is not said: nobody learns by asking.
func (d *Door) addSubject(c *call) (answer, error) {
	return answer{status: http.StatusOK}, d.rule(c, d.c.Service.AddSubject)
}

// removeSubject leaves a subject out.
func (d *Door) removeSubject(c *call) (answer, error) {
	return answer{status: http.StatusNoContent}, d.rule(c, d.c.Service.RemoveSubject)
}

func (d *Door) rule(c *call, set func(context.Context, transmit.Owner, string, transmit.Subject) error) error {
	g, err := c.given()
	if err != nil {
		return err
	}
	id, subject := g.required(streamID), g.subject()
	g.flag("verified") // whatever it says, the subject is the client's to choose
	if *g.err != nil {
		return *g.err
	}
	return set(c.Context(), c.owner, id, subject)
}

// subject reads a subject as events have it: complex, with device, user and
// tenant. One more member would make it narrower than what is understood here,
// so it is refused.
func (g *given) subject() transmit.Subject {
	s := g.object("subject")
	if s == nil {
		g.complain("subject", "is required")
		return transmit.Subject{}
	}
	switch s.required("format") {
	case "complex":
	case "email":
		return transmit.Subject{User: s.email()}
	default:
		s.complain("format", "must be complex, or email")
		return transmit.Subject{}
	}
	for name := range s.o {
		switch name {
		case "format", "device", "user", "tenant":
		default:
			s.complain("format", "may have no members but device, user and tenant")
			return transmit.Subject{}
		}
	}
	subject := transmit.Subject{Tenant: s.opaque("tenant"), User: s.person()}
	if text := s.opaque("device"); text != "" {
		id, err := device.ParseID(text)
		if err != nil {
			s.complain("device", "is no id of a device")
		}
		subject.Device = id
	}
	return subject
}

// opaque reads a member of the format opaque; empty where it is missing.
func (g *given) opaque(name string) string {
	o := g.object(name)
	if o == nil {
		return ""
	}
	if o.required("format") != "opaque" {
		o.complain("format", "must be opaque")
	}
	return o.required("id")
}

// person reads the user; empty where it is missing.
func (g *given) person() string {
	o := g.object("user")
	switch {
	case o == nil:
		return ""
	case o.required("format") == "email":
		return o.email()
	default:
		return strings.ToLower(g.opaque("user"))
	}
}

// email reads a mail address. People's names are in lower case here.
func (g *given) email() string { return strings.ToLower(g.required("email")) }
