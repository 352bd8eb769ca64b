package wipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/wipe/wipetest"
)

// memory is a small real store.
type memory struct {
	mu      sync.Mutex // guards what follows
	orders  map[ID]Order
	proofs  map[ID]Proofs
	entries []audit.Entry
	writes  int
	// before runs at the start of each Save: the place for a rival.
	before func()
}

func (m *memory) Create(_ context.Context, o Order, e audit.Entry) (Order, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var unsettled []Order
	for _, other := range m.orders {
		if other.CreatedBy == o.CreatedBy && other.RequestKey == o.RequestKey {
			if other.RequestDigest != o.RequestDigest {
				return Order{}, ErrKeyReused
			}
			return other, nil
		}
		if other.Device == o.Device && !other.settled() {
			unsettled = append(unsettled, other)
		}
	}
	if err := Admit(o, unsettled, o.CreatedAt); err != nil {
		return Order{}, err
	}
	o.Sequence = uint64(len(m.orders) + 1)
	m.keep(o, e)
	return o, nil
}

func (m *memory) keep(o Order, e audit.Entry) {
	m.orders[o.ID] = o
	m.entries = append(m.entries, e)
	m.writes++
}

func (m *memory) Save(_ context.Context, changes ...Change) error {
	if rival := m.before; rival != nil {
		m.before = nil
		rival()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if m.orders[c.Order.ID].Version != c.Order.Version-1 {
			return ErrMoved
		}
	}
	for _, c := range changes {
		m.keep(c.Order, c.Entry)
		if p := m.proofs[c.Order.ID]; c.Proof != nil {
			if c.Order.State == Done {
				p.Receipt = c.Proof
			} else {
				p.Commitment = c.Proof
			}
			m.proofs[c.Order.ID] = p
		}
	}
	return nil
}

func (m *memory) Proofs(_ context.Context, id ID) (Proofs, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proofs[id], nil
}

func (m *memory) Order(_ context.Context, id ID) (Order, error) {
	return m.one(func(o Order) bool { return o.ID == id })
}

func (m *memory) ByKey(_ context.Context, by, key string) (Order, error) {
	return m.one(func(o Order) bool { return o.CreatedBy == by && o.RequestKey == key })
}

func (m *memory) one(match func(Order) bool) (Order, error) {
	if found := m.find(match); len(found) > 0 {
		return found[0], nil
	}
	return Order{}, ErrUnknown
}

// find gives the matching orders, oldest first.
func (m *memory) find(match func(Order) bool) []Order {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Order
	for o := range maps.Values(m.orders) {
		if match(o) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b Order) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return found
}

func (m *memory) Unsettled(_ context.Context, id device.ID, epoch device.Epoch) ([]Order, error) {
	return m.find(func(o Order) bool { return o.Device == id && o.Epoch == epoch && !o.settled() }), nil
}

func (m *memory) List(_ context.Context, q Query) ([]Order, error) {
	found := m.find(func(o Order) bool {
		return q.After.ID == "" || o.Sequence < m.orders[q.After.ID].Sequence
	})
	slices.Reverse(found)
	return found[:min(q.Limit, len(found))], nil
}

func (m *memory) Overdue(_ context.Context, now time.Time, limit int) ([]Order, error) {
	found := m.find(func(o Order) bool { return o.overdue(now) })
	return found[:min(limit, len(found))], nil
}

func (m *memory) Unended(_ context.Context, limit int) ([]Order, error) {
	found := m.find(func(o Order) bool { return o.State == Done && !o.settled() })
	return found[:min(limit, len(found))], nil
}

func (m *memory) After(_ context.Context, id ID, limit int) ([]Order, error) {
	found := m.find(func(o Order) bool { return o.ID > id && !o.settled() })
	slices.SortFunc(found, func(a, b Order) int { return cmp.Compare(a.ID, b.ID) })
	return found[:min(limit, len(found))], nil
}

