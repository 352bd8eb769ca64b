package appprotect

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// AllAppsGroup is the app group that every app is in.
const AllAppsGroup = "all"

// App is an app that a policy is for.
type App struct {
	Package string
	// SignerSHA256 are the digests of the certificates that may have signed
	// it, 64 lower-case hexadecimal digits each; at least one.
	SignerSHA256 []string
}

// Audience names people, one by one and by their groups.
type Audience struct {
	// Everyone makes the rest superfluous.
	Everyone      bool
	Users, Groups []string
}

// Target is whom a policy is for: the apps, and of the people those who are
// included and not excluded.
type Target struct {
	// Apps and AppGroups: one of the two lists is empty.
	Apps      []App
	AppGroups []string
	Include   Audience
	Exclude   Audience
	// Levels are the management levels; none means every level.
	Levels []Level
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
	Level     Level
}

// Reaches reports whether the target has the subject in it.
func (t Target) Reaches(s Subject) bool {
	return t.reachesApp(s) && t.Include.has(s) && !t.Exclude.has(s) &&
		(len(t.Levels) == 0 || slices.Contains(t.Levels, s.Level))
}

func (t Target) reachesApp(s Subject) bool {
	return slices.ContainsFunc(t.Apps, func(a App) bool {
		return a.Package == s.Package && slices.Contains(a.SignerSHA256, s.SignerSHA256)
	}) || slices.ContainsFunc(t.AppGroups, func(group string) bool {
		return group == AllAppsGroup || slices.Contains(s.AppGroups, group)
	})
}

func (a Audience) has(s Subject) bool {
	return a.Everyone || slices.Contains(a.Users, s.User) ||
		slices.ContainsFunc(a.Groups, func(g string) bool { return slices.Contains(s.Groups, g) })
}

// canonical sorts what has no order.
func (t Target) canonical() Target {
	apps := make([]App, len(t.Apps))
	for i, a := range t.Apps {
		apps[i] = App{a.Package, sortedSet(a.SignerSHA256)}
	}
	slices.SortFunc(apps, func(a, b App) int { return strings.Compare(a.Package, b.Package) })
	return Target{
		Apps: apps, AppGroups: sortedSet(t.AppGroups), Levels: sortedSet(t.Levels),
		Include: t.Include.canonical(), Exclude: t.Exclude.canonical(),
	}
}

func (a Audience) canonical() Audience {
	return Audience{a.Everyone, sortedSet(a.Users), sortedSet(a.Groups)}
}

func (t Target) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(t.Apps)))
	for _, a := range t.Apps {
		b = appendTexts(appendText(b, a.Package), a.SignerSHA256)
	}
	b = appendTexts(b, t.AppGroups)
	for _, a := range []Audience{t.Include, t.Exclude} {
		b = appendTexts(appendTexts(append(b, flagByte(a.Everyone)), a.Users), a.Groups)
	}
	levels := make([]string, len(t.Levels))
	for i, l := range t.Levels {
		levels[i] = l.String()
	}
	return appendTexts(b, levels)
}

func flagByte(v bool) byte {
	if v {
		return 1
	}
	return 0
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
