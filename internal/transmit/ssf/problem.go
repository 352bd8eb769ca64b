package ssf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"ringfence/internal/fault"
	"ringfence/internal/transmit"
)

// problem is a no as the client sees it. Its text holds no secret, and nothing
// of a driver.
type problem struct {
	status int
	code   string
	detail string
	// retry is the header Retry-After; empty for none.
	retry string
}

func (p *problem) Error() string { return p.detail }

func bad(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "invalid_request", detail: fmt.Sprintf(format, args...)}
}

func tooMany(detail, retry string) *problem {
	return &problem{status: http.StatusTooManyRequests, code: "too_many_requests", detail: detail, retry: retry}
}

var (
	errMedia   = &problem{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", detail: "the body must be application/json"}
	errTooSlow = &problem{
		status: http.StatusServiceUnavailable, code: "temporarily_unavailable", detail: "the request took too long", retry: "5",
	}
	verifySeconds = strconv.Itoa(int(transmit.VerifyEvery.Seconds()))
)

// problemOf is the one place where errors become answers. What is not meant for
// the client is an internal error.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &problem{
			status: http.StatusRequestEntityTooLarge, code: "too_large", detail: fmt.Sprintf("the body has more than %d octets", tooLong.Limit),
		}
	}
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errTooSlow
	case !ok:
		return &problem{status: http.StatusInternalServerError, code: "server_error"}
	case errors.Is(err, transmit.ErrTooSoon):
		return tooMany(f.Message, verifySeconds)
	case errors.Is(err, transmit.ErrNotPolled), f.Kind == fault.NotFound:
		// A stream that is pushed has no endpoint to poll.
		return &problem{status: http.StatusNotFound, code: "not_found", detail: f.Message}
	case f.Kind == fault.Invalid:
		return bad("%s", f.Message)
	case f.Kind == fault.Denied:
		return &problem{status: http.StatusForbidden, code: "access_denied", detail: f.Message}
	case f.Kind == fault.Conflict, f.Kind == fault.Refused:
		return &problem{status: http.StatusConflict, code: "conflict", detail: f.Message}
	default:
		return &problem{status: http.StatusInternalServerError, code: "server_error"}
	}
}

// refusal is the body of a no, in the words that Require has for it, too.
type refusal struct {
	Code   string `json:"error"`
	Detail string `json:"error_description"`
}

func (p *problem) body(requestID string) refusal {
	if p.status == http.StatusInternalServerError {
		return refusal{p.code, "internal error (request " + requestID + ")"}
	}
	return refusal{p.code, p.detail}
}
