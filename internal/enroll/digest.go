package enroll

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
)

// Digest is a SHA-256. The zero value stands for "none".
type Digest [sha256.Size]byte

// IsZero reports whether there is none.
func (d Digest) IsZero() bool { return d == Digest{} }

// HashTag is how a hardware tag is kept; none for the empty tag.
//
// It is a plain hash, with a prefix so that it equals no other system's hash
// of the same tag. A keyed one would need a key that every replica has and that
// is kept as well as the database; losing it would make every phone a stranger.
// A tag is long, opaque and made for this organisation alone, so that it cannot
// be guessed from the hash, which is there so that a stolen database does not
// hold what other systems may know the phone by.
func HashTag(tag string) Digest {
	if tag == "" {
		return Digest{}
	}
	return sha256.Sum256([]byte("ringfence hardware tag\x00" + tag))
}

// proof is what is left of a certificate request once it has been checked.
type proof struct {
	// PublicKey is the key whose possession was proved.
	PublicKey any
	// Key is the hash of PublicKey in its one canonical form, so that a second
	// encoding of a key is not a second key.
	Key Digest
	// Request is the hash of the whole request.
	Request Digest
}

func prove(csr *x509.CertificateRequest) (proof, error) {
	der, err := x509.MarshalPKIXPublicKey(csr.PublicKey)
	if err != nil {
		return proof{}, fmt.Errorf("encode public key: %w", err)
	}
	return proof{PublicKey: csr.PublicKey, Key: sha256.Sum256(der), Request: sha256.Sum256(csr.Raw)}, nil
}
