package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"ringfence/internal/identity"
	"ringfence/internal/webkeys"
)

// Require lets requests through that show an access token with the scope, in the
// header Authorization (RFC 6750, 2.1) and nowhere else. The client is in their
// context: see [From]; so is the caller.
func (s *Service) Require(scope Scope, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.bearer(r, r.Header.Values("Authorization"), scope)
		if err != nil {
			s.deny(w, r, err)
			return
		}
		next.ServeHTTP(w, s.enter(r, c))
	})
}

// enter puts who was let in into a request's context.
func (s *Service) enter(r *http.Request, c Client) *http.Request {
	return r.WithContext(s.speaking(with(r.Context(), c), r, c.Caller()))
}

// speaking puts a caller in a context. The request keeps the name it has.
func (s *Service) speaking(ctx context.Context, r *http.Request, c identity.Caller) context.Context {
	c.Peer = peerOf(r.RemoteAddr)
	if c.RequestID == "" {
		c.RequestID = identity.From(ctx).RequestID
	}
	if c.RequestID == "" {
		c.RequestID = s.c.NewID()
	}
	return identity.With(ctx, c)
}

// bearer gives the client whose token the headers show, with the scopes that the
// token has.
func (s *Service) bearer(r *http.Request, headers []string, scope Scope) (Client, error) {
	switch {
	case len(headers) == 0:
		return Client{}, &refusal{status: http.StatusUnauthorized, challenge: bearerChallenge}
	case len(headers) > 1:
		no := invalidRequest("there is more than one header Authorization")
		no.challenge = challenge("invalid_request")
		return Client{}, no
	}
	scheme, token, ok := strings.Cut(headers[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return Client{}, &refusal{status: http.StatusUnauthorized, challenge: bearerChallenge}
	}
	c, err := s.tokenClient(r.Context(), token)
	switch {
	case err == nil && !May(c.Scopes, scope):
		return Client{}, &refusal{
			status: http.StatusForbidden, code: "insufficient_scope", about: "the scope " + string(scope) + " is needed",
			challenge: challenge("insufficient_scope") + `, scope="` + string(scope) + `"`,
		}
	case err == nil:
		return c, nil
	case !refused(err):
		return Client{}, err
	}
	return Client{}, s.badToken(r)
}

// badToken counts a token that is not believed. Looking at one costs a signature
// and asks nobody: it is done for everybody, and the answer is what is bounded.
func (s *Service) badToken(r *http.Request) error {
	network := networkOf(r.RemoteAddr)
	if s.knocks.spent(network) {
		return errTooMany
	}
	s.knocks.bad(network, proof{})
	return &refusal{
		status: http.StatusUnauthorized, code: "invalid_token", about: "the token is not valid",
		challenge: challenge("invalid_token"),
	}
}

func challenge(code string) string { return bearerChallenge + `, error="` + code + `"` }

// errToken is a token that is signed here, and no client's.
var errToken = errors.New("oauth: not the token of a client that is in use")

// tokenClient gives the client that a token is of, with the scopes that both
// have. Denied is whatever is wrong with it.
func (s *Service) tokenClient(ctx context.Context, token string) (Client, error) {
	var claims accessClaims
	if err := s.c.Keys.Verify(ctx, token, tokenType, &claims); err != nil {
		return Client{}, err
	}
	expected := webkeys.Expected{Issuer: s.c.Issuer, Audience: s.c.Issuer, Now: s.c.Now(), Longest: TokenLife}
	if err := claims.Check(expected); err != nil {
		return Client{}, err
	}
	c, err := s.client(ctx, claims.ClientID)
	switch {
	case errors.Is(err, ErrNoClient):
		return Client{}, webkeys.ErrTokenInvalid.WithCause(errToken)
	case err != nil:
		return Client{}, err
	case !c.RevokedAt.IsZero(), claims.Subject != c.ID:
		return Client{}, webkeys.ErrTokenInvalid.WithCause(errToken)
	}
	asked := strings.Split(claims.Scope, " ")
	have := c.Scopes
	c.Scopes = slices.DeleteFunc(Scopes(), func(scope Scope) bool {
		return !slices.Contains(asked, string(scope)) || !May(have, scope)
	})
	return c, nil
}
