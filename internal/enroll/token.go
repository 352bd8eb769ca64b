package enroll

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"ringfence/internal/device"
)

// Token lets phones in. What it seals, a phone cannot choose.
type Token struct {
	// ID names the token to administrators. It is no part of the secret.
	ID          string
	Description string

	// The sealed facts: every device that joins with the token gets them.
	Ownership device.Ownership
	Mode      device.Mode
	Group     string
	// User is empty for none.
	User string

	// MaxUses is how many phones may join, Uses how many have.
	MaxUses, Uses uint32

	CreatedAt time.Time
	// CreatedBy is the maker as the record names them.
	CreatedBy string
	// ExpiresAt is the first moment at which it can no longer be redeemed.
	ExpiresAt time.Time
	// RevokedAt is zero while it was not revoked.
	RevokedAt time.Time

	// Lookup is the public half of the secret, by which the token is found.
	Lookup string
	// Secret is the hash of the secret.
	Secret Digest
	// RequestKey and Request make the call that made it safe to retry.
	RequestKey string
	Request    Digest
}

// Usable reports whether a phone can still join with it.
func (t Token) Usable(now time.Time) bool { return t.state(now) == nil }

// state says why it cannot be redeemed; nil if it can.
func (t Token) state(now time.Time) error {
	switch {
	case !t.RevokedAt.IsZero():
		return ErrTokenRevoked
	case !now.Before(t.ExpiresAt):
		return ErrTokenExpired
	case t.Uses >= t.MaxUses:
		return ErrTokenUsedUp
	default:
		return nil
	}
}

// opens reports whether the secret with this hash is the token's, in a time
// that does not depend on the hashes. No secret opens the zero Token.
func (t Token) opens(secret Digest) bool {
	same := subtle.ConstantTimeCompare(t.Secret[:], secret[:]) == 1
	return same && !t.Secret.IsZero()
}

// The form of a secret: "<lookup>_<random>", 12 hex digits and 43 characters
// of base64url, which are 256 random bits.
const (
	lookupOctets = 6
	lookupLen    = 2 * lookupOctets
	randomOctets = 32
	secretLen    = lookupLen + 1 + 43
)

// newSecret makes a secret from random octets.
func newSecret(random io.Reader) (secret string, err error) {
	var b [lookupOctets + randomOctets]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make token secret: %w", err)
	}
	return hex.EncodeToString(b[:lookupOctets]) + "_" + base64.RawURLEncoding.EncodeToString(b[lookupOctets:]), nil
}

// ParseSecret takes a secret apart: the public half, by which its token is
// found, and the hash of the whole, which is what the server keeps. What
// cannot be a secret is [ErrTokenUnknown].
//
// The token is found by the public half, because looking a hash up in an index
// tells by its time how much of it was right; the hashes are then compared in
// constant time. The hash is a fast one: slow hashes make up for secrets that
// can be guessed, 256 random bits cannot be, and a slow one on the RPC that is
// open to strangers would let them spend the server's time.
func ParseSecret(secret string) (lookup string, hash Digest, err error) {
	if len(secret) != secretLen || secret[lookupLen] != '_' {
		return "", Digest{}, ErrTokenUnknown
	}
	lookup = secret[:lookupLen]
	if strings.Trim(lookup, "0123456789abcdef") != "" {
		return "", Digest{}, ErrTokenUnknown
	}
	return lookup, sha256.Sum256([]byte(secret)), nil
}
