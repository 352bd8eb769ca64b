package oauth

import (
	"encoding/json"
	"net/http"
	"net/url"

	"ringfence/internal/fault"
)

// Where the doors are, below the issuer.
const (
	TokenPath    = "/oauth2/token"
	MetadataPath = "/.well-known/oauth-authorization-server"
	JWKSPath     = "/.well-known/jwks.json"
)

// CheckIssuer says what is wrong with an issuer: it is https, with a host and
// maybe a port, and nothing else.
//
// Errors: Invalid (the field issuer).
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || issuer != "https://"+u.Host {
		return fault.InvalidField("issuer", "must be https:// and a host, and nothing else")
	}
	return nil
}

// metadata describes this server to clients (RFC 8414).
type metadata struct {
	Issuer        string   `json:"issuer"`
	TokenEndpoint string   `json:"token_endpoint"`
	JWKSURI       string   `json:"jwks_uri"`
	Scopes        []Scope  `json:"scopes_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	Grants        []string `json:"grant_types_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
}

// Metadata is the description of this server for clients, at [MetadataPath].
func (s *Service) Metadata() http.Handler {
	text, err := json.Marshal(metadata{
		Issuer: s.c.Issuer, TokenEndpoint: s.c.Issuer + TokenPath, JWKSURI: s.c.Issuer + JWKSPath,
		Scopes: Scopes(), ResponseTypes: []string{}, Grants: []string{"client_credentials"},
		AuthMethods: []string{"client_secret_basic", "client_secret_post"},
	})
	if err != nil {
		panic("oauth: a description that is no JSON: " + err.Error())
	}
	return only(func(w http.ResponseWriter, _ *http.Request) {
		publish(w, text, "public, max-age=3600")
	}, http.MethodGet, http.MethodHead)
}

// JWKS is the key set that tokens and events are checked with, at [JWKSPath]. It
// may be kept for less than the hour that a key is published before it signs.
func (s *Service) JWKS() http.Handler {
	return only(func(w http.ResponseWriter, r *http.Request) {
		text, err := s.c.Keys.JWKS(r.Context())
		if err != nil {
			s.deny(w, r, err)
			return
		}
		publish(w, text, "public, max-age=600")
	}, http.MethodGet, http.MethodHead)
}

func publish(w http.ResponseWriter, text []byte, keep string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", keep)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(text) // whoever does not wait for it has gone
}
