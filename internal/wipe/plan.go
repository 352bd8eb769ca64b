package wipe

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// Facts is what must be known of a device, or of a registration of an app, to
// judge an order for it. A registration is personally owned, in mode AppAccount,
// and in no group.
type Facts struct {
	ID device.ID
	// Epoch is the latest enrolment; Enrolled whether it still lasts.
	Epoch     device.Epoch
	Enrolled  bool
	Ownership device.Ownership
	Mode      device.Mode
	Group     string
	// User is the person, as the enrolment token names them; may be empty.
	User string
	// App is the package of a registration; empty for a device.
	App string
	// LastContact is zero if it was never heard of since it enrolled.
	LastContact time.Time
}

// consistent reports whether there can be such a device, or registration.
func (f Facts) consistent() bool {
	switch {
	case !f.Mode.Allowed(f.Ownership):
		return false
	case f.Mode == device.AppAccount:
		return isPackage(f.App) && f.Group == ""
	default:
		return f.App == ""
	}
}

// ended reports whether epoch e of the device is over.
func (f Facts) ended(e device.Epoch) bool {
	return f.Epoch > e || (f.Epoch == e && !f.Enrolled)
}

// App is a work app with changes that its server does not have yet.
type App struct {
	Package string
	Changes uint32
}

// MaxOpen bounds the orders under way for one device, so that all of them fit
// into one answer.
const MaxOpen = 100

// Terms are what every order of one request has in common.
type Terms struct {
	Scope    Scope
	Reason   string
	Lifetime time.Duration
	// Person: it is everything of one person, their work accounts in apps too.
	Person bool
}

// scopeFor gives what goes of one device or registration. Where everything of a
// person goes, that is the work data of its app in place of a work profile.
func (t Terms) scopeFor(f Facts) Scope {
	if t.Person && f.Mode == device.AppAccount {
		return Scope{kind: AppData, packages: []string{f.App}}
	}
	return t.Scope
}

// Plan decides who may be wiped, and how far: it gives the order that the terms
// lead to, or refuses with ErrNotEnrolled, ErrNoWorkProfile, ErrScopeNotForMode,
// ErrOtherApp or ErrPersonalSide. Who asked, and under which id, is for the caller
// to add.
func Plan(f Facts, t Terms, now time.Time) (Order, error) {
	switch {
	case !f.consistent():
		return Order{}, fault.New(fault.Internal, "", "the device's record contradicts itself")
	case !f.Enrolled:
		return Order{}, ErrNotEnrolled
	}
	scope := t.scopeFor(f)
	if err := scope.fits(f); err != nil {
		return Order{}, err
	}
	now = now.UTC().Truncate(time.Microsecond)
	return Order{
		Device: f.ID, Epoch: f.Epoch, Scope: scope, State: Pending, Reason: t.Reason,
		Group: f.Group, Ownership: f.Ownership, App: f.App,
		CreatedAt: now, NotAfter: now.Add(t.Lifetime).Truncate(time.Microsecond), ChangedAt: now, Version: 1,
	}, nil
}

// Admit decides whether o may join the unsettled orders of its device. An
// equal or wider one that can still act makes it needless: ErrPending. So do
// MaxOpen of them. One that is done and waits for the enrolment to end leaves
// nothing to wipe: ErrNotEnrolled.
func Admit(o Order, unsettled []Order, now time.Time) error {
	open := 0
	for _, other := range unsettled {
		if other.Epoch != o.Epoch || other.Device != o.Device || other.settled() || other.overdue(now) {
			continue
		}
		if other.State.Final() {
			return ErrNotEnrolled
		}
		if other.Scope.Covers(o.Scope) {
			return fault.New(ErrPending.Kind, ErrPending.Reason, "order %s, of equal or wider scope, is %s", other.ID, other.State)
		}
		open++
	}
	if open >= MaxOpen {
		return fault.New(ErrPending.Kind, ErrPending.Reason, "%d orders are under way for this device", open)
	}
	return nil
}

// Planned is one device in a plan.
type Planned struct {
	Facts Facts
	// Unsynced are its apps with changes that would be lost, Outlook what would
	// go and stay: both are for who reads the plan.
	Unsynced []App
	Outlook  Outlook
	// Excluded says why it would get no order; nil if it would.
	Excluded error
	// order is the one it would get, scope what would go with it.
	order Order
	scope Scope
}

// Preview is what a plan says: device by device, by id.
type Preview struct {
	// Scope is what was asked for. Where that is everything of one person, less than
	// it goes of a registration: see Terms.
	Scope   Scope
	Devices []Planned
	// Digest names the plan: it is the same exactly while the same enrolments
	// would get the same order.
	Digest string
	// Needs says what would be needed before it happens, or why the caller may
	// not. What a second person is needed for says so.
	Needs []string
}

// Included gives the devices that would get an order.
func (p Preview) Included() []Planned {
	return slices.DeleteFunc(slices.Clone(p.Devices), func(d Planned) bool { return d.Excluded != nil })
}

// foresee plans for several devices. Orders holds the unsettled ones of each.
func foresee(facts []Facts, t Terms, orders []Order, now time.Time) Preview {
	p := Preview{Scope: t.Scope, Devices: make([]Planned, 0, len(facts))}
	open := make(map[device.ID][]Order)
	for _, o := range orders {
		open[o.Device] = append(open[o.Device], o)
	}
	for _, f := range facts {
		d := Planned{Facts: f, scope: t.scopeFor(f)}
		d.order, d.Excluded = Plan(f, t, now)
		if d.Excluded == nil {
			d.Excluded = Admit(d.order, open[f.ID], now)
		}
		p.Devices = append(p.Devices, d)
	}
	slices.SortFunc(p.Devices, func(a, b Planned) int { return cmp.Compare(a.Facts.ID, b.Facts.ID) })
	p.Digest = planDigest(t.Scope, p.Included())
	return p
}

// planDigest covers what decides what is lost, and by whom. When a device was
// last heard of changes all the time and decides nothing.
func planDigest(s Scope, included []Planned) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %t %q\n", s.kind, s.personal, s.packages)
	for _, d := range included {
		f := d.Facts
		fmt.Fprintf(h, "%q %d %q %q %q %q\n", f.ID, f.Epoch, f.Ownership, f.Mode, f.Group, f.User)
		if f.App != "" {
			fmt.Fprintf(h, "%q\n", f.App)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
