package webkeys

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
)

// Sealer keeps texts secret, and whole, where others may read or write what is
// stored: AES-256-GCM with random nonces. It is safe for concurrent use.
type Sealer struct{ aead cipher.AEAD }

// SecretLen is how long the secret of a Sealer is, in octets.
const SecretLen = 32

// NewSealer makes a Sealer from a secret of [SecretLen] octets. Each use has a
// secret of its own.
func NewSealer(secret []byte) (*Sealer, error) {
	if len(secret) != SecretLen {
		return nil, fmt.Errorf("webkeys: a sealer's secret has %d octets, not %d", SecretLen, len(secret))
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead}, nil
}

// Seal seals a text for one place, which bind names: it opens nowhere else.
func (s *Sealer) Seal(text, bind []byte) []byte {
	return s.aead.Seal(nil, nil, text, bind) //nolint:gosec // no nonce is given: the AEAD makes a random one
}

var errSealed = errors.New("webkeys: it was not sealed here, or for another place")

// Open gives the text that was sealed for the place. What was sealed with
// another secret, for another place, or changed since is an error.
func (s *Sealer) Open(sealed, bind []byte) ([]byte, error) {
	text, err := s.aead.Open(nil, nil, sealed, bind)
	if err != nil {
		return nil, errSealed
	}
	return text, nil
}

// Texts seals for one place, as texts that can stand in an address.
type Texts struct {
	sealer *Sealer
	bind   []byte
}

// Texts makes the sealer of texts for one place.
func (s *Sealer) Texts(bind string) Texts { return Texts{s, []byte(bind)} }

// Seal seals a text: base64url without padding.
func (t Texts) Seal(text []byte) string {
	return base64.RawURLEncoding.EncodeToString(t.sealer.Seal(text, t.bind))
}

// Open opens what Seal made.
func (t Texts) Open(sealed string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return nil, errSealed
	}
	return t.sealer.Open(raw, t.bind)
}
