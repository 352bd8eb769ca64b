package forwardauth

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(pageStyle) }, //nolint:gosec // it is the file above, and nothing else
	"human": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
	"stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}).Parse(pageText))

// policy lets the page have its own style and nothing else.
var policy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// Remedy is the page for people who were turned away, below RemedyPath. It may be
// served to anybody.
func (d *Door) Remedy() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		never(w.Header())
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		sealed, ok := strings.CutPrefix(r.URL.Path, RemedyPath)
		t, holds := d.open(sealed)
		if !ok || !holds {
			d.show(w, http.StatusNotFound, page{about: aboutExpired, At: d.c.Now()})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		v := d.again(ctx, &t)
		status := http.StatusOK
		if v.outcome == Unavailable {
			status = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "5")
		}
		d.show(w, status, d.pageOf(&v, ""))
	})
}

// again asks the question of a ticket once more.
func (d *Door) again(ctx context.Context, t *ticket) (v verdict) {
	v = verdict{settings: settings{app: t.App}, outcome: Unavailable, reason: ReasonUnavailable, question: t.question()}
	if t.Reason != "" {
		v.outcome, v.reason = Refused, t.Reason
		return v
	}
	defer func() {
		if p := recover(); p != nil {
			d.c.Log.LogAttrs(ctx, slog.LevelError, "panic", slog.Any("panic", p))
		}
	}()
	answer, err := d.c.Review.Decide(ctx, v.question)
	if err != nil {
		d.c.Log.LogAttrs(ctx, slog.LevelError, "forward-auth remedy", slog.Any("err", err))
		return v
	}
	v.answer = answer
	v.outcome, v.reason = outcomeOf(&answer)
	return v
}

// show writes a page.
func (d *Door) show(w http.ResponseWriter, status int, p page) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		// Only a fault in the template gets here: better a short page than half a one.
		d.c.Log.LogAttrs(context.Background(), slog.LevelError, "page", slog.Any("err", err))
		b.Reset()
		b.WriteString("<!doctype html><title>No access</title><p>You cannot come in at the moment.")
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // nobody is left to tell
}
