package directory

import "ringfence/internal/fault"

// What is not there.
var (
	ErrNoUser  = fault.New(fault.NotFound, "NO_USER", "no such user")
	ErrNoGroup = fault.New(fault.NotFound, "NO_GROUP", "no such group")
	ErrNoToken = fault.New(fault.NotFound, "NO_TOKEN", "no such token")
)

// Why a change is refused.
var (
	ErrUserExists     = fault.New(fault.Conflict, "USER_EXISTS", "a user of that name exists")
	ErrGroupExists    = fault.New(fault.Conflict, "GROUP_EXISTS", "a group of that name exists")
	ErrTokenExists    = fault.New(fault.Conflict, "TOKEN_EXISTS", "a token of that name is in use: revoke it first, or choose another name")
	ErrNoMember       = fault.New(fault.Invalid, "NO_MEMBER", "a member is no user here")
	ErrTooManyMembers = fault.New(fault.Invalid, "TOO_MANY_MEMBERS", "a group cannot have so many members")
	// ErrVersion: the caller has seen another version of it.
	ErrVersion = fault.New(fault.Conflict, "VERSION_MISMATCH", "it was changed since you read it")
)

// ErrTokenUnknown is for every secret that opens nothing, revoked ones too.
var ErrTokenUnknown = fault.New(fault.Denied, "TOKEN_UNKNOWN", "no such token")

// ErrMoved is what a store says when what a change was decided on has changed
// meanwhile: look again, decide again.
var ErrMoved = fault.New(fault.Conflict, "MOVED", "it was changed by others meanwhile, try again")
