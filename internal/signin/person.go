package signin

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Bounds of what a token may say.
const (
	maxSubject = 255
	maxGroups  = 200
	maxGroup   = 128
	// skew is how far clocks may be apart.
	skew = 2 * time.Minute
)

// Person is somebody who has signed in. Issuer and Subject are who it is, for
// good; the provider may give the name to another one later.
type Person struct {
	Issuer, Subject string
	// Name is the user name, in lower case: at most 128 ASCII characters
	// without spaces and quotes.
	Name string
	// Groups are the names of groups, in lower case, sorted, each once. None
	// also where the provider says nothing about groups.
	Groups []string
	// AuthenticatedAt is when the person showed who it is; if the provider does
	// not say, when the token was made. UTC.
	AuthenticatedAt time.Time
}

// claims are a token's claims beside those that go-oidc reads, by name.
type claims map[string]json.RawMessage

// person decides, once the signature, issuer, client ids and expiry are
// settled, whether the token's other claims hold, and who it is. The error is
// for the log.
func (i Issuer) person(token *oidc.IDToken, c claims, nonce string, now time.Time) (Person, error) {
	if nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1 {
		return Person{}, errors.New("the token has another nonce")
	}
	if err := i.isFor(token.Audience, c); err != nil {
		return Person{}, err
	}
	at, err := times(token, c, now)
	if err != nil {
		return Person{}, err
	}
	if !plainText(token.Subject, maxSubject) {
		return Person{}, errors.New("the token's subject is missing, too long or not plain")
	}
	name, err := i.name(c)
	if err != nil {
		return Person{}, err
	}
	groups, err := i.groups(c)
	if err != nil {
		return Person{}, err
	}
	return Person{Issuer: i.URL, Subject: token.Subject, Name: name, Groups: groups, AuthenticatedAt: at}, nil
}

// isFor checks the audience. A token for several must say that one of our
// clients asked for it.
func (i Issuer) isFor(audience []string, c claims) error {
	ours := func(client string) bool { return slices.Contains(i.ClientIDs, client) }
	if !slices.ContainsFunc(audience, ours) {
		return fmt.Errorf("the token is for %.200q", audience)
	}
	var party string
	switch raw, said := c["azp"]; {
	case said && json.Unmarshal(raw, &party) != nil:
		return errors.New("the token's authorised party is no text")
	case said && !ours(party):
		return fmt.Errorf("the token was made for the party %.200q", party)
	case !said && len(audience) > 1:
		return errors.New("the token is for several, and does not say who asked for it")
	}
	return nil
}

// times checks when the token was made and from when it holds, and gives when
// the person was authenticated.
func times(token *oidc.IDToken, c claims, now time.Time) (time.Time, error) {
	latest := now.Add(skew)
	if token.IssuedAt.Unix() <= 0 || token.IssuedAt.After(latest) {
		return time.Time{}, errors.New("the token's time of issue is missing or in the future")
	}
	if !token.Expiry.After(now) {
		return time.Time{}, errors.New("the token has expired")
	}
	from, _, err := c.time("nbf")
	if err != nil || from.After(latest) {
		return time.Time{}, errors.New("the token does not hold yet")
	}
	at, said, err := c.time("auth_time")
	switch {
	case err != nil || at.After(latest):
		return time.Time{}, errors.New("the token's time of authentication is no time or in the future")
	case !said:
		at = token.IssuedAt
	}
	return at.UTC(), nil
}

// time reads a claim in seconds since 1970; false where there is none.
func (c claims) time(claim string) (time.Time, bool, error) {
	raw, ok := c[claim]
	if !ok || string(raw) == "null" {
		return time.Time{}, false, nil
	}
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, false, errors.New("is no time")
	}
	return time.Unix(int64(seconds), 0), true, nil
}

// plainName is what a user name may be. A name is compared, recorded and typed
// by administrators: one that only looks like another must not exist.
var plainName = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+=?^_{|}~.@-]{1,128}$`)

func (i Issuer) name(c claims) (string, error) {
	var name string
	if err := json.Unmarshal(c[i.NameClaim], &name); err != nil {
		return "", fmt.Errorf("the token's claim %q is missing or no text", i.NameClaim)
	}
	if !plainName.MatchString(name) {
		return "", fmt.Errorf("the token's claim %q is no plain name", i.NameClaim)
	}
	if i.NameClaim == "email" {
		if verified, said := c["email_verified"]; said && !slices.Contains([]string{"true", `"true"`}, string(verified)) {
			return "", errors.New("the token's address is not verified")
		}
	}
	return strings.ToLower(name), nil
}

// groups reads the groups claim. What is beyond the bounds is refused: to leave
// groups out would put the person under another policy.
func (i Issuer) groups(c claims) ([]string, error) {
	raw, ok := c[i.GroupsClaim]
	if !ok || string(raw) == "null" {
		return nil, nil
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		var one string
		if json.Unmarshal(raw, &one) != nil {
			return nil, fmt.Errorf("the token's claim %q is neither text nor a list of texts", i.GroupsClaim)
		}
		list = []string{one}
	}
	if len(list) > maxGroups {
		return nil, fmt.Errorf("the token names %d groups, more than %d", len(list), maxGroups)
	}
	var groups []string
	for _, g := range list {
		if !plainText(g, maxGroup) {
			return nil, fmt.Errorf("the token names a group that is empty, not plain or longer than %d octets", maxGroup)
		}
		groups = append(groups, strings.ToLower(g))
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

// plainText reports whether s has 1 to limit octets of printable text.
func plainText(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
