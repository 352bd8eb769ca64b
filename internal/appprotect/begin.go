package appprotect

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
)

const (
	// challengeSize is how many bytes a challenge has.
	challengeSize = 32
	// maxChallenges bounds the unused challenges of all packages together: some
	// 3 MB. Strangers may ask for them, and who asks for more only makes the
	// oldest lapse early. To refuse them instead would let two strangers keep
	// everybody from registering.
	maxChallenges = 20_000
)

// Begun is what a registration goes on with.
type Begun struct {
	// Challenge is good for one Register.
	Challenge []byte
	ExpiresAt time.Time
	// Issuers are those that the person may sign in with; at least one.
	Issuers []Issuer
}

// Begin gives a challenge for a Register of an app of this package.
//
// Errors: Invalid (the package), [ErrSignInOff].
func (s *Service) Begin(ctx context.Context, pkg string) (Begun, error) {
	issuers := s.c.SignIns.Issuers()
	switch {
	case !apprules.ValidPackage(pkg):
		return Begun{}, fault.InvalidField("package", "is no package name")
	case len(issuers) == 0:
		return Begun{}, ErrSignInOff
	}
	challenge := make([]byte, challengeSize)
	if _, err := io.ReadFull(s.c.Random, challenge); err != nil {
		return Begun{}, fault.New(fault.Internal, "", "no random numbers").WithCause(err)
	}
	now := s.clock()
	c := Challenge{Hash: sha256.Sum256(challenge), Package: pkg, ExpiresAt: now.Add(s.c.Limits.Challenge)}
	if err := s.c.Registrations.SaveChallenge(ctx, c, now, maxChallenges); err != nil {
		return Begun{}, err
	}
	return Begun{Challenge: challenge, ExpiresAt: c.ExpiresAt, Issuers: issuers}, nil
}

// nonceFormat keeps the nonce from being the hash of anything else.
const nonceFormat = "ringfence.appprotect.nonce.v1\x00"

// Nonce is what the ID token of a Register must hold: it binds the token to a
// challenge of this server and to a key, given by the SHA-256 of its
// SubjectPublicKeyInfo. Without the first it could be used again, and without
// the second by another app.
func Nonce(challenge []byte, key Digest) string {
	h := sha256.New()
	h.Write([]byte(nonceFormat))
	h.Write(challenge)
	h.Write(key[:])
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
