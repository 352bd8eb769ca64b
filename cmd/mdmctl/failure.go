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

// waitedError is a wait that took too long.
type waitedError struct{ error }

func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[notFoundError](err); ok {
		return exitNotFound
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
		return exitOfCode(inner.GRPCStatus().Code())
	}
	return exitFailed
}

// statusError is an answer of the server, or of the connection to it.
// status.FromError is not used, because it makes what wraps an answer part of it.
type statusError interface {
	error
	GRPCStatus() *status.Status
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
	reason := ""
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.BadRequest:
			writeFields(&b, s.Message(), d)
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
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
	switch s.Code() {
	case codes.Unavailable:
		return "cannot reach the server: " + s.Message()
	case codes.Unauthenticated, codes.PermissionDenied:
		return "not authorised: " + s.Message()
	case codes.DeadlineExceeded:
		return "no answer in time"
	case codes.Canceled:
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

var hintOfReason = map[string]string{
	"REVISION_MOVED":           "somebody changed the policy since: look at it again (mdmctl get policy NAME) and repeat",
	"REQUEST_KEY_REUSED":       "this request key belongs to another request: choose a new one, or leave --request-key out",
	"EPOCH_MOVED":              "the device has enrolled again since: look at it (mdmctl describe device ID) and decide again",
	"MODE_HAS_NO_WORK_PROFILE": "only the data of named apps can be taken back from this device: --scope app-data --package NAME",
	"NOT_ENROLLED":             "the device has left: nothing can reach it before it enrols again",
	"ORDER_PENDING":            "an equal or wider order is under way: see mdmctl get wipes --device ID",
	"ORDER_ACKNOWLEDGED":       "the device has promised to act: the order can no longer be cancelled",
	"ORDER_FINISHED":           "the order has ended: see mdmctl describe wipe ID",
	"AUDIT_LOG_BROKEN":         "the database was changed or restored: see docs/audit.md, and compare with an export",
	"TOO_MANY_CALLS":           "wait a moment and repeat",
	"CERTIFICATE_EXPIRED":      "the credential of this context has expired: have an administrator make a new one",
}

var hintOfCode = map[codes.Code]string{
	codes.Unavailable:      "is the server running, and are address and CA of the context right? See mdmctl config view",
	codes.Unauthenticated:  "is the credential of the context an administrator's of this server? See mdmctl config view",
	codes.PermissionDenied: "the credential is known, but may not do this",
	codes.DeadlineExceeded: "the server is slow or the network is: repeat, or give more time with --timeout",
	codes.Unimplemented:    "the server is of another version than mdmctl",
}

func hintFor(c codes.Code, reason string) string {
	if hint := hintOfReason[reason]; hint != "" {
		return hint
	}
	return hintOfCode[c]
}
