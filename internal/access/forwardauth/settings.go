package forwardauth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"ringfence/internal/access"
	"ringfence/internal/access/clientcert"
)

// Reason says why somebody is turned away. Programs may go by it.
type Reason string

// The reasons. The first three are those of decisions.
const (
	// ReasonBlocked: a policy shuts.
	ReasonBlocked Reason = "blocked"
	// ReasonLegacy: something is owed, and the client cannot be asked for it.
	ReasonLegacy Reason = "legacy-client"
	// ReasonOwed: something is owed; see X-Ringfence-Owed.
	ReasonOwed Reason = "owed"

	// ReasonSetup: the query is not right.
	ReasonSetup Reason = "setup"
	// ReasonRequest: a header other than the certificate's cannot be believed.
	ReasonRequest Reason = "request"
	// ReasonCertificateHeader: the certificate's headers cannot be believed.
	ReasonCertificateHeader Reason = "certificate-header"
	// ReasonCertificate: the certificate does not count: it is not ours, revoked,
	// or of an enrolment that has ended.
	ReasonCertificate Reason = "certificate"
	// ReasonAssertion: the assertion does not count.
	ReasonAssertion Reason = "assertion"
	// ReasonUnbound: the assertion came without the certificate it is bound to.
	ReasonUnbound Reason = "assertion-unbound"
	// ReasonPerson: the certificate or the assertion is another person's.
	ReasonPerson Reason = "other-person"
	// ReasonUnavailable: nobody could answer.
	ReasonUnavailable Reason = "unavailable"
)

// refusal is why a request is not even decided on.
type refusal struct {
	reason Reason
	err    error
}

func refuse(reason Reason, format string, args ...any) *refusal {
	return &refusal{reason, fmt.Errorf(format, args...)}
}

// style is how a proxy is answered.
type style uint8

const (
	stylePage style = iota
	stylePlain
	styleNginx
	styleEnvoy
)

var styles = map[string]style{"": stylePage, "page": stylePage, "plain": stylePlain, "nginx": styleNginx, "envoy": styleEnvoy}

// settings are what the query says of the proxy.
type settings struct {
	app    string
	form   clientcert.Form
	style  style
	client access.ClientApp
	// challenge: what is owed is asked for with 401.
	challenge bool
	// bearer: an assertion counts without its certificate.
	bearer bool
	// uri is the person's, where it came in the path; host is theirs then, too.
	uri string
}

const (
	maxQuery = 2 << 10
	maxName  = 256
)

// settingsOf reads the settings of a request. Below WithPath the query is the
// person's, and nothing in it may be taken for the proxy's.
func settingsOf(r *http.Request) (settings, *refusal) {
	behind, ok := strings.CutPrefix(r.URL.EscapedPath(), WithPath)
	if !ok {
		return parseSettings(r.URL.RawQuery)
	}
	text, uri, _ := strings.Cut(behind, "/")
	s, refused := parseSettings(text)
	if refused == nil && !strings.HasPrefix(uri, "/") {
		return s, refuse(ReasonSetup, "the person's path does not follow behind a slash")
	}
	s.uri = uri
	return s, refused
}

// parseSettings reads the query. It has nothing in it that is not known, and
// nothing twice: so what is misspelt is found when it is tried, not when it is
// needed.
func parseSettings(query string) (settings, *refusal) {
	s := settings{client: access.Browser}
	if len(query) > maxQuery {
		return s, refuse(ReasonSetup, "the query has more than %d octets", maxQuery)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return s, refuse(ReasonSetup, "the query: %w", err)
	}
	// First, so that the proxy understands the answer if all else is wrong.
	if found, ok := styles[values.Get("answer")]; ok {
		s.style = found
	} else {
		return s, refuse(ReasonSetup, "answer must be one of nginx, envoy, page, plain")
	}
	for name, all := range values {
		if len(all) != 1 {
			return s, refuse(ReasonSetup, "%.32q is there twice", name)
		}
		if problem := s.take(name, all[0]); problem != "" {
			return s, refuse(ReasonSetup, "%.32q %s", name, problem)
		}
	}
	if s.app == "" {
		return s, refuse(ReasonSetup, "app is missing")
	}
	return s, nil
}

// take notes one parameter, and says what is wrong with it.
func (s *settings) take(name, value string) (problem string) {
	switch name {
	case "answer": // seen before
	case "app":
		if s.app = value; !plain(value, maxName) {
			s.app = ""
			return "is no name of an app"
		}
	case "cert":
		form, err := clientcert.ParseForm(value)
		if err != nil {
			return "must be one of rfc9440, xfcc, nginx, traefik"
		}
		s.form = form
	case "client":
		for c := access.Browser; c <= access.OtherClient; c++ {
			if c.String() == value {
				s.client = c
				return ""
			}
		}
		return "must be one of browser, native, active-sync, other"
	case "owed":
		if s.challenge = value == "401"; !s.challenge {
			return "must be 401"
		}
	case "assertion":
		if s.bearer = value == "bearer"; !s.bearer {
			return "must be bearer"
		}
	default:
		return "is not known"
	}
	return ""
}

// plain reports whether a text is there, short enough, and has nothing in it that
// cannot be seen.
func plain(text string, most int) bool {
	if text == "" || len(text) > most || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
