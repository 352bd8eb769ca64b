package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func (a *app) getLimits() *cobra.Command {
	return &cobra.Command{
		Use:     "limits",
		Aliases: []string{"limit", "budgets", "breaker"},
		Short:   "How much wiping is allowed, what of it is spent, and how the breaker stands",
		Long: "How much wiping is allowed before somebody else must look: the limits, what of\n" +
			"your budgets and the organisation's is spent, how the breaker stands, and how many\n" +
			"other persons could approve what you ask for.",
		Example:     "  mdmctl get limits\n  mdmctl get limits -o json",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{formatsKey: describeFormats},
		RunE: a.calling(func(ctx context.Context, c *client, _ []string) error {
			r, err := c.requests.GetGovernance(ctx, &wipev1.GetGovernanceRequest{})
			if err != nil {
				return err
			}
			if a.forPrograms() {
				return a.writeMessage(r)
			}
			return a.showGovernance(&sheet{w: a.out}, r)
		}),
	}
}

func (a *app) showGovernance(s *sheet, r *wipev1.GetGovernanceResponse) error {
	for _, section := range []struct {
		title string
		below func(*sheet) error
	}{
		{fmt.Sprintf("Limits (version %d)", r.GetLimits().GetVersion()), func(s *sheet) error { return showLimits(s, r.GetLimits()) }},
		{"Budgets", func(s *sheet) error { return sheetTable(s, budgetColumns(), r.GetBudgets()) }},
		{"Breaker", func(s *sheet) error { return a.showBreaker(s, r.GetBreaker()) }},
	} {
		if err := s.section(section.title, section.below); err != nil {
			return err
		}
	}
	approvers := count(r.GetApprovers(), "other person") + " could approve what you ask for"
	if r.GetApprovers() == 0 {
		approvers = "nobody could approve what you ask for: " + appoint
	}
	s.field("Approvers", approvers)
	return s.flush()
}

func showLimits(s *sheet, l *wipev1.Limits) error {
	rate := func(hour, day uint32) string {
		return fmt.Sprintf("%s an hour, %d a day", count(hour, "device"), day)
	}
	s.field("Each administrator", rate(l.GetPersonPerHour(), l.GetPersonPerDay()))
	s.field("Each help desk", rate(l.GetHelpDeskPerHour(), l.GetHelpDeskPerDay()))
	s.field("All together", rate(l.GetOrganizationPerHour(), l.GetOrganizationPerDay()))
	s.field("Second person", "above "+count(l.GetQuorumAbove(), "device"))
	s.field("New credential", "younger than "+exact(l.GetNewCredential())+": one device an hour, a second person for the second in a day")
	s.field("Cooling-off", exact(l.GetCoolingOff())+" before orders to several devices go out")
	s.field("Breaker", fmt.Sprintf("opens above %d%% of the fleet, at least %s, in %s",
		l.GetBreakerPercent(), count(l.GetBreakerFloor(), "device"), exact(l.GetBreakerWindow())))
	return nil
}

func budgetColumns() []column[*wipev1.Budget] {
	type b = *wipev1.Budget
	number := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
	return []column[b]{
		{"OF", false, b.GetOf},
		{"WINDOW", false, func(m b) string { return exact(m.GetWindow()) }},
		{"LIMIT", false, func(m b) string { return number(m.GetLimit()) }},
		{"SPENT", false, func(m b) string { return number(m.GetSpent()) }},
		{"LEFT", false, func(m b) string { return number(m.GetLimit() - min(m.GetSpent(), m.GetLimit())) }},
	}
}

func (a *app) showBreaker(s *sheet, b *wipev1.Breaker) error {
	if b.GetOpen() {
		s.field("State", "OPEN since "+moment(b.GetSince(), a.now()))
		s.field("Why", b.GetWhy())
		s.field("Paused", count(b.GetPaused(), "order"))
		s.field("Next", "an owner lets them go on (mdmctl resume wipes) or cancels them (mdmctl cancel all-wipes), with a second person")
	} else {
		s.field("State", "closed")
	}
	s.field("Recent", fmt.Sprintf("%s, locks apart; it opens above %d", count(b.GetRecent(), "order"), b.GetOpensAbove()))
	return nil
}

