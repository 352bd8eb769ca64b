package identity

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what an administrator's credential is for. Only somebody on the
// server itself gives one: no call over the network makes a credential or
// changes its role, so a stolen one cannot appoint another.
type Role string

// The roles, from the one that may least to the one that may everything.
const (
	// Gateway is no person: a proxy, an identity provider or an application that
	// asks who may enter, and may nothing else.
	Gateway Role = "gateway"
	// Viewer looks.
	Viewer Role = "viewer"
	// HelpDesk helps one person at a time: it locks the work side and takes
	// away the work data inside apps.
	HelpDesk Role = "help-desk"
	// Operator runs the fleet, and waits for others where a second pair of
	// eyes is due.
	Operator Role = "operator"
	// Approver is that second pair of eyes; it asks for nothing itself.
	Approver Role = "approver"
	// Owner may everything a role can allow, the limits of everybody included.
	Owner Role = "owner"
)

// Verb is one thing a role may or may not do.
type Verb string

// The verbs.
const (
	// View reads: devices, policies, orders, and plans what an order would do.
	View Verb = "view"
	// Lock locks the work side of a phone.
	Lock Verb = "lock"
	// WipeApps takes away the work data inside apps.
	WipeApps Verb = "wipe-apps"
	// Wipe takes away more than that, as far as the enrolment's mode goes.
	Wipe Verb = "wipe"
	// Approve lets go what another person has asked for, or refuses it.
	Approve Verb = "approve"
	// Stop ends what is pending, whoever asked for it.
	Stop Verb = "stop"
	// Manage changes tokens, devices, policies and certificates.
	Manage Verb = "manage"
	// Govern changes what bounds everybody, and resumes what was paused.
	Govern Verb = "govern"
	// Ask asks whether a sign-in is let in.
	Ask Verb = "ask"
)

// powers is a role in one line and what it may. The order is that of the
// documents.
var powers = []struct {
	role  Role
	about string
	verbs []Verb
}{
	{Gateway, "asks who may enter, and nothing else: for proxies and applications", []Verb{Ask}},
	{Viewer, "sees everything, changes nothing", []Verb{View}},
	{HelpDesk, "locks, and wipes work data inside apps, one phone at a time", []Verb{View, Lock, WipeApps}},
	{Operator, "runs the fleet: enrols, sets policies, asks for wipes and stops them", []Verb{View, Lock, WipeApps, Wipe, Stop, Manage}},
	{Approver, "approves or rejects what others ask for, and stops it", []Verb{View, Approve, Stop}},
	{Owner, "may everything, the limits on wiping included", Verbs()},
}

// Roles gives every role, from the one that may least.
func Roles() []Role {
	roles := make([]Role, len(powers))
	for i, p := range powers {
		roles[i] = p.role
	}
	return roles
}

// Verbs gives every verb.
func Verbs() []Verb {
	return []Verb{View, Lock, WipeApps, Wipe, Approve, Stop, Manage, Govern, Ask}
}

// ParseRole reads a role's name. The error lists the roles there are.
func ParseRole(text string) (Role, error) {
	r := Role(text)
	if r.known() {
		return r, nil
	}
	names := make([]string, len(powers))
	for i, p := range powers {
		names[i] = string(p.role)
	}
	return "", fmt.Errorf("%q is no role; the roles are %s", text, strings.Join(names, ", "))
}

// May reports whether the role may do the thing. A role or verb that is not in
// the table may nothing.
func (r Role) May(v Verb) bool {
	for _, p := range powers {
		if p.role == r {
			return slices.Contains(p.verbs, v)
		}
	}
	return false
}

// About is the role in one line, for people; empty for a role there is not.
func (r Role) About() string {
	for _, p := range powers {
		if p.role == r {
			return p.about
		}
	}
	return ""
}

func (r Role) known() bool {
	return slices.ContainsFunc(Roles(), func(k Role) bool { return k == r })
}

// May reports whether the caller may do the thing: an administrator whose role
// allows it. Nobody else may do anything that needs a verb.
func (c Caller) May(v Verb) bool { return c.Kind == Admin && c.Role.May(v) }

// Reaches reports whether the caller is an administrator whose credential
// covers the group. What is in another group does not exist for the caller.
func (c Caller) Reaches(group string) bool {
	return c.Kind == Admin && (c.Groups == nil || slices.Contains(c.Groups, group))
}

// Everywhere reports whether the caller is an administrator whose credential
// is bound to no group.
func (c Caller) Everywhere() bool { return c.Kind == Admin && c.Groups == nil }
