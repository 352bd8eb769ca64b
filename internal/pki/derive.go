package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
)

// derivedIssuer makes the issuing authority of a purpose from the root: key,
// serial number and certificate follow from the root's key and certificate, and
// from nothing else.
//
// Servers may have copies of one folder, made before there was this purpose, and
// each of them adds what is missing to its own. Authorities made at random would
// then differ, and each server would refuse what the others let in. Nothing is
// given away: whoever holds the root's key can issue anything as it is, and the
// derived key tells nothing of the root's.
func derivedIssuer(p Purpose, root holder) (holder, error) {
	secret, err := root.key.Bytes()
	if err != nil {
		return holder{}, err
	}
	// Not every 32 octets are a key of P-256. One in 2^32 is not.
	for try := range 4 {
		info := fmt.Sprintf("ringfence.pki.issuer.v1 %s %d", p, try)
		bits, err := hkdf.Key(sha256.New, secret, root.certificate.Raw, info, 16+32)
		if err != nil {
			return holder{}, err
		}
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bits[16:])
		if err != nil {
			continue
		}
		t := issuerTemplate(p, serialOf([16]byte(bits)), root.certificate.NotBefore)
		return signFor(t, key, &root, nil)
	}
	return holder{}, errors.New("no key follows from the root's")
}
