package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"ringfence/internal/webhook"
)

// What is read of an answer, in bytes. Nothing is made of it.
const (
	mostHeader = 16 << 10
	mostBody   = 64 << 10
)

// WebhookConfig is what a Webhook is made of.
type WebhookConfig struct {
	// URL is taken as ParseWebhookURL takes it.
	URL string
	// Secrets sign; at least one.
	Secrets []Secret
	// Installation names the installation in the notices' ids.
	Installation string
	Now          func() time.Time
	// Roots are whom the receiver's certificate must come from; nil means the
	// system's.
	Roots *x509.CertPool
}

// Webhook posts notices as JSON, signed as in Standard Webhooks 1.0: headers
// webhook-id, webhook-timestamp (seconds) and webhook-signature.
type Webhook struct {
	c      WebhookConfig
	client *http.Client
}

// NewWebhook makes a Webhook.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	if _, err := ParseWebhookURL(c.URL); err != nil {
		return nil, err
	}
	if len(c.Secrets) == 0 {
		return nil, ErrSecret
	}
	return &Webhook{c: c, client: &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Roots},
			ForceAttemptHTTP2:      true,
			DisableKeepAlives:      true, // notices are rare
			MaxResponseHeaderBytes: mostHeader,
		},
		// A redirect would take notice and signature to where nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// ParseWebhookURL reads where notices are posted to: https, or http where it
// stays on this machine; without a user, whose password would show in lists of
// processes. Errors hold nothing of the URL, which may be secret.
func ParseWebhookURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("want https://HOST/PATH")
	case u.User != nil:
		return nil, errors.New("no user and password: the signature says who sends")
	case u.Fragment != "":
		return nil, errors.New("no fragment: it would not be sent")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("want https; http only to this machine")
}

// loopback says whether a host is this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// Send posts the notice. Every answer but 2xx is an error.
func (w *Webhook) Send(ctx context.Context, n Notice) error {
	body, err := n.JSON()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.c.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("not a URL")
	}
	signed := webhook.SignAll(w.c.Secrets, n.ID(w.c.Installation), w.c.Now(), body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "ringfence")
	req.Header.Set("Webhook-Id", signed.ID)
	req.Header.Set("Webhook-Timestamp", signed.Timestamp)
	req.Header.Set("Webhook-Signature", signed.Signature)
	res, err := w.client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the URL
		}
		return fmt.Errorf("post: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, mostBody))
	return judge(res.StatusCode)
}

// judge says what a status means. An answer that may be about this very notice
// is ErrRefused; so is 500, which a receiver gives that cannot digest it.
func judge(status int) error {
	switch {
	case status/100 == 2:
		return nil
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
	case status/100 == 4, status == http.StatusInternalServerError:
		return fmt.Errorf("%w: answered %d", ErrRefused, status)
	}
	return fmt.Errorf("answered %d", status)
}
