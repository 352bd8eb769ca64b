package access

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"ringfence/internal/fault"
)

// ReportRequest says what a report is to be about.
type ReportRequest struct {
	// Promote names policies that only report, whose effect together is asked for;
	// empty is that of all that only report.
	Promote []string
	// Since is from when on samples count; zero is all there are.
	Since time.Time
	// Examples is how many sign-ins are shown of each effect, at most 100.
	Examples int
}

// Report says what policies that only report would do, had they been on. It
// replays the stored samples: each with the facts of its last time, at its last
// time, from the first address of its network, with the policies of now.
type Report struct {
	// Generation is that of the policies.
	Generation uint64
	// Since and Until are the first and last time of the samples that count.
	Since, Until time.Time
	// Samples is how many there are, SignIns how many decisions in them. Lost
	// counts the decisions that are in none, ever: there was no room for them.
	Samples, SignIns, Lost uint64
	// Allowed, Prompted and Denied are what the policies that are on say.
	Allowed, Prompted, Denied uint64
	// Policies are those that only report, by name, each alone.
	Policies []PolicyReport
	// Together is the effect of those that were named, or of all.
	Together Effect
}

// PolicyReport is the effect of one policy.
type PolicyReport struct {
	Name     string
	Revision uint64
	Effect
}

// Effect is what would be different, in sign-ins. One that is denied anyway is no
// different.
type Effect struct {
	// Applied counts those to which a policy applies.
	Applied uint64
	// WouldBlock counts those that come in now, maybe after a prompt, and would be
	// denied; WouldPrompt those of which more would be asked than now.
	WouldBlock, WouldPrompt uint64
	// Owed are the choices that would be asked for in addition, with how many
	// sign-ins there are for each.
	Owed []OwedCount
	// Users and Devices are how many different ones it would block or prompt.
	Users, Devices int
	// Examples are some of the sign-ins it would block or prompt.
	Examples []Example
}

// OwedCount is a choice, and how many sign-ins would be asked for it.
type OwedCount struct {
	Choice  ControlSet
	SignIns uint64
}

// Example is a sign-in on which there is an effect.
type Example struct {
	Sample Sample
	// Present is the outcome now; Outcome and Owed are as they would be.
	Present Outcome
	Outcome Outcome
	Owed    []ControlSet
}

const maxExamples = 100

// Report replays the samples. Decisions that are still in memory are not in it.
//
// Errors: Invalid where Promote names what does not report.
func (s *Service) Report(ctx context.Context, r ReportRequest) (Report, error) {
	stored, err := s.c.Policies.Current(ctx)
	if err != nil {
		return Report{}, err
	}
	p, err := s.newReplay(stored, r)
	if err != nil {
		return Report{}, err
	}
	err = s.c.Samples.EachSample(ctx, r.Since, func(sample Sample) error {
		p.add(sample)
		return ctx.Err()
	})
	if err != nil {
		return Report{}, err
	}
	if p.report.Lost, err = s.c.Samples.LostSamples(ctx); err != nil {
		return Report{}, err
	}
	return p.done(), nil
}

// replay is a report in the making.
type replay struct {
	report   Report
	present  *Snapshot
	each     []*trial
	together *trial
}

// trial is some policies, taken as on, by themselves: there is no order among
// policies, so that what they say can be joined with what the others say.
type trial struct {
	policies *Snapshot
	revision uint64
	name     string
	effect   Effect
	owed     map[ControlSet]uint64
	users    map[string]struct{}
	devices  map[string]struct{}
	examples int
}

// onlyReport sees that what is to be promoted is not on already: it would seem to
// change nothing, whatever it does.
func onlyReport(policies []Policy, names []string) error {
	for i, name := range names {
		if slices.ContainsFunc(policies, func(p Policy) bool { return p.Name == name && p.Spec.State == On }) {
			return fault.InvalidField(fmt.Sprintf("promote[%d]", i), "policy %q is on, and does more than report", name)
		}
	}
	return nil
}

func (s *Service) newReplay(stored Stored, r ReportRequest) (*replay, error) {
	p := &replay{report: Report{Generation: stored.Generation}}
	var err error
	if p.present, err = s.compile(stored); err != nil {
		return nil, err
	}
	on, err := promoted(stored.Policies, r.Promote)
	if err != nil {
		return nil, err
	}
	if err := onlyReport(stored.Policies, r.Promote); err != nil {
		return nil, err
	}
	var together []Policy
	for i, policy := range stored.Policies {
		if policy.Spec.State != ReportOnly {
			continue
		}
		if len(r.Promote) == 0 || on[i].Spec.State == On {
			together = append(together, policy)
		}
		t, err := s.newTrial(stored, r, policy)
		if err != nil {
			return nil, err
		}
		t.name, t.revision = policy.Name, policy.Revision
		p.each = append(p.each, t)
	}
	p.together, err = s.newTrial(stored, r, together...)
	return p, err
}

