package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Template says what a certificate should hold. Nothing in it is taken from a
// certificate request unless the caller put it there.
type Template struct {
	// PublicKey must satisfy CheckPublicKey.
	PublicKey any
	Subject   pkix.Name

	DNSNames       []string
	IPs            []net.IP
	EmailAddresses []string
	URIs           []*url.URL

	// ExtKeyUsage and UnknownExtKeyUsage must be among those of the purpose;
	// none at all means the purpose's own: serverAuth or clientAuth.
	ExtKeyUsage        []x509.ExtKeyUsage
	UnknownExtKeyUsage []asn1.ObjectIdentifier

	// NotBefore is taken as given: backdating is the caller's business.
	NotBefore time.Time
	// NotAfter is cut to the issuing authority's own end.
	NotAfter time.Time

	// CRLURL, where not empty, is where the revocation list is served.
	CRLURL string
}

// Issue makes a certificate. The chain is DER, leaf first, with the issuing
// authority and without the root. The serial number is random and has not been
// recorded anywhere: that is the caller's business.
func (a *Authority) Issue(p Purpose, t Template) (chain [][]byte, leaf *x509.Certificate, err error) {
	issuer, ok := a.issuers[p]
	if !ok {
		return nil, nil, fmt.Errorf("no authority issues certificates for %q", p)
	}
	certificate, err := t.certificate(p, issuer.certificate)
	if err != nil {
		return nil, nil, fmt.Errorf("issue %s certificate: %w", p, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, issuer.certificate, t.PublicKey, issuer.key)
	if err != nil {
		return nil, nil, fmt.Errorf("issue %s certificate: %w", p, err)
	}
	leaf, err = x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("issue %s certificate: %w", p, err)
	}
	return [][]byte{der, issuer.certificate.Raw}, leaf, nil
}

func (t Template) certificate(p Purpose, issuer *x509.Certificate) (*x509.Certificate, error) {
	if err := CheckPublicKey(t.PublicKey); err != nil {
		return nil, fmt.Errorf("public key %w", err)
	}
	use, err := usagesOf(p).narrowed(usages{known: t.ExtKeyUsage, unknown: t.UnknownExtKeyUsage})
	if err != nil {
		return nil, err
	}
	notAfter := t.NotAfter
	if notAfter.After(issuer.NotAfter) {
		notAfter = issuer.NotAfter
	}
	if !t.NotBefore.Before(notAfter) {
		return nil, errors.New("it would never be valid")
	}
	id, err := keyID(t.PublicKey)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               t.Subject,
		DNSNames:              t.DNSNames,
		IPAddresses:           t.IPs,
		EmailAddresses:        t.EmailAddresses,
		URIs:                  t.URIs,
		NotBefore:             t.NotBefore,
		NotAfter:              notAfter,
		KeyUsage:              keyUsageOf(t.PublicKey),
		ExtKeyUsage:           use.known,
		UnknownExtKeyUsage:    use.unknown,
		SubjectKeyId:          id,
		BasicConstraintsValid: true, // CA:FALSE, said aloud
	}
	if t.CRLURL != "" {
		c.CRLDistributionPoints = []string{t.CRLURL}
	}
	return c, nil
}

// keyUsageOf adds key encipherment for RSA keys, which mail and some VPN
// gateways ask for.
func keyUsageOf(pub any) x509.KeyUsage {
	if _, ok := pub.(*rsa.PublicKey); ok {
		return x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	}
	return x509.KeyUsageDigitalSignature
}

// keyID names a public key by method 1 of RFC 7093: the first 160 bits of the
// SHA-256 of the subject public key.
func keyID(pub any) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(info.PublicKey.Bytes)
	return sum[:20], nil
}
