package scim

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"ringfence/internal/directory"
)

// Prefix is where everything here is served.
const Prefix = "/scim/v2"

// Config is what a Handler is made of. Everything is required but BaseURL.
type Config struct {
	Directory *directory.Service
	Tokens    *directory.TokenService
	// BaseURL is how clients reach Prefix, without a slash at the end; empty
	// means https and the name that the client called.
	BaseURL string
	Now     func() time.Time
	// NewID makes ids of requests.
	NewID func() string
	Log   *slog.Logger
}

// Handler answers SCIM requests. It is safe for concurrent use.
type Handler struct {
	c      Config
	knocks *knocks
}

// New makes a Handler. It is for a listener with TLS: the tokens are in the
// requests.
func New(c Config) *Handler { return &Handler{c: c, knocks: newKnocks(c.Now)} }

// call is one request.
type call struct {
	*http.Request
	id    string
	token string // the name of the token; empty while it is not known
	base  string
	parts []string // of the path behind Prefix
	want  chosen   // of the resources in the answer
}

// answer is what a request gets.
type answer struct {
	status int
	body   any // nil for none
	// location and version are headers, where not zero.
	location string
	version  uint64
	problem  error
}

func ok(body any) answer            { return answer{status: http.StatusOK, body: body} }
func failed(err error) answer       { return answer{problem: err} }
func (a answer) at(v uint64) answer { a.version = v; return a }

// ServeHTTP is part of http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, id: h.c.NewID(), base: cmp.Or(h.c.BaseURL, "https://"+r.Host+Prefix)}
	began := h.c.Now()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	a := h.guarded(c)
	if a.problem != nil {
		p := problemOf(a.problem)
		a.status, a.body = p.status, p.body(c.id)
	}
	h.log(c, a, h.c.Now().Sub(began))
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	switch a.status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="scim"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		header.Set("Retry-After", "5")
	}
	if a.location != "" {
		header.Set("Location", a.location)
	}
	if a.version != 0 {
		header.Set("ETag", etag(a.version))
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	header.Set("Content-Type", "application/scim+json")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body) // nobody is left to tell
}

// guarded answers a call, and makes an internal error of a panic.
func (h *Handler) guarded(c *call) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			h.c.Log.LogAttrs(c.Context(), slog.LevelError, "panic", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			a = failed(errPanic)
		}
	}()
	token, err := h.admit(c)
	if err != nil {
		return failed(err)
	}
	c.token = token.Name
	ctx := directory.From(c.Context(), directory.Source{Token: token.Name, TokenID: token.ID, Peer: c.peer(), RequestID: c.id})
	c.Request = c.WithContext(ctx)
	path, ok := strings.CutPrefix(c.URL.Path, Prefix+"/")
	if !ok {
		return failed(errNotFound)
	}
	c.parts = strings.Split(strings.TrimSuffix(path, "/"), "/")
	// Before anything is done: what cannot be answered must not be done.
	if c.want, err = parseChosen(c.URL.Query()); err != nil {
		return failed(err)
	}
	return h.route(c)
}

var (
	errPanic       = &problem{status: http.StatusInternalServerError}
	errNotFound    = &problem{status: http.StatusNotFound, detail: "there is nothing here"}
	errMethod      = &problem{status: http.StatusMethodNotAllowed, detail: "this cannot be done here"}
	errUnsupported = &problem{status: http.StatusNotImplemented, detail: "this server does not do that"}
	errMedia       = &problem{status: http.StatusUnsupportedMediaType, detail: "the body must be application/scim+json"}
)

// route finds what a call is for.
func (h *Handler) route(c *call) answer {
	kind, id := c.parts[0], ""
	switch {
	case len(c.parts) == 2:
		if id = c.parts[1]; id == "" || len(id) > 128 || !printable(id) {
			return failed(errNotFound)
		}
	case len(c.parts) > 2:
		return failed(errNotFound)
	}
	if kind == "Me" || kind == "Bulk" || kind == ".search" || id == ".search" {
		return failed(errUnsupported)
	}
	switch kind {
	case "Users":
		return resources{h.listUsers, h.createUser, h.getUser, h.replaceUser, h.patchUser, h.deleteUser}.serve(c, id)
	case "Groups":
		return resources{h.listGroups, h.createGroup, h.getGroup, h.replaceGroup, h.patchGroup, h.deleteGroup}.serve(c, id)
	}
	if c.Method != http.MethodGet {
		return failed(errMethod)
	}
	switch {
	case kind == "ServiceProviderConfig" && id == "":
		return ok(h.config())
	case kind == "ResourceTypes":
		return documents(resourceTypes(c.base), id)
	case kind == "Schemas":
		return documents(schemas(c.base), id)
	default:
		return failed(errNotFound)
	}
}

// documents gives all discovery documents of a kind, or the one with the id.
func documents(all []object, id string) answer {
	if id == "" {
		return ok(listOf(all, len(all), 1))
	}
	for _, o := range all {
		if o["id"] == id {
			return ok(o)
		}
	}
	return failed(errNotFound)
}

// resources are the deeds of one kind of resource.
type resources struct {
	list, create                func(*call) answer
	get, replace, patch, remove func(*call, string) answer
}

func (r resources) serve(c *call, id string) answer {
	switch {
	case id == "" && c.Method == http.MethodGet:
		return r.list(c)
	case id == "" && c.Method == http.MethodPost:
		return r.create(c)
	case id != "" && c.Method == http.MethodGet:
		return r.get(c, id)
	case id != "" && c.Method == http.MethodPut:
		return r.replace(c, id)
	case id != "" && c.Method == http.MethodPatch:
		return r.patch(c, id)
	case id != "" && c.Method == http.MethodDelete:
		return r.remove(c, id)
	default:
		return failed(errMethod)
	}
}

// object reads the body.
func (c *call) object() (object, error) {
	if kind := c.Header.Get("Content-Type"); kind != "" {
		switch media, _, err := mime.ParseMediaType(kind); {
		case err != nil, media != "application/scim+json" && media != "application/json":
			return nil, errMedia
		}
	}
	text, err := io.ReadAll(c.Body)
	if err != nil {
		return nil, err
	}
	return parseObject(text)
}

// peer is the network address of the client, without the port.
func (c *call) peer() string {
	host, _, err := net.SplitHostPort(c.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// network is the client's address, or its network where an address is one of
// many that somebody has.
func (c *call) network() string {
	addr, err := netip.ParseAddr(c.peer())
	if err != nil {
		return c.peer()
	}
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}

// log writes one line about a call. It names no person: of the path it has the
// first part.
func (h *Handler) log(c *call, a answer, took time.Duration) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("request_id", c.id), slog.String("method", c.Method), slog.String("token", c.token),
		slog.Int("status", a.status), slog.Duration("took", took),
	}
	if c.parts != nil {
		attrs = append(attrs, slog.String("kind", c.parts[0][:min(len(c.parts[0]), 32)]))
	}
	if a.status == http.StatusInternalServerError {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("err", a.problem))
	}
	h.c.Log.LogAttrs(context.WithoutCancel(c.Context()), level, "scim", attrs...)
}
