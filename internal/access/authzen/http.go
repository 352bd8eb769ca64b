package authzen

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"ringfence/internal/fault"
)

// maxBody is how long a request may be, in bytes.
const maxBody = 1 << 20

// requestID is the header that is given back as it came.
const requestID = "X-Request-ID"

// echoing gives request ids back, with errors also.
func echoing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get(requestID); id != "" {
			w.Header().Set(requestID, id)
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// endpoint reads a request, and writes what answer makes of it.
func (d *Door) endpoint(answer func(context.Context, map[string]any) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
			http.Error(w, "the Content-Type is not application/json", http.StatusBadRequest)
			return
		}
		raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			http.Error(w, "the body is longer than 1 MiB", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			http.Error(w, "the body did not arrive", http.StatusBadRequest)
			return
		}
		body, err := parse(raw)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		found, err := answer(r.Context(), body)
		if err != nil {
			d.report(r.Context(), err)
			status, message := statusOf(err)
			http.Error(w, message, status)
			return
		}
		d.write(w, r, found)
	})
}

func (d *Door) write(w http.ResponseWriter, r *http.Request, found any) {
	raw, err := json.Marshal(found)
	if err != nil {
		d.report(r.Context(), err)
		http.Error(w, internal, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw) // whoever went away need not be told
}

const internal = "internal error"

// statusOf says of an error what who asks may know. What the standard has no
// status for is an internal error.
func statusOf(err error) (status int, message string) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return http.StatusInternalServerError, internal
	}
	switch f.Kind {
	case fault.Invalid:
		return http.StatusBadRequest, f.Message
	case fault.Denied:
		return http.StatusForbidden, f.Message
	default:
		return http.StatusInternalServerError, internal
	}
}

// report writes down what is not the fault of who asks.
func (d *Door) report(ctx context.Context, err error) {
	if status, _ := statusOf(err); status == http.StatusInternalServerError && ctx.Err() == nil {
		d.Log.ErrorContext(ctx, "an AuthZEN request could not be answered", "err", err)
	}
}

// notOffered answers searches that are not made here.
func notOffered(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "this search is not offered: see "+MetadataPath, http.StatusNotImplemented)
}
