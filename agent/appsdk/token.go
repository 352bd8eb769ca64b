package appsdk

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// claims are what the app reads of an ID token. The token came to it straight
// from the issuer, over TLS, which stands in for its signature (OpenID Connect
// Core 1.0, 3.1.3.7); the server verifies that too.
type claims struct {
	Issuer  string   `json:"iss"`
	Subject string   `json:"sub"`
	Nonce   string   `json:"nonce"`
	Expires float64  `json:"exp"`
	For     audience `json:"aud"`
}

// audience is one text, or several.
type audience []string

// UnmarshalJSON reads either.
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

var errToken = errors.New("what the sign-in gave is no ID token for this")

// readToken reads an ID token: of one of the issuers, for one of its clients, with
// the nonce unless that is empty.
func readToken(token, nonce string, issuers []issuer) (claims, error) {
	var c claims
	parts := strings.Split(token, ".")
	if len(token) > 16<<10 || len(parts) != 3 {
		return c, errToken
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &c) != nil || c.Subject == "" {
		return c, errToken
	}
	if nonce != "" && c.Nonce != nonce {
		return c, errToken
	}
	i := slices.IndexFunc(issuers, func(i issuer) bool { return i.URL == c.Issuer })
	if i < 0 || !slices.ContainsFunc(c.For, func(aud string) bool { return slices.Contains(issuers[i].Clients, aud) }) {
		return c, errToken
	}
	return c, nil
}

// expired reports whether the token's time is over.
func (c claims) expired(now time.Time) bool { return now.Unix() >= int64(c.Expires) }

// SignInAgain has the person who registered sign in once more, where Decide asks
// for it: for the account, or for a new PIN after too many wrong ones.
func (s *SDK) SignInAgain(in SignIn) error {
	if in == nil {
		return errNobody
	}
	s.mu.Lock()
	r, err := s.st.lasting()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	n := randomHex(32)
	token, err := in.IDToken(&SignInRequest{Nonce: n, issuers: r.Issuers})
	if err != nil {
		return err
	}
	who, err := readToken(token, n, r.Issuers)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, err = s.st.lasting(); err != nil { // it may be another by now
		return err
	}
	now := s.now(s.reading()).now
	if who.Issuer != r.Issuer || who.Subject != r.Subject || who.expired(now) {
		return errToken
	}
	s.round.signedIn = now
	return s.settle(now)
}
