package ssf

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"

	"ringfence/internal/identity"
	"ringfence/internal/oauth"
	"ringfence/internal/transmit"
)

// Where the endpoints are, below the issuer.
const (
	// Prefix is where everything of [Door.Handler] is served.
	Prefix       = "/ssf/"
	StreamsPath  = "/ssf/streams"
	StatusPath   = "/ssf/status"
	AddPath      = "/ssf/subjects/add"
	RemovePath   = "/ssf/subjects/remove"
	VerifyPath   = "/ssf/verify"
	PollPath     = "/ssf/poll/" // and the id of the stream
	MetadataPath = "/.well-known/ssf-configuration"
	ResourcePath = "/.well-known/oauth-protected-resource"
)

// Service keeps the streams: *transmit.Service.
type Service interface {
	Create(ctx context.Context, o transmit.Owner, sp transmit.Spec) (transmit.Stream, error)
	Stream(ctx context.Context, o transmit.Owner, id string) (transmit.Stream, error)
	Streams(ctx context.Context, o transmit.Owner) ([]transmit.Stream, error)
	Update(ctx context.Context, o transmit.Owner, id string, p transmit.Patch) (transmit.Stream, error)
	Replace(ctx context.Context, o transmit.Owner, id string, sp transmit.Spec) (transmit.Stream, error)
	Delete(ctx context.Context, o transmit.Owner, id string) error
	SetStatus(ctx context.Context, o transmit.Owner, id string, status transmit.Status, reason string) (transmit.Stream, error)
	AddSubject(ctx context.Context, o transmit.Owner, id string, subject transmit.Subject) error
	RemoveSubject(ctx context.Context, o transmit.Owner, id string, subject transmit.Subject) error
	Verify(ctx context.Context, o transmit.Owner, id, state string) error
	Poll(ctx context.Context, o transmit.Owner, id string, r transmit.PollRequest) (transmit.PollAnswer, error)
}

// Config is what a Door is made of. Every field is required.
type Config struct {
	Service Service
	// Require lets requests through whose token has a scope, with the client in
	// their context (oauth.From): the method of oauth.Service.
	Require func(scope oauth.Scope, next http.Handler) http.Handler
	// Issuer is the iss of the events, and where the endpoints are: "https://"
	// and a host.
	Issuer string
	// JWKSURI is where the keys are published that sign the events.
	JWKSURI string
	Log     *slog.Logger
}

// Door serves receivers. It is safe for concurrent use.
type Door struct {
	c     Config
	polls polls
}

// New makes a Door.
//
// Errors: Invalid (an issuer or key set that is no https address).
func New(c Config) (*Door, error) {
	if err := oauth.CheckIssuer(c.Issuer); err != nil {
		return nil, err
	}
	if err := checkJWKS(c.JWKSURI); err != nil {
		return nil, err
	}
	return &Door{c: c}, nil
}

// Handler serves all below [Prefix]. It is for a listener with TLS, whose
// answers may take half a minute: a poll waits.
func (d *Door) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range []struct {
		pattern string
		scope   oauth.Scope
		do      deed
	}{
		{"GET " + StreamsPath, oauth.ReadStreams, d.read},
		{"POST " + StreamsPath, oauth.ManageStreams, d.create},
		{"PATCH " + StreamsPath, oauth.ManageStreams, d.update},
		{"PUT " + StreamsPath, oauth.ManageStreams, d.replace},
		{"DELETE " + StreamsPath, oauth.ManageStreams, d.remove},
		{"GET " + StatusPath, oauth.ReadStreams, d.readStatus},
		{"POST " + StatusPath, oauth.ManageStreams, d.setStatus},
		{"POST " + AddPath, oauth.ManageStreams, d.addSubject},
		{"POST " + RemovePath, oauth.ManageStreams, d.removeSubject},
		{"POST " + VerifyPath, oauth.ManageStreams, d.verify},
		{"POST " + PollPath + "{id}", oauth.ReadStreams, d.poll},
	} {
		mux.Handle(e.pattern, d.c.Require(e.scope, d.serve(e.pattern, e.do)))
	}
	return mux
}

// call is one request of a client.
type call struct {
	*http.Request
	owner transmit.Owner
}

// answer is what a request gets; a nil body is none.
type answer struct {
	status int
	body   any
}

// deed does what a request asks for.
type deed func(*call) (answer, error)

// serve does a deed for whom Require let in.
func (d *Door) serve(name string, do deed) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, ok := oauth.From(r.Context())
		c := &call{Request: r, owner: transmit.Owner{ID: client.ID, Name: client.Name}}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		a, err := answer{}, errNobody
		if ok && client.ID != "" {
			a, err = d.guarded(c, do)
		}
		header := w.Header()
		if err != nil {
			p := problemOf(err)
			a = answer{p.status, p.body(identity.From(r.Context()).RequestID)}
			if p.retry != "" {
				header.Set("Retry-After", p.retry)
			}
		}
		d.log(c, name, a.status, err)
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		write(w, a)
	})
}

var (
	errNobody = errors.New("ssf: a request without a client")
	errPanic  = errors.New("ssf: panic")
)

// guarded does a deed, and makes an internal error of a panic.
func (d *Door) guarded(c *call, do deed) (a answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.c.Log.LogAttrs(c.Context(), slog.LevelError, "panic", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			a, err = answer{}, errPanic
		}
	}()
	return do(c)
}

// write writes an answer. Whoever does not wait for it has gone.
func write(w http.ResponseWriter, a answer) {
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	text, err := json.Marshal(a.body)
	if err != nil {
		panic("ssf: an answer that is no JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = w.Write(text)
}

// log writes one line about a request, with nothing of its body. Polls, which
// come all the time, are for those who look closely.
func (d *Door) log(c *call, name string, status int, err error) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("request_id", identity.From(c.Context()).RequestID), slog.String("endpoint", name),
		slog.String("client", c.owner.Name), slog.Int("status", status),
	}
	switch {
	case status == http.StatusInternalServerError:
		level = slog.LevelError
		attrs = append(attrs, slog.Any("err", err))
	case err == nil && c.Pattern == "POST "+PollPath+"{id}":
		level = slog.LevelDebug
	}
	d.c.Log.LogAttrs(context.WithoutCancel(c.Context()), level, "ssf", attrs...)
}
