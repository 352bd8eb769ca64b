package wipe_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/identity"
	"ringfence/internal/wipe"
)

// tables are those of docs/wipe.md, cell by cell: a row is found by its first
// cells joined by "/", a cell in it by its head.
type tables struct{ modes, roles, states, limits map[string]map[string]string }

func readTables(t *testing.T) tables {
	t.Helper()
	page, err := os.ReadFile("../../docs/wipe.md")
	if err != nil {
		t.Fatal(err)
	}
	return tables{
		modes:  readTable(t, string(page), "### Scope by mode", 2),
		roles:  readTable(t, string(page), "### Role, scope and number of devices", 2),
		states: readTable(t, string(page), "### What else decides", 1),
		limits: readTable(t, string(page), "### Default limits", 1),
	}
}

// readTable reads the first table below a title; keys is how many cells name a
// row.
func readTable(t *testing.T, page, title string, keys int) map[string]map[string]string {
	t.Helper()
	_, rest, ok := strings.Cut(page, title+"\n")
	if !ok {
		t.Fatalf("docs/wipe.md has no %q", title)
	}
	var head []string
	rows := map[string]map[string]string{}
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "|--"):
			continue
		case !strings.HasPrefix(line, "|") && head != nil:
			return rows
		case !strings.HasPrefix(line, "|"):
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if head == nil {
			head = cells
			continue
		}
		row := map[string]string{}
		for i, cell := range cells[keys:] {
			row[head[keys+i]] = cell
		}
		rows[strings.Join(cells[:keys], "/")] = row
	}
	t.Fatalf("docs/wipe.md: the table below %q does not end", title)
	return nil
}

// situation is everything that an answer depends on.
type situation struct {
	ownership  device.Ownership
	mode       device.Mode
	scope      wipe.ScopeKind
	role       identity.Role
	devices    int
	approved   bool
	credential string // a row of the states; "" for one that is not new
	budget     string // which budget is spent; "" for none
	open       bool   // the breaker
}

const (
	yes    = "yes"
	second = "second person"
)

// written is the answer that the document gives: the first no decides, then the
// second person.
func (tb tables) written(t *testing.T, s situation) string {
	t.Helper()
	by, approved := string(s.scope), ""
	if s.approved {
		approved = ", approved"
	}
	cell := func(of map[string]map[string]string, row, column string) string {
		c, ok := of[row][column]
		if !ok {
			t.Fatalf("docs/wipe.md has no cell %q, %q", row, column)
		}
		return c
	}
	mode := cell(tb.modes, string(s.ownership)+"/"+string(s.mode), by)
	role := cell(tb.roles, string(s.role)+"/"+by, tb.column(t, s.devices))
	answers := []string{mode}
	if role == "no" {
		answers = append(answers, role)
	}
	if s.open {
		answers = append(answers, cell(tb.states, "breaker open"+approved, by))
	}
	if s.budget != "" {
		answers = append(answers, cell(tb.states, "budget spent: "+s.budget, by))
	}
	answers = append(answers, role)
	if s.credential != "" && s.devices > 1 {
		answers = append(answers, cell(tb.states, "new credential, several devices at once"+approved, by))
	} else if s.credential != "" {
		answers = append(answers, cell(tb.states, s.credential, by))
	}
	needs := false
	for _, a := range answers {
		if a != yes && a != second {
			return "no"
		}
		needs = needs || a == second
	}
	if needs && !s.approved {
		return second
	}
	return yes
}

// column finds the range that a number of devices is in.
func (tb tables) column(t *testing.T, n int) string {
	t.Helper()
	for _, row := range tb.roles {
		for head := range row {
			from, to := 0, 1<<30
			if _, err := fmt.Sscanf(head, "%d to %d", &from, &to); err != nil {
				if _, err := fmt.Sscanf(head, "%d or more", &from); err != nil {
					from, _ = strconv.Atoi(head)
					to = from
				}
			}
			if from <= n && n <= to {
				return head
			}
		}
	}
	t.Fatalf("docs/wipe.md says nothing about %d devices", n)
	return ""
}

var tableNow = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