// exact is a duration without rounding, in days where it is whole days.
func exact(p *durationpb.Duration) string {
	d := p.AsDuration()
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// pause is a limit's duration: a lifetime, or 0 for none.
type pause struct{ lifetime }

// Set implements pflag.Value.
func (p *pause) Set(s string) error {
	if strings.Trim(s, "0") == "" || s == "0s" {
		p.lifetime = 0
		return nil
	}
	return p.lifetime.Set(s)
}

// limitFlag is one flag of "set limits".
type limitFlag struct {
	name string
	put  func(l *wipev1.Limits) // writes the flag's value
}

// addLimits declares a flag for each limit.
func addLimits(cmd *cobra.Command) []limitFlag {
	var all []limitFlag
	number := func(name, usage string, field func(l *wipev1.Limits) *uint32) {
		value := cmd.Flags().Uint32(name, 0, usage)
		all = append(all, limitFlag{name, func(l *wipev1.Limits) { *field(l) = *value }})
	}
	length := func(name, usage string, field func(l *wipev1.Limits) **durationpb.Duration) {
		value := &pause{}
		cmd.Flags().Var(value, name, usage)
		all = append(all, limitFlag{name, func(l *wipev1.Limits) { *field(l) = durationpb.New(time.Duration(value.lifetime)) }})
	}
	number("person-per-hour", "devices that one administrator may have orders made for in an hour",
		func(l *wipev1.Limits) *uint32 { return &l.PersonPerHour })
	number("person-per-day", "the same in a day", func(l *wipev1.Limits) *uint32 { return &l.PersonPerDay })
	number("help-desk-per-hour", "the same for a help desk, in an hour", func(l *wipev1.Limits) *uint32 { return &l.HelpDeskPerHour })
	number("help-desk-per-day", "the same in a day", func(l *wipev1.Limits) *uint32 { return &l.HelpDeskPerDay })
	number("organization-per-hour", "the same for all together, in an hour", func(l *wipev1.Limits) *uint32 { return &l.OrganizationPerHour })
	number("organization-per-day", "the same in a day", func(l *wipev1.Limits) *uint32 { return &l.OrganizationPerDay })
	number("quorum-above", "a request for more devices needs a second person", func(l *wipev1.Limits) *uint32 { return &l.QuorumAbove })
	length("new-credential", "how long a credential is new, up to 365d", func(l *wipev1.Limits) **durationpb.Duration { return &l.NewCredential })
	length("cooling-off", "how long orders to several devices wait, up to 7d", func(l *wipev1.Limits) **durationpb.Duration { return &l.CoolingOff })
	number("breaker-percent", "share of the fleet above which the breaker opens, 1 to 100",
		func(l *wipev1.Limits) *uint32 { return &l.BreakerPercent })
	number("breaker-floor", "but at least this many devices", func(l *wipev1.Limits) *uint32 { return &l.BreakerFloor })
	length("breaker-window", "within this time, 1m to 30d", func(l *wipev1.Limits) **durationpb.Duration { return &l.BreakerWindow })
	return all
}

func (a *app) setLimits() *cobra.Command {
	in := &wipev1.ChangeLimitsRequest{}
	cmd := &cobra.Command{
		Use:     "limits",
		Aliases: []string{"limit"},
		Short:   "Change how much wiping is allowed; the limits not named stay",
		Long: "Change how much wiping is allowed; the limits not named stay. What is tighter\n" +
			"holds at once; what is looser in any part waits for a second person.",
		Example: `  mdmctl set limits --person-per-hour 5 --cooling-off 30m --reason "after the audit"
  mdmctl set limits --organization-per-day 500 --reason "the branch in Ulm closes"`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().SortFlags = false // they are explained in their order
	flags := addLimits(cmd)
	addReason(cmd, &in.Reason)
	addRequestKey(cmd, &in.RequestKey)
	var names []string
	for _, f := range flags {
		names = append(names, f.name)
	}
	cmd.MarkFlagsOneRequired(names...)
	cmd.RunE = a.calling(func(ctx context.Context, c *client, _ []string) error {
		r, err := c.requests.GetGovernance(ctx, &wipev1.GetGovernanceRequest{})
		if err != nil {
			return err
		}
		if r.GetLimits() == nil {
			return errors.New("the server gave no limits to change")
		}
		in.Limits = r.GetLimits() // with the version that they are changed from
		for _, f := range flags {
			if cmd.Flags().Changed(f.name) {
				f.put(in.Limits)
			}
		}
		in.RequestKey = requestKey(in.GetRequestKey())
		done, err := c.requests.ChangeLimits(ctx, in)
		if err != nil {
			return err
		}
		return a.tellRequest(done.GetRequest())
	})
	return cmd
}
