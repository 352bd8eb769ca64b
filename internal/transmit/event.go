package transmit

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"ringfence/internal/device"
)

// EventType is the URI of a kind of event.
type EventType string

// The events: of CAEP 1.0, and of SSF 1.0 about a stream itself.
const (
	ComplianceChange EventType = "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change"
	SessionRevoked   EventType = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	CredentialChange EventType = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
	RiskLevelChange  EventType = "https://schemas.openid.net/secevent/caep/event-type/risk-level-change"
	Verification     EventType = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	StreamUpdated    EventType = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
)

// names are the events' types in the body of a webhook.
var names = map[EventType]string{
	ComplianceChange: "device.compliance.changed",
	SessionRevoked:   "session.revoked",
	CredentialChange: "credential.changed",
	RiskLevelChange:  "risk.level.changed",
	Verification:     "stream.verification",
	StreamUpdated:    "stream.updated",
}

// Name is the event's type in the body of a webhook.
func (t EventType) Name() string { return names[t] }

// control says whether it is about a stream, which cannot refuse to hear it.
func (t EventType) control() bool { return t == Verification || t == StreamUpdated }

// Supported gives the event types that a stream may ask for, in a fixed order.
func Supported() []EventType {
	return []EventType{ComplianceChange, CredentialChange, RiskLevelChange, SessionRevoked}
}

// delivered gives those of the requested types that are told; nil requests all.
func delivered(requested []string) []EventType {
	if requested == nil {
		return Supported()
	}
	return slices.DeleteFunc(Supported(), func(t EventType) bool { return !slices.Contains(requested, string(t)) })
}

// Subject is whom an event is about, or, where a receiver leaves subjects out,
// which events: what is empty there stands for anything.
type Subject struct {
	// Device is a phone, or the registration of an app.
	Device device.ID
	// User is the person's user name.
	User string
	// Tenant is the installation.
	Tenant string
}

// IsZero says whether the subject names nothing.
func (s Subject) IsZero() bool { return s == Subject{} }

// overlaps says whether two subjects can be of one event: what both name is the
// same (SSF 1.0, how complex subjects match).
func (s Subject) overlaps(o Subject) bool {
	same := func(a, b string) bool { return a == "" || b == "" || a == b }
	return same(string(s.Device), string(o.Device)) && same(s.User, o.User) && same(s.Tenant, o.Tenant)
}

// identifier is a subject identifier (RFC 9493) of the formats email and opaque.
type identifier struct {
	Format string `json:"format"`
	ID     string `json:"id,omitempty"`
	Email  string `json:"email,omitempty"`
}

func opaque(id string) *identifier {
	if id == "" {
		return nil
	}
	return &identifier{Format: "opaque", ID: id}
}

// person names a user by mail address where the name is one.
func person(user string) *identifier {
	if at := strings.LastIndexByte(user, '@'); at > 0 && at < len(user)-1 {
		return &identifier{Format: "email", Email: user}
	}
	return opaque(user)
}

// JSON gives the subject as a complex subject identifier (SSF 1.0).
func (s Subject) JSON() json.RawMessage {
	return encode(struct {
		Format string      `json:"format"`
		Device *identifier `json:"device,omitempty"`
		User   *identifier `json:"user,omitempty"`
		Tenant *identifier `json:"tenant,omitempty"`
	}{"complex", opaque(string(s.Device)), person(s.User), opaque(s.Tenant)})
}

// streamSubject is the subject of events about a stream.
func streamSubject(id string) json.RawMessage { return encode(opaque(id)) }

// encode writes what cannot fail to be written: strings, numbers and maps.
func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("transmit: encode " + err.Error())
	}
	return raw
}

// Event is one thing to tell. It is the same for every receiver.
type Event struct {
	Type EventType
	// Subject is zero for events about a stream.
	Subject Subject
	// Claims are the event's own, by their names in CAEP 1.0.
	Claims map[string]any
	// Sequence is that of the entry of the record that it tells; 0 for none.
	Sequence uint64
}

// Item is an event on its way to one receiver: stored when it is told, and the
// same however often it is handed over.
type Item struct {
	// Number grows with each item of the installation; given by the store.
	Number uint64
	Stream string
	// JTI names it at the receiver.
	JTI  string
	Type EventType
	// Device is what order is kept for; empty for events about a stream.
	Device device.ID
	// Subject and Claims are JSON objects.
	Subject json.RawMessage
	Claims  json.RawMessage
	// Sequence is that of the entry it tells; 0 for none.
	Sequence uint64
	// CreatedAt is its iat.
	CreatedAt time.Time
	// Tries counts the failures that were about this item, FailedAt is when
	// the first of them was, and NextAt when to try again; zero for none.
	Tries    int
	FailedAt time.Time
	NextAt   time.Time
}

// Control says whether the item is about its stream, which it reaches whatever
// the stream's status.
func (i *Item) Control() bool { return i.Type == StreamUpdated }

// item makes the item of an event for a stream.
func (e *Event) item(stream, jti string, now time.Time) Item {
	i := Item{
		Stream: stream, JTI: jti, Type: e.Type, Device: e.Subject.Device, Subject: e.Subject.JSON(),
		Claims: encode(e.Claims), Sequence: e.Sequence, CreatedAt: now,
	}
	if e.Type.control() {
		i.Subject = streamSubject(stream)
	}
	return i
}
