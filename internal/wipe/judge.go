package wipe

import (
	"fmt"
	"time"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Case is what is judged: who asks for what, and for how many devices.
type Case struct {
	By Asker
	// Scope and Devices are those of the orders.
	Scope   ScopeKind
	Devices int
	// Approved: a second person has said yes.
	Approved bool
}

// Ruling is what Judge allows.
type Ruling struct {
	// Needs says why a second person is needed; empty if none is.
	Needs []string
	// Hold is how long the orders wait before devices get them.
	Hold time.Duration
}

// verbFor gives what a role must be able to for orders of that kind to one
// device, or to several.
func verbFor(k ScopeKind, devices int) identity.Verb {
	switch {
	case devices > 1:
		return identity.Wipe
	case k == Lock:
		return identity.Lock
	case k == AppData:
		return identity.WipeApps
	default:
		return identity.Wipe
	}
}

// MayAsk says whether the role allows to ask for orders of that kind to so many
// devices: nil or ErrRoleMayNot.
func MayAsk(r identity.Role, k ScopeKind, devices int) error {
	v := verbFor(k, devices)
	if r.May(v) {
		return nil
	}
	if devices > 1 && r.May(verbFor(k, 1)) {
		return roleMayNot(r, v, "one device at a time")
	}
	return roleMayNot(r, v, "not this")
}

func roleMayNot(r identity.Role, v identity.Verb, may string) error {
	return fault.New(ErrRoleMayNot.Kind, ErrRoleMayNot.Reason,
		"role %s: %s; it lacks %q. Roles are given on the server: mdm-server admin create NAME --role ROLE", r, may, v)
}

// Judge decides whether orders may be made, and how: who asks comes first, then
// the breaker, the budgets, and at last the second person. Its
// errors are ErrRoleMayNot, ErrBreakerOpen and ErrBudget. It is the rule of
// docs/wipe.md, which a property test compares with this code.
func Judge(c Case, l Limits, b Breaker, s Spent, now time.Time) (Ruling, error) {
	if err := MayAsk(c.By.Role, c.Scope, c.Devices); err != nil {
		return Ruling{}, err
	}
	if b.Open() && c.Scope != Lock {
		return Ruling{}, ErrBreakerOpen
	}
	for _, budget := range l.Budgets(c.By, s, now) {
		if c.Scope == Lock && budget.Of == newCredential {
			continue // a lost phone is locked first, and wiped then
		}
		if !budget.room(c.Devices) {
			return Ruling{}, exhausted(budget, c.Devices)
		}
	}
	r := Ruling{}
	if !c.Approved {
		r.Needs = l.needs(c, s, now)
	}
	if c.Devices > 1 {
		r.Hold = l.CoolingOff
	}
	return r, nil
}

// needs says why a second person is needed.
func (l Limits) needs(c Case, s Spent, now time.Time) []string {
	var why []string
	switch {
	case c.Scope == WholeDevice:
		why = append(why, "a wipe of a whole device")
	case c.Scope.rank() >= WorkProfile.rank() && c.Devices > int(l.QuorumAbove):
		why = append(why, fmt.Sprintf("a wipe of the work profile on %s, which is more than %d", several(c.Devices, "device"), l.QuorumAbove))
	}
	if c.Scope != Lock && l.fresh(c.By, now) && int64(s.CredentialDay)+int64(c.Devices) > 1 {
		why = append(why, fmt.Sprintf("more than one device in a day by a credential younger than %s", l.NewCredential))
	}
	return why
}

func exhausted(b Budget, n int) error {
	return fault.New(ErrBudget.Kind, ErrBudget.Reason,
		"the %s budget allows %s per %s; %d spent, %d asked for: wait, or have the limits raised (mdmctl set limits), which takes two persons",
		b.Of, several(b.Limit, "device"), b.Window, b.Spent, n)
}
