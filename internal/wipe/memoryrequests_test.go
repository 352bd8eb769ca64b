package wipe

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"ringfence/internal/audit"
)

func (m *memory) GetRequest(_ context.Context, id RequestID) (Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.requests[id]; ok {
		return r, nil
	}
	return Request{}, ErrNoRequest
}

// requestsThat gives the matching requests by id.
func (m *memory) requestsThat(match func(Request) bool, limit int) []Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Request
	for _, r := range m.requests {
		if match(r) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b Request) int { return cmp.Compare(a.ID, b.ID) })
	return found[:min(limit, len(found))]
}

func (m *memory) ListRequests(_ context.Context, q RequestQuery) ([]Request, error) {
	found := m.requestsThat(func(r Request) bool {
		outside := func(g string) bool { return !slices.Contains(q.Groups, g) }
		return (q.State == "" || r.State == q.State) && (q.Kind == "" || r.Kind == q.Kind) &&
			(q.Groups == nil || !slices.ContainsFunc(r.Groups, outside)) &&
			(q.Groups == nil || r.Lease == nil || r.Lease.Group == "" || !outside(r.Lease.Group)) &&
			(q.After == RequestCursor{} || cmp.Or(r.CreatedAt.Compare(q.After.CreatedAt), cmp.Compare(r.ID, q.After.ID)) < 0)
	}, math.MaxInt)
	slices.SortFunc(found, func(a, b Request) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	for i := range found {
		found[i].Devices = make([]Enrollment, len(found[i].Devices))
	}
	return found[:min(q.Limit, len(found))], nil
}

func (m *memory) OverdueRequests(_ context.Context, now time.Time, limit int) ([]Request, error) {
	return m.requestsThat(func(r Request) bool { return r.expired(now) }, limit), nil
}

func (m *memory) StandingWipes(_ context.Context, after RequestID, limit int) ([]Request, error) {
	return m.requestsThat(func(r Request) bool { return r.Standing() && r.ID > after }, limit), nil
}

func (m *memory) Hold(_ context.Context, h LeaseHolder, e audit.Entry) (LeaseHolder, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, held := range m.holders[h.Enrollment] {
		if held.Lease.Number == h.Lease.Number {
			return held, nil
		}
	}
	h.Sequence = m.number(h.Device)
	m.holders[h.Enrollment] = append(m.holders[h.Enrollment], h)
	m.entries = append(m.entries, e)
	m.writes++
	return h, nil
}

func (m *memory) Holder(_ context.Context, e Enrollment) (LeaseHolder, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if all := m.holders[e]; len(all) > 0 {
		return all[len(all)-1], nil
	}
	return LeaseHolder{}, ErrUnknown
}

func (m *memory) Held(_ context.Context, e Enrollment, id ID) (LeaseHolder, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.holders[e] {
		if h.Order == id {
			return h, nil
		}
	}
	return LeaseHolder{}, ErrUnknown
}

func (m *memory) Invoke(_ context.Context, o Order, e audit.Entry) (Order, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.orders[o.ID]; ok {
		return known, nil
	}
	m.keep(o, e)
	return o, nil
}
