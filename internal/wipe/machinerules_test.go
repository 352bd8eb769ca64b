package wipe

import (
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// past is how things were after the last step.
type past struct {
	orders   map[ID]Order
	requests map[RequestID]Request
	limits   Limits
	breaker  Breaker
	entries  int
}

func (m *machine) now() past {
	s := m.w.store
	return past{maps.Clone(s.orders), maps.Clone(s.requests), s.limits, s.breaker, len(s.entries)}
}

// check holds the rules against how things are now.
func (m *machine) check(t *rapid.T) {
	for id, r := range m.w.store.requests {
		m.checkRequest(t, m.past.requests[id], r)
	}
	persons := map[string]identity.Role{}
	for id, o := range m.w.store.orders {
		was, known := m.past.orders[id]
		if !known {
			m.checkNew(t, o)
			persons[o.Person] = m.w.store.requests[o.Request].By.Role
		}
		if known && was.State.Final() && was.State != o.State {
			t.Fatalf("order %s was %s, and is %s", id, was.State, o.State)
		}
	}
	for person, role := range persons {
		m.checkBudgets(t, person, role)
	}
	m.checkOnce(t)
	m.past = m.now()
}

// checkRequest: a final request never changes, and none is executed that needed a
// second person without another one.
func (m *machine) checkRequest(t *rapid.T, was, r Request) {
	ended := was.State != "" && was.State != Waiting && was.State != Executed
	if ended && !reflect.DeepEqual(was, r) {
		t.Fatalf("request %s has ended, and changed (-was +is):\n%s", r.ID, cmp.Diff(was, r))
	}
	executed := r.State == Executed || r.State == Stopped && was.State == Executed
	d := r.Decided
	if executed && len(r.Needs) > 0 && (d.Person == "" || d.Person == r.By.Person || d.Credential == r.By.Credential || d.By == r.By.Actor) {
		t.Fatalf("request %s of %+v needed a second person, and was decided by %+v", r.ID, r.By, d)
	}
	if executed && len(r.Needs) == 0 && d != (Decision{}) {
		t.Fatalf("request %s needed nobody, and was decided by %+v", r.ID, d)
	}
	if r.State == Waiting && len(r.Needs) == 0 {
		t.Fatalf("request %s waits for nobody", r.ID)
	}
}

// checkNew: an order comes of a request that is executed and names it, of a lease,
// or, for a work account, of a verdict; it is one that the device can have; and it
// is in the record.
func (m *machine) checkNew(t *rapid.T, o Order) {
	f := m.w.facts[o.Device]
	if err := Allowed(o.Scope.Kind(), o.Ownership, f.Mode); err != nil || o.Ownership != f.Ownership {
		t.Fatalf("order %s: a %s device in mode %s got %s", o.ID, o.Ownership, f.Mode, o.Scope)
	}
	if o.Scope.Kind() == WholeDevice && o.Scope.PersonalSide() != (f.Mode == device.WorkProfile) {
		t.Fatalf("order %s takes %s of a device in mode %s", o.ID, o.Scope, f.Mode)
	}
	told := false
	for _, e := range m.w.store.entries[m.past.entries:] {
		told = told || (e.Action == "wipe.order" || e.Action == "wipe.lapse") && strings.Contains(e.Detail, string(o.ID))
	}
	if !told {
		t.Fatalf("order %s is not in the record", o.ID)
	}
	if o.Source == ByLease {
		if o.Lease == nil || o.Person != "" || o.Scope.Kind() != WorkProfile {
			t.Fatalf("got order %+v of a lease", o)
		}
		return
	}
	if o.Source == ByPolicy {
		if o.App == "" || o.Person != "" || o.Request != "" || o.CreatedBy != "server" || m.past.breaker.Open() {
			t.Fatalf("got order %+v of a policy, breaker %+v", o, m.past.breaker)
		}
		return
	}
	r, ok := m.w.store.requests[o.Request]
	switch named := (Enrollment{o.Device, o.Epoch}); {
	case !ok || r.State != Executed || !r.LiftedAt.IsZero():
		t.Fatalf("order %s came of request %q, which is %q, lifted %v", o.ID, o.Request, r.State, r.LiftedAt)
	case o.Person != r.By.Person || o.Credential != r.By.Credential || o.CreatedBy != r.By.Actor || !o.Scope.Equal(r.terms().scopeFor(f)):
		t.Fatalf("order %+v is not what request %+v asks for", o, r)
	case r.Kind == Wipe && !names(r.Devices, named):
		t.Fatalf("order %s is for %+v, and request %s is not", o.ID, named, r.ID)
	case r.Kind != Wipe && r.Kind != UserWipe:
		t.Fatalf("order %s came of a request for %s", o.ID, r.Kind)
	case m.past.breaker.Open() && o.Scope.Kind() != Lock:
		t.Fatalf("order %s came to be while everything was paused", o.ID)
	case len(r.Devices) > 1 && o.HeldUntil.Before(r.HeldUntil):
		t.Fatalf("order %s is held until %v, its request until %v", o.ID, o.HeldUntil, r.HeldUntil)
	}
}

func names(devices []Enrollment, e Enrollment) bool {
	for _, d := range devices {
		if d == e {
			return true
		}
	}
	return false
}

// checkBudgets: no hour and no day has more orders of a person, or of everybody,
// than there was room for when the last one came to be.
func (m *machine) checkBudgets(t *rapid.T, person string, role identity.Role) {
	if person == "" {
		return
	}
	l := m.past.limits
	hour, day := l.PersonHour, l.PersonDay
	if role == identity.HelpDesk {
		hour, day = l.HelpDeskHour, l.HelpDeskDay
	}
	s := m.w.store.spent(Matter{Now: m.w.now, Person: person})
	if s.PersonHour > hour || s.PersonDay > day || s.OrganizationHour > l.OrganizationHour || s.OrganizationDay > l.OrganizationDay {
		t.Fatalf("%s has spent %+v of %+v", person, s, l)
	}
}

// checkOnce: an enrolment has one order of one request, or of verdicts, unless an
// earlier one ended a day before without an act; and no two orders of a device have one
// sequence.
func (m *machine) checkOnce(t *rapid.T) {
	type one struct {
		request RequestID
		device  device.ID
		epoch   device.Epoch
	}
	latest := map[one]Order{}
	sequences := map[device.ID]map[uint64]ID{}
	for _, o := range m.w.store.find(func(Order) bool { return true }) {
		if sequences[o.Device] == nil {
			sequences[o.Device] = map[uint64]ID{}
		}
		if other := sequences[o.Device][o.Sequence]; other != "" {
			t.Fatalf("orders %s and %s have sequence %d", other, o.ID, o.Sequence)
		}
		sequences[o.Device][o.Sequence] = o.ID
		key := one{o.Request, o.Device, o.Epoch}
		before, ok := latest[key]
		latest[key] = o
		if !ok || o.Source == ByLease {
			continue
		}
		gone := before.State == Failed || before.State == Expired || o.Source == ByPolicy && before.State != Done && before.State != Acknowledged
		ended := before.ChangedAt
		if before.NotAfter.Before(ended) {
			ended = before.NotAfter // the clock was looked at late
		}
		if o.Source != ByUserWipe && o.Source != ByPolicy || !gone || o.CreatedAt.Sub(ended) < 24*time.Hour {
			t.Fatalf("order %s follows %s, which is %s since %v, for the same enrolment", o.ID, before.ID, before.State, before.ChangedAt)
		}
	}
}