func (s *Service) newTrial(stored Stored, r ReportRequest, policies ...Policy) (*trial, error) {
	alone := Stored{Policies: slices.Clone(policies), Generation: stored.Generation}
	for i := range alone.Policies {
		alone.Policies[i].Spec.State = On
	}
	for _, l := range stored.Locations {
		if l.Trusted || namedBy(policies, l.Name) != "" {
			alone.Locations = append(alone.Locations, l)
		}
	}
	made, err := s.compile(alone)
	return &trial{
		policies: made, owed: map[ControlSet]uint64{}, users: map[string]struct{}{}, devices: map[string]struct{}{},
		examples: min(max(r.Examples, 0), maxExamples),
	}, err
}

// add replays a sample.
func (p *replay) add(sample Sample) {
	r := &p.report
	if r.Since.IsZero() || sample.FirstAt.Before(r.Since) {
		r.Since = sample.FirstAt
	}
	if sample.LastAt.After(r.Until) {
		r.Until = sample.LastAt
	}
	r.Samples++
	r.SignIns += sample.Count
	in := sample.SignIn
	in.Address = sample.Network.Addr()
	now := Decide(p.present, &in, &sample.Facts, sample.LastAt)
	switch now.Outcome {
	case Allow:
		r.Allowed += sample.Count
	case AllowWith:
		r.Prompted += sample.Count
	default:
		r.Denied += sample.Count
	}
	for _, t := range p.each {
		t.add(&sample, &in, &now)
	}
	p.together.add(&sample, &in, &now)
}

// add notes what the policies would change of a sign-in that is decided as now
// without them.
func (t *trial) add(sample *Sample, in *SignIn, now *Decision) {
	if !t.policies.applies(in, &sample.Facts, sample.LastAt) {
		return
	}
	t.effect.Applied += sample.Count
	alone := Decide(t.policies, in, &sample.Facts, sample.LastAt)
	then := tally{blocked: alone.Outcome == Deny || now.Outcome == Deny, owed: alone.Owed | now.Owed}
	outcome := then.outcome(in.Client)
	more := added(now.Owed, then.owed)
	switch {
	case now.Outcome == Deny:
		return
	case outcome == Deny:
		t.effect.WouldBlock += sample.Count
	case len(more) > 0:
		t.effect.WouldPrompt += sample.Count
		for _, choice := range more {
			t.owed[choice] += sample.Count
		}
	default:
		return
	}
	if in.Person.Name != "" {
		t.users[in.Person.Name] = struct{}{}
	}
	if d := sample.Facts.Device; d != nil {
		t.devices[string(d.ID)] = struct{}{}
	}
	if len(t.effect.Examples) < t.examples {
		example := Example{Sample: *sample, Present: now.Outcome, Outcome: outcome}
		if outcome == AllowWith {
			example.Owed = then.owed.Choices()
		}
		t.effect.Examples = append(t.effect.Examples, example)
	}
}

// added gives the choices that are owed then and not now.
func added(now, then Owed) []ControlSet {
	before := now.Choices()
	return slices.DeleteFunc(then.Choices(), func(c ControlSet) bool { return slices.Contains(before, c) })
}

// applies reports whether some policy of the snapshot applies.
func (s *Snapshot) applies(in *SignIn, facts *Facts, now time.Time) bool {
	var q question
	q.ask(in, facts, now)
	found, targets := make(numbers, s.words), make(numbers, s.words)
	s.find(&q, found, targets)
	var asked memory
	for i := range s.rules {
		if found[i/64]>>(i%64)&1 != 0 && (!s.rules[i].slow || s.meets(&s.rules[i], &q, &asked)) {
			return true
		}
	}
	return false
}

func (p *replay) done() Report {
	for _, t := range p.each {
		p.report.Policies = append(p.report.Policies, PolicyReport{Name: t.name, Revision: t.revision, Effect: t.sum()})
	}
	p.report.Together = p.together.sum()
	return p.report
}

// sum gives the effect. A person without a name is one, too.
func (t *trial) sum() Effect {
	t.effect.Users, t.effect.Devices = len(t.users), len(t.devices)
	for choice, n := range t.owed {
		t.effect.Owed = append(t.effect.Owed, OwedCount{choice, n})
	}
	slices.SortFunc(t.effect.Owed, func(a, b OwedCount) int {
		if a.SignIns != b.SignIns {
			return cmp.Compare(b.SignIns, a.SignIns)
		}
		return int(a.Choice) - int(b.Choice)
	})
	return t.effect
}
