package appprotect

import (
	"context"
	"slices"
	"strings"
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/audit"
)

// judge gives the state its verdict. Online is when the app and the server last
// spoke with each other.
func (n *State) judge(at bearings, online, now time.Time) {
	n.Verdict = apprules.Evaluate(apprules.Evidence{
		Effective: at.Effective, Report: n.Report,
		Registration: apprules.Registration{OnlineAt: online, AccountDisabled: at.disabled},
		Previous:     n.Verdict,
	}, now)
	n.Generation = at.generation
}

// of gives the state in the present epoch of its registration: what an earlier
// one has said is void.
func (n *State) of(r *Registration) *State {
	if n.Epoch == r.Epoch {
		return n
	}
	return &State{ID: r.ID, Epoch: r.Epoch, Version: n.Version}
}

// now gives the state of a registration that lasts as it is judged now, without
// a word from the app.
func (n *State) now(r *Registration, at bearings, now time.Time) *State {
	next := *n
	online := n.HeardAt
	if online.IsZero() {
		online = r.RegisteredAt
	}
	next.judge(at, online, now)
	return &next
}

// turned gives the entry that explains a turn of the standing; by names who
// caused it. It names checks and no values: the record holds nothing personal.
func turned(by audit.Entry, before, after *State) []audit.Entry {
	was, is := before.Verdict.Standing, after.Verdict.Standing
	if was == is {
		return nil
	}
	by.Action, by.Target = "appprotect.standing", target(after.ID)
	by.Detail = is.String()
	if was != 0 {
		by.Detail = was.String() + " to " + is.String()
	}
	if checks := checksOf(&after.Verdict, apprules.ActionWarn); checks != "" {
		by.Detail += ": " + checks
	}
	return []audit.Entry{by}
}

// checksOf names what does not hold with this action or a stricter one, at most
// ten checks.
func checksOf(v *apprules.Verdict, least apprules.Action) string {
	var names []string
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Action >= least {
			names = append(names, string(f.Check))
		}
	}
	if len(names) > 10 {
		names = append(names[:10], "and more")
	}
	return strings.Join(names, ", ")
}

// offlineCheck is the one check whose wipe needs no order: the app that is out of
// contact cannot fetch one, and carries it out by its lease.
const offlineCheck apprules.Key = "launch.offline"

// wipe orders the wipe that a stored verdict asks for, where it is for the server
// to order, and reports whether there is an order.
func (s *Service) wipe(ctx context.Context, n *State) (ordered bool, err error) {
	if !slices.ContainsFunc(n.Verdict.Findings, func(f apprules.Finding) bool {
		return f.Action == apprules.ActionWipe && f.Check != offlineCheck
	}) {
		return false, nil
	}
	err = s.c.Orders.WipeByPolicy(ctx, n.ID, n.Epoch, checksOf(&n.Verdict, apprules.ActionWipe))
	return err == nil, err
}

// sameSubstance reports whether two judgements on the same report come to the
// same, but for when they were made: what a finding says of the time passes.
func (n *State) sameSubstance(o *State) bool {
	a, b := &n.Verdict, &o.Verdict
	if a.Standing != b.Standing || len(a.Findings) != len(b.Findings) || !a.ChangesAt.Equal(b.ChangesAt) ||
		n.Intended != o.Intended || n.Generation != o.Generation || n.Epoch != o.Epoch {
		return false
	}
	for i := range a.Findings {
		f, g := a.Findings[i], b.Findings[i]
		f.EvidenceAge, g.EvidenceAge, f.Actual, g.Actual = 0, 0, "", ""
		if f != g {
			return false
		}
	}
	return true
}
