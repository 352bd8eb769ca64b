package webkeys

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Claims are the usual ones of a token (RFC 7519, 4.1). Embed them in a token's
// own. Times are seconds of the Unix epoch.
type Claims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub,omitempty"`
	Audience  Audience `json:"aud"`
	ExpiresAt int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	ID        string   `json:"jti"`
}

// Audience is whom a token is for. One is written as a text, several as a list.
type Audience []string

// MarshalJSON implements [json.Marshaler].
func (a Audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (a *Audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = Audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// Leeway is how far the clocks of servers that share keys may be apart.
const Leeway = time.Minute

// Expected is what claims must say.
type Expected struct {
	Issuer string
	// Audience must be among those the token is for.
	Audience string
	Now      time.Time
	// Longest is how long a token may live.
	Longest time.Duration
}

// Check says whether the claims are those of a token that may be used now.
//
// Errors: [ErrTokenInvalid].
func (c Claims) Check(e Expected) error {
	if err := c.check(e); err != nil {
		return ErrTokenInvalid.WithCause(err)
	}
	return nil
}

func (c Claims) check(e Expected) error {
	now := e.Now.Unix()
	switch {
	case e.Issuer == "" || c.Issuer != e.Issuer:
		return fmt.Errorf("issued by %.100q", c.Issuer)
	case e.Audience == "" || !slices.Contains(c.Audience, e.Audience):
		return fmt.Errorf("for %.100q", c.Audience)
	case c.ExpiresAt <= now:
		return errors.New("expired")
	case c.IssuedAt > now+int64(Leeway/time.Second):
		return errors.New("issued in the future")
	case c.IssuedAt <= 0 || c.ExpiresAt-c.IssuedAt > int64(e.Longest/time.Second):
		return errors.New("lives too long")
	default:
		return nil
	}
}
