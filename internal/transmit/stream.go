package transmit

import (
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"ringfence/internal/fault"
)

// Delivery is how the events of a stream reach their receiver.
type Delivery string

// The ways of delivery.
const (
	// Push posts each event as a signed token (RFC 8935).
	Push Delivery = "push"
	// Poll keeps them until the receiver asks (RFC 8936).
	Poll Delivery = "poll"
	// Webhook posts each event as JSON, signed as in Standard Webhooks 1.0.
	Webhook Delivery = "webhook"
)

// Pushed says whether it is the server that calls.
func (d Delivery) Pushed() bool { return d == Push || d == Webhook }

// Status says whether events of a stream are handed over.
type Status string

// The statuses.
const (
	// Enabled hands over.
	Enabled Status = "enabled"
	// Paused keeps events for later.
	Paused Status = "paused"
	// Disabled drops what waits and keeps nothing.
	Disabled Status = "disabled"
)

// The bounds of what a receiver may ask for.
const (
	maxDescription   = 1000
	maxAuthorization = 4096
	maxEndpoint      = 2048
	maxReason        = 500
	maxRequested     = 100
	maxEventType     = 512
	// MaxStreams is how many streams one client may have.
	MaxStreams = 10
	// MaxSubjects is how many subjects of one stream may be left out.
	MaxSubjects = 10_000
)

// Stream is what one receiver is told, and how.
type Stream struct {
	ID string
	// ClientID and ClientName are the OAuth client whose stream it is. Empty
	// for a webhook, which belongs to the administrators.
	ClientID   string
	ClientName string
	Delivery   Delivery
	// Endpoint is where it is posted to; empty for Poll.
	Endpoint string
	// Sealed is what only this server may read: the Authorization header of a
	// push, or the secrets of a webhook. Nil for none. Never shown.
	Sealed []byte
	// Audience is the aud of its tokens.
	Audience []string
	// Requested are the event types that were asked for, as they were; nil
	// means every one.
	Requested []string
	// Events are those of them that are told.
	Events []EventType
	// Description is the receiver's own word.
	Description string
	// Alg signs its tokens: RS256, ES256 or EdDSA.
	Alg string
	// Status is how it is now, and StatusReason why; for people.
	Status       Status
	StatusReason string
	// Version grows by one with each change of what is above, and of subjects.
	Version   uint64
	CreatedAt time.Time
	UpdatedAt time.Time
	// VerifiedAt is when the receiver last asked for a verification; zero for
	// never.
	VerifiedAt time.Time
}

// Tells says whether the stream is told of events of a type.
func (s *Stream) Tells(t EventType) bool { return t.control() || slices.Contains(s.Events, t) }

func (s *Stream) target() string { return "stream/" + s.ID }

// Spec is a stream as its receiver wants it.
type Spec struct {
	Delivery Delivery
	// Endpoint is an https URL; empty for Poll.
	Endpoint string
	// Authorization is the header to push with; empty for none.
	Authorization string
	// Requested are event types; unknown ones are kept and not told. Nil means
	// every one.
	Requested   []string
	Description string
	// Alg is empty for RS256.
	Alg string
}

// Patch changes a stream. What is nil stays as it is.
type Patch struct {
	Delivery      *Delivery
	Endpoint      *string
	Authorization *string
	Requested     *[]string
	Description   *string
	Alg           *string
}

// algorithms are those that tokens can be signed by.
var algorithms = []string{"RS256", "ES256", "EdDSA"}

// check refuses what can never be right. The endpoint's host is for the guard.
func (sp *Spec) check() error {
	if sp.Alg == "" {
		sp.Alg = algorithms[0]
	}
	switch {
	case sp.Delivery != Push && sp.Delivery != Poll && sp.Delivery != Webhook:
		return fault.InvalidField("delivery.method", "is not supported")
	case sp.Delivery == Poll && sp.Endpoint != "":
		return fault.InvalidField("delivery.endpoint_url", "is given by the server for polling")
	case sp.Delivery != Poll && sp.Endpoint == "":
		return fault.InvalidField("delivery.endpoint_url", "is required")
	case len(sp.Endpoint) > maxEndpoint:
		return fault.InvalidField("delivery.endpoint_url", "has more than %d bytes", maxEndpoint)
	case sp.Delivery == Poll && sp.Authorization != "":
		return fault.InvalidField("delivery.authorization_header", "is for pushing only")
	case !slices.Contains(algorithms, sp.Alg):
		return fault.InvalidField("alg", "must be one of %v", algorithms)
	}
	if !headerValue(sp.Authorization) {
		return fault.InvalidField("delivery.authorization_header", "must be at most %d visible ASCII characters", maxAuthorization)
	}
	if err := plain("description", sp.Description, maxDescription); err != nil {
		return err
	}
	return checkRequested(sp.Requested)
}

func checkRequested(types []string) error {
	if len(types) > maxRequested {
		return fault.InvalidField("events_requested", "has more than %d types", maxRequested)
	}
	for _, t := range types {
		if err := plain("events_requested", t, maxEventType); err != nil {
			return err
		}
	}
	return nil
}

// headerValue says whether text may stand in a header: whoever could put an end
// of line there would write the next header.
func headerValue(text string) bool {
	if len(text) > maxAuthorization {
		return false
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// plain refuses what is no line of text of at most so many characters.
func plain(field, text string, most int) error {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > most ||
		slices.ContainsFunc([]rune(text), unicode.IsControl) {
		return fault.InvalidField(field, "must be one line of at most %d characters", most)
	}
	return nil
}

// patched gives the spec that a patch makes of a stream. Authorization is empty
// where the patch says nothing of it.
func (s *Stream) patched(p Patch) Spec {
	sp := Spec{
		Delivery: s.Delivery, Endpoint: s.Endpoint, Requested: s.Requested,
		Description: s.Description, Alg: s.Alg,
	}
	set(&sp.Delivery, p.Delivery)
	set(&sp.Endpoint, p.Endpoint)
	set(&sp.Authorization, p.Authorization)
	set(&sp.Requested, p.Requested)
	set(&sp.Description, p.Description)
	set(&sp.Alg, p.Alg)
	return sp
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// detail says in the record what a stream is, without its endpoint, whose query
// may be a secret.
func (s *Stream) detail() string {
	who := "webhook"
	if s.ClientID != "" {
		who = "client " + s.ClientName
	}
	return fmt.Sprintf("version %d, %s, %s, %d event types, %s", s.Version, who, s.Delivery, len(s.Events), s.Status)
}
