package webkeys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"

	"ringfence/internal/fault"
)

// Algorithm is how something is signed, by its name in a token's header.
type Algorithm string

// The algorithms.
const (
	// RS256 is RSA of 2048 bits with SHA-256: what every receiver knows.
	RS256 Algorithm = "RS256"
	// ES256 is ECDSA on P-256 with SHA-256.
	ES256 Algorithm = "ES256"
	// EdDSA is Ed25519.
	EdDSA Algorithm = "EdDSA"
)

// Algorithms gives every algorithm, the usual one first.
func Algorithms() []Algorithm { return []Algorithm{RS256, ES256, EdDSA} }

// ParseAlgorithm reads an algorithm's name. The empty one is RS256.
//
// Errors: Invalid (the field algorithm).
func ParseAlgorithm(text string) (Algorithm, error) {
	switch a := Algorithm(text); {
	case text == "":
		return RS256, nil
	case slices.Contains(Algorithms(), a):
		return a, nil
	default:
		return "", errNoAlgorithm()
	}
}

func errNoAlgorithm() error {
	var names []string
	for _, a := range Algorithms() {
		names = append(names, string(a))
	}
	return fault.InvalidField("algorithm", "is none of: %s", strings.Join(names, ", "))
}

// Generate makes a key for the algorithm. One for RS256 takes some tenths of a
// second.
func Generate(a Algorithm) (crypto.Signer, error) {
	switch a {
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	default:
		return nil, fmt.Errorf("webkeys: no algorithm %q", a)
	}
}

const rsaBits = 2048

// suits reports whether a public key is one of the algorithm's. Keys are never
// used with another.
func (a Algorithm) suits(public crypto.PublicKey) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return a == RS256 && k.N.BitLen() >= rsaBits
	case *ecdsa.PublicKey:
		return a == ES256 && k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return a == EdDSA && len(k) == ed25519.PublicKeySize
	default:
		return false
	}
}
