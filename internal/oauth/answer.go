package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
)

// refusal is an answer that is no, as OAuth writes it (RFC 6749 5.2, RFC 6750
// 3.1).
type refusal struct {
	status int
	// code is empty where nothing was shown at all.
	code string
	// about is for people. It says nothing of secrets.
	about string
	// challenge is the header WWW-Authenticate; "" for none.
	challenge string
}

func (r *refusal) Error() string { return r.code + ": " + r.about }

const (
	basicChallenge  = `Basic realm="ringfence", charset="UTF-8"`
	bearerChallenge = `Bearer realm="ringfence"`
)

func invalidRequest(about string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: "invalid_request", about: about}
}

var (
	errTooMany = &refusal{status: http.StatusTooManyRequests, code: "temporarily_unavailable", about: "too many failed attempts from this address: try later"}
	errClient  = &refusal{
		status: http.StatusUnauthorized, code: "invalid_client", about: "no such client, or another secret", challenge: basicChallenge,
	}
	errFailed = &refusal{status: http.StatusInternalServerError, code: "server_error", about: "the server failed"}
)

// retryAfter is how long who failed too often should wait, in seconds.
const retryAfter = "20"

// deny writes a refusal. What is no refusal is the server's own failure: it is
// logged, and nothing of it is said.
func (s *Service) deny(w http.ResponseWriter, r *http.Request, err error) {
	no, ok := errors.AsType[*refusal](err)
	if !ok {
		no = errFailed
		if !errors.Is(err, context.Canceled) {
			s.c.Log.ErrorContext(r.Context(), "oauth: cannot tell who asks", slog.Any("err", err))
		}
	}
	h := w.Header()
	if no.challenge != "" {
		h.Set("WWW-Authenticate", no.challenge)
	}
	if no.status == http.StatusTooManyRequests {
		h.Set("Retry-After", retryAfter)
	}
	h.Set("Cache-Control", "no-store")
	if no.code == "" {
		w.WriteHeader(no.status)
		return
	}
	writeJSON(w, no.status, map[string]string{"error": no.code, "error_description": no.about})
}

// writeJSON writes an answer. Whoever does not wait for it has gone.
func writeJSON(w http.ResponseWriter, status int, answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		panic("oauth: an answer that is no JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// only lets some methods through.
func only(next http.HandlerFunc, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, m := range methods {
			if r.Method == m {
				next(w, r)
				return
			}
		}
		for _, m := range methods {
			w.Header().Add("Allow", m)
		}
		w.WriteHeader(http.StatusMethodNotAllowed)
	})
}
