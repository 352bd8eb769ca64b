package oauth

import (
	"slices"
	"strings"

	"ringfence/internal/fault"
)

// Scope is what a client may do.
type Scope string

// The scopes.
const (
	// ManageStreams makes, changes and reads the client's own event streams.
	ManageStreams Scope = "ssf.manage"
	// ReadStreams reads them, and takes events from them.
	ReadStreams Scope = "ssf.read"
	// Evaluate asks for decisions, about anybody.
	Evaluate Scope = "access.evaluate"
)

// Scopes gives every scope.
func Scopes() []Scope { return []Scope{ManageStreams, ReadStreams, Evaluate} }

// About is the scope in one line, for people; empty for one there is not.
func (s Scope) About() string {
	switch s {
	case ManageStreams:
		return "make, change and read event streams of its own"
	case ReadStreams:
		return "read event streams of its own, and take events"
	case Evaluate:
		return "ask for decisions about anybody"
	default:
		return ""
	}
}

// covers reports whether having s is enough where the other is wanted: who may
// manage may read.
func (s Scope) covers(wanted Scope) bool {
	return s == wanted || s == ManageStreams && wanted == ReadStreams
}

// May reports whether one of the scopes is enough where another is wanted.
func May(have []Scope, wanted Scope) bool {
	return slices.ContainsFunc(have, func(s Scope) bool { return s.covers(wanted) })
}

// ParseScopes reads names of scopes and puts them in order, each once.
//
// Errors: Invalid (the field scopes).
func ParseScopes(names []string) ([]Scope, error) {
	for _, name := range names {
		if !slices.Contains(Scopes(), Scope(name)) {
			return nil, fault.InvalidField("scopes", "%.40q is none of: %s", name, words(Scopes()))
		}
	}
	var all []Scope
	for _, s := range Scopes() {
		if slices.Contains(names, string(s)) {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil, fault.InvalidField("scopes", "must name at least one of: %s", words(Scopes()))
	}
	return all, nil
}

// words is scopes as OAuth writes them: with a space between.
func words(scopes []Scope) string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = string(s)
	}
	return strings.Join(names, " ")
}
