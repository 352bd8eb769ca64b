package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/identity"
	"ringfence/internal/wipe"
)

// wipePage gives the page with its tables made anew.
func wipePage(page string) (string, error) { return regenerated("docs/wipe.md", page, wipeTables()) }

func wipeTables() string {
	var b strings.Builder
	b.WriteString("### Scope by mode\n\nA device that is none of the company's cannot even be asked for as a whole: there is no message that could. Mode `app-account` is\n" +
		"that of a registration, a work account in one app: its app data is that of its own app, and of no other (`OTHER_APP`).\n\n")
	modeTable(&b)
	b.WriteString("\n### Role, scope and number of devices\n\nBy a credential that is not new, with nothing spent and the breaker closed.\n\n")
	roleTable(&b)
	b.WriteString("\n### What else decides\n\nFor one device, where nothing else is said, asked for by an owner.\n\n")
	stateTable(&b)
	b.WriteString("\n### Default limits\n\n")
	limitTable(&b)
	return b.String()
}

// head begins a head row, which goes on with every scope.
func head(first ...string) []string {
	for _, k := range wipe.ScopeKinds() {
		first = append(first, string(k))
	}
	return first
}

func modeTable(b *strings.Builder) {
	rows := [][]string{head("ownership", "mode")}
	for _, o := range []device.Ownership{device.Personal, device.Company} {
		for _, m := range []device.Mode{device.WorkProfile, device.FullyManaged, device.Dedicated, device.AppAccount} {
			row := []string{string(o), string(m)}
			for _, k := range wipe.ScopeKinds() {
				row = append(row, allowed(k, o, m))
			}
			rows = append(rows, row)
		}
	}
	table(b, rows)
}

func allowed(k wipe.ScopeKind, o device.Ownership, m device.Mode) string {
	switch err := wipe.Allowed(k, o, m); {
	case !m.Allowed(o):
		return "no such device"
	case errors.Is(err, wipe.ErrNoWorkProfile):
		return "no: it has none"
	case err != nil:
		return "no"
	default:
		return "yes"
	}
}

// now is any time: nothing but the age of a credential is measured from it.
var now = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

// judged says in a few words what Judge makes of a case.
func judged(c wipe.Case, l wipe.Limits, br wipe.Breaker, s wipe.Spent) string {
	switch r, err := wipe.Judge(c, l, br, s, now); {
	case errors.Is(err, wipe.ErrRoleMayNot):
		return "no"
	case errors.Is(err, wipe.ErrBudget):
		return "no: budget"
	case errors.Is(err, wipe.ErrBreakerOpen):
		return "no: breaker"
	case err != nil:
		return err.Error()
	case len(r.Needs) > 0:
		return "second person"
	default:
		return "yes"
	}
}

// ranges are the numbers of devices between which nothing changes: the last one
// has no end.
func ranges(l wipe.Limits) [][2]int {
	bounds := []int{1, int(l.QuorumAbove), int(l.PersonHour)}
	slices.Sort(bounds)
	var all [][2]int
	from := 1
	for _, to := range slices.Compact(bounds) {
		all = append(all, [2]int{from, to})
		from = to + 1
	}
	return append(all, [2]int{from, 0})
}

// oneAtATime: there is no call that asks for whole devices by the dozen.
const oneAtATime = "one at a time"

func roleTable(b *strings.Builder) {
	l := wipe.DefaultLimits()
	rows := [][]string{{"role", "scope"}}
	for _, r := range ranges(l) {
		switch {
		case r[1] == 0:
			rows[0] = append(rows[0], fmt.Sprintf("%d or more", r[0]))
		case r[0] == r[1]:
			rows[0] = append(rows[0], fmt.Sprint(r[0]))
		default:
			rows[0] = append(rows[0], fmt.Sprintf("%d to %d", r[0], r[1]))
		}
	}
	for _, role := range identity.Roles() {
		for _, k := range wipe.ScopeKinds() {
			row := []string{string(role), string(k)}
			for _, r := range ranges(l) {
				c := wipe.Case{By: wipe.Asker{Role: role, Since: now.Add(-l.NewCredential)}, Scope: k, Devices: r[0]}
				if k == wipe.WholeDevice && r[0] > 1 {
					row = append(row, oneAtATime)
					continue
				}
				row = append(row, judged(c, l, wipe.Breaker{}, wipe.Spent{}))
			}
			rows = append(rows, row)
		}
	}
	table(b, rows)
}

