package forwardauth

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/access/clientcert"
	"ringfence/internal/device"
)

// Paths of the two handlers.
const (
	CheckPath = "/forward-auth"
	// WithPath is where proxies ask that put their own path before the person's,
	// query and all, and cannot say anything in the query: what would be there is
	// the next part of the path.
	WithPath   = "/forward-auth/with/"
	RemedyPath = "/forward-auth/remedy/"
)

// Decider answers questions. An error is no answer, and shuts.
type Decider interface {
	Decide(ctx context.Context, q access.Question) (access.Answer, error)
}

// DeciderFunc is a function as a Decider.
type DeciderFunc func(ctx context.Context, q access.Question) (access.Answer, error)

// Decide calls f.
func (f DeciderFunc) Decide(ctx context.Context, q access.Question) (access.Answer, error) {
	return f(ctx, q)
}

// Holder is whose a certificate or an assertion is.
type Holder struct {
	// Device and Registration are the phone and the app's registration; at most
	// one of them may be empty.
	Device, Registration device.ID
	// User is the person it was issued for; empty where it is nobody's.
	User string
	// Serial is that of the certificate.
	Serial string
}

// Phones knows our certificates.
type Phones interface {
	// Identify says who holds a certificate that a proxy has seen in a TLS
	// handshake. A Denied or NotFound fault says that it does not count: it is not
	// ours, revoked, or of an enrolment that has ended. Any other error is ours.
	Identify(ctx context.Context, leafDER []byte) (Holder, error)
}

// Assertions knows the assertions that we sign.
type Assertions interface {
	// VerifyAssertion says who holds an assertion, and the SHA-256 of the
	// certificate that it is bound to, in base64url without padding (x5t#S256,
	// RFC 8705). Its errors are like those of Identify.
	VerifyAssertion(ctx context.Context, token string) (Holder, string, error)
}

// Links makes what is in links unreadable, and tells if it was tampered with.
type Links interface {
	// Seal gives a text of letters, digits, - and _.
	Seal(plain []byte) string
	Open(sealed string) ([]byte, error)
}

// Outcome is what a proxy was told, in one of few words.
type Outcome string

// The outcomes.
const (
	Allowed     Outcome = "allow"
	Owing       Outcome = "allow-with"
	Denied      Outcome = "deny"
	Refused     Outcome = "refused"     // nobody was asked: the request cannot be believed
	Unavailable Outcome = "unavailable" // nobody could answer
)

// Metrics counts answers. Both labels have few values.
type Metrics interface {
	Answered(outcome Outcome, form clientcert.Form)
}

// Config is what a Door is made of. Assertions and Metrics may be nil, all else is
// required.
type Config struct {
	Decider Decider
	// Review answers again for the page: as Decider does, but nobody signs in.
	Review     Decider
	Phones     Phones
	Assertions Assertions
	Links      Links
	// BaseURL is where people reach RemedyPath, without a slash at the end.
	BaseURL string
	Metrics Metrics
	Log     *slog.Logger
	Now     func() time.Time
}

// Door answers proxies and the people whom they turn away. It is safe for
// concurrent use.
type Door struct{ c Config }

// New makes a Door.
func New(c Config) *Door { return &Door{c} }

// within is how long an answer may take: no proxy waits much longer.
const within = 5 * time.Second

// Handler serves both: Remedy to anybody, and Check behind guard, which must let
// proxies alone pass. It must not be behind an [http.ServeMux], which answers
// requests itself whose path it would write in another way: that of a person at
// Envoy is part of it.
func (d *Door) Handler(guard func(http.Handler) http.Handler) http.Handler {
	check, remedy := guard(d.Check()), d.Remedy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, RemedyPath):
			remedy.ServeHTTP(w, r)
		case r.URL.Path == CheckPath, strings.HasPrefix(r.URL.Path, WithPath):
			check.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}

// Check answers proxies, at CheckPath and below WithPath. Whoever serves it must
// know that the request is a proxy's.
func (d *Door) Check() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 && r.ProtoMajor == 1 {
			// The proxy's client sends as slowly as it likes: the answer does not
			// wait for the body, and the connection is not used again.
			_ = http.NewResponseController(w).EnableFullDuplex()
			w.Header().Set("Connection", "close")
		}
		began := d.c.Now()
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		v := d.guarded(r.WithContext(ctx))
		d.reply(w, v)
		d.note(ctx, v, d.c.Now().Sub(began))
	})
}

// verdict is what is to be told to the proxy.
type verdict struct {
	settings settings
	outcome  Outcome
	reason   Reason
	question access.Question
	answer   access.Answer // where somebody was asked
	err      error         // for the log
}

// guarded gives the verdict on a request; a panic is no answer.
func (d *Door) guarded(r *http.Request) (v verdict) {
	defer func() {
		if p := recover(); p != nil {
			d.c.Log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			v = verdict{settings: v.settings, outcome: Unavailable, reason: ReasonUnavailable}
		}
	}()
	d.judge(r, &v)
	return v
}

// judge fills in the verdict. It shuts until the end.
func (d *Door) judge(r *http.Request, v *verdict) {
	v.outcome, v.reason = Unavailable, ReasonUnavailable
	var refused *refusal
	if v.settings, refused = settingsOf(r); refused == nil {
		v.question, refused = d.read(r, v.settings)
	}
	if refused != nil {
		v.reason, v.err = refused.reason, refused.err
		if v.reason != ReasonUnavailable {
			v.outcome = Refused
		}
		return
	}
	answer, err := d.c.Decider.Decide(r.Context(), v.question)
	if err != nil {
		v.err = err
		return
	}
	v.answer = answer
	v.outcome, v.reason = outcomeOf(&answer)
}

// outcomeOf puts an answer into the words of this room.
func outcomeOf(a *access.Answer) (Outcome, Reason) {
	switch a.Decision.Outcome {
	case access.Allow:
		return Allowed, ""
	case access.AllowWith:
		return Owing, ReasonOwed
	default:
		if a.Explain().LegacyClient {
			return Denied, ReasonLegacy
		}
		return Denied, ReasonBlocked
	}
}

// note counts a verdict, and writes a line about all but the good ones. It names
// no person.
func (d *Door) note(ctx context.Context, v verdict, took time.Duration) {
	if d.c.Metrics != nil {
		d.c.Metrics.Answered(v.outcome, v.settings.form)
	}
	level := slog.LevelInfo
	switch v.outcome {
	case Allowed:
		level = slog.LevelDebug
	case Refused:
		level = slog.LevelWarn
	case Unavailable:
		level = slog.LevelError
	}
	d.c.Log.LogAttrs(context.WithoutCancel(ctx), level, "forward-auth",
		slog.String("outcome", string(v.outcome)), slog.String("reason", string(v.reason)),
		slog.String("app", v.settings.app), slog.String("form", v.settings.form.String()),
		slog.String("device", string(v.question.Device)), slog.Duration("took", took), slog.Any("err", v.err))
}
