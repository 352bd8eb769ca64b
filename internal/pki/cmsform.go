package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"github.com/smallstep/pkcs7"
)

// holdsData reports whether der is SignedData around plain data. The library
// does not show the inner content type, and without signed attributes RFC 5652
// (5.3) allows no other.
func holdsData(der []byte) bool {
	var message struct {
		Type    asn1.ObjectIdentifier
		Content struct {
			Version int
			Digests asn1.RawValue
			Inner   struct {
				Type    asn1.ObjectIdentifier
				Content []byte `asn1:"explicit,tag:0"`
			}
			// What follows is the library's to read.
		} `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &message); err != nil {
		return false
	}
	inner := message.Content.Inner
	return message.Type.Equal(pkcs7.OIDSignedData) && inner.Type.Equal(pkcs7.OIDData) && len(inner.Content) > 0
}

// acceptableForm reports whether the message has the one form that our signers
// make.
func acceptableForm(m *pkcs7.PKCS7) bool {
	if len(m.Signers) != 1 || len(m.Content) == 0 || len(m.CRLs) != 0 {
		return false
	}
	if len(m.Certificates) == 0 || len(m.Certificates) > maxSignedChain {
		return false
	}
	s := m.Signers[0]
	if len(s.AuthenticatedAttributes) != 0 || len(s.UnauthenticatedAttributes) != 0 {
		return false
	}
	if !s.DigestAlgorithm.Algorithm.Equal(pkcs7.OIDDigestAlgorithmSHA256) {
		return false
	}
	return slices.ContainsFunc([]asn1.ObjectIdentifier{
		pkcs7.OIDDigestAlgorithmECDSASHA256,
		pkcs7.OIDEncryptionAlgorithmRSASHA256,
	}, s.DigestEncryptionAlgorithm.Algorithm.Equal)
}

// chainsTo reports whether signer chains to a root at the given time, with the
// usage all the way. x509 knows no names for usages of our own, so that the
// nesting is checked here: an authority limited to other usages cannot vouch
// for this one.
func chainsTo(signer *x509.Certificate, others, roots []*x509.Certificate, eku asn1.ObjectIdentifier, now time.Time) bool {
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, c := range roots {
		options.Roots.AddCert(c)
	}
	for _, c := range others {
		options.Intermediates.AddCert(c)
	}
	if signer.IsCA || signer.KeyUsage&x509.KeyUsageDigitalSignature == 0 || CheckPublicKey(signer.PublicKey) != nil {
		return false
	}
	chains, err := signer.Verify(options)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool {
		// A signer that is itself given as a root is a chain of one.
		below := chain[:max(1, len(chain)-1)]
		return !slices.ContainsFunc(below, func(c *x509.Certificate) bool {
			return !slices.ContainsFunc(c.UnknownExtKeyUsage, eku.Equal)
		})
	})
}
