package webkeys

import "ringfence/internal/fault"

// ErrTokenInvalid is for every token that is not believed. The cause, for the
// log, says why.
var ErrTokenInvalid = fault.New(fault.Denied, "TOKEN_INVALID", "the token is not valid")

// ErrNumberTaken is what a store says when another server was faster to add the
// next key: look again.
var ErrNumberTaken = fault.New(fault.Conflict, "NUMBER_TAKEN", "another server made that key")
