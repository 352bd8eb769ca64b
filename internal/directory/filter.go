package directory

import (
	"slices"
	"strings"
)

// Attribute is what a filter looks at.
type Attribute uint8

// The attributes. User names and display names are compared by their Key.
const (
	ID Attribute = iota + 1
	UserName
	ExternalID
	DisplayName
	Active
	// Member is a group's members, by the ids of users.
	Member
)

// Operator is how a filter looks.
type Operator uint8

// The operators of one attribute, and those of filters.
const (
	Equal Operator = iota + 1
	Contains
	StartsWith
	EndsWith
	// Present: the attribute has a value.
	Present
	And
	Or
	Not
)

// Filter is a condition on users or on groups.
type Filter struct {
	Operator Operator
	// Parts are the filters that And and Or combine, or the one of Not.
	Parts []Filter
	// Attribute and its value: Yes for Active, Text for all others.
	Attribute Attribute
	Text      string
	Yes       bool
}

// MatchUser reports whether a user meets the condition.
func (f Filter) MatchUser(u User) bool {
	return f.match(func(f Filter) bool {
		switch f.Attribute {
		case ID:
			return f.text(u.ID)
		case UserName:
			return f.name(u.UserName)
		case ExternalID:
			return f.text(u.ExternalID)
		case DisplayName:
			return f.name(u.DisplayName)
		case Active:
			return f.Operator == Present || f.Operator == Equal && u.Active == f.Yes
		default:
			return false
		}
	})
}

// MatchGroup reports whether a group with these members, sorted ids of users,
// meets the condition.
func (f Filter) MatchGroup(g Group, members []string) bool {
	return f.match(func(f Filter) bool {
		switch f.Attribute {
		case ID:
			return f.text(g.ID)
		case ExternalID:
			return f.text(g.ExternalID)
		case DisplayName:
			return f.name(g.DisplayName)
		case Member:
			if f.Operator == Present {
				return len(members) > 0
			}
			_, in := slices.BinarySearch(members, f.Text)
			return f.Operator == Equal && in
		default:
			return false
		}
	})
}

func (f Filter) match(one func(Filter) bool) bool {
	some := func(p Filter) bool { return p.match(one) }
	switch f.Operator {
	case And:
		return !slices.ContainsFunc(f.Parts, func(p Filter) bool { return !some(p) })
	case Or:
		return slices.ContainsFunc(f.Parts, some)
	case Not:
		return !slices.ContainsFunc(f.Parts, some)
	default:
		return one(f)
	}
}

func (f Filter) name(value string) bool {
	f.Text = Key(f.Text)
	return f.text(Key(value))
}

func (f Filter) text(value string) bool {
	switch f.Operator {
	case Equal:
		return value == f.Text
	case Contains:
		return strings.Contains(value, f.Text)
	case StartsWith:
		return strings.HasPrefix(value, f.Text)
	case EndsWith:
		return strings.HasSuffix(value, f.Text)
	case Present:
		return value != ""
	default:
		return false
	}
}

// Query asks for users or groups, in the order in which they were made.
type Query struct {
	// Filter is nil for all.
	Filter *Filter
	// Skip is how many are left out at the beginning, Limit how many there are
	// at most; 0 only counts.
	Skip, Limit int
}
