package main

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// opsParts is what the ops listener shows.
type opsParts struct {
	log      *slog.Logger
	registry *prometheus.Registry
	// ready answers whether the server can do its work; nil means yes.
	ready func(context.Context) error
	// crl gives the current revocation list of client certificates, DER.
	crl func(context.Context) ([]byte, error)
}

// newOpsServer serves liveness, readiness, metrics and the revocation list.
// It knows no callers: it listens on loopback unless told otherwise, and shows
// nothing about a device or a person.
func newOpsServer(p opsParts) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := p.ready(ctx); err != nil {
			p.log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.Any("err", err))
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /crl/profile.crl", func(w http.ResponseWriter, r *http.Request) {
		der, err := p.crl(r.Context())
		if err != nil {
			p.log.LogAttrs(r.Context(), slog.LevelError, "revocation list", slog.Any("err", err))
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/pkix-crl") // RFC 2585, section 4.2
		w.Header().Set("Content-Length", strconv.Itoa(len(der)))
		_, _ = w.Write(der)
	})
	return &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}
}
