package pki

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"regexp"
)

// SecretLen is how long a secret is, in octets.
const SecretLen = 32

var secretLabel = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

// Secret gives the installation's secret for one use, which the label names:
// [SecretLen] octets that follow from the root's key, the same at each start and
// on each server that has a copy of the folder. Secrets of two labels tell
// nothing of each other, or of the root's key.
//
// What is sealed with one opens only beside this authority: a copy of the
// database alone does not do.
func (a *Authority) Secret(label string) ([]byte, error) {
	if !secretLabel.MatchString(label) {
		return nil, fmt.Errorf("%q is no label of a secret", label)
	}
	key, err := a.root.key.Bytes()
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, key, a.root.certificate.Raw, "ringfence.pki.secret.v1 "+label, SecretLen)
}
