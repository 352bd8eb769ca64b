package compliance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// backdate lets a phone whose clock is slow use a new certificate at once.
const backdate = MaxAhead

// Certificate is a client certificate issued to a device.
type Certificate struct {
	// Sequence grows with every certificate; the store gives it.
	Sequence uint64
	// Serial is lower-case hex.
	Serial string
	Key    CertificateKey
	// Group is the device's in this epoch; empty once that has ended.
	Group string
	// Profile is the SHA-256 of the profile and the names it gave; zero once the
	// device was forgotten.
	Profile [sha256.Size]byte
	// Ordinal counts the certificates of one key, from 1.
	Ordinal uint64
	// Subject is a distinguished name as RFC 2253 writes it; empty once the
	// device was forgotten.
	Subject             string
	NotBefore, NotAfter time.Time
	// Chain is DER, leaf first, without the root; nil once the device was
	// forgotten.
	Chain [][]byte
	// Revocation is nil while the certificate is not revoked.
	Revocation *Revocation
}

// CertificateKey names a key that a device made for an alias.
type CertificateKey struct {
	Device device.ID
	Epoch  device.Epoch
	Alias  string
	// SHA256 is the digest of the key's SubjectPublicKeyInfo.
	SHA256 [sha256.Size]byte
}

// Revocation says when and why a certificate was revoked.
type Revocation struct {
	At   time.Time
	Code RevocationCode
	// Reason is why, in words, for the record.
	Reason string
}

// RevocationCode is a CRLReason (RFC 5280, 5.3.1).
type RevocationCode uint8

// The codes in use.
const (
	CodeUnspecified          RevocationCode = 0
	CodeSuperseded           RevocationCode = 4
	CodeCessationOfOperation RevocationCode = 5
)

// CertificateTemplate is what a certificate is to hold. Nothing in it is the
// requester's word but the key.
type CertificateTemplate struct {
	// PublicKey is as ParseCSR gave it.
	PublicKey      any
	Subject        pkix.Name
	DNSNames       []string
	EmailAddresses []string
	URIs           []*url.URL
	// ExtendedKeyUsages are one or more.
	ExtendedKeyUsages   []ExtendedKeyUsage
	NotBefore, NotAfter time.Time
}

// IssuedCertificate is what an authority made.
type IssuedCertificate struct {
	// Chain is DER, leaf first, without the root.
	Chain [][]byte
	// Serial is lower-case hex.
	Serial              string
	NotBefore, NotAfter time.Time
}

// Template makes the template of a device's certificate for a request. Errors:
// Invalid on certificate_request (not of the asked key type), ErrTemplateEmpty,
// ErrTemplateInvalid.
func (c CertificateProfile) Template(d Device, csr *x509.CertificateRequest, now time.Time) (CertificateTemplate, error) {
	if keyTypeOf(csr.PublicKey) != c.KeyType {
		return CertificateTemplate{}, fault.InvalidField("certificate_request", "must be for a key of type %v", c.KeyType)
	}
	n, err := c.names(ValuesOf(d), "client_certificates."+c.Alias+".")
	if err != nil {
		return CertificateTemplate{}, err
	}
	return CertificateTemplate{
		PublicKey:         csr.PublicKey,
		Subject:           n.subject,
		DNSNames:          n.dns,
		EmailAddresses:    n.emails,
		URIs:              n.uris,
		ExtendedKeyUsages: c.effective().ExtendedKeyUsages,
		NotBefore:         now.Add(-backdate),
		NotAfter:          now.Add(time.Duration(c.ValidityDays) * day),
	}, nil
}

// keyTypeOf names the type of a public key; 0 for one no profile asks for.
func keyTypeOf(pub any) KeyType {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return KeyECP256
		case elliptic.P384():
			return KeyECP384
		}
	case *rsa.PublicKey:
		switch k.N.BitLen() {
		case 3072:
			return KeyRSA3072
		case 4096:
			return KeyRSA4096
		}
	}
	return 0
}

// digest names what a template would certify, whatever the key and the time:
// a profile or a device that has changed needs another certificate.
func (t CertificateTemplate) digest(c CertificateProfile) [sha256.Size]byte {
	b := appendCertificate([]byte("ringfence profile 1\n"), c.effective())
	b = appendText(b, t.Subject.String())
	b = appendTexts(b, t.DNSNames)
	b = appendTexts(b, t.EmailAddresses)
	b = appendList(b, t.URIs, func(b []byte, u *url.URL) []byte { return appendText(b, u.String()) })
	return sha256.Sum256(b)
}

// stillGood reports whether a certificate is the answer to a request that is
// repeated: it is the same one asked for, and its time to be renewed has not
// come.
func (c Certificate) stillGood(profile CertificateProfile, digest [sha256.Size]byte, now time.Time) bool {
	left := c.NotAfter.Sub(c.NotBefore).Seconds() * float64(profile.effective().RenewalThresholdPercent) / 100
	renew := c.NotAfter.Add(-time.Duration(left) * time.Second)
	return c.Profile == digest && now.Before(renew)
}
