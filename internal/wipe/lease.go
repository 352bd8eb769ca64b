package wipe

import (
	"fmt"
	"time"

	"ringfence/internal/fault"
)

// Lease is how long a device may be without contact. The zero Lease is none.
type Lease struct {
	// Number grows with each change of any lease.
	Number uint64
	// Lock and Wipe are how long until the work side locks, and until it is
	// wiped; 0 for never.
	Lock time.Duration
	Wipe time.Duration
}

// GroupLease is the lease of a group; of every group without one of its own
// where Group is empty.
type GroupLease struct {
	Group string
	Lease
	SetAt time.Time
	SetBy string
}

// The bounds of a lease. They are wide of any outage of the server itself: a
// fleet that cannot reach it does not know why.
const (
	MinLeaseLock = 24 * time.Hour
	MaxLeaseLock = 365 * 24 * time.Hour
	MinLeaseWipe = 7 * 24 * time.Hour
	MaxLeaseWipe = 730 * 24 * time.Hour
)

func (l GroupLease) check() error {
	switch {
	case len(l.Group) > 64:
		return fault.InvalidField("group", "must be at most 64 characters")
	case l.Lock != 0 && (l.Lock < MinLeaseLock || l.Lock > MaxLeaseLock):
		return fault.InvalidField("lock_after", "must be one day to 365 days")
	case l.Wipe != 0 && (l.Wipe < MinLeaseWipe || l.Wipe > MaxLeaseWipe):
		return fault.InvalidField("wipe_after", "must be seven days to 730 days")
	case l.Wipe != 0 && (l.Lock == 0 || l.Lock >= l.Wipe):
		return fault.InvalidField("lock_after", "must be given with wipe_after, and be shorter")
	}
	return nil
}

// stricter reports whether some device may have to act sooner than under old.
func (l Lease) stricter(old Lease) bool {
	sooner := func(a, b time.Duration) bool { return a != 0 && (b == 0 || a < b) }
	return sooner(l.Lock, old.Lock) || sooner(l.Wipe, old.Wipe)
}

// String says it in one line.
func (l GroupLease) String() string {
	of := "of group " + l.Group
	if l.Group == "" {
		of = "of every group without its own"
	}
	say := func(d time.Duration) string {
		if d == 0 {
			return "never"
		}
		return "after " + days(d)
	}
	return fmt.Sprintf("lease %s: locks %s, wipes %s without contact", of, say(l.Lock), say(l.Wipe))
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return several(int(d/(24*time.Hour)), "day")
	}
	return d.String()
}

// LeaseHolder is one enrolment that was given a signed order for a lease.
type LeaseHolder struct {
	Enrollment
	Lease Lease
	// Order is the id of the order it would act under, Sequence its number.
	Order     ID
	Sequence  uint64
	FetchedAt time.Time
}

// LeaseOrderLifetime is how long a lease order can be reported on; it is no
// limit for the device, which acts when the lease says so.
const LeaseOrderLifetime = 5 * 365 * 24 * time.Hour

// order gives the order that the holder acts under, as it is before the device
// says anything.
func (h LeaseHolder) order(f Facts) Order {
	return Order{
		ID: h.Order, Device: h.Device, Epoch: h.Epoch, Sequence: h.Sequence, Scope: OfWorkProfile(), State: Pending,
		Reason:    fmt.Sprintf("lease %d: without contact for %s", h.Lease.Number, days(h.Lease.Wipe)),
		CreatedBy: "server", CreatedAt: h.FetchedAt, NotAfter: h.FetchedAt.Add(LeaseOrderLifetime), ChangedAt: h.FetchedAt,
		Source: ByLease, Group: f.Group, Ownership: f.Ownership, Lease: &h.Lease, Version: 1,
	}
}

// LeaseStanding is what the server makes of a device's silence. It knows no more
// than that the device is silent.
type LeaseStanding string

// The standings. The last two are presumed, never confirmed.
const (
	NoLease        LeaseStanding = "none"
	LeaseHeld      LeaseStanding = "held"
	PresumedLocked LeaseStanding = "presumed locked by lease, unconfirmed"
	PresumedWiped  LeaseStanding = "presumed wiped by lease, unconfirmed"
)

// LeaseStatus tells how far the lease of a device has run.
type LeaseStatus struct {
	Standing LeaseStanding
	// Holder is nil while the device holds no signed order.
	Holder      *LeaseHolder
	Lease       Lease
	LastContact time.Time
	// LocksAt and WipesAt are zero for never.
	LocksAt time.Time
	WipesAt time.Time
}

// judgeLease says how far a lease has run: the one that the device holds a signed
// order for, else that of its group. A device that holds no signed order cannot
// have wiped itself, and one that was never heard of knows of no lease. Fetching
// the order was contact too.
func judgeLease(l Lease, h *LeaseHolder, contact, now time.Time) LeaseStatus {
	s := LeaseStatus{Standing: NoLease, Holder: h, Lease: l, LastContact: contact}
	if h != nil {
		s.Lease = h.Lease
		if contact.Before(h.FetchedAt) {
			contact = h.FetchedAt
		}
	}
	if contact.IsZero() || s.Lease.Lock == 0 && s.Lease.Wipe == 0 {
		return s
	}
	s.Standing = LeaseHeld
	if s.Lease.Lock != 0 {
		if s.LocksAt = contact.Add(s.Lease.Lock); now.After(s.LocksAt) {
			s.Standing = PresumedLocked
		}
	}
	if s.Lease.Wipe != 0 && h != nil {
		if s.WipesAt = contact.Add(s.Lease.Wipe); now.After(s.WipesAt) {
			s.Standing = PresumedWiped
		}
	}
	return s
}

// leaseOf gives the lease of a group among all.
func leaseOf(leases []GroupLease, group string) Lease {
	var all Lease
	for _, l := range leases {
		switch l.Group {
		case group:
			return l.Lease
		case "":
			all = l.Lease
		}
	}
	return all
}
