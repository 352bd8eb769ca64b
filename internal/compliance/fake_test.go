package compliance

import (
	"cmp"
	"context"
	"maps"
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
	recalled    []Recall
	leases      map[string]Lease
	states      map[device.ID]State
	ended       map[device.ID]device.Epoch
	issued      []Certificate
	list        ListInfo
	listDER     []byte
	revocations uint64
	retirements int
	entries     []audit.Entry
	serial      int64

	rings, calls atomic.Int64  // calls counts what reached the store
	fail         error         // what the next store calls return
	leaseless    error         // what the next lease calls return
	blind        error         // what the next look at a device returns
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
		Policies: w, Reports: w, Certificates: w, Revocations: w, Devices: w, Authority: w, Bell: w, Leases: w,
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
	if w.blind != nil {
		return Device{}, w.blind
	}
	if !ok {
		return Device{}, fault.New(fault.NotFound, "", "no device %s", id)
	}
	return d, nil
}

// Lease is no store call: leases are in memory.
func (w *world) Lease(_ context.Context, group string) (Lease, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leases[group], w.leaseless
}

func (w *world) marks() Marks {
	return Marks{Generation: w.generation, Recalls: uint64(len(w.recalled))}
}

func (w *world) Marks(context.Context) (Marks, error) {
	unlock, err := w.begin()
	defer unlock()
	return w.marks(), err
}

func (w *world) Recalls(_ context.Context, last uint64) ([]Recall, error) {
	unlock, err := w.begin()
	defer unlock()
	return slices.Clone(w.recalled[min(last, uint64(len(w.recalled))):]), err
}

// recall recalls a revoked certificate.
func (w *world) recall(c Certificate) {
	w.recalled = append(w.recalled, Recall{
		Number: uint64(len(w.recalled) + 1), Key: c.Key, Serial: c.Serial, At: c.Revocation.At,
	})
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

func (w *world) State(_ context.Context, id device.ID) (State, Marks, error) {
	unlock, err := w.begin()
	defer unlock()
	s := w.states[id]
	s.Device = id
	return s, w.marks(), err
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
		if write.Retirement != nil {
			w.retirements++
			w.retire(next, *write.Retirement)
		}
	}
	return saved, nil
}

func (w *world) retire(s State, r Retirement) {
	var live []LiveCertificate
	for _, c := range w.issued {
		if c.Key.Device == s.Device && c.Key.Epoch == s.Epoch && c.Revocation == nil && c.NotAfter.After(r.At) {
			live = append(live, LiveCertificate{Sequence: c.Sequence, Serial: c.Serial, Alias: c.Key.Alias})
		}
	}
	for _, ended := range r.Decide(live) {
		for i := range w.issued {
			if c := &w.issued[i]; c.Serial == ended.Serial {
				c.Revocation = &ended.Revocation
				w.revocations++
				w.entries = append(w.entries, ended.Entry)
				if ended.Recall {
					w.recall(*c)
				}
			}
		}
	}
}

func (w *world) WorkApps(_ context.Context, ids []device.ID) (map[device.ID][]WorkApp, error) {
	unlock, err := w.begin()
	defer unlock()
	apps := make(map[device.ID][]WorkApp)
	for _, id := range ids {
		if s, found := w.states[id]; found {
			apps[id] = s.Report.Posture.WorkApps
		}
	}
	return apps, err
}

func (w *world) Standings(_ context.Context, ids []device.ID, groups []string) ([]DeviceStanding, error) {
	unlock, err := w.begin()
	defer unlock()
	var list []DeviceStanding
	for _, id := range slices.Sorted(slices.Values(ids)) {
		if s, found := w.states[id]; found && (groups == nil || slices.Contains(groups, s.Group)) {
			list = append(list, DeviceStanding{Device: id, Standing: s.Verdict.Standing, Since: s.Verdict.Since})
		}
	}
	return list, err
}

func (w *world) Due(_ context.Context, d Due) ([]device.ID, error) {
	unlock, err := w.begin()
	defer unlock()
	var ids []device.ID
	for _, id := range slices.Sorted(maps.Keys(w.states)) {
		s := w.states[id]
		turned := !s.Verdict.ChangesAt.IsZero() && !s.Verdict.ChangesAt.After(d.Until) ||
			!s.RetireAt.IsZero() && !s.RetireAt.After(d.Until)
		over := s.Epoch <= w.ended[id]
		if id > d.After && len(ids) < d.Limit && (turned || over || s.Generation < d.Generation) {
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
