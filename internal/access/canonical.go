package access

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
)

// canonical gives the one form of a spec in which it is stored and compared. What
// it asks is the same; lists keep their order, for whoever wrote them.
func (s Spec) canonical() Spec {
	s.IncludePeople, s.ExcludePeople = s.IncludePeople.canonical(), s.ExcludePeople.canonical()
	s.Apps.Include, s.Apps.Exclude = some(s.Apps.Include), some(s.Apps.Exclude)
	s.Actions = some(s.Actions)
	s.Conditions = s.Conditions.canonical()
	s.Grant.Controls, s.Session.Labels = some(s.Grant.Controls), some(s.Session.Labels)
	return s
}

func (p People) canonical() People {
	p.Users, p.Groups, p.Roles = some(p.Users), some(p.Groups), some(p.Roles)
	return p
}

func (c Conditions) canonical() Conditions {
	c.IncludePlatforms, c.ExcludePlatforms = some(c.IncludePlatforms), some(c.ExcludePlatforms)
	c.Clients, c.Flows = some(c.Clients), some(c.Flows)
	c.IncludeLocations.Names, c.ExcludeLocations.Names = some(c.IncludeLocations.Names), some(c.ExcludeLocations.Names)
	c.SignInRisks, c.UserRisks = some(c.SignInRisks), some(c.UserRisks)
	c.Ownerships, c.Modes = some(c.Ownerships), some(c.Modes)
	return c
}

// some gives a list of its own; an empty one is nil.
func some[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return slices.Clone(list)
}

// equal reports whether two canonical specs are the same.
func (s Spec) equal(o Spec) bool { return reflect.DeepEqual(s, o) }

// canonical gives the one form of a location in which it is stored and compared.
func (l Location) canonical() Location {
	l.Networks, l.Countries = some(l.Networks), some(l.Countries)
	slices.SortFunc(l.Networks, netip.Prefix.Compare)
	l.Networks = slices.Compact(l.Networks)
	slices.SortFunc(l.Countries, cmp.Compare[string])
	return l
}

// equal reports whether two canonical locations are the same.
func (l Location) equal(o Location) bool { return reflect.DeepEqual(l, o) }
