package wipe

import (
	"time"

	"ringfence/internal/device"
)

// ID names one order.
type ID string

// State is where an order stands.
type State string

// The states, as drawn in the package comment. Done, Failed, Cancelled and
// Expired are final.
const (
	Pending      State = "pending"
	Delivered    State = "delivered"
	Acknowledged State = "acknowledged"
	Done         State = "done"
	Failed       State = "failed"
	Cancelled    State = "cancelled"
	Expired      State = "expired"
)

// States gives every state, in the order of an order's life.
func States() []State {
	return []State{Pending, Delivered, Acknowledged, Done, Failed, Cancelled, Expired}
}

// Final reports whether nothing can follow.
func (s State) Final() bool {
	return s != Pending && s != Delivered && s != Acknowledged
}

// MaxNotNow is how often a device may put one order back. Afterwards the order
// stays delivered whatever the device says, so that a phone which says "not
// now" for ever cannot fill the record.
const MaxNotNow = 100

// MaxRefusals is how many refusals of one order are kept. Later ones change
// nothing, so that a phone, or whoever gives it bad orders, cannot fill the
// record.
const MaxRefusals = 10

// Order is one order for one enrolment of one device. Times are UTC in whole
// microseconds; a zero time means "not yet".
type Order struct {
	ID     ID
	Device device.ID
	// Epoch is the one enrolment it is meant for.
	Epoch device.Epoch
	// Sequence grows with each order of a device; the store gives it.
	Sequence uint64
	Scope    Scope
	State    State
	// Reason is why it was ordered, in an administrator's words.
	Reason string
	// CreatedBy is who ordered it, as the record names callers.
	CreatedBy string
	CreatedAt time.Time
	// NotAfter is the last moment at which a device may acknowledge it. A
	// device that has may finish later.
	NotAfter time.Time
	// ChangedAt is when the state last changed.
	ChangedAt time.Time
	// AcknowledgedAt is when the device promised to act.
	AcknowledgedAt time.Time
	// SettledAt is when there was nothing left to do for the server: the state
	// is final and, if the wipe ends the enrolment or the registration, that has
	// ended.
	SettledAt time.Time
	// NotNow counts how often the device put it back; at most MaxNotNow.
	NotNow uint32
	// Refusals counts how often the device refused what it was given as this
	// order; at most MaxRefusals. Refusal says why, the last time.
	Refusals uint32
	Refusal  string
	// Commitment is what the device has signed that it will remove; nil before
	// Acknowledged, and for app data.
	Commitment *Commitment
	// Receipt is what the device removed; nil unless Done.
	Receipt *Receipt
	// Outcome says why it failed, expired or was cancelled.
	Outcome string
	// Request led to it; empty for a lease or a policy, and for orders from
	// before there were requests.
	Request RequestID
	Source  Source
	// Person and Credential are whose budget it is charged to; empty for a
	// lease or a policy.
	Person     string
	Credential string
	// Group and Ownership are the device's when it was ordered.
	Group     string
	Ownership device.Ownership
	// App is the package of the registration that it is for; empty for a device.
	// Device is then the registration's id.
	App string
	// HeldUntil is when its cooling-off ends; zero for none.
	HeldUntil time.Time
	// Lease is present for an order that the device carries out by itself.
	Lease *Lease
	// Version grows by one with each change and guards it: see Store.Save.
	Version uint64
}

// Source is where an order came from.
type Source string

// The sources. What a compliance verdict leads to is not among them: no verdict
// about a device orders anything. One about a work account in an app may.
const (
	ByAdministrator Source = "administrator"
	ByUserWipe      Source = "user"
	ByLease         Source = "lease"
	ByPolicy        Source = "policy"
)

// held reports whether the order must not go on yet: its cooling-off lasts, or
// the breaker is open. What a device has acknowledged it must finish, and a lock
// takes nothing.
func (o Order) held(b Breaker, now time.Time) bool {
	if o.State != Pending && o.State != Delivered {
		return false
	}
	return now.Before(o.HeldUntil) || b.Open() && o.Scope.kind != Lock
}

// overdue reports whether its time ended before the device promised.
func (o Order) overdue(now time.Time) bool {
	return (o.State == Pending || o.State == Delivered) && now.After(o.NotAfter)
}

// ends reports whether nothing is left to manage when it is done: the enrolment
// ends, or the registration.
func (o Order) ends() bool { return o.Scope.EndsEnrollment() || o.App != "" }

// settled reports whether the server has nothing left to do for it.
func (o Order) settled() bool { return !o.SettledAt.IsZero() }
