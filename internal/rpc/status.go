package rpc

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"ringfence/internal/fault"
)

// domain is whose reasons these are, in ErrorInfo.
const domain = "ringfence"

// The reasons of Unauthenticated answers.
const (
	// CertificateRequired: no certificate was shown.
	CertificateRequired = "CERTIFICATE_REQUIRED"
	// CertificateUnknown: it was not issued here, or not for this listener.
	CertificateUnknown = "CERTIFICATE_UNKNOWN"
	// CertificateExpired: its time is over.
	CertificateExpired = "CERTIFICATE_EXPIRED"
	// CertificateSuperseded: a newer one has been used.
	CertificateSuperseded = "CERTIFICATE_SUPERSEDED"
	// CertificateRevoked: it was taken back.
	CertificateRevoked = "CERTIFICATE_REVOKED"
	// EnrollmentEnded: the enrolment it belongs to is over.
	EnrollmentEnded = "ENROLLMENT_ENDED"
)

// aboutTheCaller are the reasons of Denied faults that say that the caller is
// nobody here, or nobody any more; it may become so in the middle of a call.
var aboutTheCaller = map[string]bool{
	CertificateUnknown: true, CertificateSuperseded: true, CertificateRevoked: true, EnrollmentEnded: true,
}

// The reasons of PermissionDenied answers to administrators.
const (
	// RoleMayNot: the role of the credential does not allow the method.
	RoleMayNot = "ROLE_MAY_NOT"
	// OutOfScope: the credential is bound to groups, and what is asked for is
	// beyond them.
	OutOfScope = "OUT_OF_SCOPE"
)

// The reasons of ResourceExhausted answers.
const (
	// TooManyStreams: the caller has its full number of streams open.
	TooManyStreams = "TOO_MANY_STREAMS"
	// TooManyCalls: the caller calls too often.
	TooManyCalls = "TOO_MANY_CALLS"
)

// ErrDraining ends a stream because the server stops: the client should
// reconnect, with back-off.
var ErrDraining error = &edgeError{code: codes.Unavailable, reason: "DRAINING", message: "the server is stopping: reconnect"}

const (
	maxFields   = 20  // details travel in headers, which clients bound
	maxFieldLen = 200 // octets of a field's name and of its problem
)

// edgeError is a no that only the edge says.
type edgeError struct {
	code    codes.Code
	reason  string
	message string
}

func (e *edgeError) Error() string { return e.message }

// Unauthenticated makes the error of a caller that is not known. Reason is one
// of the constants above.
func Unauthenticated(reason, message string) error {
	return &edgeError{code: codes.Unauthenticated, reason: reason, message: message}
}

func denied(reason, message string) error {
	return &edgeError{code: codes.PermissionDenied, reason: reason, message: message}
}

func exhausted(reason, message string) error {
	return &edgeError{code: codes.ResourceExhausted, reason: reason, message: message}
}

// outcome is an error as the client will see it.
type outcome struct {
	code    codes.Code
	reason  string
	message string
	fields  []fault.Field
	// caused: the error has a cause, which the client never sees.
	caused bool
}

var codeOfKind = [...]codes.Code{
	fault.Internal: codes.Internal,
	fault.Invalid:  codes.InvalidArgument,
	fault.Denied:   codes.PermissionDenied,
	fault.NotFound: codes.NotFound,
	fault.Conflict: codes.Aborted,
	fault.Refused:  codes.FailedPrecondition,
}

// aboutOthers are refusals because somebody else does not answer: the same call
// is worth another try.
var aboutOthers = map[string]bool{"ISSUER_UNAVAILABLE": true}

// outcomeOf is the one place where errors become codes.
func outcomeOf(err error) outcome {
	if e, ok := errors.AsType[*edgeError](err); ok {
		return outcome{code: e.code, reason: e.reason, message: e.message}
	}
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind != fault.Internal && int(e.Kind) < len(codeOfKind) {
		code := codeOfKind[e.Kind]
		switch {
		case e.Kind == fault.Denied && aboutTheCaller[e.Reason]:
			code = codes.Unauthenticated
		case e.Kind == fault.Refused && aboutOthers[e.Reason]:
			code = codes.Unavailable
		}
		return outcome{code: code, reason: e.Reason, message: e.Message, fields: e.Fields, caused: errors.Unwrap(e) != nil}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return outcome{code: codes.Canceled, message: "the call was cancelled"}
	case errors.Is(err, context.DeadlineExceeded):
		return outcome{code: codes.DeadlineExceeded, message: "the call took too long"}
	}
	// The stream's own errors: the peer is gone.
	if s, ok := status.FromError(err); ok {
		switch s.Code() {
		case codes.Canceled, codes.DeadlineExceeded, codes.Unavailable:
			return outcome{code: s.Code(), message: "the call ended early"}
		}
	}
	return outcome{code: codes.Internal}
}

// err makes the status error that goes to the client.
func (o outcome) err(requestID string) error {
	if o.code == codes.Internal {
		return status.Error(codes.Internal, "internal error (request "+requestID+")")
	}
	s := status.New(o.code, o.message)
	var details []protoadapt.MessageV1
	if len(o.fields) > 0 {
		details = append(details, badRequest(o.fields))
	}
	if o.reason != "" {
		details = append(details, &errdetails.ErrorInfo{Reason: o.reason, Domain: domain})
	}
	if len(details) == 0 {
		return s.Err()
	}
	with, err := s.WithDetails(details...)
	if err != nil {
		return s.Err() // the details are a help, the code is the answer
	}
	return with.Err()
}

func badRequest(fields []fault.Field) *errdetails.BadRequest {
	out := &errdetails.BadRequest{}
	for _, f := range fields[:min(len(fields), maxFields)] {
		out.FieldViolations = append(out.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field:       cut(f.Name),
			Description: cut(f.Problem),
		})
	}
	return out
}
