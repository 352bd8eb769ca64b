package wipe

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// memory is a small real store.
type memory struct {
	mu        sync.Mutex // guards what follows; whoever decides holds it
	orders    map[ID]Order
	born      map[ID]time.Time // when an order began to count
	proofs    map[ID]Proofs
	sequences map[device.ID]uint64
	requests  map[RequestID]Request
	keys      map[[2]string]RequestID      // by who asked and their key
	holders   map[Enrollment][]LeaseHolder // all that it was given, the last one last
	limits    Limits
	breaker   Breaker
	leases    []GroupLease
	alerts    map[string]time.Time
	entries   []audit.Entry
	writes    int
	// before runs at the start of each Save, and at each Decide after its first
	// try: the place for a rival.
	before func()
	// twice lets every Decide try twice, as after a lost race.
	twice bool
}

func newMemory() *memory {
	return &memory{
		orders: map[ID]Order{}, born: map[ID]time.Time{}, proofs: map[ID]Proofs{}, sequences: map[device.ID]uint64{},
		requests: map[RequestID]Request{}, keys: map[[2]string]RequestID{}, holders: map[Enrollment][]LeaseHolder{}, limits: DefaultLimits(), alerts: map[string]time.Time{},
	}
}

var _ Store = (*memory)(nil)

// keep puts an order there, whatever was there before.
func (m *memory) keep(o Order, e audit.Entry) {
	if _, known := m.orders[o.ID]; !known {
		m.born[o.ID] = o.ChangedAt
	}
	m.orders[o.ID] = o
	m.entries = append(m.entries, e)
	m.writes++
}

func (m *memory) number(id device.ID) uint64 {
	m.sequences[id]++
	return m.sequences[id]
}

func (m *memory) rival() {
	if rival := m.before; rival != nil {
		m.before = nil
		rival()
	}
}

func (m *memory) Save(_ context.Context, changes ...Change) error {
	m.rival()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.save(changes)
}

func (m *memory) save(changes []Change) error {
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

func (m *memory) Decide(ctx context.Context, matter Matter, decide func(Desk) (Booking, error)) (Booking, error) {
	if m.twice || m.before != nil {
		d, err := m.Survey(ctx, matter)
		if err != nil {
			return Booking{}, err
		}
		_, _ = decide(d)
		m.rival()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := decide(m.lay(matter))
	if err != nil {
		return Booking{}, err
	}
	return b, m.book(&b, matter.Now)
}

func (m *memory) Renumber(_ context.Context, o Order, e audit.Entry) (Order, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.orders[o.ID].Version != o.Version-1 {
		return Order{}, ErrMoved
	}
	o.Sequence = m.number(o.Device)
	m.keep(o, e)
	m.writes++
	return o, nil
}

func (m *memory) Acted(_ context.Context, id device.ID) (acted uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.orders {
		if o.Device == id && !o.AcknowledgedAt.IsZero() && o.Lease == nil {
			acted = max(acted, o.Sequence)
		}
	}
	return acted, nil
}

// book saves all of it, or nothing.
func (m *memory) book(b *Booking, now time.Time) error {
	if r := b.Request; r != nil {
		if m.requests[r.ID].Version != r.Version-1 {
			return fault.New(fault.Conflict, "", "the request was changed by somebody else")
		}
	}
	for _, c := range b.Orders {
		if _, known := m.orders[c.Order.ID]; known {
			return fault.New(fault.Conflict, "", "there is such an order")
		}
	}
	if err := m.save(b.Changes); err != nil {
		return err
	}
	m.entries = append(m.entries, b.Entries...)
	for i, c := range b.Orders {
		c.Order.Sequence = m.number(c.Order.Device)
		b.Orders[i] = c
		m.keep(c.Order, c.Entry)
	}
	if r := b.Request; r != nil {
		m.requests[r.ID] = *r
		m.keys[[2]string{r.By.Actor, r.Key}] = r.ID
	}
	if b.Limits != nil {
		m.limits = *b.Limits
	}
	if b.Breaker != nil {
		m.breaker = *b.Breaker
	}
	if l := b.Lease; l != nil {
		m.leases = append(slices.DeleteFunc(m.leases, func(k GroupLease) bool { return k.Group == l.Group }), *l)
	}
	if b.Alert != "" {
		m.alerts[b.Alert] = now
	}
	m.writes++
	return nil
}

func (m *memory) Survey(_ context.Context, matter Matter) (Desk, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lay(matter), nil
}

// lay lays out what a matter asks for.
func (m *memory) lay(matter Matter) Desk {
	d := Desk{Limits: m.limits, Breaker: m.breaker, Leases: slices.Clone(m.leases), Spent: m.spent(matter)}
	if r, ok := m.requests[m.keys[[2]string{matter.By, matter.Key}]]; ok {
		d.Repeated = &r
	}
	if r, ok := m.requests[matter.Request]; ok {
		d.Request = &r
	}
	if matter.User != "" {
		for _, r := range m.requests {
			if r.Standing() && r.User == matter.User {
				d.Standing = &r
			}
		}
	}
	for _, o := range m.orders {
		if slices.Contains(matter.Devices, o.Device) && !o.settled() ||
			matter.OrdersOf != "" && o.Request == matter.OrdersOf && !o.settled() ||
			matter.Paused && paused(o) {
			d.Orders = append(d.Orders, o)
		}
	}
	slices.SortFunc(d.Orders, func(a, b Order) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Sequence, b.Sequence))
	})
	at, alerted := m.alerts[matter.Person]
	for _, r := range m.requests {
		if matter.Key != "" && r.By.Person == matter.Person && !r.ExpiresAt.IsZero() && r.CreatedAt.After(matter.Now.Add(-24*time.Hour)) {
			d.Asked++
		}
	}
	d.Alerted = alerted && matter.Now.Before(at.Add(time.Hour))
	return d
}

