package forwardauth

import (
	"net/http"
	"strconv"
	"strings"

	"ringfence/internal/access"
	"ringfence/internal/device"
)

// reply tells a verdict to a proxy, in the words that it understands.
func (d *Door) reply(w http.ResponseWriter, v verdict) {
	link := ""
	if v.outcome != Allowed {
		link = d.link(&v)
	}
	h := w.Header()
	never(h)
	h.Set("X-Ringfence-Decision", decisionOf(v.outcome))
	if v.outcome == Allowed || v.outcome == Owing || v.outcome == Denied {
		h.Set("X-Ringfence-User", headerText(v.answer.SignIn.Person.Name))
		phone, app := known(&v.answer.Facts)
		h.Set("X-Ringfence-Device", string(phone))
		h.Set("X-Ringfence-Registration", string(app))
	}
	if v.outcome == Allowed {
		d.admit(w, v)
		return
	}
	h.Set("X-Ringfence-Reason", string(v.reason))
	h.Set("X-Ringfence-Remedy", link)
	if v.outcome == Owing {
		h.Set("X-Ringfence-Owed", owedText(v))
	}
	status := statusOf(&v)
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Ringfence error="owed"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	}
	switch v.settings.style {
	case styleNginx:
		w.WriteHeader(status)
	case stylePlain:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(string(v.reason) + "\n" + link + "\n")) // nobody is left to tell
	default:
		d.show(w, status, d.pageOf(&v, link))
	}
}

// known gives the phone and the registration of which something is known: no
// others are whose word an app should take.
func known(f *access.Facts) (phone, app device.ID) {
	if f.Device != nil {
		phone = f.Device.ID
	}
	if f.Registration != nil {
		app = f.Registration.ID
	}
	return phone, app
}

// admit lets somebody in, with what the app must know of the session. All headers
// are there, empty ones too: a proxy that copies them then copies no other's.
func (d *Door) admit(w http.ResponseWriter, v verdict) {
	session := v.answer.Decision.Session()
	every := ""
	switch {
	case session.EverySignIn:
		every = "0"
	case session.SignInFrequency > 0:
		every = strconv.FormatInt(int64(session.SignInFrequency.Seconds()), 10)
	}
	w.Header().Set("X-Ringfence-Sign-In-Every", every)
	w.Header().Set("X-Ringfence-Session", headerText(strings.Join(session.Labels, ",")))
	w.Header().Set("X-Ringfence-Reason", "")
	w.WriteHeader(http.StatusOK)
}

// never forbids to keep an answer.
func never(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// decisionOf gives the decision that a proxy is told. All that is no decision
// denies.
func decisionOf(o Outcome) string {
	if o == Allowed || o == Owing {
		return string(o)
	}
	return string(Denied)
}

// statusOf gives the status of a verdict that does not allow. Where nobody could
// answer, nginx would make an internal error of 503, and Envoy may be set to let
// people in.
func statusOf(v *verdict) int {
	strict := v.settings.style == styleNginx || v.settings.style == styleEnvoy
	switch {
	case v.outcome == Unavailable && !strict:
		return http.StatusServiceUnavailable
	case v.outcome == Owing && v.settings.challenge:
		return http.StatusUnauthorized
	default:
		return http.StatusForbidden
	}
}

// owedText gives what is owed: choices with commas between them, within each any
// one of its controls.
func owedText(v verdict) string {
	var choices []string
	for _, choice := range v.answer.Decision.Owed.Choices() {
		choices = append(choices, choice.String())
	}
	return strings.Join(choices, ", ")
}

// headerText leaves out what would end a header, or be read as something else.
func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
