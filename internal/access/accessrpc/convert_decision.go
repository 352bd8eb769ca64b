package accessrpc

import (
	"slices"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/access"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// decisionToWire gives an answer, with every reason where they are asked for.
func decisionToWire(a *access.Answer, explain bool) *accessv1.Decision {
	d := &a.Decision
	w := &accessv1.Decision{
		Outcome:        wire[accessv1.Outcome](d.Outcome),
		Owed:           each(d.Owed.Choices(), choiceToWire),
		Session:        sessionToWire(d.Session()),
		WithReportOnly: wire[accessv1.Outcome](d.WithReportOnly),
		DecidedAt:      timeToWire(d.At()),
		CachedUntil:    timeToWire(d.CachedUntil),
		Versions:       versionsToWire(a.Versions),
		User:           a.SignIn.Person.Name,
	}
	if explain {
		w.Explanation = explanationToWire(a.Explain())
	}
	return w
}

func choiceToWire(choice access.ControlSet) *accessv1.Choice {
	return &accessv1.Choice{AnyOf: each(slices.Collect(choice.All()), wire[accessv1.Control])}
}

func versionsToWire(v access.Versions) *accessv1.Versions {
	return &accessv1.Versions{
		Policies: v.Policies, Person: v.Person,
		DeviceId: string(v.DeviceID), DeviceEpoch: uint64(v.DeviceEpoch), Device: v.Device, Compliance: v.Compliance,
		RegistrationId: string(v.RegistrationID), RegistrationEpoch: uint64(v.RegistrationEpoch),
		Registration: v.Registration, Protection: v.Protection,
	}
}

func explanationToWire(e access.Explanation) *accessv1.Explanation {
	return &accessv1.Explanation{
		PersonDisabled: e.PersonDisabled,
		LegacyClient:   e.LegacyClient,
		Policies:       each(e.Policies, policyResultToWire),
		Missing:        each(e.Missing, access.Condition.String),
		Evidence:       each(e.Evidence, evidenceToWire),
	}
}

// resultToWire: on the wire, where nothing is told zero stands for it.
func resultToWire(r access.Result) accessv1.PolicyResult_Result {
	return wire[accessv1.PolicyResult_Result](r + 1)
}

func policyResultToWire(p access.PolicyResult) *accessv1.PolicyResult {
	return &accessv1.PolicyResult{
		Name: p.Name, Revision: p.Revision, State: wire[accessv1.PolicyState](p.State), Result: resultToWire(p.Result),
		Matched: each(p.Matched, func(m access.Match) *accessv1.Match {
			return &accessv1.Match{Condition: m.Condition.String(), Value: m.Value, Excluded: m.Excluded}
		}),
		Unmet: each(p.Unmet, func(u access.Unmet) *accessv1.Unmet {
			return &accessv1.Unmet{Condition: u.Condition.String(), Actual: u.Actual, Excluded: u.Excluded, Missing: u.Missing}
		}),
		Operator: wire[accessv1.Operator](p.Operator),
		Controls: each(p.Controls, controlResultToWire),
		Problems: p.Problems,
	}
}

// controlResultToWire tells the age of evidence also where it is nothing yet, if
// there is evidence.
func controlResultToWire(c access.ControlResult) *accessv1.ControlResult {
	w := &accessv1.ControlResult{
		Control: wire[accessv1.Control](c.Control), Met: c.Met(), Reason: c.Reason.String(),
		MaxAge: spanToWire(c.MaxAge), Findings: each(c.Findings, findingToWire),
	}
	if w.MaxAge != nil && c.Reason != access.NoDevice && c.Reason != access.NoRegistration && c.Reason != access.NoVerdict {
		w.Age = durationpb.New(c.Age)
	}
	return w
}

func findingToWire(f access.Finding) *accessv1.AccessFinding {
	return &accessv1.AccessFinding{
		Rule: f.Rule, Expected: f.Expected, Actual: f.Actual, Remedy: f.Remedy, Link: f.Link, Since: timeToWire(f.Since),
	}
}

func evidenceToWire(e access.Evidence) *accessv1.Evidence {
	w := &accessv1.Evidence{
		About: e.About, Subject: string(e.Subject), Fitness: e.Fitness.String(), Version: e.Version,
		ObservedAt: timeToWire(e.At), ChangesAt: timeToWire(e.ChangesAt),
	}
	if !e.At.IsZero() {
		w.Age = durationpb.New(e.Age)
	}
	return w
}
