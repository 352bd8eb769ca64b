package wipe

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// TestAllowed: every cell of the closed table.
func TestAllowed(t *testing.T) {
	const (
		yes  = ""
		none = "MODE_HAS_NO_WORK_PROFILE"
		no   = "SCOPE_NOT_FOR_MODE"
	)
	tests := []struct {
		ownership device.Ownership
		mode      device.Mode
		want      [5]string // lock, app data, work profile, relinquish, whole device
	}{
		{device.Personal, device.WorkProfile, [5]string{yes, yes, yes, no, no}},
		{device.Company, device.WorkProfile, [5]string{yes, yes, yes, yes, yes}},
		{device.Company, device.FullyManaged, [5]string{yes, yes, none, no, yes}},
		{device.Company, device.Dedicated, [5]string{yes, yes, none, no, yes}},
		{device.Personal, device.FullyManaged, [5]string{no, no, no, no, no}},
		{device.Personal, device.Dedicated, [5]string{no, no, no, no, no}},
		{device.Personal, "", [5]string{no, no, no, no, no}},
		{device.Company, "", [5]string{no, no, no, no, no}},
		{"", device.WorkProfile, [5]string{no, no, no, no, no}},
	}
	for _, tt := range tests {
		for i, k := range ScopeKinds() {
			if got := reason(Allowed(k, tt.ownership, tt.mode)); got != tt.want[i] {
				t.Errorf("%s of a %q device in mode %q: got %q, want %q", k, tt.ownership, tt.mode, got, tt.want[i])
			}
		}
		if err := Allowed("other", tt.ownership, tt.mode); err == nil {
			t.Errorf("a scope that there is not is allowed to a %q device in mode %q", tt.ownership, tt.mode)
		}
	}
}

// TestMayAsk: every role and scope, for one device and for two.
func TestMayAsk(t *testing.T) {
	tests := map[identity.Role]string{
		//                    lock    apps    profile relinquish whole
		identity.Gateway:  "no no   no no   no no   no no      no no",
		identity.Viewer:   "no no   no no   no no   no no      no no",
		identity.HelpDesk: "yes no  yes no  no no   no no      no no",
		identity.Operator: "yes yes yes yes yes yes yes yes    yes yes",
		identity.Approver: "no no   no no   no no   no no      no no",
		identity.Owner:    "yes yes yes yes yes yes yes yes    yes yes",
		"":                "no no   no no   no no   no no      no no",
	}
	for _, r := range identity.Roles() {
		if _, ok := tests[r]; !ok {
			t.Errorf("role %s is not in the table", r)
		}
	}
	for role, row := range tests {
		for i, want := range strings.Fields(row) {
			k, devices := ScopeKinds()[i/2], i%2+1
			err := MayAsk(role, k, devices)
			if (err == nil) != (want == "yes") || err != nil && !errors.Is(err, ErrRoleMayNot) {
				t.Errorf("%s asks for %s of %d devices: got error %v, want %s", role, k, devices, err, want)
			}
		}
	}
	if err := MayAsk(identity.HelpDesk, AppData, 2); !strings.Contains(err.Error(), "one device at a time") {
		t.Errorf("a help desk does not hear what it may: %v", err)
	}
}

// asker is somebody with a credential of that age.
func asker(r identity.Role, age time.Duration) Asker {
	return Asker{Actor: "admin:alice", Person: "alice", Role: r, Credential: "5e41a1", Since: monday.Add(-age)}
}

const old = 365 * 24 * time.Hour

