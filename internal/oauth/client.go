package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"time"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// MaxClients is how many clients may be in use at once.
const MaxClients = 200

// Client is a program that is let in.
type Client struct {
	// ID is "c_" and 32 lower-case hex digits: the client_id. It is no secret.
	ID string
	// Name is what people call it. No two in use have the same.
	Name string
	// Scopes are what it may do, in the order of [Scopes]. They never change.
	Scopes    []Scope
	CreatedAt time.Time
	// CreatedBy is the maker as the record names it.
	CreatedBy string
	// RevokedAt is zero while it is in use.
	RevokedAt time.Time
	// Secret is the SHA-256 of the secret.
	Secret [sha256.Size]byte
	// RequestKey and Request, the request's fingerprint, make the call that made
	// it safe to retry.
	RequestKey string
	Request    [sha256.Size]byte
}

// Caller is the client as the rest of the program knows who speaks.
func (c Client) Caller() identity.Caller {
	return identity.Caller{Kind: identity.Client, Name: c.Name, Serial: c.ID}
}

// opens reports whether the secret with this hash is the client's and the client
// is in use, in a time that does not depend on the hashes.
func (c Client) opens(secret [sha256.Size]byte) bool {
	same := subtle.ConstantTimeCompare(c.Secret[:], secret[:]) == 1
	return same && c.ID != "" && c.RevokedAt.IsZero()
}

func (c Client) target() string { return "oauth-client/" + c.Name }

// idPrefix begins a client's id, so that it cannot be taken for a name.
const idPrefix = "c_"

var (
	clientID   = regexp.MustCompile(`^c_[0-9a-f]{32}$`)
	clientName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)
	requestKey = regexp.MustCompile(`^[A-Za-z0-9._:-]{8,64}$`)
)

// The form of a secret: "rfc_" and 43 characters of base64url, which are 256
// random bits. The first word is for programs that look for secrets where they
// do not belong. The hash that is kept is a fast one: slow hashes make up for
// secrets that can be guessed, and this one cannot be.
const (
	secretPrefix = "rfc_"
	secretOctets = 32
)

func newSecret(random io.Reader) (string, error) {
	var b [secretOctets]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make a client's secret: %w", err)
	}
	return secretPrefix + base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// NewClient is a client to be made.
type NewClient struct {
	// Name: 1 to 63 small letters, digits, dots and dashes.
	Name string
	// Scopes: at least one.
	Scopes []Scope
	// RequestKey makes the call safe to retry: 8 to 64 letters, digits, dots,
	// dashes, underscores and colons.
	RequestKey string
}

// check gives the client to be made with its scopes in order.
func (n NewClient) check() (NewClient, error) {
	switch {
	case !clientName.MatchString(n.Name):
		return n, fault.InvalidField("name", "must have 1 to 63 small letters, digits, dots and dashes, and begin and end with a letter or digit")
	case !requestKey.MatchString(n.RequestKey):
		return n, fault.InvalidField("request_key", "must match %s", requestKey)
	}
	names := make([]string, len(n.Scopes))
	for i, s := range n.Scopes {
		names[i] = string(s)
	}
	var err error
	n.Scopes, err = ParseScopes(names)
	return n, err
}

// fingerprint tells requests apart that have one key: who asks, and for what.
func (n NewClient) fingerprint(by string) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q", by, n.Name, words(n.Scopes)))
}
