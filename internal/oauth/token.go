package oauth

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ringfence/internal/webkeys"
)

// TokenLife is how long an access token may be used.
const TokenLife = time.Hour

// tokenType is the type in an access token's header (RFC 9068, 2.1).
const tokenType = "at+jwt"

// maxForm is how many octets a request for a token may have.
const maxForm = 8 << 10

// accessClaims are those of an access token.
type accessClaims struct {
	webkeys.Claims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

// Token is the token endpoint: POST, client credentials only (RFC 6749, 4.4). The
// secret comes in the header Authorization or in the form, never in the address.
func (s *Service) Token() http.Handler { return only(s.serveToken, http.MethodPost) }

func (s *Service) serveToken(w http.ResponseWriter, r *http.Request) {
	answer, err := s.token(w, r)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, http.StatusOK, answer)
}

// tokenAnswer is the answer to a request for a token (RFC 6749, 5.1).
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope"`
}

func (s *Service) token(w http.ResponseWriter, r *http.Request) (tokenAnswer, error) {
	form, err := readForm(w, r)
	if err != nil {
		return tokenAnswer{}, err
	}
	id, secret, err := credentials(r, form)
	if err != nil {
		return tokenAnswer{}, err
	}
	c, err := s.admit(r, id, secret)
	if err != nil {
		return tokenAnswer{}, err
	}
	if form["grant_type"] != "client_credentials" {
		return tokenAnswer{}, &refusal{status: http.StatusBadRequest, code: "unsupported_grant_type", about: "the grant type is client_credentials"}
	}
	scopes, err := grant(c, form["scope"])
	if err != nil {
		return tokenAnswer{}, err
	}
	now := s.clock()
	signed, err := s.c.Keys.Sign(r.Context(), s.c.Algorithm, tokenType, accessClaims{
		Claims: webkeys.Claims{
			Issuer: s.c.Issuer, Subject: c.ID, Audience: webkeys.Audience{s.c.Issuer},
			IssuedAt: now.Unix(), ExpiresAt: now.Add(TokenLife).Unix(), ID: s.c.NewID(),
		},
		ClientID: c.ID, Scope: words(scopes),
	})
	return tokenAnswer{signed, "Bearer", int64(TokenLife / time.Second), words(scopes)}, err
}

// grant gives what a token may do: what is asked for and the client has, or,
// where nothing is asked for, all that it has.
func grant(c Client, asked string) ([]Scope, error) {
	if asked == "" {
		return c.Scopes, nil
	}
	no := &refusal{status: http.StatusBadRequest, code: "invalid_scope", about: "the client has: " + words(c.Scopes)}
	names := strings.Split(asked, " ")
	scopes, err := ParseScopes(names)
	if err != nil || slices.ContainsFunc(scopes, func(s Scope) bool { return !May(c.Scopes, s) }) {
		return nil, no
	}
	return scopes, nil
}

// readForm reads the parameters of a request. None may be there twice.
func readForm(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	if r.URL.RawQuery != "" {
		return nil, invalidRequest("nothing may stand in the address: it ends up in logs")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, invalidRequest("the body must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, code: "invalid_request", about: "the body is too long"}
	}
	if err != nil {
		return nil, invalidRequest("the body cannot be read")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalidRequest("the body is no form")
	}
	form := make(map[string]string, len(values))
	for name, all := range values {
		if len(all) > 1 {
			return nil, invalidRequest("a parameter is there twice")
		}
		form[name] = all[0]
	}
	return form, nil
}

// credentials gives the id and secret of a request: from the header or from the
// form, not from both (RFC 6749, 2.3).
func credentials(r *http.Request, form map[string]string) (id, secret string, err error) {
	headers := r.Header.Values("Authorization")
	id, secret = form["client_id"], form["client_secret"]
	switch {
	case len(headers) == 0 && (id == "" || secret == ""):
		return "", "", errClient
	case len(headers) == 0:
		return id, secret, nil
	case len(headers) > 1 || secret != "":
		return "", "", invalidRequest("there are two ways to say who asks: use one")
	}
	fromHeader, secret, ok := basic(headers[0])
	switch {
	case !ok:
		return "", "", errClient
	case id != "" && id != fromHeader:
		return "", "", invalidRequest("the client ids in header and body differ")
	default:
		return fromHeader, secret, nil
	}
}

// basic reads an id and a secret, each encoded as in a form (RFC 6749, 2.3.1).
func basic(header string) (id, secret string, ok bool) {
	scheme, encoded, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") || len(encoded) > maxForm {
		return "", "", false
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	id, secret, ok = strings.Cut(string(text), ":")
	if !ok {
		return "", "", false
	}
	id, badID := url.QueryUnescape(id)
	secret, badSecret := url.QueryUnescape(secret)
	return id, secret, badID == nil && badSecret == nil
}

// admit gives the client that an id and a secret are of. Who has failed too often
// is not even asked about, but for what was good before.
func (s *Service) admit(r *http.Request, id, secret string) (Client, error) {
	network, shown := networkOf(r.RemoteAddr), proofOf(id, secret)
	if s.knocks.spent(network) && !s.knocks.wasGood(shown) {
		return Client{}, errTooMany
	}
	c, err := s.authenticate(r.Context(), id, secret)
	switch {
	case err == nil:
		s.knocks.good(shown)
		return c, nil
	case refused(err):
		s.knocks.bad(network, shown)
		return Client{}, errClient
	default:
		return Client{}, err
	}
}
