package ssf

import (
	"net/url"
	"slices"

	"ringfence/internal/transmit"
)

// The methods of delivery.
const (
	methodPush = "urn:ietf:rfc:8935"
	methodPoll = "urn:ietf:rfc:8936"
)

// defaultAlg signs where nothing is asked for.
const defaultAlg = "RS256"

// configuration is a stream as it is shown (SSF 1.0, 8.1.1).
type configuration struct {
	ID          string               `json:"stream_id"`
	Issuer      string               `json:"iss"`
	Audience    any                  `json:"aud"`
	Delivery    delivery             `json:"delivery"`
	Supported   []transmit.EventType `json:"events_supported"`
	Requested   *[]string            `json:"events_requested,omitempty"`
	Delivered   []transmit.EventType `json:"events_delivered"`
	Interval    int                  `json:"min_verification_interval"`
	Description string               `json:"description,omitempty"`
	Alg         string               `json:"alg,omitempty"`
}

// delivery never has the authorization_header.
type delivery struct {
	Method   string `json:"method"`
	Endpoint string `json:"endpoint_url"`
}

// shown gives a stream as its receiver sees it.
func (d *Door) shown(st *transmit.Stream) configuration {
	c := configuration{
		ID: st.ID, Issuer: d.c.Issuer, Audience: st.Audience, Delivery: delivery{methodPoll, d.pollURL(st.ID)},
		Supported: transmit.Supported(), Delivered: append([]transmit.EventType{}, st.Events...),
		Interval: int(transmit.VerifyEvery.Seconds()), Description: st.Description,
	}
	if len(st.Audience) == 1 {
		c.Audience = st.Audience[0] // as its tokens have it
	}
	if st.Delivery == transmit.Push {
		c.Delivery = delivery{methodPush, st.Endpoint}
	}
	if st.Requested != nil {
		c.Requested = &st.Requested
	}
	if st.Alg != defaultAlg {
		c.Alg = st.Alg
	}
	return c
}

// pollURL is the endpoint_url of a stream that is polled.
func (d *Door) pollURL(id string) string { return d.c.Issuer + PollPath + url.PathEscape(id) }

// wanted is what a receiver says of a stream; nil is nothing.
type wanted struct {
	delivery    *wantedDelivery
	requested   []string
	description *string
	alg         *string
}

type wantedDelivery struct {
	method        transmit.Delivery
	endpoint      *string
	authorization *string
}

// wanted reads what the receiver supplies.
func (g *given) wanted() wanted {
	w := wanted{requested: g.texts("events_requested"), description: g.text("description"), alg: g.text("alg")}
	d := g.object("delivery")
	if d == nil {
		return w
	}
	w.delivery = &wantedDelivery{endpoint: d.text("endpoint_url"), authorization: d.text("authorization_header")}
	switch d.required("method") {
	case methodPush:
		w.delivery.method = transmit.Push
	case methodPoll:
		w.delivery.method = transmit.Poll
	default:
		d.complain("method", "must be "+methodPush+" or "+methodPoll)
	}
	return w
}

// spec gives the stream that is wanted, where nothing of an earlier one stays.
func (w *wanted) spec() transmit.Spec {
	sp := transmit.Spec{
		Delivery: transmit.Poll, Requested: w.requested, Description: or(w.description, ""), Alg: or(w.alg, ""),
	}
	if w.delivery != nil {
		sp.Delivery, sp.Authorization = w.delivery.method, or(w.delivery.authorization, "")
		if sp.Delivery == transmit.Push {
			sp.Endpoint = or(w.delivery.endpoint, "")
		}
	}
	return sp
}

// patch gives what is wanted of a stream otherwise than it is.
func (w *wanted) patch(st *transmit.Stream) transmit.Patch {
	p := transmit.Patch{Description: w.description, Alg: w.alg}
	if w.requested != nil {
		p.Requested = &w.requested
	}
	if w.delivery == nil {
		return p
	}
	p.Authorization = w.delivery.authorization
	endpoint := "" // of polling: the service has none for it
	if w.delivery.method == transmit.Push {
		endpoint = or(w.delivery.endpoint, st.Endpoint)
	}
	if endpoint != st.Endpoint {
		p.Endpoint = &endpoint
	}
	if w.delivery.method != st.Delivery {
		p.Delivery = &w.delivery.method
	}
	return p
}

func or(text *string, otherwise string) string {
	if text == nil {
		return otherwise
	}
	return *text
}

// checkSupplied refuses members that are the transmitter's to say and are not
// as it says them, before anything is changed. What is missing is right.
func (d *Door) checkSupplied(g *given, st *transmit.Stream) {
	now := d.shown(st)
	same := func(name string, ok bool) {
		if g.has(name) && !ok {
			g.complain(name, "is not as the transmitter has it")
		}
	}
	same("iss", or(g.text("iss"), "") == now.Issuer)
	same("aud", sameTexts(g.audience(), st.Audience))
	same("events_supported", sameTexts(g.texts("events_supported"), transmit.Supported()))
	same("events_delivered", sameTexts(g.texts("events_delivered"), st.Events))
	if n := g.whole("min_verification_interval"); n != nil {
		same("min_verification_interval", *n == now.Interval)
	}
	same("inactivity_timeout", false)
	at := g.object("delivery")
	if at == nil || or(at.text("method"), "") != methodPoll {
		return
	}
	if endpoint := at.text("endpoint_url"); endpoint != nil && *endpoint != d.pollURL(st.ID) {
		at.complain("endpoint_url", "is not as the transmitter has it")
	}
}

// audience reads aud, which is a text or a list.
func (g *given) audience() []string {
	if text, ok := g.o["aud"].(string); ok {
		return []string{text}
	}
	return g.texts("aud")
}

// sameTexts says whether two lists hold the same, in whatever order.
func sameTexts[T ~string](said []string, is []T) bool {
	has := make([]string, len(is))
	for i, t := range is {
		has[i] = string(t)
	}
	slices.Sort(has)
	said = slices.Sorted(slices.Values(said))
	return slices.Equal(slices.Compact(said), slices.Compact(has))
}
