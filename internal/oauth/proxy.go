package oauth

import (
	"errors"
	"net/http"
	"strings"
)

// proxyHeader is where a proxy says who it is. Authorization is the user's, whom
// the proxy asks about.
const proxyHeader = "Proxy-Authorization"

// errProxy tells a proxy no. It is 403 and no challenge, because proxies hand 401
// and 407 on to the user's browser, which would ask the user for a password.
var errProxy = &refusal{
	status: http.StatusForbidden, code: "invalid_client",
	about: "the proxy must show a gateway's certificate, or a client's id and secret or token in " + proxyHeader,
}

// RequireProxy lets requests through that come from a proxy: one with a gateway's
// certificate, or a client with the scope that shows its id and secret, or a
// token, in the header Proxy-Authorization. The header Authorization is the
// user's, lets nobody in here, and is handed on as it is. Who asks is in the
// request's context; so is the client where it is one.
func (s *Service) RequireProxy(scope Scope, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered, err := s.proxy(r, scope)
		if err != nil {
			s.deny(w, r, err)
			return
		}
		entered.Header = entered.Header.Clone()
		entered.Header.Del(proxyHeader)
		next.ServeHTTP(w, entered)
	})
}

// proxy finds out which proxy asks. The certificate comes first: a header may be
// the user's, which the proxy let through.
func (s *Service) proxy(r *http.Request, scope Scope) (*http.Request, error) {
	if s.c.Certificates != nil && r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		caller, err := s.c.Certificates(r)
		switch {
		case err == nil:
			return r.WithContext(s.speaking(r.Context(), r, caller)), nil
		case !refused(err):
			return nil, err
		}
	}
	headers := r.Header.Values(proxyHeader)
	if len(headers) != 1 {
		return nil, errProxy
	}
	c, err := s.proxyClient(r, headers, scope)
	if err != nil {
		return nil, err
	}
	return s.enter(r, c), nil
}

// proxyClient gives the client that a proxy is.
func (s *Service) proxyClient(r *http.Request, headers []string, scope Scope) (Client, error) {
	var c Client
	var err error
	if scheme, _, _ := strings.Cut(headers[0], " "); strings.EqualFold(scheme, "Basic") {
		id, secret, ok := basic(headers[0])
		if !ok {
			return Client{}, errProxy
		}
		c, err = s.admit(r, id, secret)
	} else {
		c, err = s.bearer(r, headers, scope)
	}
	if no, ok := errors.AsType[*refusal](err); ok && no != errTooMany {
		return Client{}, errProxy
	}
	if err == nil && !May(c.Scopes, scope) {
		return Client{}, errProxy
	}
	return c, err
}
