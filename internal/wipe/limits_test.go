package wipe

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLimitsChanges: each limit, to a looser and to a tighter value. That no
// field was forgotten is seen by counting them.
func TestLimitsChanges(t *testing.T) {
	tests := []struct {
		name   string
		larger func(*Limits)
		line   string
		loose  bool // whether larger is looser
	}{
		{"person, hour", func(l *Limits) { l.PersonHour++ }, "person_per_hour from 10 to 11", true},
		{"person, day", func(l *Limits) { l.PersonDay++ }, "person_per_day from 20 to 21", true},
		{"help desk, hour", func(l *Limits) { l.HelpDeskHour++ }, "help_desk_per_hour from 5 to 6", true},
		{"help desk, day", func(l *Limits) { l.HelpDeskDay++ }, "help_desk_per_day from 10 to 11", true},
		{"organization, hour", func(l *Limits) { l.OrganizationHour++ }, "organization_per_hour from 50 to 51", true},
		{"organization, day", func(l *Limits) { l.OrganizationDay++ }, "organization_per_day from 200 to 201", true},
		{"quorum", func(l *Limits) { l.QuorumAbove++ }, "quorum_above from 5 to 6", true},
		{"percent", func(l *Limits) { l.BreakerPercent++ }, "breaker_percent from 5 to 6", true},
		{"floor", func(l *Limits) { l.BreakerFloor++ }, "breaker_floor from 10 to 11", true},
		{"new credential", func(l *Limits) { l.NewCredential += time.Hour }, "new_credential from 24h0m0s to 25h0m0s", false},
		{"cooling off", func(l *Limits) { l.CoolingOff += time.Minute }, "cooling_off from 10m0s to 11m0s", false},
		{"window", func(l *Limits) { l.BreakerWindow += time.Hour }, "breaker_window from 24h0m0s to 25h0m0s", false},
	}
	if fields := reflect.TypeFor[Limits]().NumField() - 1; len(tests) != fields {
		t.Errorf("%d limits are tested, there are %d", len(tests), fields)
	}
	base := DefaultLimits()
	for _, tt := range tests {
		larger := base
		tt.larger(&larger)
		looser, tighter := base.changes(larger)
		back, forth := larger.changes(base)
		if !tt.loose {
			looser, tighter, back, forth = tighter, looser, forth, back
		}
		if diff := cmp.Diff([]string{tt.line}, looser); diff != "" || len(tighter) != 0 {
			t.Errorf("%s (-want +got):\n%s and %v", tt.name, diff, tighter)
		}
		if len(back) != 0 || len(forth) != 1 {
			t.Errorf("%s, back again: looser %v, tighter %v", tt.name, back, forth)
		}
	}
	next := base
	next.Version++
	if looser, tighter := base.changes(next); looser != nil || tighter != nil {
		t.Errorf("the version alone: %v, %v", looser, tighter)
	}
}

func TestLimitsCheck(t *testing.T) {
	tests := []struct {
		field       string
		good, spoil func(*Limits)
	}{
		{"limits.person_per_hour", func(l *Limits) { l.PersonHour = maxBudget }, func(l *Limits) { l.PersonHour++ }},
		{"limits.person_per_day", func(l *Limits) { l.PersonDay = maxBudget }, func(l *Limits) { l.PersonDay++ }},
		{"limits.help_desk_per_hour", func(l *Limits) { l.HelpDeskHour = maxBudget }, func(l *Limits) { l.HelpDeskHour++ }},
		{"limits.help_desk_per_day", func(l *Limits) { l.HelpDeskDay = maxBudget }, func(l *Limits) { l.HelpDeskDay++ }},
		{"limits.organization_per_hour", func(l *Limits) { l.OrganizationHour = maxBudget }, func(l *Limits) { l.OrganizationHour++ }},
		{"limits.organization_per_day", func(l *Limits) { l.OrganizationDay = maxBudget }, func(l *Limits) { l.OrganizationDay++ }},
		{"limits.quorum_above", func(l *Limits) { l.QuorumAbove = maxBudget }, func(l *Limits) { l.QuorumAbove++ }},
		{"limits.breaker_floor", func(l *Limits) { l.BreakerFloor = maxBudget }, func(l *Limits) { l.BreakerFloor++ }},
		{"limits.breaker_percent", func(l *Limits) { l.BreakerPercent = 100 }, func(l *Limits) { l.BreakerPercent++ }},
		{"limits.breaker_percent", func(l *Limits) { l.BreakerPercent = 1 }, func(l *Limits) { l.BreakerPercent-- }},
		{"limits.new_credential", func(l *Limits) { l.NewCredential = maxNewCredential }, func(l *Limits) { l.NewCredential++ }},
		{"limits.new_credential", func(l *Limits) { l.NewCredential = 0 }, func(l *Limits) { l.NewCredential-- }},
		{"limits.cooling_off", func(l *Limits) { l.CoolingOff = maxCoolingOff }, func(l *Limits) { l.CoolingOff++ }},
		{"limits.cooling_off", func(l *Limits) { l.CoolingOff = 0 }, func(l *Limits) { l.CoolingOff-- }},
		{"limits.breaker_window", func(l *Limits) { l.BreakerWindow = maxBreakerWindow }, func(l *Limits) { l.BreakerWindow++ }},
		{"limits.breaker_window", func(l *Limits) { l.BreakerWindow = minBreakerWindow }, func(l *Limits) { l.BreakerWindow-- }},
	}
	var seen []string
	for _, tt := range tests {
		l := DefaultLimits()
		tt.good(&l)
		if err := l.check(); err != nil {
			t.Errorf("%s at its bound: %v", tt.field, err)
		}
		tt.spoil(&l)
		if got := invalidField(l.check()); got != tt.field {
			t.Errorf("%s beyond its bound: a complaint about %q", tt.field, got)
		}
		seen = append(seen, tt.field)
	}
	slices.Sort(seen)
	if got, want := len(slices.Compact(seen)), reflect.TypeFor[Limits]().NumField()-1; got != want {
		t.Errorf("%d limits are tested, there are %d", got, want)
	}
	none := DefaultLimits()
	none.PersonHour, none.PersonDay, none.HelpDeskHour, none.HelpDeskDay = 0, 0, 0, 0
	none.OrganizationHour, none.OrganizationDay, none.QuorumAbove, none.BreakerFloor = 0, 0, 0, 0
	if err := none.check(); err != nil {
		t.Errorf("nothing at all may be allowed: %v", err)
	}
}
