// Package wipetest makes the keys and signatures of phones, for tests of the
// packages that verify them.
package wipetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"
)

// Key is a private key that signs as phones do.
type Key struct{ private *ecdsa.PrivateKey }

// NewKey makes a key on P-256.
func NewKey() Key { return NewKeyOn(elliptic.P256()) }

// NewKeyOn makes a key on another curve.
func NewKeyOn(c elliptic.Curve) Key {
	private, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err)
	}
	return Key{private}
}

// Public gives the public half as a DER SubjectPublicKeyInfo.
func (k Key) Public() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		panic(err)
	}
	return der
}

// Sign signs content with SHA-256.
func (k Key) Sign(content []byte) []byte {
	digest := sha256.Sum256(content)
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, digest[:])
	if err != nil {
		panic(err)
	}
	return signature
}

// Phone is a device key with a certificate.
type Phone struct {
	Key
	// Chain is the certificate, DER.
	Chain [][]byte
}

// NewPhone makes a phone whose certificate is by itself.
func NewPhone() Phone {
	k := NewKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.private.Public(), k.private)
	if err != nil {
		panic(err)
	}
	return Phone{Key: k, Chain: [][]byte{der}}
}
