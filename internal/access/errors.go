package access

import "ringfence/internal/fault"

// The faults that a caller can act on.
var (
	ErrRevisionMoved = fault.New(fault.Conflict, "REVISION_MOVED", "the policy was changed meanwhile: look at its latest revision")
	ErrMoved         = fault.New(fault.Conflict, "MOVED", "it was changed meanwhile: try again")
	ErrNoPolicy      = fault.New(fault.NotFound, "NO_POLICY", "no such access policy")
	ErrNoLocation    = fault.New(fault.NotFound, "NO_LOCATION", "no such location")
	ErrLocationUsed  = fault.New(fault.Refused, "LOCATION_IN_USE", "policies name the location: take it out of them first")
	// ErrNotKnown is the word of Phones, Accounts and History on an id under which
	// nothing lasts. To a decision it is a fact that is not known, and no error.
	ErrNotKnown = fault.New(fault.NotFound, "NOT_KNOWN", "nothing of that id is known")
)
