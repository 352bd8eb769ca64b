package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"ringfence/internal/fault"
)

// MaxCSR is the most octets a certificate request may have.
const MaxCSR = 16 << 10

const (
	minRSABits = 3072
	maxRSABits = 8192 // above that, checking one signature costs too much
	rsaF4      = 65537
)

// ParseCSR reads a PKCS#10 certificate request (RFC 2986) in DER: nothing but
// the request, signed by its own key, with a key and a signature that are not
// weak. Subject and extensions are the requester's words and mean nothing.
//
// What it refuses is an Invalid fault on the field certificate_request.
func ParseCSR(der []byte) (*x509.CertificateRequest, error) {
	if len(der) > MaxCSR {
		return nil, badCSR("has %d octets, %d are allowed", len(der), MaxCSR)
	}
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, badCSR("is not one PKCS#10 request in DER").WithCause(err)
	}
	// The key comes first: an abnormal one must not get as far as arithmetic.
	if err := CheckPublicKey(r.PublicKey); err != nil {
		return nil, badCSR("key %v", err)
	}
	// x509 still accepts SHA-1 here.
	if !strongSignature(r.SignatureAlgorithm) {
		return nil, badCSR("is signed with %v: SHA-256 or stronger is needed", r.SignatureAlgorithm)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, badCSR("is not signed by its own key").WithCause(err)
	}
	return r, nil
}

func badCSR(format string, args ...any) *fault.Error {
	return fault.InvalidField("certificate_request", format, args...)
}

func strongSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
		x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return true
	default:
		return false
	}
}

// CheckPublicKey refuses keys that are too weak or too odd to certify: allowed
// are ECDSA on P-256, P-384 and P-521, and RSA of 3072 to 8192 bits with the
// exponent 65537. The error completes the sentence "the key ...".
func CheckPublicKey(pub any) error {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		case nil:
			return errors.New("has no curve")
		}
		return fmt.Errorf("is on curve %s: use P-256, P-384 or P-521", k.Curve.Params().Name)
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("is RSA of %d bits: use %d to %d", bits, minRSABits, maxRSABits)
		}
		if k.E != rsaF4 {
			return fmt.Errorf("is RSA with exponent %d: use %d", k.E, rsaF4)
		}
		return nil
	default:
		return errors.New("is neither ECDSA nor RSA")
	}
}
