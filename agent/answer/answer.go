// Package answer tells a device what a "no" of the server means: whether the
// enrolment is over, whether trying again can help, and what to tell a person.
package answer

import (
	"strings"
	"unicode"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// EnrollmentEnded is the reason of every answer to a phone whose enrolment is
// over.
const EnrollmentEnded = "ENROLLMENT_ENDED"

// maxText is how many characters of the server's words are shown or stored.
const maxText = 200

// Reason gives the machine-readable reason of a server's error, or "".
func Reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// Ended reports whether err says that the enrolment is over.
func Ended(err error) bool {
	return status.Code(err) == codes.Unauthenticated && Reason(err) == EnrollmentEnded
}

// Unknown reports whether err says that the certificate is not, or no longer,
// accepted, without saying that the enrolment is over.
func Unknown(err error) bool {
	return status.Code(err) == codes.Unauthenticated && !Ended(err)
}

// Final reports whether the same request will be refused again: the server has
// understood it and said no. What is not final is worth a retry.
func Final(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied,
		codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented:
		return true
	default:
		return false
	}
}

// Text gives the server's words for a log or a screen: one line of printable
// characters, shortened.
func Text(err error) string {
	s := status.Convert(err)
	text := s.Message()
	for _, detail := range s.Details() {
		bad, ok := detail.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, f := range bad.GetFieldViolations() {
			text += "; " + f.GetField() + ": " + f.GetDescription()
		}
	}
	if reason := Reason(err); reason != "" {
		text += " (" + reason + ")"
	}
	return Clip(text)
}

// Clip makes text fit for a log line, a screen and a detail on the wire: at
// most 200 characters, all printable.
func Clip(text string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(clean); len(runes) > maxText {
		return string(runes[:maxText-1]) + "…"
	}
	return clean
}
