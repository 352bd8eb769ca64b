package directory

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ringfence/internal/fault"
)

// MaxMembers is how many members a group can have.
const MaxMembers = 100_000

// Group is one group. Its members are users, and are asked for apart: there may
// be many.
type Group struct {
	// ID is 32 lower-case hex digits, and is never used again.
	ID string
	GroupSpec
	CreatedAt, UpdatedAt time.Time
	// Version is 1 at first and grows with each change, of members too.
	Version uint64
}

// GroupSpec is what an identity provider says of a group.
type GroupSpec struct {
	// DisplayName has 1 to MaxGroupName octets of printable text. No two groups
	// have the same Key of it, for policies name groups by it.
	DisplayName string
	// ExternalID is the provider's own id; empty for none.
	ExternalID string
}

func (s GroupSpec) check() error {
	switch {
	case s.DisplayName == "" || !plainText(s.DisplayName, MaxGroupName):
		return fault.InvalidField("displayName", "must be plain text of 1 to %d octets", MaxGroupName)
	case !plainText(s.ExternalID, MaxExternalID):
		return fault.InvalidField("externalId", "must be plain text of at most %d octets", MaxExternalID)
	default:
		return nil
	}
}

// Membership is a change of a group's members, by the ids of users: what is
// done to it is done in this order. The zero value changes nothing.
type Membership struct {
	replaced    bool
	add, remove map[string]bool
}

// Add takes users in.
func (m *Membership) Add(ids ...string) {
	if m.add == nil {
		m.add = make(map[string]bool)
	}
	for _, id := range ids {
		m.add[id] = true
		delete(m.remove, id)
	}
}

// Remove takes users out. It does not matter whether they were in.
func (m *Membership) Remove(ids ...string) {
	for _, id := range ids {
		delete(m.add, id)
		if m.replaced {
			continue // only who is added is in
		}
		if m.remove == nil {
			m.remove = make(map[string]bool)
		}
		m.remove[id] = true
	}
}

// Replace makes these users all there are.
func (m *Membership) Replace(ids ...string) {
	*m = Membership{replaced: true}
	m.Add(ids...)
}

// IsZero reports whether nothing changes whoever is in.
func (m Membership) IsZero() bool { return !m.replaced && len(m.add) == 0 && len(m.remove) == 0 }

// Replaces reports whether it matters who was in: if not, only Named can change.
func (m Membership) Replaces() bool { return m.replaced }

// Named gives all users that are added or removed by their ids, sorted.
func (m Membership) Named() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for id := range m.add {
			if !yield(id) {
				return
			}
		}
		for id := range m.remove {
			if !yield(id) {
				return
			}
		}
	})
}

// Settle says what changes where these users are in: of all members where
// Replaces, else of Named. Both are sorted.
func (m Membership) Settle(in []string) (added, removed []string) {
	present := make(map[string]bool, len(in))
	for _, id := range in {
		present[id] = true
		if m.remove[id] || m.replaced && !m.add[id] {
			removed = append(removed, id)
		}
	}
	for id := range maps.Keys(m.add) {
		if !present[id] {
			added = append(added, id)
		}
	}
	slices.Sort(added)
	slices.Sort(removed)
	return added, removed
}

// namedInRecord is how many names one entry of the record has.
const namedInRecord = 20

// describe says for the record what changed in a group.
func (s GroupSpec) describe(next GroupSpec, added, removed []string) string {
	var what []string
	if s.DisplayName != next.DisplayName {
		what = append(what, fmt.Sprintf("renamed from %q", s.DisplayName))
	}
	if s.ExternalID != next.ExternalID {
		what = append(what, "other external id")
	}
	if len(added) > 0 {
		what = append(what, "added "+some(added))
	}
	if len(removed) > 0 {
		what = append(what, "removed "+some(removed))
	}
	return fmt.Sprintf("%q: %s", next.DisplayName, strings.Join(what, ", "))
}

// some gives names, and how many more there are.
func some(names []string) string {
	if more := len(names) - namedInRecord; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namedInRecord], " "), more)
	}
	return strings.Join(names, " ")
}
