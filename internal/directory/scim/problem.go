package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"ringfence/internal/directory"
	"ringfence/internal/fault"
)

// The words of RFC 7644, 3.12, for what is wrong.
const (
	invalidFilter = "invalidFilter"
	invalidPath   = "invalidPath"
	invalidSyntax = "invalidSyntax"
	invalidValue  = "invalidValue"
	mutability    = "mutability"
	noTarget      = "noTarget"
	uniqueness    = "uniqueness"
)

// problem is a no as the client sees it. Its text holds no secret, and nothing
// of a driver.
type problem struct {
	status int
	kind   string // one of the words above; empty for none
	detail string
}

func (p *problem) Error() string { return p.detail }

func bad(kind, format string, args ...any) *problem {
	return &problem{http.StatusBadRequest, kind, fmt.Sprintf(format, args...)}
}

// problemOf is the one place where errors become answers. What is not meant for
// the client is an internal error.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &problem{http.StatusRequestEntityTooLarge, "", fmt.Sprintf("the body has more than %d octets", tooLong.Limit)}
	}
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case errors.Is(err, directory.ErrVersion):
		return &problem{http.StatusPreconditionFailed, "", f.Message}
	case errors.Is(err, directory.ErrUserExists), errors.Is(err, directory.ErrGroupExists):
		return &problem{http.StatusConflict, uniqueness, f.Message}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &problem{http.StatusServiceUnavailable, "", "the request took too long"}
	case ok && f.Kind == fault.Invalid:
		return bad(invalidValue, "%s", f.Message)
	case ok && f.Kind == fault.NotFound:
		return &problem{http.StatusNotFound, "", f.Message}
	case ok && f.Kind == fault.Conflict:
		return &problem{http.StatusConflict, "", f.Message}
	default:
		return &problem{status: http.StatusInternalServerError}
	}
}

// body is the error as RFC 7644, 3.12 has it.
func (p *problem) body(requestID string) object {
	detail := p.detail
	if p.status == http.StatusInternalServerError {
		detail = "internal error (request " + requestID + ")"
	}
	o := object{"schemas": []string{schemaError}, "status": strconv.Itoa(p.status), "detail": detail}
	if p.kind != "" {
		o["scimType"] = p.kind
	}
	return o
}
