package wipe

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"

	"ringfence/internal/fault"
)

// Commitment says what the device is about to remove, in the device's words.
type Commitment struct {
	// At is by the device's clock, which may be wrong.
	At time.Time
	// Packages, and the counts, are as in a Receipt.
	Packages     []string
	Files        uint64
	Bytes        uint64
	Keys         uint64
	Certificates uint64
	// Key is the public half of the one-time key that will sign the receipt, as
	// a DER SubjectPublicKeyInfo.
	Key []byte
	// Digest is of what the device signed; the receipt names it.
	Digest Digest
}

// checked gives the commitment in the form it is kept in, or says what is
// wrong with it.
func (c Commitment) checked() (Commitment, error) {
	const field = "statement.commitment"
	at, err := checkMoment(field+".committed_at", c.At)
	if err != nil {
		return Commitment{}, err
	}
	err = checkCounts(
		count{field + ".files", c.Files}, count{field + ".size_bytes", c.Bytes},
		count{field + ".keys", c.Keys}, count{field + ".certificates", c.Certificates})
	if err != nil {
		return Commitment{}, err
	}
	if c.Packages, err = checkPackages(field+".packages", c.Packages, OfWorkProfile()); err != nil {
		return Commitment{}, err
	}
	key, err := ParseReceiptKey(c.Key)
	if err != nil {
		return Commitment{}, fault.InvalidField(field+".receipt_key", "is not a P-256 public key")
	}
	// In the one form there is, so that the key can be found in what was signed.
	if der, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(der, c.Key) {
		return Commitment{}, fault.InvalidField(field+".receipt_key", "is not in DER")
	}
	c.At, c.Key = at, bytes.Clone(c.Key)
	return c, nil
}

func (c Commitment) equal(d Commitment) bool {
	return c.At.Equal(d.At) && slices.Equal(c.Packages, d.Packages) && c.Files == d.Files && c.Bytes == d.Bytes &&
		c.Keys == d.Keys && c.Certificates == d.Certificates && bytes.Equal(c.Key, d.Key) && c.Digest == d.Digest
}

// String says it in a line, for the record.
func (c Commitment) String() string {
	return "will remove " + contents(len(c.Packages), c.Files, c.Bytes, c.Keys, c.Certificates)
}

// Confirmation is how far the device's word is signed for.
type Confirmation string

// The confirmations.
const (
	// Unsigned: the device has signed nothing.
	Unsigned Confirmation = ""
	// Committed: the device has signed what it will remove, and no receipt has
	// come. Something, or all of it, may be gone; it is never success.
	Committed Confirmation = "committed, not confirmed"
	// Confirmed: there is a receipt whose signature holds.
	Confirmed Confirmation = "confirmed"
)

// Confirmation says how far the device's word is signed for.
func (o Order) Confirmation() Confirmation {
	switch {
	case o.State == Done:
		return Confirmed
	case o.Commitment != nil:
		return Committed
	default:
		return Unsigned
	}
}
