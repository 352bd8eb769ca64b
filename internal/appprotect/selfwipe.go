package appprotect

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"math"
	"math/big"
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

const selfWipeField = "self_wipe"

func badSelfWipe(problem string) error { return fault.InvalidField(selfWipeField, "%s", problem) }

// confirmed gives what an app says of a wipe in the form it is kept in, if it is
// about the caller's epoch and signed with the key of the caller's certificate.
func (w SelfWipe) confirmed(caller identity.Caller) (SelfWipe, error) {
	w.FinishedAt = w.FinishedAt.UTC().Truncate(time.Microsecond)
	y := w.FinishedAt.Year()
	switch {
	case w.ID != caller.Device || w.Epoch != caller.Epoch:
		return SelfWipe{}, badSelfWipe("is about another registration or epoch")
	case w.Cause != SelfWipeLease && w.Cause != SelfWipePIN:
		return SelfWipe{}, badSelfWipe("has no cause")
	case y < 1970 || y > 9999:
		return SelfWipe{}, badSelfWipe("was finished at no time between the years 1970 and 9999")
	case max(w.LeaseNumber, w.Files, w.Bytes) > math.MaxInt64:
		return SelfWipe{}, badSelfWipe("has a number that is too great")
	case w.PolicyRevision != "" && !apprules.ValidDigest(w.PolicyRevision):
		return SelfWipe{}, badSelfWipe("names a policy by something that is no revision")
	}
	if err := w.verify(caller.Serial); err != nil {
		return SelfWipe{}, fault.InvalidField(selfWipeField+".signature", "does not hold").WithCause(err)
	}
	return w, nil
}

// verify verifies the signature under the certificate with this serial number.
func (w *SelfWipe) verify(serial string) error {
	if len(w.Chain) == 0 {
		return errors.New("there is no certificate")
	}
	leaf, err := x509.ParseCertificate(w.Chain[0])
	if err != nil {
		return err
	}
	n, ok := new(big.Int).SetString(serial, 16)
	if !ok || leaf.SerialNumber.Cmp(n) != 0 {
		return errors.New("the certificate is not the caller's")
	}
	return verifySignature(leaf.PublicKey, w.Content, w.Signature)
}

// verifySignature verifies a signature over content with SHA-256: ECDSA in DER,
// or RSA PKCS #1 v1.5, as the key is.
func verifySignature(key crypto.PublicKey, content, signature []byte) error {
	digest := sha256.Sum256(content)
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(k, digest[:], signature) {
			return nil
		}
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], signature)
	}
	return errors.New("the signature does not hold")
}