// world is everything around one service.
type world struct {
	*Service
	store *memory
	now   time.Time
	rings map[device.ID]int
	facts map[device.ID]Facts
	ended []string
	// fail makes End, and signFail Sign, fail.
	fail, signFail error
	ids            int
}

func newWorld() *world {
	w := &world{
		store: &memory{orders: map[ID]Order{}, proofs: map[ID]Proofs{}}, now: monday,
		rings: map[device.ID]int{}, facts: map[device.ID]Facts{},
	}
	w.facts["device-one"] = factsOf(device.Personal, device.WorkProfile)
	w.Service = New(Config{
		Store: w.store, Devices: w, Enrollments: w, Signer: w, Bell: w,
		Now: func() time.Time { return w.now },
		NewID: func() string {
			w.ids++
			return fmt.Sprintf("order-%04d", w.ids)
		},
	})
	return w
}

func (w *world) Ring(id device.ID) { w.rings[id]++ }

func (w *world) Facts(_ context.Context, id device.ID) (Facts, error) {
	f, ok := w.facts[id]
	if !ok {
		return Facts{}, fault.New(fault.NotFound, "", "no such device")
	}
	return f, nil
}

// End ends an enrolment as the enroll slice does: it tells back.
func (w *world) End(ctx context.Context, id device.ID, epoch device.Epoch, reason string) error {
	if w.fail != nil {
		return w.fail
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	f := w.facts[id]
	if f.Epoch == epoch {
		f.Enrolled = false
		w.facts[id] = f
	}
	w.ended = append(w.ended, fmt.Sprintf("%s/%d: %s", id, epoch, reason))
	return w.EnrollmentEnded(ctx, id, epoch, reason)
}

func (w *world) Sign(o Order) ([]byte, error) { return []byte("signed " + o.ID), w.signFail }

func (w *world) Digest(o Order) (Digest, error) { return orderDigest(o), w.signFail }

func orderDigest(o Order) Digest { return DigestOf([]byte("order " + o.ID)) }

var (
	handset = wipetest.NewPhone()
	oneTime = wipetest.NewKey()
)

// statement is about an order; what it says is for the caller to add.
func statement(o Order, words string) *Statement {
	return &Statement{
		Order: o.ID, Device: o.Device, Epoch: o.Epoch, Sequence: o.Sequence, Scope: o.Scope, OrderDigest: orderDigest(o),
		Proof: Proof{Content: []byte(words + " " + string(o.ID))},
	}
}

// acknowledged is the promise of an honest phone.
func acknowledged(o Order) Event {
	if !o.Scope.EndsEnrollment() {
		return Event{Kind: Acknowledge}
	}
	s := statement(o, "commitment")
	s.Commitment = &Commitment{At: monday, Packages: []string{"com.example.mail"}, Files: 4, Key: oneTime.Public()}
	s.Proof.Signature, s.Proof.Chain = handset.Sign(s.Proof.Content), handset.Chain
	return Event{Kind: Acknowledge, Statement: s}
}

// finished is the receipt of an honest phone.
func finished(o Order, r Receipt) Event {
	s := statement(o, "receipt")
	s.Receipt = &r
	if o.Scope.EndsEnrollment() {
		s.CommitmentDigest = DigestOf([]byte("commitment " + o.ID))
		s.Proof.Signature = oneTime.Sign(s.Proof.Content)
	} else {
		s.Proof.Signature, s.Proof.Chain = handset.Sign(s.Proof.Content), handset.Chain
	}
	return Event{Kind: Finish, Statement: s}
}

var errBroken = errors.New("broken")

func alice(t *testing.T) context.Context {
	return identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "alice", RequestID: "r1"})
}

// phone is the device's caller; the context is what its requests come with.
func phone(t *testing.T) (context.Context, identity.Caller) {
	c := identity.Caller{Kind: identity.Device, Device: "device-one", Epoch: 3}
	return identity.With(t.Context(), c), c
}
