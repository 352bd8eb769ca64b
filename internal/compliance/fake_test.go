package compliance

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// world is a small real everything around a service: a store in memory, a
// clock that stands still, devices, an authority and a bell.
type world struct {
	mu          sync.Mutex
	now         time.Time
	devices     map[device.ID]Device
	revisions   map[string][]Policy
	deleted     map[string]bool
	generation  uint64
	states      map[device.ID]State
	ended       map[device.ID]device.Epoch
	issued      []Certificate
	list        ListInfo
	listDER     []byte
	revocations uint64
	entries     []audit.Entry
	serial      int64

	rings, calls atomic.Int64  // calls counts what reached the store
	fail         error         // what the next store calls return
	gate         chan struct{} // where there is one, store calls wait for it
}

func newWorld() *world {
	d := phone()
	return &world{
		now: t0, devices: map[device.ID]Device{d.ID: d}, revisions: map[string][]Policy{}, deleted: map[string]bool{},
		states: map[device.ID]State{}, ended: map[device.ID]device.Epoch{},
	}
}

func (w *world) service(cache bool) *Service {
	return New(Config{
		Policies: w, Reports: w, Certificates: w, Revocations: w, Devices: w, Authority: w, Bell: w,
		Now: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }, Cache: cache,
	})
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// begin counts a call of the store and locks the world.
func (w *world) begin() (unlock func(), err error) {
	w.calls.Add(1)
	if w.gate != nil {
		<-w.gate
	}
	w.mu.Lock()
	return w.mu.Unlock, w.fail
}

func (w *world) Ring(device.ID) { w.rings.Add(1) }
func (w *world) RingAll()       { w.rings.Add(1) }

func (w *world) Facts(_ context.Context, id device.ID) (Device, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d, ok := w.devices[id]
	if !ok {
		return Device{}, fault.New(fault.NotFound, "", "no device %s", id)
	}
	return d, nil
}

func (w *world) Generation(context.Context) (uint64, error) {
	unlock, err := w.begin()
	defer unlock()
	return w.generation, err
}

func (w *world) Live(context.Context) ([]Policy, uint64, error) {
	unlock, err := w.begin()
	defer unlock()
	var live []Policy
	for _, name := range slices.Sorted(maps.Keys(w.revisions)) {
		if !w.deleted[name] {
			live = append(live, w.revisions[name][len(w.revisions[name])-1])
		}
	}
	return live, w.generation, err
}

func (w *world) Policy(_ context.Context, name string, revision uint64) (Policy, bool, error) {
	unlock, err := w.begin()
	defer unlock()
	all := w.revisions[name]
	revision = cmp.Or(revision, uint64(len(all)))
	if revision == 0 || revision > uint64(len(all)) {
		return Policy{}, false, cmp.Or[error](err, fault.New(fault.NotFound, "", "no such record"))
	}
	return all[revision-1], w.deleted[name], err
}

func (w *world) LivePage(ctx context.Context, after string, limit int) ([]Policy, error) {
	live, _, err := w.Live(ctx)
	live = slices.DeleteFunc(live, func(p Policy) bool { return p.Name <= after })
	return live[:min(limit, len(live))], err
}

func (w *world) Add(_ context.Context, p Policy, e audit.Entry) error {
	unlock, err := w.begin()
	defer unlock()
	if err != nil {
		return err
	}
	if uint64(len(w.revisions[p.Name])) != p.Revision-1 {
		return ErrRevisionMoved
	}
	w.revisions[p.Name] = append(w.revisions[p.Name], p)
	w.deleted[p.Name] = false
	w.generation++
	w.entries = append(w.entries, e)
	return nil
}

func (w *world) Delete(_ context.Context, name string, revision uint64, e audit.Entry) error {
	unlock, err := w.begin()
	defer unlock()
	if err != nil || w.deleted[name] || uint64(len(w.revisions[name])) != revision {
		return cmp.Or[error](err, ErrRevisionMoved)
	}
	w.deleted[name] = true
	w.generation++
	w.entries = append(w.entries, e)
	return nil
}

func (w *world) State(_ context.Context, id device.ID) (State, uint64, error) {
	unlock, err := w.begin()
	defer unlock()
	s := w.states[id]
	s.Device = id
	return s, w.generation, err
}

func (w *world) Save(ctx context.Context, write Write) (bool, error) {
	saved, err := w.SaveAll(ctx, []Write{write})
	return err == nil && saved[0], err
}

func (w *world) SaveAll(_ context.Context, writes []Write) ([]bool, error) {
	unlock, err := w.begin()
	defer unlock()
	if err != nil {
		return nil, err
	}
	saved := make([]bool, len(writes))
	for i, write := range writes {
		next, old := write.State, w.states[write.State.Device]
		if old.Version != next.Version || old.Epoch > next.Epoch ||
			old.Epoch == next.Epoch && next.Report.ObservedAt.Before(old.Report.ObservedAt) {
			continue
		}
		next.Version++
		w.states[next.Device], saved[i] = next, true
		w.entries = append(w.entries, write.Entries...)
	}
	return saved, nil
}

func (w *world) Due(_ context.Context, d Due) ([]device.ID, error) {
	unlock, err := w.begin()
	defer unlock()
	var ids []device.ID
	for _, id := range slices.Sorted(maps.Keys(w.states)) {
		s := w.states[id]
		turned := !s.Verdict.ChangesAt.IsZero() && !s.Verdict.ChangesAt.After(d.Until)
		if id > d.After && len(ids) < d.Limit && (turned || s.Generation < d.Generation) {
			ids = append(ids, id)
		}
	}
	return ids, err
}

func (w *world) Forget(_ context.Context, id device.ID, epoch device.Epoch) error {
	unlock, err := w.begin()
	defer unlock()
	if w.states[id].Epoch <= epoch {
		delete(w.states, id)
	}
	return err
}

func (w *world) Latest(_ context.Context, k CertificateKey) (Certificate, error) {
	unlock, err := w.begin()
	defer unlock()
	for _, c := range slices.Backward(w.issued) {
		if c.Key == k {
			return c, err
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
	for _, old := range w.issued {
		if old.Key == c.Key && old.Ordinal == c.Ordinal {
			return fault.New(fault.Conflict, "", "taken")
		}
	}
	c.Sequence = uint64(len(w.issued) + 1)
	w.issued = append(w.issued, c)
	w.entries = append(w.entries, e)
	return nil
}

func (w *world) Issued(_ context.Context, id device.ID, before uint64, limit int) ([]Certificate, error) {
	unlock, err := w.begin()
	defer unlock()
	var list []Certificate
	for _, c := range slices.Backward(w.issued) {
		if (id == "" || c.Key.Device == id) && (before == 0 || c.Sequence < before) && len(list) < limit {
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

// standings are the changes of standing in the record.
func (w *world) standings() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, e := range w.entries {
		if e.Action == "compliance.standing" {
			list = append(list, e.Actor+" "+e.Detail)
		}
	}
	return list
}

func (w *world) apply(t testing.TB, s *Service, name string, spec Spec) Policy {
	t.Helper()
	p, _, err := s.ApplyPolicy(t.Context(), Application{Name: name, Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
