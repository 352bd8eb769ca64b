package pki

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

const (
	ordersLife = 2 * year
	// ordersSpare is how long the orders certificate must still hold for
	// whatever is signed with it. A device verifies an order when it acts, up
	// to a year after it was signed.
	ordersSpare = year
)

// ordersSigner gives the signer of wipe orders and replaces it in time.
func (a *Authority) ordersSigner() (holder, error) {
	a.orders.Lock()
	defer a.orders.Unlock()
	now := a.now()
	if lasts(a.orders.current, now) {
		return a.orders.current, nil
	}
	h, err := a.loadOrders()
	if err != nil {
		return holder{}, err
	}
	if !lasts(h, now) {
		if h, err = a.renewOrders(now); err != nil {
			return holder{}, err
		}
	}
	a.orders.current = h
	return h, nil
}

// lasts reports whether h holds long enough. A certificate from the future was
// made by a clock that has been put back since: devices would refuse it.
func lasts(h holder, now time.Time) bool {
	return h.certificate != nil && now.Add(ordersSpare).Before(h.certificate.NotAfter) && now.After(h.certificate.NotBefore)
}

func (a *Authority) ordersPath() string { return filepath.Join(a.dir, "orders.pem") }

// loadOrders gives the zero holder where there is none.
func (a *Authority) loadOrders() (holder, error) {
	h, err := loadHolder(a.ordersPath())
	if errors.Is(err, fs.ErrNotExist) {
		return holder{}, nil
	}
	if err != nil {
		return holder{}, err
	}
	if err := h.certificate.CheckSignatureFrom(a.root.certificate); err != nil {
		return holder{}, errors.New("orders.pem was not issued by the root")
	}
	if h.certificate.IsCA || !slices.ContainsFunc(h.certificate.UnknownExtKeyUsage, OrdersKeyUsage.Equal) {
		return holder{}, errors.New("orders.pem is not an orders certificate")
	}
	return h, nil
}

// renewOrders makes a new signer under the lock, unless another process just
// did.
func (a *Authority) renewOrders(now time.Time) (holder, error) {
	unlock, err := lockDir(a.dir)
	if err != nil {
		return holder{}, err
	}
	defer unlock()
	if h, err := a.loadOrders(); err != nil || lasts(h, now) {
		return h, err
	}
	serial, use := newSerial(), usagesOf(Orders)
	h, err := sign(&x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Ringfence orders " + FormatSerial(serial)[:8]},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(ordersLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		UnknownExtKeyUsage:    use.unknown,
		BasicConstraintsValid: true,
	}, elliptic.P256(), &a.root)
	if err != nil {
		return holder{}, err
	}
	return h, saveHolder(a.ordersPath(), h)
}
