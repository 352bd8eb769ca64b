package scim

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"
)

// Bounds of a connection.
const (
	headerWithin = 5 * time.Second
	readWithin   = 30 * time.Second
	writeWithin  = 60 * time.Second
	idleWithin   = 2 * time.Minute
	maxHeader    = 16 << 10
)

// NewServer makes an HTTP server for a handler, with the bounds that strangers
// need. The certificate is in config.
func NewServer(h http.Handler, config *tls.Config, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, TLSConfig: config,
		ReadHeaderTimeout: headerWithin, ReadTimeout: readWithin, WriteTimeout: writeWithin, IdleTimeout: idleWithin,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
