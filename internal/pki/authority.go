package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Authority is the certificate authority of one installation. It is safe for
// concurrent use.
type Authority struct {
	dir     string
	now     func() time.Time
	root    holder
	issuers map[Purpose]holder
	orders  signer
	leases  signer
	// signed are the certificates of holders that were verified before.
	signed signatures
}

// OpenAuthority loads the authority kept in dir and makes it first where there
// is none. Of several processes that start at once on one folder, one makes it
// and the others load it. A folder with a whole authority is not written to,
// save to replace the signing certificates, so that it may be mounted read-only.
// What an authority of an older release lacks is added to it.
//
// It refuses private keys that others than their owner may read or replace.
func OpenAuthority(dir string, now func() time.Time) (*Authority, error) {
	a := &Authority{dir: dir, now: now, orders: signer{purpose: Orders}, leases: signer{purpose: Leases}}
	if err := ownDir(dir); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	if err := a.ensure(); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	if err := a.load(); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	for _, s := range []*signer{&a.orders, &a.leases} {
		if _, err := s.holder(a); err != nil {
			return nil, fmt.Errorf("certificate authority: %w", err)
		}
	}
	return a, nil
}

func (a *Authority) path() string { return filepath.Join(a.dir, "authority") }

// ensure makes the authority if there is none. It looks again under the lock,
// because another process may have made it meanwhile.
func (a *Authority) ensure() error {
	if there, err := exists(a.path()); there || err != nil {
		return err
	}
	unlock, err := lockDir(a.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if there, err := exists(a.path()); there || err != nil {
		return err
	}
	if err := a.sweep(); err != nil {
		return err
	}
	return create(a.path(), a.now())
}

// sweep removes what a crash left half made. The caller holds the lock, so that
// nobody is making it now.
func (a *Authority) sweep() error {
	left, err := filepath.Glob(filepath.Join(a.dir, ".authority-*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

func (a *Authority) load() error {
	var err error
	if a.root, err = loadHolder(filepath.Join(a.path(), "root.pem")); err != nil {
		return err
	}
	root := a.root.certificate
	if !root.IsCA || root.CheckSignatureFrom(root) != nil {
		return fmt.Errorf("%s: root.pem is not a root certificate", a.path())
	}
	a.issuers = make(map[Purpose]holder, len(issuingPurposes))
	for _, p := range issuingPurposes {
		h, err := a.loadIssuer(p)
		if err != nil {
			return err
		}
		a.issuers[p] = h
	}
	return nil
}

// loadIssuer reads an issuing authority. One that an older release did not make
// yet is made now; any other that is missing is lost, and a new one in its place
// would make strangers of everybody it was for.
func (a *Authority) loadIssuer(p Purpose) (holder, error) {
	path := filepath.Join(a.path(), string(p)+".pem")
	h, err := loadHolder(path)
	if errors.Is(err, fs.ErrNotExist) && slices.Contains(derivedPurposes, p) {
		h, err = a.addIssuer(p, path)
	}
	if err != nil {
		return holder{}, err
	}
	if err := a.checkIssuer(p, h.certificate); err != nil {
		return holder{}, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// addIssuer makes an issuing authority under the lock, unless another process
// just did.
func (a *Authority) addIssuer(p Purpose, path string) (holder, error) {
	unlock, err := lockDir(a.dir)
	if err != nil {
		return holder{}, err
	}
	defer unlock()
	if there, err := exists(path); err != nil {
		return holder{}, err
	} else if there {
		return loadHolder(path)
	}
	h, err := derivedIssuer(p, a.root)
	if err != nil {
		return holder{}, err
	}
	return h, saveHolder(path, h)
}

// checkIssuer refuses files that were put in each other's place: an authority
// for profiles in place of the one for administrators would let phones in as
// administrators. The subject names the purpose.
func (a *Authority) checkIssuer(p Purpose, c *x509.Certificate) error {
	if err := c.CheckSignatureFrom(a.root.certificate); err != nil {
		return fmt.Errorf("not issued by the root: %w", err)
	}
	prefix := fmt.Sprintf("Ringfence %s CA ", p)
	if !strings.HasPrefix(c.Subject.CommonName, prefix) || !c.IsCA {
		return fmt.Errorf("not the issuing authority for %s", p)
	}
	if now := a.now(); now.After(c.NotAfter) {
		return fmt.Errorf("expired on %s", c.NotAfter.Format(time.DateOnly))
	}
	return nil
}

// Roots gives the root certificates to trust for this installation, DER.
func (a *Authority) Roots() [][]byte { return [][]byte{a.root.certificate.Raw} }

// Pool gives the root certificates as a pool, for TLS clients.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root.certificate)
	return pool
}

// Issuer gives the certificate of a purpose's issuing authority; nil for a
// purpose that has none. Whoever trusts certificates of policies, a VPN gateway
// for example, should trust Issuer(Profile), never the root.
func (a *Authority) Issuer(p Purpose) *x509.Certificate { return a.issuers[p].certificate }
