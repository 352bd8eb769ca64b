package appprotect

import (
	"cmp"
	"slices"
	"strings"

	"ringfence/internal/apprules"
)

// AllAppsGroup is the app group that every app is in.
const AllAppsGroup = "all"

// TargetApp is an app that a policy is for.
type TargetApp struct {
	Package string
	// SignerSHA256 are the digests of the certificates that may have signed
	// it, 64 lower-case hexadecimal digits each; at least one.
	SignerSHA256 []string
}

// Audience names people, one by one and by their groups.
type Audience struct {
	// Everyone makes the rest superfluous.
	Everyone bool
	// Users are people's names, Groups those of groups. Large and small letters
	// are the same.
	Users, Groups []string
}

// Target is whom a policy is for: the apps, and of the people those who are
// included and not excluded.
type Target struct {
	// Apps and AppGroups: one of the two lists is empty.
	Apps      []TargetApp
	AppGroups []string
	Include   Audience
	Exclude   Audience
	// Levels are the management levels; none means every level.
	Levels []apprules.Level
}

// Subject is one person in one app on one phone.
type Subject struct {
	User   string
	Groups []string
	// Package and SignerSHA256 are the app as attested at registration.
	Package      string
	SignerSHA256 string
	// AppGroups are the groups the app is in, beside AllAppsGroup.
	AppGroups []string
	Level     apprules.Level
}

// Reaches reports whether the target has the subject in it.
func (t Target) Reaches(s Subject) bool {
	return t.reachesApp(s) && t.Include.has(s) && !t.Exclude.has(s) &&
		(len(t.Levels) == 0 || slices.Contains(t.Levels, s.Level))
}

func (t Target) reachesApp(s Subject) bool {
	return slices.ContainsFunc(t.Apps, func(a TargetApp) bool {
		return a.Package == s.Package && slices.Contains(a.SignerSHA256, s.SignerSHA256)
	}) || slices.ContainsFunc(t.AppGroups, func(group string) bool {
		return group == AllAppsGroup || slices.Contains(s.AppGroups, group)
	})
}

func (a Audience) has(s Subject) bool {
	return a.Everyone || slices.ContainsFunc(a.Users, func(user string) bool { return folded(user) == folded(s.User) }) ||
		slices.ContainsFunc(a.Groups, func(group string) bool {
			return slices.ContainsFunc(s.Groups, func(g string) bool { return folded(g) == folded(group) })
		})
}

// folded is the form in which names of people and of groups are compared:
// directories do not tell "Sales" from "sales". Whoever compares them in any
// other way puts people under policies that are not theirs.
func folded(name string) string { return strings.ToLower(name) }

// canonical sorts what has no order.
func (t Target) canonical() Target {
	apps := make([]TargetApp, len(t.Apps))
	for i, a := range t.Apps {
		apps[i] = TargetApp{a.Package, sortedSet(a.SignerSHA256)}
	}
	slices.SortFunc(apps, func(a, b TargetApp) int { return strings.Compare(a.Package, b.Package) })
	return Target{
		Apps: apps, AppGroups: sortedSet(t.AppGroups), Levels: sortedSet(t.Levels),
		Include: t.Include.canonical(), Exclude: t.Exclude.canonical(),
	}
}

func (a Audience) canonical() Audience {
	users := make([]string, len(a.Users))
	for i, user := range a.Users {
		users[i] = strings.ToLower(user)
	}
	return Audience{a.Everyone, sortedSet(users), sortedSet(a.Groups)}
}

// equal compares two canonical targets.
func (t Target) equal(o Target) bool {
	return slices.EqualFunc(t.Apps, o.Apps, func(a, b TargetApp) bool {
		return a.Package == b.Package && slices.Equal(a.SignerSHA256, b.SignerSHA256)
	}) && slices.Equal(t.AppGroups, o.AppGroups) && slices.Equal(t.Levels, o.Levels) &&
		t.Include.equal(o.Include) && t.Exclude.equal(o.Exclude)
}

func (a Audience) equal(o Audience) bool {
	return a.Everyone == o.Everyone && slices.Equal(a.Users, o.Users) && slices.Equal(a.Groups, o.Groups)
}

// sortedSet gives a sorted copy without repeats; nil for an empty list.
func sortedSet[T cmp.Ordered](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
