package oauth

import "ringfence/internal/fault"

// What is wrong with a change.
var (
	ErrNoClient = fault.New(fault.NotFound, "NO_CLIENT", "no such client")
	// ErrClientExists: names are for people, and two of one name are one too
	// many.
	ErrClientExists     = fault.New(fault.Conflict, "CLIENT_EXISTS", "a client of that name is in use: revoke it first, or choose another name")
	ErrTooManyClients   = fault.New(fault.Refused, "TOO_MANY_CLIENTS", "there are %d clients, and there cannot be more: revoke one that is not used", MaxClients)
	ErrRequestKeyReused = fault.New(fault.Conflict, "REQUEST_KEY_REUSED", "the request key was used for a different request: repeat this one with a new key")
)

// ErrClientUnknown is for every id and secret that let nobody in.
var ErrClientUnknown = fault.New(fault.Denied, "CLIENT_UNKNOWN", "no such client, or another secret")
