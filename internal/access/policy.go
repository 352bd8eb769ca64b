package access

import (
	"net/netip"
	"time"

	"ringfence/internal/device"
)

// Policy is one revision of a named policy. A revision never changes.
type Policy struct {
	Name string
	// Revision counts from 1; re-creating a deleted policy goes on counting.
	Revision uint64
	Spec     Spec
	// CreatedAt is when the policy was made, RevisedAt when this revision was.
	CreatedAt time.Time
	RevisedAt time.Time
	// RevisedBy is who made this revision, as the record names callers.
	RevisedBy string
}

// Spec is whom a policy is for, under which conditions, and what it asks.
//
// Conditions of different kinds must all be met. Within a kind any of the
// included values will do, an empty list of them is every value, and what is
// excluded is not included. Names are the same in large and small letters.
type Spec struct {
	// Description is free text for administrators.
	Description string
	State       State
	// IncludePeople names somebody.
	IncludePeople People
	ExcludePeople People
	// Apps and Actions: exactly one of them is given.
	Apps       Apps
	Actions    []Action
	Conditions Conditions
	Grant      Grant
	Session    Session
	MaxAge     MaxAge
}

// People names persons, one by one, by their groups and by their roles.
type People struct {
	// Everyone makes the rest superfluous.
	Everyone             bool
	Users, Groups, Roles []string
}

// Apps names the applications that are signed in to.
type Apps struct {
	// All has every app in it, also those that nobody has heard of; Include is
	// empty then. User actions are no apps.
	All              bool
	Include, Exclude []string
}

// given reports whether the policy is about apps.
func (a Apps) given() bool { return a.All || len(a.Include)+len(a.Exclude) > 0 }

// Conditions are the circumstances under which a policy applies. What is not
// known about a sign-in is the value "unknown", which is met only where it is
// listed, or where nothing is.
type Conditions struct {
	IncludePlatforms, ExcludePlatforms []Platform
	Clients                            []ClientApp
	IncludeLocations, ExcludeLocations Places
	DeviceFilter                       DeviceFilter
	// Custom is a rule in CEL on the whole sign-in; empty is always met.
	Custom      string
	SignInRisks []Risk
	UserRisks   []Risk
	// Ownerships and Modes are those of the phone, or of the app's registration
	// where the phone is not enrolled. The empty word stands for neither.
	Ownerships []device.Ownership
	Modes      []device.Mode
	Flows      []Flow
}

// Places names locations.
type Places struct {
	// Trusted has every location in it that is marked so.
	Trusted bool
	Names   []string
}

func (p Places) given() bool { return p.Trusted || len(p.Names) > 0 }

// Location is a named place on the network: some addresses, some countries, or
// both.
type Location struct {
	Name string
	// Networks are masked prefixes.
	Networks []netip.Prefix
	// Countries are two upper-case letters each (ISO 3166-1).
	Countries []string
	// UnknownCountry takes in addresses of which no country is known.
	UnknownCountry bool
	Trusted        bool
}

// DeviceFilter tells phones apart by what they are.
type DeviceFilter struct {
	// Rule is in CEL; empty is no filter. To it an unknown device has no
	// attribute at all: each reads as empty, so that "is" does not match and "is
	// not" does.
	Rule string
	// Exclude turns the filter: the policy is for the phones that do not match.
	Exclude bool
}

// Grant is what is asked before access is given. Without controls nothing is.
type Grant struct {
	Operator Operator
	Controls []Control
}

func (g Grant) blocks() bool { return len(g.Controls) == 1 && g.Controls[0] == Block }

// Session is what the door must see to while access lasts. Nothing of it is
// checked here.
type Session struct {
	// EverySignIn: the person signs in anew each time. Else SignInFrequency is
	// after how long; zero is never.
	EverySignIn     bool
	SignInFrequency time.Duration
	// Labels are words that the app understands, such as "limited".
	Labels []string
}

func (s Session) given() bool { return s.EverySignIn || s.SignInFrequency > 0 || len(s.Labels) > 0 }

// DefaultMaxAge is how old evidence may be where a policy does not say.
const DefaultMaxAge = 24 * time.Hour

// MaxAge is from which age on evidence no longer counts. Zero is DefaultMaxAge.
type MaxAge struct {
	Compliance   time.Duration
	Registration time.Duration
}

func (m MaxAge) withDefaults() MaxAge {
	if m.Compliance == 0 {
		m.Compliance = DefaultMaxAge
	}
	if m.Registration == 0 {
		m.Registration = DefaultMaxAge
	}
	return m
}
