package directory

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"ringfence/internal/fault"
)

// Token lets an identity provider in. It does not expire: a provider that is
// locked out in silence disables nobody any more. It ends when it is revoked.
type Token struct {
	// ID is 32 lower-case hex digits.
	ID string
	// Name is what people call it. No two that work have the same.
	Name string
	// Lookup is the public half of the secret, by which the token is found.
	Lookup string
	// Secret is the SHA-256 of the secret.
	Secret    [sha256.Size]byte
	CreatedAt time.Time
	// CreatedBy is the maker as the record names it.
	CreatedBy string
	// RevokedAt is zero while it works.
	RevokedAt time.Time
}

// opens reports whether the secret with this hash is the token's and the token
// works, in a time that does not depend on the hashes.
func (t Token) opens(secret [sha256.Size]byte) bool {
	same := subtle.ConstantTimeCompare(t.Secret[:], secret[:]) == 1
	return same && t.RevokedAt.IsZero() && t.Secret != [sha256.Size]byte{}
}

var tokenName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)

func checkTokenName(name string) error {
	if !tokenName.MatchString(name) {
		return fault.InvalidField("name", "must have 1 to 63 small letters, digits, dots, dashes and underscores, and begin and end with a letter or digit")
	}
	return nil
}

// The form of a secret: "scim_<lookup>_<random>", 12 hex digits and 43
// characters of base64url, which are 256 random bits. The first word is for
// programs that look for secrets where they do not belong.
const (
	secretPrefix = "scim_"
	lookupOctets = 6
	lookupLen    = 2 * lookupOctets
	randomOctets = 32
	secretLen    = len(secretPrefix) + lookupLen + 1 + 43
)

// newSecret makes a secret from random octets.
func newSecret(random io.Reader) (string, error) {
	var b [lookupOctets + randomOctets]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make token secret: %w", err)
	}
	return secretPrefix + hex.EncodeToString(b[:lookupOctets]) + "_" + base64.RawURLEncoding.EncodeToString(b[lookupOctets:]), nil
}

// ParseSecret takes a secret apart: the public half, by which its token is
// found, and the hash of the whole. What cannot be a secret is
// [ErrTokenUnknown].
//
// The token is found by the public half, because looking a hash up in an index
// tells by its time how much of it was right; the hashes are then compared in
// constant time. The hash is a fast one: slow hashes make up for secrets that
// can be guessed, and 256 random bits cannot be.
func ParseSecret(secret string) (lookup string, hash [sha256.Size]byte, err error) {
	rest, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok || len(secret) != secretLen || rest[lookupLen] != '_' {
		return "", hash, ErrTokenUnknown
	}
	lookup = rest[:lookupLen]
	if strings.Trim(lookup, "0123456789abcdef") != "" {
		return "", hash, ErrTokenUnknown
	}
	return lookup, sha256.Sum256([]byte(secret)), nil
}