func TestBudgets(t *testing.T) {
	l := DefaultLimits()
	spent := Spent{PersonHour: 1, PersonDay: 2, CredentialHour: 3, CredentialDay: 4, OrganizationHour: 5, OrganizationDay: 6}
	day := 24 * time.Hour
	all := []Budget{{"organization", time.Hour, 50, 5}, {"organization", day, 200, 6}}
	tests := map[string]struct {
		by   Asker
		want []Budget
	}{
		"an old credential": {asker(identity.Owner, old), append([]Budget{{"person", time.Hour, 10, 1}, {"person", day, 20, 2}}, all...)},
		"a help desk":       {asker(identity.HelpDesk, old), append([]Budget{{"help-desk", time.Hour, 5, 1}, {"help-desk", day, 10, 2}}, all...)},
		"a new credential": {
			asker(identity.Operator, day-1), append([]Budget{{"new-credential", time.Hour, 1, 3}, {"person", time.Hour, 10, 1}, {"person", day, 20, 2}}, all...),
		},
		"one that is a day old": {asker(identity.Operator, day), append([]Budget{{"person", time.Hour, 10, 1}, {"person", day, 20, 2}}, all...)},
		"one of unknown age": {
			Asker{Role: identity.HelpDesk},
			append([]Budget{{"new-credential", time.Hour, 1, 3}, {"help-desk", time.Hour, 5, 1}, {"help-desk", day, 10, 2}}, all...),
		},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, l.Budgets(tt.by, spent, monday)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	l.NewCredential = 0
	for _, by := range []Asker{{}, asker(identity.Owner, 0)} {
		if l.fresh(by, monday) {
			t.Errorf("no credential is new, and %+v is", by)
		}
	}
}

func TestJudge(t *testing.T) {
	const (
		pass   = ""
		second = "second person"
		budget = "BUDGET_EXHAUSTED"
		open   = "BREAKER_OPEN"
		role   = "ROLE_MAY_NOT"
	)
	owner, desk, fresh := asker(identity.Owner, old), asker(identity.HelpDesk, old), asker(identity.Owner, time.Hour)
	tests := []struct {
		name  string
		c     Case
		spent Spent
		open  bool
		want  string
	}{
		{"one work profile", Case{By: owner, Scope: WorkProfile, Devices: 1}, Spent{}, false, pass},
		{"five work profiles", Case{By: owner, Scope: WorkProfile, Devices: 5}, Spent{}, false, pass},
		{"six work profiles", Case{By: owner, Scope: WorkProfile, Devices: 6}, Spent{}, false, second},
		{"six, approved", Case{By: owner, Scope: WorkProfile, Devices: 6, Approved: true}, Spent{}, false, pass},
		{"five given up", Case{By: owner, Scope: Relinquish, Devices: 5}, Spent{}, false, pass},
		{"six given up", Case{By: owner, Scope: Relinquish, Devices: 6}, Spent{}, false, second},
		{"app data of ten", Case{By: owner, Scope: AppData, Devices: 10}, Spent{}, false, pass},
		{"locks of ten", Case{By: owner, Scope: Lock, Devices: 10}, Spent{}, false, pass},
		{"one whole device", Case{By: owner, Scope: WholeDevice, Devices: 1}, Spent{}, false, second},
		{"one whole device, approved", Case{By: owner, Scope: WholeDevice, Devices: 1, Approved: true}, Spent{}, false, pass},

		{"the hour's last", Case{By: owner, Scope: WorkProfile, Devices: 1}, Spent{PersonHour: 9}, false, pass},
		{"beyond the hour's last", Case{By: owner, Scope: WorkProfile, Devices: 1}, Spent{PersonHour: 10}, false, budget},
		{"beyond it, approved", Case{By: owner, Scope: WorkProfile, Devices: 1, Approved: true}, Spent{PersonHour: 10}, false, budget},
		{"the hour's last ten", Case{By: owner, Scope: AppData, Devices: 10}, Spent{}, false, pass},
		{"eleven in an hour", Case{By: owner, Scope: AppData, Devices: 11}, Spent{}, false, budget},
		{"the day's last", Case{By: owner, Scope: WorkProfile, Devices: 1}, Spent{PersonDay: 19}, false, pass},
		{"beyond the day's last", Case{By: owner, Scope: WorkProfile, Devices: 1}, Spent{PersonDay: 20}, false, budget},
		{"everybody's last of the hour", Case{By: owner, Scope: AppData, Devices: 1}, Spent{OrganizationHour: 49}, false, pass},
		{"beyond it", Case{By: owner, Scope: AppData, Devices: 1}, Spent{OrganizationHour: 50}, false, budget},
		{"everybody's last of the day", Case{By: owner, Scope: AppData, Devices: 1}, Spent{OrganizationDay: 199}, false, pass},
		{"beyond everybody's day", Case{By: owner, Scope: AppData, Devices: 1}, Spent{OrganizationDay: 200}, false, budget},
		{"a lock counts too", Case{By: owner, Scope: Lock, Devices: 1}, Spent{PersonHour: 10}, false, budget},
		{"a number beyond counting", Case{By: owner, Scope: AppData, Devices: 1}, Spent{OrganizationDay: 1<<32 - 1}, false, budget},

		{"a help desk's last of the hour", Case{By: desk, Scope: AppData, Devices: 1}, Spent{PersonHour: 4}, false, pass},
		{"a help desk beyond the hour", Case{By: desk, Scope: Lock, Devices: 1}, Spent{PersonHour: 5}, false, budget},
		{"a help desk's last of the day", Case{By: desk, Scope: Lock, Devices: 1}, Spent{PersonDay: 9}, false, pass},
		{"a help desk beyond the day", Case{By: desk, Scope: AppData, Devices: 1}, Spent{PersonDay: 10}, false, budget},
		{"a help desk, two devices", Case{By: desk, Scope: AppData, Devices: 2}, Spent{}, false, role},
		{"a help desk, a work profile", Case{By: desk, Scope: WorkProfile, Devices: 1}, Spent{}, false, role},

		{"the first of a new credential", Case{By: fresh, Scope: WorkProfile, Devices: 1}, Spent{}, false, pass},
		{"its second in the hour", Case{By: fresh, Scope: WorkProfile, Devices: 1}, Spent{CredentialHour: 1, CredentialDay: 1}, false, budget},
		{"its second in the hour, approved", Case{By: fresh, Scope: AppData, Devices: 1, Approved: true}, Spent{CredentialHour: 1}, false, budget},
		{"its second in the day", Case{By: fresh, Scope: AppData, Devices: 1}, Spent{CredentialDay: 1}, false, second},
		{"a lock after that", Case{By: fresh, Scope: Lock, Devices: 1}, Spent{CredentialHour: 1, CredentialDay: 1}, false, pass},
		{"its second in the day, approved", Case{By: fresh, Scope: WorkProfile, Devices: 1, Approved: true}, Spent{CredentialDay: 1}, false, pass},
		{"its first two at once", Case{By: fresh, Scope: AppData, Devices: 2}, Spent{}, false, budget},

		{"the breaker is open", Case{By: owner, Scope: AppData, Devices: 1}, Spent{}, true, open},
		{"the breaker is open, approved", Case{By: owner, Scope: WholeDevice, Devices: 1, Approved: true}, Spent{}, true, open},
		{"a lock under an open breaker", Case{By: desk, Scope: Lock, Devices: 1}, Spent{}, true, pass},
		{"a lock beyond the budget under it", Case{By: desk, Scope: Lock, Devices: 1}, Spent{PersonHour: 5}, true, budget},
		{"a role that may not, first of all", Case{By: desk, Scope: WholeDevice, Devices: 2}, Spent{PersonHour: 5}, true, role},
		{"the breaker before the budget", Case{By: owner, Scope: AppData, Devices: 1}, Spent{PersonHour: 10}, true, open},
	}
	for _, tt := range tests {
		b := Breaker{}
		if tt.open {
			b.Since = monday
		}
		r, err := Judge(tt.c, DefaultLimits(), b, tt.spent, monday)
		got := reason(err)
		if err == nil && len(r.Needs) > 0 {
			got = second
		}
		if got != tt.want {
			t.Errorf("%s: got %q (%v, %v), want %q", tt.name, got, r.Needs, err, tt.want)
		}
		hold := time.Duration(0)
		if tt.c.Devices > 1 {
			hold = 10 * time.Minute
		}
		if err == nil && r.Hold != hold {
			t.Errorf("%s: held for %v, want %v", tt.name, r.Hold, hold)
		}
	}
}

// TestJudgeSaysWhy: whoever needs somebody else, or has to wait, hears why.
func TestJudgeSaysWhy(t *testing.T) {
	fresh := asker(identity.Owner, time.Hour)
	l := DefaultLimits()
	l.QuorumAbove = 0
	r, err := Judge(Case{By: fresh, Scope: WorkProfile, Devices: 1}, l, Breaker{}, Spent{CredentialDay: 1}, monday)
	want := []string{
		"a wipe of the work profile on 1 device, which is more than 0",
		"more than one device in a day by a credential younger than 24h0m0s",
	}
	if diff := cmp.Diff(want, r.Needs); diff != "" || err != nil {
		t.Errorf("needs (-want +got):\n%s%v", diff, err)
	}
	_, err = Judge(Case{By: asker(identity.HelpDesk, old), Scope: Lock, Devices: 1}, l, Breaker{}, Spent{PersonHour: 5}, monday)
	const said = "the help-desk budget allows 5 devices per 1h0m0s; 5 spent, 1 asked for: " +
		"wait, or have the limits raised (mdmctl set limits), which takes two persons"
	if err == nil || err.Error() != said {
		t.Errorf("got %v, want %q", err, said)
	}
}

func TestBreakerStrained(t *testing.T) {
	l := DefaultLimits() // more than 5 percent, and more than 10
	tests := []struct {
		recent    uint32
		n, fleet  int
		opensAt   int64
		wantsOpen bool
	}{
		{0, 10, 0, 10, false}, {0, 11, 0, 10, true},
		{9, 1, 200, 10, false}, {10, 1, 200, 10, true},
		{10, 1, 219, 10, true}, {10, 1, 220, 11, false}, {11, 1, 220, 11, true},
		{49, 1, 1000, 50, false}, {50, 1, 1000, 50, true}, {0, 51, 1000, 50, true},
		{49, 1, 1019, 50, false}, {50, 1, 1020, 51, false},
		{1<<32 - 1, 1, 1000, 50, true},
	}
	for _, tt := range tests {
		if got := l.OpensAbove(tt.fleet); got != tt.opensAt {
			t.Errorf("a fleet of %d: opens above %d, want %d", tt.fleet, got, tt.opensAt)
		}
		got := Breaker{ClosedAt: monday.Add(-time.Hour)}.strained(l, tt.recent, tt.n, tt.fleet, monday)
		if got.Open() != tt.wantsOpen || !got.ClosedAt.Equal(monday.Add(-time.Hour)) {
			t.Errorf("%d and %d more of %d: got %+v", tt.recent, tt.n, tt.fleet, got)
		}
		if got.Open() && (!got.Since.Equal(monday) || !strings.Contains(got.Why, fmt.Sprintf("at most %d of %d", tt.opensAt, tt.fleet))) {
			t.Errorf("it does not say why: %+v", got)
		}
	}
	first := Breaker{Since: monday.Add(-time.Hour), Why: "before"}
	if got := first.strained(l, 1000, 1000, 1000, monday); got != first {
		t.Errorf("one that is open opened again: %+v", got)
	}
}