// decided is the answer that the code gives.
func decided(t *testing.T, s situation) string {
	t.Helper()
	l := wipe.DefaultLimits()
	c := wipe.Case{By: wipe.Asker{Role: s.role, Since: tableNow.Add(-l.NewCredential)}, Scope: s.scope, Devices: s.devices, Approved: s.approved}
	hour, day := l.PersonHour, l.PersonDay
	if s.role == identity.HelpDesk {
		hour, day = l.HelpDeskHour, l.HelpDeskDay
	}
	spent := map[string]wipe.Spent{
		"": {}, "person, hour": {PersonHour: hour, PersonDay: hour}, "person, day": {PersonDay: day},
		"organization, hour": {OrganizationHour: l.OrganizationHour}, "organization, day": {OrganizationDay: l.OrganizationDay},
	}[s.budget]
	if s.credential != "" {
		c.By.Since = tableNow
	}
	if strings.Contains(s.credential, "second device") {
		spent.CredentialDay = 1
	}
	if strings.Contains(s.credential, "of the hour") {
		spent.CredentialHour = 1
	}
	var b wipe.Breaker
	if s.open {
		b.Since = tableNow
	}
	if wipe.Allowed(s.scope, s.ownership, s.mode) != nil {
		return "no"
	}
	r, err := wipe.Judge(c, l, b, spent, tableNow)
	switch {
	case errors.Is(err, wipe.ErrRoleMayNot), errors.Is(err, wipe.ErrBudget), errors.Is(err, wipe.ErrBreakerOpen):
		return "no"
	case err != nil:
		t.Fatalf("%+v: %v", s, err)
	case len(r.Needs) > 0:
		return second
	}
	if held := r.Hold > 0; held != (s.devices > 1) {
		t.Errorf("%+v: held for %v", s, r.Hold)
	}
	return yes
}

// TestAsWritten: every mode, scope, role, number of devices, second person,
// budget, breaker and age of a credential is answered as docs/wipe.md says.
func TestAsWritten(t *testing.T) {
	tb := readTables(t)
	counts := map[string]int{}
	for s := range situations {
		if s.scope == wipe.WholeDevice && s.devices > 1 {
			continue // there is no call for it
		}
		got, want := decided(t, s), tb.written(t, s)
		if counts[want]++; got != want {
			t.Fatalf("%+v: the code says %q, docs/wipe.md %q", s, got, want)
		}
	}
	for _, answer := range []string{yes, second, "no"} {
		if counts[answer] < 40 {
			t.Errorf("%q is the answer only %d times: is the table still read?", answer, counts[answer])
		}
	}
}

// situations gives every combination.
func situations(yield func(situation) bool) {
	for _, s := range every([]situation{{}},
		vary([]device.Ownership{device.Personal, device.Company}, func(s *situation, v device.Ownership) { s.ownership = v }),
		vary([]device.Mode{device.WorkProfile, device.FullyManaged, device.Dedicated, device.AppAccount}, func(s *situation, v device.Mode) { s.mode = v }),
		vary(wipe.ScopeKinds(), func(s *situation, v wipe.ScopeKind) { s.scope = v }),
		vary(identity.Roles(), func(s *situation, v identity.Role) { s.role = v }),
		vary([]int{1, 2, 5, 6, 10, 11, 500}, func(s *situation, v int) { s.devices = v }),
		vary([]bool{false, true}, func(s *situation, v bool) { s.approved = v }),
		vary([]bool{false, true}, func(s *situation, v bool) { s.open = v }),
		vary([]string{"", "person, hour", "person, day", "organization, hour", "organization, day"}, func(s *situation, v string) { s.budget = v }),
		vary([]string{
			"", "new credential, first device of the day", "new credential, second device of the day", "new credential, second device of the hour",
		}, func(s *situation, v string) { s.credential = v }),
	) {
		if !yield(s) {
			return
		}
	}
}

// vary gives a situation once with each value.
func vary[V any](values []V, set func(*situation, V)) func(situation) []situation {
	return func(s situation) (all []situation) {
		for _, v := range values {
			set(&s, v)
			all = append(all, s)
		}
		return all
	}
}

func every(all []situation, by ...func(situation) []situation) []situation {
	for _, vary := range by {
		var next []situation
		for _, s := range all {
			next = append(next, vary(s)...)
		}
		all = next
	}
	return all
}

// TestLimitsAsWritten: the numbers in the prose are those of the code.
func TestLimitsAsWritten(t *testing.T) {
	tb, l := readTables(t), wipe.DefaultLimits()
	for name, want := range map[string]uint32{
		"person_per_hour": l.PersonHour, "person_per_day": l.PersonDay, "help_desk_per_hour": l.HelpDeskHour, "help_desk_per_day": l.HelpDeskDay,
		"organization_per_hour": l.OrganizationHour, "organization_per_day": l.OrganizationDay, "quorum_above": l.QuorumAbove,
		"breaker_percent": l.BreakerPercent, "breaker_floor": l.BreakerFloor,
	} {
		if got := tb.limits[name]["default"]; got != fmt.Sprint(want) {
			t.Errorf("%s is %d, docs/wipe.md says %q", name, want, got)
		}
	}
	page, err := os.ReadFile("../../docs/wipe.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, promise := range []string{
		fmt.Sprintf("can wipe **%d devices**", l.PersonDay),
		fmt.Sprintf("it is **%d device**", wipe.NewCredentialHour),
		fmt.Sprintf("**one in %d** of what is enrolled, and never fewer than %d", 100/l.BreakerPercent, l.BreakerFloor),
		fmt.Sprintf("of 1,000 it is **%d**", l.OpensAbove(1000)),
	} {
		if !strings.Contains(strings.Join(strings.Fields(string(page)), " "), promise) {
			t.Errorf("docs/wipe.md does not say %q", promise)
		}
	}
}