func paused(o Order) bool {
	return (o.State == Pending || o.State == Delivered) && o.Scope.kind != Lock
}

// spent counts what came to be after the beginning of each window.
func (m *memory) spent(matter Matter) (s Spent) {
	hour, day := matter.Now.Add(-time.Hour), matter.Now.Add(-24*time.Hour)
	window := matter.Now.Add(-m.limits.BreakerWindow)
	count := func(n *uint32, at, from time.Time, is bool) {
		if is && at.After(from) {
			*n++
		}
	}
	for id, o := range m.orders {
		at := m.born[id]
		count(&s.PersonHour, at, hour, matter.Person != "" && o.Person == matter.Person)
		count(&s.PersonDay, at, day, matter.Person != "" && o.Person == matter.Person)
		count(&s.CredentialHour, at, hour, matter.Credential != "" && o.Credential == matter.Credential && o.Scope.kind != Lock)
		count(&s.CredentialDay, at, day, matter.Credential != "" && o.Credential == matter.Credential && o.Scope.kind != Lock)
		asked := o.Source != ByLease && o.Source != ByPolicy
		count(&s.OrganizationHour, at, hour, asked)
		count(&s.OrganizationDay, at, day, asked)
		count(&s.Breaker, at, window, o.Scope.kind != Lock && at.After(m.breaker.ClosedAt))
	}
	return s
}

func (m *memory) Breaker(context.Context) (Breaker, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.breaker, nil
}

func (m *memory) Paused(context.Context) (int, error) { return len(m.find(paused)), nil }

func (m *memory) Leases(context.Context) ([]GroupLease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(slices.Values(m.leases), func(a, b GroupLease) int { return cmp.Compare(a.Group, b.Group) }), nil
}

func (m *memory) Proofs(_ context.Context, id ID) (Proofs, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proofs[id], nil
}

func (m *memory) Order(_ context.Context, id ID) (Order, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o, ok := m.orders[id]; ok {
		return o, nil
	}
	return Order{}, ErrUnknown
}

// find gives the matching orders, oldest first.
func (m *memory) find(match func(Order) bool) []Order {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Order
	for _, o := range m.orders {
		if match(o) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b Order) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return found
}

func (m *memory) Unsettled(_ context.Context, id device.ID, epoch device.Epoch) ([]Order, error) {
	found := m.find(func(o Order) bool { return o.Device == id && o.Epoch == epoch && !o.settled() })
	slices.SortFunc(found, func(a, b Order) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return found, nil
}

func (m *memory) List(_ context.Context, q Query) ([]Order, error) {
	found := m.find(func(o Order) bool {
		return (q.Device == "" || o.Device == q.Device) && (q.State == "" || o.State == q.State) &&
			(q.Request == "" || o.Request == q.Request) && (q.Groups == nil || slices.Contains(q.Groups, o.Group)) &&
			(q.After == Cursor{} || cmp.Or(o.CreatedAt.Compare(q.After.CreatedAt), cmp.Compare(o.ID, q.After.ID)) < 0)
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

func (m *memory) Released(_ context.Context, from, to time.Time) ([]device.ID, error) {
	var ids []device.ID
	for _, o := range m.find(func(o Order) bool {
		since := o.HeldUntil
		if since.IsZero() {
			since = o.CreatedAt
		}
		return !o.settled() && since.After(from) && !since.After(to)
	}) {
		ids = append(ids, o.Device)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (m *memory) After(_ context.Context, id ID, limit int) ([]Order, error) {
	found := m.find(func(o Order) bool { return o.ID > id && !o.settled() })
	slices.SortFunc(found, func(a, b Order) int { return cmp.Compare(a.ID, b.ID) })
	return found[:min(limit, len(found))], nil
}
