package wipe

import (
	"fmt"
	"time"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Limits are how much wiping is allowed before somebody else must look. There
// is one set of them, in the database; to loosen any takes two persons.
type Limits struct {
	// Version grows by one with each change.
	Version uint64
	// PersonHour and PersonDay are how many orders one person may have made
	// within an hour and a day, with all credentials together. Each order is to
	// one device, so that no more devices than that get any.
	PersonHour uint32
	PersonDay  uint32
	// HelpDeskHour and HelpDeskDay are the same for a person of that role.
	HelpDeskHour uint32
	HelpDeskDay  uint32
	// OrganizationHour and OrganizationDay are the same for everybody together.
	OrganizationHour uint32
	OrganizationDay  uint32
	// QuorumAbove is the number of devices above which a request for work
	// profiles needs a second person.
	QuorumAbove uint32
	// NewCredential is how long a credential is new: see NewCredentialHour.
	NewCredential time.Duration
	// CoolingOff is how long orders to more than one device wait.
	CoolingOff time.Duration
	// The breaker opens when more than BreakerPercent of the enrolled devices,
	// and more than BreakerFloor, get orders within BreakerWindow.
	BreakerPercent uint32
	BreakerFloor   uint32
	BreakerWindow  time.Duration
}

// NewCredentialHour is how many devices a new credential has within an hour,
// even with a second person: a burst of one. For the second device within a day
// it needs that person. Locks do not count for either.
const NewCredentialHour = 1

// newCredential names its budget.
const newCredential = "new-credential"

// DefaultLimits are those of a new installation.
func DefaultLimits() Limits {
	return Limits{
		Version:    1,
		PersonHour: 10, PersonDay: 20,
		HelpDeskHour: 5, HelpDeskDay: 10,
		OrganizationHour: 50, OrganizationDay: 200,
		QuorumAbove:    5,
		NewCredential:  24 * time.Hour,
		CoolingOff:     10 * time.Minute,
		BreakerPercent: 5, BreakerFloor: 10, BreakerWindow: 24 * time.Hour,
	}
}

// The bounds of Limits.
const (
	maxBudget        = 1_000_000
	maxNewCredential = 365 * 24 * time.Hour
	maxCoolingOff    = 7 * 24 * time.Hour
	minBreakerWindow = time.Minute
	maxBreakerWindow = 30 * 24 * time.Hour
)

func (l Limits) check() error {
	for _, n := range l.numbers() {
		if n.value > maxBudget {
			return fault.InvalidField("limits."+n.name, "must be at most %d", maxBudget)
		}
	}
	switch {
	case l.BreakerPercent < 1 || l.BreakerPercent > 100:
		return fault.InvalidField("limits.breaker_percent", "must be 1 to 100")
	case l.NewCredential < 0 || l.NewCredential > maxNewCredential:
		return fault.InvalidField("limits.new_credential", "must be at most 365 days")
	case l.CoolingOff < 0 || l.CoolingOff > maxCoolingOff:
		return fault.InvalidField("limits.cooling_off", "must be at most 7 days")
	case l.BreakerWindow < minBreakerWindow || l.BreakerWindow > maxBreakerWindow:
		return fault.InvalidField("limits.breaker_window", "must be between one minute and 30 days")
	}
	return nil
}

// number is one of the limits, as a number that is looser the larger it is.
type number struct {
	name  string
	value int64
}

// numbers gives those that are looser the larger they are.
func (l Limits) numbers() []number {
	return []number{
		{"person_per_hour", int64(l.PersonHour)}, {"person_per_day", int64(l.PersonDay)},
		{"help_desk_per_hour", int64(l.HelpDeskHour)}, {"help_desk_per_day", int64(l.HelpDeskDay)},
		{"organization_per_hour", int64(l.OrganizationHour)}, {"organization_per_day", int64(l.OrganizationDay)},
		{"quorum_above", int64(l.QuorumAbove)},
		{"breaker_percent", int64(l.BreakerPercent)}, {"breaker_floor", int64(l.BreakerFloor)},
	}
}

// spans gives those that are tighter the longer they are.
func (l Limits) spans() []number {
	return []number{
		{"new_credential", int64(l.NewCredential)}, {"cooling_off", int64(l.CoolingOff)},
		{"breaker_window", int64(l.BreakerWindow)},
	}
}

// changes gives one line for each limit that differs in next, those that are
// looser there first.
func (l Limits) changes(next Limits) (looser, tighter []string) {
	note := func(n number, to int64, loose bool, show func(int64) string) {
		line := fmt.Sprintf("%s from %s to %s", n.name, show(n.value), show(to))
		if loose {
			looser = append(looser, line)
		} else {
			tighter = append(tighter, line)
		}
	}
	plain := func(v int64) string { return fmt.Sprint(v) }
	span := func(v int64) string { return time.Duration(v).String() }
	for i, n := range l.numbers() {
		if to := next.numbers()[i].value; to != n.value {
			note(n, to, to > n.value, plain)
		}
	}
	for i, n := range l.spans() {
		if to := next.spans()[i].value; to != n.value {
			note(n, to, to < n.value, span)
		}
	}
	return looser, tighter
}

// Spent counts the orders that were made, locks among them, and nothing ever
// takes one out of it again: neither a cancel nor a failure. An order counts from
// when it came to be until the window is over: one that is exactly an hour old
// is out of the hour's. What came to be after Matter.Now counts too. Orders that
// no administrator asked for (ByLease, ByPolicy) count for the breaker only.
type Spent struct {
	PersonHour       uint32
	PersonDay        uint32
	CredentialHour   uint32 // locks apart
	CredentialDay    uint32 // locks apart
	OrganizationHour uint32
	OrganizationDay  uint32
	// Breaker counts, within the breaker's window and since it was last closed,
	// orders of every source; locks do not count.
	Breaker uint32
}

// Budget is one budget and what of it is spent.
type Budget struct {
	// Of is "person", "help-desk", "new-credential" or "organization".
	Of     string
	Window time.Duration
	Limit  uint32
	Spent  uint32
}

// room says whether n more fit.
func (b Budget) room(n int) bool { return int64(b.Spent)+int64(n) <= int64(b.Limit) }

// fresh reports whether the credential is new. One of which nobody knows when it
// was made is.
func (l Limits) fresh(a Asker, now time.Time) bool {
	return l.NewCredential > 0 && (a.Since.IsZero() || now.Before(a.Since.Add(l.NewCredential)))
}

// Budgets gives the budgets that hold for who asks, the narrowest first.
func (l Limits) Budgets(a Asker, s Spent, now time.Time) []Budget {
	of, hour, day := "person", l.PersonHour, l.PersonDay
	if a.Role == identity.HelpDesk {
		of, hour, day = "help-desk", l.HelpDeskHour, l.HelpDeskDay
	}
	var budgets []Budget
	if l.fresh(a, now) {
		budgets = append(budgets, Budget{newCredential, time.Hour, NewCredentialHour, s.CredentialHour})
	}
	return append(budgets,
		Budget{of, time.Hour, hour, s.PersonHour}, Budget{of, 24 * time.Hour, day, s.PersonDay},
		Budget{"organization", time.Hour, l.OrganizationHour, s.OrganizationHour},
		Budget{"organization", 24 * time.Hour, l.OrganizationDay, s.OrganizationDay},
	)
}
