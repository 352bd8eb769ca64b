package signin

import "ringfence/internal/fault"

// Why nobody was signed in. Neither says more than that to who asks; the cause
// behind it is for the log, and holds no token.
var (
	// ErrRefused: the token does not hold, whatever the reason.
	ErrRefused = fault.New(fault.Denied, "SIGN_IN_REFUSED", "the sign-in does not hold: sign in again")
	// ErrUnavailable: the provider does not answer, so that nothing can be said
	// about the token. Trying again is right.
	ErrUnavailable = fault.New(fault.Refused, "ISSUER_UNAVAILABLE", "the identity provider does not answer: try again later")
)
