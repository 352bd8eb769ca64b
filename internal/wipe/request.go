package wipe

import (
	"fmt"
	"slices"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// RequestID names one request.
type RequestID string

// RequestKind is what a request asks for.
type RequestKind string

// The kinds of request.
const (
	// Wipe asks for orders, a lock among them.
	Wipe RequestKind = "wipe"
	// UserWipe asks for everything of one person, until it is lifted.
	UserWipe RequestKind = "user-wipe"
	// ChangeLimits asks for other limits.
	ChangeLimits RequestKind = "limits"
	// Resume asks that the breaker closes and pending orders go on.
	Resume RequestKind = "resume"
	// CancelAll asks that the breaker closes and pending orders are cancelled.
	CancelAll RequestKind = "cancel-all"
	// ChangeLease asks for another lease.
	ChangeLease RequestKind = "lease"
)

// RequestKinds gives every kind.
func RequestKinds() []RequestKind {
	return []RequestKind{Wipe, UserWipe, ChangeLimits, Resume, CancelAll, ChangeLease}
}

// installation reports whether it concerns everybody rather than some devices.
func (k RequestKind) installation() bool { return k != Wipe && k != UserWipe }

// bounded reports whether it stays within the groups of the devices that it
// names. Everything of one person may turn up in any group.
func (k RequestKind) bounded() bool { return k == Wipe }

// RequestState is where a request stands.
type RequestState string

// The states, as drawn in the package comment. All but Waiting and Executed are
// final.
const (
	Waiting    RequestState = "waiting"
	Executed   RequestState = "executed"
	Rejected   RequestState = "rejected"
	RequestEnd RequestState = "expired"
	Stopped    RequestState = "stopped"
	Void       RequestState = "void"
)

// RequestStates gives every state.
func RequestStates() []RequestState {
	return []RequestState{Waiting, Executed, Rejected, RequestEnd, Stopped, Void}
}

// MaxAsked bounds how many requests of one person may wait for a second person
// within a day. Each is told to all who could approve, who must not get used to
// saying yes.
const MaxAsked = 100

// RequestLifetime is how long a request waits for a second person.
const RequestLifetime = 24 * time.Hour

// Asker is who asked, as far as a later decision needs it.
type Asker struct {
	// Actor is how the record names them.
	Actor string
	// Person is whom the credential belongs to; several can belong to one.
	Person string
	Role   identity.Role
	// Credential is the certificate's serial number, Since when it was made.
	Credential string
	Since      time.Time
}

// askerOf gives the administrator who calls as the one who asks. Whose person or
// credential is not known cannot be held to a budget, nor told apart from a
// second person: an Internal fault.
func askerOf(c identity.Caller) (Asker, error) {
	switch {
	case !c.Is(identity.Admin):
		return Asker{}, ErrRoleMayNot
	case c.Person == "" || c.Serial == "":
		return Asker{}, fault.New(fault.Internal, "", "the credential of %s names no person, or has no number", c.Actor())
	}
	return Asker{Actor: c.Actor(), Person: c.Person, Role: c.Role, Credential: c.Serial, Since: c.Since}, nil
}

// own reports whether what a person asked for is the caller's own.
func own(c identity.Caller, person string) bool { return person != "" && c.Person == person }

// Enrollment is one enrolment of one device, or one epoch of a registration.
type Enrollment struct {
	Device device.ID
	Epoch  device.Epoch
}

// Decision is what the second person said.
type Decision struct {
	By         string
	Person     string
	Credential string
	At         time.Time
	Words      string
}

// Request is what an administrator asked for, and what came of it. Times are
// UTC in whole microseconds.
type Request struct {
	ID    RequestID
	Kind  RequestKind
	State RequestState
	// Key and Digest make it safe to ask twice. A key belongs to its asker.
	Key    string
	Digest string
	Reason string
	By     Asker
	// Groups are the groups of its devices: who does not reach all of them does
	// not see it. Nil for what concerns everybody.
	Groups    []string
	CreatedAt time.Time
	// ExpiresAt ends the wait for a second person; zero where none was needed.
	ExpiresAt time.Time
	// Needs says why it needs one; empty if it does not.
	Needs   []string
	Decided Decision
	// Outcome says why it was stopped, or is void.
	Outcome string

	// Of a wipe: what, whom, and the plan that was seen.
	Scope    Scope
	Devices  []Enrollment
	Lifetime time.Duration
	Plan     string
	// HeldUntil is when the cooling-off of its orders ends; zero for none.
	HeldUntil time.Time
	// Of a wipe of everything of one person: who, and since when it is lifted.
	User     string
	LiftedAt time.Time
	// Of a change of limits, and of a lease.
	Limits *Limits
	Lease  *GroupLease
	// Version grows by one with each change and guards it.
	Version uint64
}

// terms are what its orders have in common.
func (r Request) terms() Terms {
	return Terms{Scope: r.Scope, Reason: r.Reason, Lifetime: r.Lifetime, Person: r.Kind == UserWipe}
}

// Standing reports whether it is a wipe of a person that has not been lifted.
func (r Request) Standing() bool {
	return r.Kind == UserWipe && r.State == Executed && r.LiftedAt.IsZero()
}

// alone reports whether it goes on by the word of the one credential that asked
// for it: nobody else has approved.
func (r Request) alone() bool { return r.Standing() && r.Decided.Person == "" }

// visible reports whether the caller reaches everything the request is about. A
// lease of one group concerns that group; every other thing of the installation
// concerns everybody.
func (r Request) visible(c identity.Caller) bool {
	if r.Kind.installation() {
		return c.Is(identity.Admin) && (r.Lease == nil || r.Lease.Group == "" || c.Reaches(r.Lease.Group))
	}
	return c.Everywhere() || len(r.Groups) > 0 && !slices.ContainsFunc(r.Groups, func(g string) bool { return !c.Reaches(g) })
}

// expired reports whether its wait is over.
func (r Request) expired(now time.Time) bool { return r.State == Waiting && now.After(r.ExpiresAt) }

// next gives the request in another state, with Version one higher.
func (r Request) next(s RequestState) Request {
	r.State = s
	r.Version++
	return r
}

// Summary says in one line what is asked for. A listed request does not say which
// device it names.
func (r Request) Summary() string {
	switch r.Kind {
	case Wipe:
		switch {
		case len(r.Devices) != 1:
			return fmt.Sprintf("%s of %d devices", r.Scope, len(r.Devices))
		case r.Devices[0].Device == "":
			return fmt.Sprintf("%s of one device", r.Scope)
		}
		return fmt.Sprintf("%s of device %s", r.Scope, r.Devices[0].Device)
	case UserWipe:
		return fmt.Sprintf("everything of one person: %s of %s so far, until lifted", r.Scope, several(len(r.Devices), "device"))
	case ChangeLimits:
		return "other limits"
	case Resume:
		return "close the breaker, and let pending orders go on"
	case CancelAll:
		return "close the breaker, and cancel pending orders"
	case ChangeLease:
		return r.Lease.String()
	default:
		return string(r.Kind)
	}
}
