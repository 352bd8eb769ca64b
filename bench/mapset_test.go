package bench

import (
	"slices"
	"testing"

	"ringfence/internal/access"
)

// mapset is the program that one would write by hand: sets as Go maps, and one
// policy after the other.
type mapset struct{ policies []mapsetPolicy }

type set map[string]struct{}

func setOf(names []string) set {
	if len(names) == 0 {
		return nil
	}
	s := make(set, len(names))
	for _, name := range names {
		s[name] = struct{}{}
	}
	return s
}

func (s set) has(name string) bool {
	_, found := s[name]
	return found
}

func (s set) hasAny(names []string) bool { return slices.ContainsFunc(names, s.has) }

type mapsetPolicy struct {
	everyone, allApps            bool
	users, notUsers              set
	groups, notGroups            []string
	apps, notApps                set
	platforms, notPlatforms      set
	clients, signInRisks, userRs set
	anyOf                        bool
	controls                     []access.Control
}

type mapsetQuestion struct {
	question
	groups set
}

func newMapset(_ testing.TB, policies []access.Policy) engine {
	m := &mapset{}
	for _, p := range policies {
		s, c := p.Spec, p.Spec.Conditions
		m.policies = append(m.policies, mapsetPolicy{
			everyone: s.IncludePeople.Everyone, allApps: s.Apps.All,
			users: setOf(s.IncludePeople.Users), notUsers: setOf(s.ExcludePeople.Users),
			groups: s.IncludePeople.Groups, notGroups: s.ExcludePeople.Groups,
			apps: setOf(s.Apps.Include), notApps: setOf(s.Apps.Exclude),
			platforms: setOf(texts(c.IncludePlatforms)), notPlatforms: setOf(texts(c.ExcludePlatforms)),
			clients: setOf(texts(c.Clients)), signInRisks: setOf(texts(c.SignInRisks)), userRs: setOf(texts(c.UserRisks)),
			anyOf: s.Grant.Operator == access.AnyOf, controls: s.Grant.Controls,
		})
	}
	return m
}

func (m *mapset) prepare(q question) any { return &mapsetQuestion{q, setOf(q.groups)} }

func (m *mapset) decide(prepared any) []int {
	q := prepared.(*mapsetQuestion)
	var failed []int
	for i := range m.policies {
		if p := &m.policies[i]; p.applies(q) && !p.satisfied(q) {
			failed = append(failed, i)
		}
	}
	return failed
}

func (p *mapsetPolicy) applies(q *mapsetQuestion) bool {
	return (p.allApps || p.apps.has(q.app)) && !p.notApps.has(q.app) &&
		(p.clients == nil || p.clients.has(q.client)) &&
		(p.platforms == nil || p.platforms.has(q.platform)) && !p.notPlatforms.has(q.platform) &&
		(p.signInRisks == nil || p.signInRisks.has(q.signInRisk)) && (p.userRs == nil || p.userRs.has(q.userRisk)) &&
		(p.everyone || p.users.has(q.user) || q.groups.hasAny(p.groups)) &&
		!p.notUsers.has(q.user) && !q.groups.hasAny(p.notGroups)
}

func (p *mapsetPolicy) satisfied(q *mapsetQuestion) bool {
	if p.anyOf {
		return slices.ContainsFunc(p.controls, q.met)
	}
	return !slices.ContainsFunc(p.controls, func(c access.Control) bool { return !q.met(c) })
}
