// Package fault is the one vocabulary for "no". A slice returns a fault; the
// gRPC edge maps its kind to a status once. Whatever is not a fault is an
// internal error, whose text never reaches a client.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what sort of no it is.
type Kind uint8

// The six kinds. Do not reorder.
const (
	// Internal is everything the caller can do nothing about.
	Internal Kind = iota
	// Invalid is a request that can never be right as it stands.
	Invalid
	// Denied is a caller who may not.
	Denied
	// NotFound is a thing that is not there.
	NotFound
	// Conflict is a change that lost a race; look again and retry.
	Conflict
	// Refused is right in itself, but not in this state.
	Refused
)

var kindNames = [...]string{"internal", "invalid", "denied", "not found", "conflict", "refused"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// Field is one complaint about one field of a request, by its wire name.
type Field struct {
	Name    string
	Problem string
}

// Error is a fault. Its message is written for the caller: lower case, no
// final period, no secret.
type Error struct {
	Kind    Kind
	Message string
	// Reason is what a program acts on, in UPPER_SNAKE_CASE; empty where a
	// program has nothing to decide.
	Reason string
	// Fields names what is wrong with an Invalid request.
	Fields []Field
	cause  error
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

// Unwrap gives the cause, which is for the log only.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is a fault of the same kind and reason, so that a
// sentinel matches whatever text it was given.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Reason == e.Reason && t.Reason != ""
}

// WithCause keeps err for the log behind a copy of e.
func (e *Error) WithCause(err error) *Error {
	c := *e
	c.cause = err
	return &c
}

// New makes a fault with a machine-readable reason (may be empty).
func New(k Kind, reason, format string, args ...any) *Error {
	return &Error{Kind: k, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// InvalidField complains about one field of a request.
func InvalidField(name, format string, args ...any) *Error {
	problem := fmt.Sprintf(format, args...)
	return &Error{
		Kind:    Invalid,
		Message: name + ": " + problem,
		Fields:  []Field{{Name: name, Problem: problem}},
	}
}

// KindOf gives the kind of the first fault in err's chain, Internal if none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// ReasonOf gives the reason of the first fault in err's chain, or "".
func ReasonOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}
