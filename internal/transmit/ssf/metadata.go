package ssf

import (
	"encoding/json"
	"net/http"
	"net/url"

	"ringfence/internal/fault"
	"ringfence/internal/oauth"
)

// checkJWKS says what is wrong with the address of a key set.
func checkJWKS(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return fault.InvalidField("jwks_uri", "must be an https address")
	}
	return nil
}

// metadata describes the transmitter to receivers (SSF 1.0, 7.1).
type metadata struct {
	SpecVersion     string   `json:"spec_version"`
	Issuer          string   `json:"issuer"`
	JWKSURI         string   `json:"jwks_uri"`
	Methods         []string `json:"delivery_methods_supported"`
	Configuration   string   `json:"configuration_endpoint"`
	Status          string   `json:"status_endpoint"`
	AddSubject      string   `json:"add_subject_endpoint"`
	RemoveSubject   string   `json:"remove_subject_endpoint"`
	Verification    string   `json:"verification_endpoint"`
	Critical        []string `json:"critical_subject_members"`
	Schemes         []scheme `json:"authorization_schemes"`
	DefaultSubjects string   `json:"default_subjects"`
}

type scheme struct {
	URN string `json:"spec_urn"`
}

// Metadata is the description of the transmitter, at [MetadataPath].
func (d *Door) Metadata() http.Handler {
	at := d.c.Issuer
	return published(metadata{
		SpecVersion: "1_0", Issuer: at, JWKSURI: d.c.JWKSURI, Methods: []string{methodPush, methodPoll},
		Configuration: at + StreamsPath, Status: at + StatusPath, AddSubject: at + AddPath, RemoveSubject: at + RemovePath,
		Verification: at + VerifyPath,
		// Who passes the device over would take one phone of a person for another.
		Critical: []string{"device"},
		Schemes:  []scheme{{"urn:ietf:rfc:6749"}}, DefaultSubjects: "ALL",
	})
}

// resource says how to be let in (RFC 9728).
type resource struct {
	Resource string        `json:"resource"`
	Servers  []string      `json:"authorization_servers"`
	Scopes   []oauth.Scope `json:"scopes_supported"`
	Bearer   []string      `json:"bearer_methods_supported"`
}

// Resource says which authorization server and scopes the endpoints want, at
// [ResourcePath].
func (d *Door) Resource() http.Handler {
	return published(resource{
		Resource: d.c.Issuer, Servers: []string{d.c.Issuer},
		Scopes: []oauth.Scope{oauth.ManageStreams, oauth.ReadStreams}, Bearer: []string{"header"},
	})
}

// published serves a document that stays the same.
func published(document any) http.Handler {
	text, err := json.Marshal(document)
	if err != nil {
		panic("ssf: a description that is no JSON: " + err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(text) // whoever does not wait for it has gone
	})
}
