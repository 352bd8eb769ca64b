package pin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"

	"golang.org/x/crypto/argon2"
)

const (
	// SecretSize is how many octets the account's secret has.
	SecretSize = 32

	saltSize = 16
	tagSize  = 32

	lanes = 1
	// The most that a kept verifier may cost.
	maxPasses    = 16
	maxMemoryKiB = 256 << 10
	maxLanes     = 8
)

// Cost is what it takes to try one PIN (RFC 9106, 3.1).
type Cost struct {
	Passes uint32
	// Memory is in KiB.
	Memory uint32
}

// Full is what a phone takes: the second choice of the OWASP cheat sheet on
// password storage, about a tenth of a second.
func Full() Cost { return Cost{Passes: 2, Memory: 19 << 10} }

// Verifier knows one PIN again. Its cost is written with it, so that a later one
// may cost more.
type Verifier struct {
	Salt   []byte `json:"salt"`
	Passes uint32 `json:"passes"`
	// Memory is in KiB.
	Memory uint32 `json:"memory"`
	Lanes  uint8  `json:"lanes"`
	Tag    []byte `json:"tag"`
}

// New makes the verifier of a PIN.
func New(secret []byte, pin string, c Cost) Verifier {
	v := Verifier{Salt: make([]byte, saltSize), Passes: c.Passes, Memory: c.Memory, Lanes: lanes}
	_, _ = rand.Read(v.Salt) // never fails
	v.Tag = v.tag(secret, pin)
	return v
}

// Knows reports whether it is the verifier of this PIN under this secret.
func (v Verifier) Knows(secret []byte, pin string) bool {
	if len(secret) != SecretSize || len(v.Tag) != sha256.Size || v.Passes == 0 || v.Passes > maxPasses ||
		v.Memory == 0 || v.Memory > maxMemoryKiB || v.Lanes == 0 || v.Lanes > maxLanes {
		return false
	}
	return hmac.Equal(v.tag(secret, pin), v.Tag)
}

func (v Verifier) tag(secret []byte, pin string) []byte {
	slow := argon2.IDKey([]byte(pin), v.Salt, v.Passes, v.Memory, v.Lanes, tagSize)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("ringfence app pin 1\x00"))
	mac.Write(slow)
	return mac.Sum(nil)
}

// Ago tells how many PINs ago this one was in use: 1 for the first verifier of
// the list, which is the newest; 0 for never.
func Ago(history []Verifier, secret []byte, pin string) uint32 {
	for i, v := range history {
		if v.Knows(secret, pin) {
			return uint32(i) + 1
		}
	}
	return 0
}
