package compliance

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

func (w *world) Latest(_ context.Context, k CertificateKey) (Certificate, error) {
	unlock, err := w.begin()
	defer unlock()
	for _, recalled := range []bool{true, false} {
		for _, c := range slices.Backward(w.issued) {
			of := func(r Recall) bool { return r.Serial == c.Serial }
			if c.Key == k && (!recalled || slices.ContainsFunc(w.recalled, of)) {
				return c, err
			}
		}
	}
	return Certificate{}, cmp.Or[error](err, fault.New(fault.NotFound, "", "no such record"))
}

func (w *world) Record(_ context.Context, c Certificate, e audit.Entry) error {
	unlock, err := w.begin()
	defer unlock()
	if err != nil {
		return err
	}
	if c.Key.Epoch <= w.ended[c.Key.Device] {
		return ErrEnrollmentEnded
	}
	live := 0
	for _, old := range w.issued {
		if old.Key.Device == c.Key.Device && old.Key.Alias == c.Key.Alias && old.Revocation == nil && old.NotAfter.After(c.NotBefore) {
			live++
		}
		if old.Key == c.Key && old.Ordinal == c.Ordinal {
			return fault.New(fault.Conflict, "", "taken")
		}
	}
	if live >= MaxLiveCertificates {
		return ErrTooManyCertificates
	}
	c.Sequence = uint64(len(w.issued) + 1)
	w.issued = append(w.issued, c)
	w.entries = append(w.entries, e)
	return nil
}

func (w *world) Certificate(_ context.Context, serial string) (Certificate, error) {
	unlock, err := w.begin()
	defer unlock()
	for _, c := range w.issued {
		if c.Serial == serial {
			return c, err
		}
	}
	return Certificate{}, cmp.Or[error](err, fault.New(fault.NotFound, "", "no such record"))
}

func (w *world) Issued(_ context.Context, q CertificateQuery) ([]Certificate, error) {
	unlock, err := w.begin()
	defer unlock()
	var list []Certificate
	for _, c := range slices.Backward(w.issued) {
		if (q.Device == "" || c.Key.Device == q.Device) && (q.Before == 0 || c.Sequence < q.Before) && len(list) < q.Limit &&
			(q.Groups == nil || slices.Contains(q.Groups, c.Group)) {
			list = append(list, c)
		}
	}
	return list, err
}

func (w *world) Revoke(_ context.Context, serial string, r Revocation, e audit.Entry) (Certificate, error) {
	unlock, err := w.begin()
	defer unlock()
	for i := range w.issued {
		c := &w.issued[i]
		if c.Serial != serial {
			continue
		}
		if c.Revocation == nil {
			c.Revocation = &r
			w.revocations++
			w.entries = append(w.entries, e)
			w.recall(*c)
			if s, found := w.states[c.Key.Device]; found {
				s.Generation = 0
				w.states[c.Key.Device] = s
			}
		}
		return *c, err
	}
	return Certificate{}, cmp.Or[error](err, fault.New(fault.NotFound, "", "no such record"))
}

func (w *world) EndEpoch(_ context.Context, id device.ID, epoch device.Epoch, r Revocation, e audit.Entry) error {
	unlock, err := w.begin()
	defer unlock()
	if err != nil || epoch <= w.ended[id] {
		return err
	}
	w.ended[id] = epoch
	for i := range w.issued {
		if c := &w.issued[i]; c.Key.Device == id && c.Key.Epoch <= epoch && c.Revocation == nil {
			c.Revocation = &r
			w.revocations++
		}
	}
	if w.states[id].Epoch <= epoch {
		delete(w.states, id)
	}
	w.entries = append(w.entries, e)
	return nil
}

func (w *world) Erase(_ context.Context, id device.ID, epoch device.Epoch, e audit.Entry) error {
	unlock, err := w.begin()
	defer unlock()
	if err != nil || epoch > w.ended[id] {
		return cmp.Or[error](err, fault.New(fault.Conflict, "", "has not ended"))
	}
	report, found := w.states[id]
	changed := found && report.Epoch <= epoch
	if changed {
		delete(w.states, id)
	}
	for i := range w.issued {
		if c := &w.issued[i]; c.Key.Device == id && c.Key.Epoch <= epoch && c.Chain != nil {
			c.Subject, c.Profile, c.Chain, changed = "", [sha256.Size]byte{}, nil, true
			c.Revocation = &Revocation{At: c.Revocation.At, Code: c.Revocation.Code}
		}
	}
	if changed {
		w.entries = append(w.entries, e)
	}
	return nil
}

func (w *world) ListInfo(context.Context) (ListInfo, uint64, error) {
	unlock, err := w.begin()
	defer unlock()
	return w.list, w.revocations, err
}

func (w *world) ListDER(_ context.Context, number uint64) ([]byte, error) {
	unlock, err := w.begin()
	defer unlock()
	if number != w.list.Number {
		return nil, fault.New(fault.NotFound, "", "no such record")
	}
	return w.listDER, err
}

func (w *world) Revoked(_ context.Context, expiringAfter time.Time) ([]Revoked, error) {
	unlock, err := w.begin()
	defer unlock()
	var list []Revoked
	for _, c := range w.issued {
		if c.Revocation != nil && c.NotAfter.After(expiringAfter) {
			list = append(list, Revoked{Serial: c.Serial, At: c.Revocation.At, Code: c.Revocation.Code})
		}
	}
	return list, err
}

func (w *world) SaveList(_ context.Context, info ListInfo, der []byte) error {
	unlock, err := w.begin()
	defer unlock()
	if info.Number != w.list.Number+1 {
		return fault.New(fault.Conflict, "", "moved")
	}
	w.list, w.listDER = info, der
	return err
}

func (w *world) ParseCSR(der []byte) (*x509.CertificateRequest, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fault.InvalidField("certificate_request", "%v", err)
	}
	return csr, nil
}

var testKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

func (w *world) IssueProfile(t CertificateTemplate) (IssuedCertificate, error) {
	w.mu.Lock()
	w.serial++
	serial := w.serial
	w.mu.Unlock()
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: t.Subject, NotBefore: t.NotBefore, NotAfter: t.NotAfter}
	der, err := x509.CreateCertificate(rand.Reader, c, c, t.PublicKey, testKey())
	if err != nil {
		return IssuedCertificate{}, err
	}
	return IssuedCertificate{
		Chain: [][]byte{der}, Serial: fmt.Sprintf("%x", serial), NotBefore: t.NotBefore, NotAfter: t.NotAfter,
	}, nil
}

// CRL writes the list as text: what it says is what is tested.
func (w *world) CRL(l RevocationList) ([]byte, error) { return json.Marshal(l) }
