package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"github.com/smallstep/pkcs7"
)

const (
	// MaxSigned is the most octets a signed message may have.
	MaxSigned = 64 << 10

	// maxSignedDepth bounds the nesting of a signed message. A name inside a
	// certificate inside SignedData is 9 deep.
	maxSignedDepth = 16
	// maxSignedChain is how many certificates a signed message may carry.
	maxSignedChain = 8
)

// ErrSigned is the one answer to a signed message that does not hold. It says
// no more, because whoever sent a bad one should learn nothing from it.
var ErrSigned = errors.New("signed message is not valid")

// SignOrder signs content as a wipe order. VerifySigned with OrdersKeyUsage
// reads it.
func (a *Authority) SignOrder(content []byte) ([]byte, error) {
	der, err := a.orders.sign(a, content)
	if err != nil {
		return nil, fmt.Errorf("sign order: %w", err)
	}
	return der, nil
}

// SignLease signs content as the lease of an app. VerifyLease reads it, and
// nothing that reads orders does.
func (a *Authority) SignLease(content []byte) ([]byte, error) {
	der, err := a.leases.sign(a, content)
	if err != nil {
		return nil, fmt.Errorf("sign lease: %w", err)
	}
	return der, nil
}

// VerifyLease gives the content of a lease made by SignLease, as VerifySigned
// does: every error is ErrSigned, and it is safe on any input.
func VerifyLease(der []byte, roots []*x509.Certificate, now time.Time) ([]byte, error) {
	content, _, err := VerifySigned(der, roots, LeasesKeyUsage, now)
	return content, err
}

// sign makes CMS SignedData (RFC 5652), DER, with SHA-256, the content inside
// and the signer's certificate beside it.
//
// The signature is over the content itself, without signed attributes. A format
// that allows both can be confused: signed attributes, taken for content, bear
// a good signature. VerifySigned therefore accepts this one form only. It also
// keeps the signer's clock out: the content says itself when it was made.
func (s *signer) sign(a *Authority, content []byte) ([]byte, error) {
	if len(content) == 0 {
		return nil, errors.New("no content")
	}
	h, err := s.holder(a)
	if err != nil {
		return nil, err
	}
	der, err := signWith(h, content)
	if err != nil {
		return nil, err
	}
	if len(der) > MaxSigned {
		return nil, fmt.Errorf("%d octets, %d are allowed", len(der), MaxSigned)
	}
	return der, nil
}

func signWith(signer holder, content []byte) ([]byte, error) {
	message, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, err
	}
	message.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := message.SignWithoutAttr(signer.certificate, signer.key, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, err
	}
	return message.Finish()
}

// VerifySigned verifies a message of the form that SignOrder and SignLease make:
// one signer, SHA-256, no signed attributes, and at the given time a chain from
// the signer to one of the roots in which every certificate below the root is
// for the extended key usage eku, which is one of our own and not one of those
// that crypto/x509 has names for. Every error is ErrSigned.
//
// It is safe on any input: size and nesting are bounded before the reader of
// the format, which recurses without bound, sees it.
func VerifySigned(der []byte, roots []*x509.Certificate, eku asn1.ObjectIdentifier, now time.Time) (content []byte, signer *x509.Certificate, err error) {
	defer func() {
		if recover() != nil {
			content, signer, err = nil, nil, ErrSigned
		}
	}()
	if len(der) > MaxSigned || !plainDER(der, maxSignedDepth) || !holdsData(der) {
		return nil, nil, ErrSigned
	}
	message, err := pkcs7.Parse(der)
	if err != nil || !acceptableForm(message) {
		return nil, nil, ErrSigned
	}
	if err := message.VerifyWithChainAtTime(nil, now); err != nil { // the signature; the chain comes next
		return nil, nil, ErrSigned
	}
	signer = message.GetOnlySigner()
	if signer == nil || !chainsTo(signer, message.Certificates, roots, eku, now) {
		return nil, nil, ErrSigned
	}
	return message.Content, signer, nil
}
