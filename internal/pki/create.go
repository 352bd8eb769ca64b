package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	day  = 24 * time.Hour
	year = 365 * day

	rootLife    = 15 * year
	issuingLife = 10 * year

	// backdate lets phones whose clock is slow by days see a new authority as
	// valid. It costs nothing: there is no older state to protect.
	backdate = 7 * day
)

// create makes root and issuing authorities under path, in one step: they are
// made in a folder beside it, which is then renamed. The caller holds the lock.
func create(path string, now time.Time) (err error) {
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".authority-*") // mode 0700
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(tmp)
		}
	}()
	root, err := newRoot(now)
	if err != nil {
		return err
	}
	if err := saveHolder(filepath.Join(tmp, "root.pem"), root); err != nil {
		return err
	}
	for _, p := range issuingPurposes {
		h, err := newIssuer(p, root, now)
		if err != nil {
			return err
		}
		if err := saveHolder(filepath.Join(tmp, string(p)+".pem"), h); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func newRoot(now time.Time) (holder, error) {
	serial := newSerial()
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Ringfence Root CA " + FormatSerial(serial)[:8]},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(rootLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            1,
	}
	// P-256, not more: every phone verifies this signature at every connection,
	// and P-384 costs it several times as much.
	return sign(t, elliptic.P256(), nil)
}

func newIssuer(p Purpose, root holder, now time.Time) (holder, error) {
	if slices.Contains(derivedPurposes, p) {
		return derivedIssuer(p, root)
	}
	return sign(issuerTemplate(p, newSerial(), now.Add(-backdate)), elliptic.P256(), &root)
}

func issuerTemplate(p Purpose, serial *big.Int, notBefore time.Time) *x509.Certificate {
	use := usagesOf(p)
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: fmt.Sprintf("Ringfence %s CA %s", p, FormatSerial(serial)[:8])},
		NotBefore:             notBefore,
		NotAfter:              notBefore.Add(backdate + issuingLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           use.known,
		UnknownExtKeyUsage:    use.unknown,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
}

// sign makes a key and the certificate for it; without an issuer it signs
// itself.
func sign(t *x509.Certificate, curve elliptic.Curve, issuer *holder) (holder, error) {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return holder{}, err
	}
	return signFor(t, key, issuer, rand.Reader)
}

// signFor makes the certificate for a key. Without random the signature depends
// on nothing but what is signed (RFC 6979).
func signFor(t *x509.Certificate, key *ecdsa.PrivateKey, issuer *holder, random io.Reader) (holder, error) {
	parent, signer := t, key
	if issuer != nil {
		parent, signer = issuer.certificate, issuer.key
	}
	var err error
	if t.SubjectKeyId, err = keyID(key.Public()); err != nil {
		return holder{}, err
	}
	der, err := x509.CreateCertificate(random, t, parent, key.Public(), signer)
	if err != nil {
		return holder{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return holder{}, err
	}
	return holder{certificate: certificate, key: key}, nil
}
