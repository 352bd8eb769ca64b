package wipe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
)

// Proof is a signed statement as it came. These very bytes are kept and shown.
type Proof struct {
	Content   []byte
	Signature []byte
	// Chain is the device certificate whose key has signed, and those above it
	// up to the root, which is not in it: DER, leaf first. It is empty where the
	// one-time key of a commitment has signed.
	Chain [][]byte
}

var errBadSignature = errors.New("the signature does not hold")

// byDevice verifies the signature by the device certificate. That the
// certificate is the caller's is for the edge to see to.
func (p Proof) byDevice() error {
	leaf, err := p.leaf()
	if err != nil {
		return err
	}
	return VerifySignature(leaf.PublicKey, p.Content, p.Signature)
}

func (p Proof) leaf() (*x509.Certificate, error) {
	if len(p.Chain) == 0 {
		return nil, errors.New("there is no device certificate")
	}
	return x509.ParseCertificate(p.Chain[0])
}

// byKey verifies the signature by a receipt key.
func (p Proof) byKey(der []byte) error {
	key, err := ParseReceiptKey(der)
	if err != nil {
		return err
	}
	return VerifySignature(key, p.Content, p.Signature)
}

// PublicKey gives the key that has signed, as a DER SubjectPublicKeyInfo: that
// of the device certificate, or the receipt key of the commitment.
func (p Proof) PublicKey(c *Commitment) ([]byte, error) {
	if len(p.Chain) == 0 && c != nil {
		return c.Key, nil
	}
	leaf, err := p.leaf()
	if err != nil {
		return nil, err
	}
	return leaf.RawSubjectPublicKeyInfo, nil
}

// ParseReceiptKey reads the public half of a one-time key: a DER
// SubjectPublicKeyInfo of P-256, and nothing after it.
func ParseReceiptKey(der []byte) (*ecdsa.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("a receipt key is on P-256")
	}
	return key, nil
}

// VerifySignature verifies a signature over content with SHA-256: ECDSA in DER,
// or RSA PKCS #1 v1.5, as the key is.
func VerifySignature(key crypto.PublicKey, content, signature []byte) error {
	digest := sha256.Sum256(content)
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(k, digest[:], signature) {
			return nil
		}
	case *rsa.PublicKey:
		if rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], signature) == nil {
			return nil
		}
	}
	return errBadSignature
}
