package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ringfence/internal/access"
	"ringfence/internal/access/accesscel"
	"ringfence/internal/access/authzen"
	"ringfence/internal/access/clientcert"
	"ringfence/internal/access/forwardauth"
	"ringfence/internal/oauth"
	"ringfence/internal/pki"
	"ringfence/internal/transmit/ssf"
)

// doorHandler is what answers over HTTPS: forward-auth, AuthZEN, shared signals,
// tokens and keys.
func (p *parts) doorHandler() (http.Handler, error) {
	a := &p.access
	metrics, err := newDoorMetrics(p.registry)
	if err != nil {
		return nil, err
	}
	forward := forwardauth.New(forwardauth.Config{
		Decider: a.counting("forward-auth"), Review: forwardauth.DeciderFunc(a.deciding.Reconsider), Phones: holdersForProxies{p},
		Assertions: assertionsForProxies{p}, Links: a.sealers[sealLinks].Texts(sealLinks), BaseURL: a.issuer,
		Metrics: metrics, Log: p.log, Now: p.now,
	}).Handler(func(next http.Handler) http.Handler { return a.clients.RequireProxy(oauth.Evaluate, next) })
	points, err := authzen.New(authzen.Config{
		Decider: a.counting("authzen"), Catalogue: catalogue{a.deciding, a.rules}, BaseURL: a.issuer, Log: p.log,
	})
	if err != nil {
		return nil, err
	}
	signals, err := ssf.New(ssf.Config{
		Service: a.streams, Require: a.clients.Require, Issuer: a.issuer, JWKSURI: a.issuer + oauth.JWKSPath, Log: p.log,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(oauth.TokenPath, a.clients.Token())
	mux.Handle(oauth.MetadataPath, a.clients.Metadata())
	mux.Handle(oauth.JWKSPath, a.clients.JWKS())
	mux.Handle(authzen.MetadataPath, points.Metadata())
	mux.Handle("/access/v1/", a.askers(points.API()))
	mux.Handle(ssf.MetadataPath, signals.Metadata())
	mux.Handle(ssf.ResourcePath, signals.Resource())
	mux.Handle(ssf.Prefix, signals.Handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, forwardauth.CheckPath) {
			forward.ServeHTTP(w, r) // not by way of the mux, which would tidy a person's path
			return
		}
		mux.ServeHTTP(w, r)
	}), nil
}

// The bounds of the HTTPS doors. A poll for events may wait for half a minute.
const (
	doorHeaders    = 64 << 10
	doorReadHeader = 10 * time.Second
	doorRead       = 30 * time.Second
	doorWrite      = time.Minute
	doorIdle       = 2 * time.Minute
)

// doorServer is the HTTPS listener of the doors. Clients may be old: identity
// providers and proxies are not all at TLS 1.3.
func (p *parts) doorServer() (*http.Server, error) {
	handler, err := p.doorHandler()
	if err != nil {
		return nil, err
	}
	config, err := p.authority.ServerTLS(p.config.names(), pki.Admin)
	if err != nil {
		return nil, err
	}
	config.MinVersion = tls.VersionTLS12
	config.NextProtos = []string{"h2", "http/1.1"}
	own, err := p.config.Access.certificate()
	if err != nil {
		return nil, err
	}
	if own != nil {
		config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own, nil }
	}
	server := &http.Server{
		Handler: handler, TLSConfig: config, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug), MaxHeaderBytes: doorHeaders,
		ReadHeaderTimeout: doorReadHeader, ReadTimeout: doorRead, WriteTimeout: doorWrite, IdleTimeout: doorIdle,
	}
	server.RegisterOnShutdown(p.access.streams.Drain)
	return server, nil
}

// askers lets those ask that speak for themselves: gateways with a certificate,
// and clients with a token.
func (d *doors) askers(next http.Handler) http.Handler {
	gateways, clients := d.clients.RequireProxy(oauth.Evaluate, next), d.clients.Require(oauth.Evaluate, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			gateways.ServeHTTP(w, r)
			return
		}
		clients.ServeHTTP(w, r)
	})
}

// doorMetrics counts what forward-auth answers. Its labels are bounded.
type doorMetrics struct{ answers *prometheus.CounterVec }

func newDoorMetrics(registry *prometheus.Registry) (doorMetrics, error) {
	m := doorMetrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "mdm_forward_auth_answers_total",
		Help: "Answers to proxies, by outcome and by the form in which they pass certificates on.",
	}, []string{"outcome", "form"})}
	return m, registry.Register(m.answers)
}

// Answered counts an answer.
func (m doorMetrics) Answered(outcome forwardauth.Outcome, form clientcert.Form) {
	m.answers.WithLabelValues(string(outcome), form.String()).Inc()
}

// counted is what decides, with the decisions of one door counted.
type counted struct {
	*access.Service
	decisions *prometheus.CounterVec
	door      string
}

// newDecisions makes the counter of decisions. Its labels are bounded.
func newDecisions(registry *prometheus.Registry) (*prometheus.CounterVec, error) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "mdm_access_decisions_total",
		Help: "Decisions, by the door that asked and by outcome; failed where there was none.",
	}, []string{"door", "outcome"})
	return c, registry.Register(c)
}

// counting is what decides for a door.
func (d *doors) counting(door string) counted { return counted{d.deciding, d.decisions, door} }

// Decide decides, and counts.
func (c counted) Decide(ctx context.Context, q access.Question) (access.Answer, error) {
	a, err := c.Service.Decide(ctx, q)
	outcome := "failed"
	if err == nil {
		outcome = a.Decision.Outcome.String()
	}
	c.decisions.WithLabelValues(c.door, outcome).Inc()
	return a, err
}

// catalogue is what AuthZEN's searches go through.
type catalogue struct {
	*access.Service
	rules *accesscel.Rules
}

func (c catalogue) ActionNames(rule string) []string { return c.rules.ActionNames(rule) }
