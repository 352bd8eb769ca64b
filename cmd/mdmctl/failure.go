package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The exit codes. Scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitRefused     = 4
	exitUnreachable = 5
	exitWaited      = 6
	exitInterrupted = 130
)

// usageError is a command line or a file that cannot be right.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// notFoundError is a thing that the server does not have, found out here.
type notFoundError struct{ error }

// refusedError is what the server would refuse, found out here.
type refusedError struct{ error }

// waitedError is a wait that took too long.
type waitedError struct{ error }

func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[notFoundError](err); ok {
		return exitNotFound
	}
	if _, ok := errors.AsType[refusedError](err); ok {
		return exitRefused
	}
	if _, ok := errors.AsType[waitedError](err); ok {
		return exitWaited
	}
	switch {
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return exitUnreachable
	}
	if inner, ok := errors.AsType[statusError](err); ok {
		if s := inner.GRPCStatus(); !deniedByRule(s) {
			return exitOfCode(s.Code())
		}
		return exitRefused
	}
	return exitFailed
}

// statusError is an answer of the server, or of the connection to it.
// status.FromError is not used, because it makes what wraps an answer part of it.
type statusError interface {
	error
	GRPCStatus() *status.Status
}

// deniedByRule reports whether the server knows the credential well, and its role
// or its own request stands against what was asked.
func deniedByRule(s *status.Status) bool {
	if s.Code() != codes.PermissionDenied {
		return false
	}
	switch reasonOf(s) {
	case "ROLE_MAY_NOT", "OUT_OF_SCOPE", "SELF_APPROVAL":
		return true
	default:
		return false
	}
}

// reasonOf gives the reason that an answer states; "" for none.
func reasonOf(s *status.Status) string {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func exitOfCode(c codes.Code) int {
	switch c {
	case codes.InvalidArgument, codes.OutOfRange:
		return exitUsage
	case codes.NotFound:
		return exitNotFound
	case codes.FailedPrecondition, codes.Aborted, codes.AlreadyExists:
		return exitRefused
	case codes.Unavailable, codes.Unauthenticated, codes.PermissionDenied, codes.DeadlineExceeded:
		return exitUnreachable
	case codes.Canceled:
		return exitInterrupted
	default:
		return exitFailed
	}
}

// explain says what went wrong, and what to do about it where that is known.
func explain(err error) string {
	inner, ok := errors.AsType[statusError](err)
	if _, mine := errors.AsType[usageError](err); !ok || mine {
		return "mdmctl: " + printableLines(err.Error())
	}
	s := inner.GRPCStatus()
	var b strings.Builder
	before, _, _ := strings.Cut(err.Error(), inner.Error())
	b.WriteString("mdmctl: " + printable(before+headline(s)))
	reason := reasonOf(s)
	for _, detail := range s.Details() {
		if d, ok := detail.(*errdetails.BadRequest); ok {
			writeFields(&b, s.Message(), d)
		}
	}
	if reason != "" {
		fmt.Fprintf(&b, "\n  reason: %s", printable(reason))
	}
	if hint := hintFor(s.Code(), reason); hint != "" {
		fmt.Fprintf(&b, "\nhint: %s", hint)
	}
	return b.String()
}

// violations gives what an answer says of single fields.
func violations(err error) []*errdetails.BadRequest_FieldViolation {
	var all []*errdetails.BadRequest_FieldViolation
	if inner, ok := errors.AsType[statusError](err); ok {
		for _, detail := range inner.GRPCStatus().Details() {
			if bad, ok := detail.(*errdetails.BadRequest); ok {
				all = append(all, bad.GetFieldViolations()...)
			}
		}
	}
	return all
}

func headline(s *status.Status) string {
	switch {
	case deniedByRule(s):
		return "not allowed: " + s.Message()
	case s.Code() == codes.Unavailable:
		return "cannot reach the server: " + s.Message()
	case s.Code() == codes.Unauthenticated, s.Code() == codes.PermissionDenied:
		return "not authorised: " + s.Message()
	case s.Code() == codes.DeadlineExceeded:
		return "no answer in time"
	case s.Code() == codes.Canceled:
		return "interrupted"
	default:
		return s.Message()
	}
}

// writeFields leaves out the complaint that the message already is.
func writeFields(b *strings.Builder, message string, d *errdetails.BadRequest) {
	for _, f := range d.GetFieldViolations() {
		line := f.GetDescription()
		if f.GetField() != "" { // a rule about the whole request names none
			line = f.GetField() + ": " + line
		}
		if line == message {
			continue
		}
		fmt.Fprintf(b, "\n  %s", printable(line))
	}
}
