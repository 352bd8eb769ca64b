package answer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

func no(t *testing.T, code codes.Code, message string, details ...protoadapt.MessageV1) error {
	t.Helper()
	s, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

func TestMeaning(t *testing.T) {
	over := &errdetails.ErrorInfo{Reason: EnrollmentEnded}
	for name, c := range map[string]struct {
		err                   error
		ended, unknown, final bool
	}{
		"nothing":                  {},
		"over":                     {err: no(t, codes.Unauthenticated, "over", over), ended: true},
		"over, wrapped":            {err: fmt.Errorf("fetch: %w", no(t, codes.Unauthenticated, "over", over)), ended: true},
		"over, joined":             {err: errors.Join(no(t, codes.Unauthenticated, "over", over), nil), ended: true},
		"the reason alone":         {err: no(t, codes.Unavailable, "proxy", over)},
		"unauthenticated":          {err: no(t, codes.Unauthenticated, "who"), unknown: true},
		"another reason":           {err: no(t, codes.Unauthenticated, "who", &errdetails.ErrorInfo{Reason: "CERTIFICATE_EXPIRED"}), unknown: true},
		"not now":                  {err: no(t, codes.FailedPrecondition, "no"), final: true},
		"not there":                {err: no(t, codes.NotFound, "no"), final: true},
		"silence":                  {err: no(t, codes.Unavailable, "gone")},
		"internal":                 {err: no(t, codes.Internal, "oops")},
		"too much":                 {err: no(t, codes.ResourceExhausted, "slow down")},
		"an error of another kind": {err: errors.New("disk full")},
	} {
		if got := Ended(c.err); got != c.ended {
			t.Errorf("%s: ended %v", name, got)
		}
		if got := Unknown(c.err); got != c.unknown {
			t.Errorf("%s: unknown %v", name, got)
		}
		if got := Final(c.err); got != c.final {
			t.Errorf("%s: final %v", name, got)
		}
	}
}

func TestText(t *testing.T) {
	bad := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "observed_at", Description: "is ahead"}}}
	for want, err := range map[string]error{
		"no; observed_at: is ahead (CLOCK)": no(t, codes.InvalidArgument, "no", bad, &errdetails.ErrorInfo{Reason: "CLOCK"}),
		"one line [31mred":                  no(t, codes.Internal, "one\nline\x1b[31mred"),
	} {
		if got := Text(err); strings.Join(strings.Fields(got), " ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Clip(strings.Repeat("ü", 500)); len([]rune(got)) != maxText {
		t.Errorf("%d characters", len([]rune(got)))
	}
	if got := Clip("a\xffb"); got != "a?b" {
		t.Errorf("%q", got)
	}
}