// state is what a case depends on beside who, what and how many.
type state struct {
	name     string
	age      time.Duration
	spent    wipe.Spent
	breaker  wipe.Breaker
	approved bool
	several  bool
}

func states(l wipe.Limits) []state {
	old := l.NewCredential
	return []state{
		{name: "nothing", age: old},
		{name: "a second person has approved", age: old, approved: true},
		{name: "breaker open", age: old, breaker: wipe.Breaker{Since: now}},
		{name: "breaker open, approved", age: old, breaker: wipe.Breaker{Since: now}, approved: true},
		{name: "budget spent: person, hour", age: old, spent: wipe.Spent{PersonHour: l.PersonHour}},
		{name: "budget spent: person, day", age: old, spent: wipe.Spent{PersonDay: l.PersonDay}},
		{name: "budget spent: organization, hour", age: old, spent: wipe.Spent{OrganizationHour: l.OrganizationHour}},
		{name: "budget spent: organization, day", age: old, spent: wipe.Spent{OrganizationDay: l.OrganizationDay}},
		{name: "budget spent, approved", age: old, spent: wipe.Spent{PersonHour: l.PersonHour}, approved: true},
		{name: "new credential, first device of the day"},
		{name: "new credential, several devices at once", several: true},
		{name: "new credential, several devices at once, approved", several: true, approved: true},
		{name: "new credential, second device of the day", spent: wipe.Spent{CredentialDay: 1}},
		{name: "new credential, second device of the day, approved", spent: wipe.Spent{CredentialDay: 1}, approved: true},
		{name: "new credential, second device of the hour", spent: wipe.Spent{CredentialHour: 1, CredentialDay: 1}},
		{name: "new credential, second device of the hour, approved", spent: wipe.Spent{CredentialHour: 1, CredentialDay: 1}, approved: true},
	}
}

func stateTable(b *strings.Builder) {
	l := wipe.DefaultLimits()
	rows := [][]string{head("what")}
	for _, s := range states(l) {
		row := []string{s.name}
		for _, k := range wipe.ScopeKinds() {
			by := wipe.Asker{Role: identity.Owner, Since: now.Add(-s.age)}
			c := wipe.Case{By: by, Scope: k, Devices: 1, Approved: s.approved}
			if s.several {
				c.Devices = 2
			}
			if s.several && k == wipe.WholeDevice {
				row = append(row, oneAtATime)
				continue
			}
			row = append(row, judged(c, l, s.breaker, s.spent))
		}
		rows = append(rows, row)
	}
	table(b, rows)
}

func limitTable(b *strings.Builder) {
	l := wipe.DefaultLimits()
	table(b, [][]string{
		{"limit", "default", "what it bounds"},
		{"person_per_hour", fmt.Sprint(l.PersonHour), "devices that one person may have orders made for within an hour, with all credentials together"},
		{"person_per_day", fmt.Sprint(l.PersonDay), "the same within a day"},
		{"help_desk_per_hour", fmt.Sprint(l.HelpDeskHour), "the same for a person at the help desk"},
		{"help_desk_per_day", fmt.Sprint(l.HelpDeskDay), "the same within a day"},
		{"organization_per_hour", fmt.Sprint(l.OrganizationHour), "the same for everybody together"},
		{"organization_per_day", fmt.Sprint(l.OrganizationDay), "the same within a day"},
		{"quorum_above", fmt.Sprint(l.QuorumAbove), "a request for the work profile of more devices than this needs a second person"},
		{"new_credential", span(l.NewCredential), fmt.Sprintf(
			"how long a credential is new: it has %d device an hour, and needs a second person for the second device of a day; locks apart", wipe.NewCredentialHour)},
		{"cooling_off", span(l.CoolingOff), "how long orders to more than one device wait, and can be stopped"},
		{"breaker_percent", fmt.Sprint(l.BreakerPercent), "the breaker opens when orders to more than this share of the enrolled devices and registrations"},
		{"breaker_floor", fmt.Sprint(l.BreakerFloor), "and to more of them than this"},
		{"breaker_window", span(l.BreakerWindow), "are made within this time, whoever makes them; locks do not count"},
	})
}

func span(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}
