package lease

import (
	"time"

	"ringfence/agent/wipe"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// Terms are a lease as the manifest has it. The zero Terms are none.
type Terms struct {
	// Number grows with each change of the leases.
	Number uint64 `json:"number,omitempty"`
	// LockAfter and WipeAfter are for how long there may be no contact; zero
	// never locks, or wipes.
	LockAfter time.Duration `json:"lockAfter,omitempty"`
	WipeAfter time.Duration `json:"wipeAfter,omitempty"`
}

// termsOf reads the lease of a manifest. One that asks for nothing is none.
func termsOf(m *compliancev1.Manifest) Terms {
	l := m.GetLease()
	t := Terms{
		Number:    l.GetNumber(),
		LockAfter: max(l.GetLockAfter().AsDuration(), 0),
		WipeAfter: max(l.GetWipeAfter().AsDuration(), 0),
	}
	if t.Number == 0 || t.LockAfter == 0 && t.WipeAfter == 0 {
		return Terms{}
	}
	return t
}

// Record is what a phone keeps of its lease. It is of one enrolment.
type Record struct {
	DeviceID string `json:"deviceId,omitempty"`
	Epoch    uint64 `json:"epoch,omitempty"`
	Terms    Terms  `json:"terms,omitzero"`
	// Order is what the phone wipes under; nil without one. It may be of an
	// earlier lease, until there is one for this.
	Order *wipe.Lease `json:"order,omitempty"`
	// NeverWipes is the number of a lease of which the server said so.
	NeverWipes uint64 `json:"neverWipes,omitempty"`
	// LastContact is the server's time of the last answered check-in; zero before
	// the first.
	LastContact time.Time `json:"lastContact,omitzero"`
	// Silence is what was measured since; nil before there is anything to measure.
	Silence *Silence `json:"silence,omitempty"`
	// Locked says that the lease has locked the work side; nil while it has not.
	Locked *Locked `json:"locked,omitempty"`
}

// Locked is a lock that contact opens.
type Locked struct {
	// Since is by the phone's clock.
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
}

// active reports whether there is anything to watch.
func (r Record) active() bool { return r.Terms != Terms{} || r.Locked != nil }

// observe adds a reading.
func (r *Record) observe(now Reading) {
	s := Begin(now)
	if r.Silence != nil {
		s = r.Silence.Observe(now)
	}
	r.Silence = &s
	if why := s.Locks(r.Terms.LockAfter); why != "" && r.Locked == nil && r.active() {
		r.Locked = &Locked{Since: s.Last.Wall, Why: why}
	}
}

// contact begins the lease anew.
func (r *Record) contact(now Reading, server time.Time) {
	s := Begin(now)
	r.Silence, r.LastContact, r.Locked = &s, server, nil
}

// follow takes over the terms of a manifest, and reports whether they are others.
// An order that wipes stays for as long as there is a lease that does.
func (r *Record) follow(t Terms) (changed bool) {
	changed = r.Terms != t
	r.Terms = t
	if t.WipeAfter == 0 || t.Number == r.NeverWipes {
		changed = changed || r.Order != nil
		r.Order = nil
	}
	return changed
}

// lacksOrder reports whether the order for the lease is still to be had.
func (r Record) lacksOrder() bool {
	return r.Terms.WipeAfter > 0 && r.Terms.Number != r.NeverWipes &&
		(r.Order == nil || r.Order.Number != r.Terms.Number)
}

// WipeAfter is for how long there must be silence before the phone wipes the
// work side; zero while it would not. What was signed counts; of an order for an
// earlier lease, the longer of both terms.
func (r Record) WipeAfter() time.Duration {
	switch {
	case r.Order == nil:
		return 0
	case r.Order.Number == r.Terms.Number:
		return r.Order.WipeAfter
	default:
		return max(r.Order.WipeAfter, r.Terms.WipeAfter)
	}
}

// wipes reports whether the work side is to be wiped now.
func (r Record) wipes() bool { return r.Silence != nil && r.Silence.Wipes(r.WipeAfter()) }
