package signin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"
)

// Bounds of what a provider is asked.
const (
	askWithin     = 10 * time.Second
	connectWithin = 5 * time.Second
	mostAnswer    = 1 << 20
	mostHeaders   = 64 << 10
	mostRedirects = 3
)

// newClient makes the client that speaks to one provider. Questions are rare, so
// that connections are not kept.
func newClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: askWithin,
		Transport: bounded{&http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: connectWithin}).DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    connectWithin,
			ResponseHeaderTimeout:  askWithin,
			MaxResponseHeaderBytes: mostHeaders,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true,
		}},
		CheckRedirect: sameHost,
	}
}

// sameHost follows a provider only within itself: elsewhere somebody else would
// say what its keys are.
func sameHost(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	switch {
	case len(before) > mostRedirects:
		return errors.New("too many redirects")
	case next.URL.Scheme != first.Scheme || next.URL.Host != first.Host:
		return errors.New("redirected to another host")
	default:
		return nil
	}
}

// bounded reads no more of an answer than mostAnswer.
type bounded struct{ http.RoundTripper }

// RoundTrip is part of http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, mostAnswer)
	}
	return res, err
}
