// Package browser signs a person in with the browser of the machine: the OpenID
// Connect authorization code flow of a native app (RFC 8252), with PKCE
// (RFC 7636) and a listener on the loopback interface that the browser is sent
// back to.
//
//	Show(URL) ─▶ the person signs in ─▶ http://127.0.0.1:<any port>/signed-in?code=… ─▶ token endpoint ─▶ ID token
//
// The provider must know its client as a native one, with the redirect URI
// http://127.0.0.1/signed-in and any port (RFC 8252, 7.3). It is spoken to over
// HTTPS only, unless it is on this very machine. The ID token is verified here
// too, though it comes straight from the provider.
package browser

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"ringfence/agent/appsdk"
)

const (
	path = "/signed-in"
	// DefaultTimeout is how long the person has.
	DefaultTimeout = 5 * time.Minute
	askWithin      = 15 * time.Second
	mostAnswer     = 1 << 20
)

// Options say how to sign in.
type Options struct {
	// Issuer and Client choose where there are several.
	Issuer, Client string
	// Again has the person give the credentials anew, also where the browser
	// remembers them.
	Again bool
	// Show shows the person the address to open.
	Show func(url string)
	// Timeout is how long the person has; 0 is DefaultTimeout.
	Timeout time.Duration
	Now     func() time.Time
	// Roots are what the provider's certificate must chain to; nil: the system's.
	Roots *x509.CertPool
}

// Browser is one way to sign in.
type Browser struct {
	ctx context.Context // the SDK's SignIn has none
	o   Options
}

var _ appsdk.SignIn = (*Browser)(nil)

// New gives a way to sign in that ends with ctx.
func New(ctx context.Context, o Options) *Browser {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	return &Browser{ctx: ctx, o: o}
}

// IDToken is part of appsdk.SignIn.
func (b *Browser) IDToken(r *appsdk.SignInRequest) (string, error) {
	given := make(map[string][]string)
	var order []string
	for i := range r.Len() {
		at := r.At(i)
		order = append(order, at.URL)
		for n := range at.Clients() {
			given[at.URL] = append(given[at.URL], at.Client(n))
		}
	}
	issuer, err := choose("issuer", b.o.Issuer, order)
	if err != nil {
		return "", err
	}
	client, err := choose("client id", b.o.Client, given[issuer])
	if err != nil {
		return "", err
	}
	return b.SignIn(issuer, client, r.Nonce)
}

// Choice is that somebody has to choose.
type Choice struct {
	// What is chosen: "issuer" or "client id".
	What string
	// Asked is what somebody chose, and is none of Given.
	Asked string
	Given []string
}

// Error names the choices.
func (c *Choice) Error() string {
	if c.Asked != "" {
		return fmt.Sprintf("the server takes no sign-in with the %s %q: it takes %q", c.What, c.Asked, c.Given)
	}
	return fmt.Sprintf("the server takes more than one %s: choose one of %q", c.What, c.Given)
}

func choose(what, asked string, given []string) (string, error) {
	for _, g := range given {
		if g == asked || asked == "" && len(given) == 1 {
			return g, nil
		}
	}
	return "", &Choice{What: what, Asked: asked, Given: given}
}

// SignIn signs the person in at an issuer, for a client, and gives the ID token
// with the nonce.
func (b *Browser) SignIn(issuer, client, nonce string) (string, error) {
	ctx, cancel := context.WithTimeout(b.ctx, b.o.Timeout)
	defer cancel()
	if err := secure(issuer); err != nil {
		return "", err
	}
	ctx = oidc.ClientContext(ctx, newClient(b.o.Roots))
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return "", fmt.Errorf("ask %s about itself: %w", issuer, err)
	}
	endpoint := provider.Endpoint()
	for _, at := range []string{endpoint.AuthURL, endpoint.TokenURL} {
		if err := secure(at); err != nil {
			return "", err
		}
	}
	endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client has no secret to try elsewhere
	config := oauth2.Config{ClientID: client, Endpoint: endpoint, Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}
	token, err := b.exchange(ctx, config, issuer, nonce)
	if err != nil {
		return "", err
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := provider.Verifier(&oidc.Config{ClientID: client, Now: b.o.Now}).Verify(ctx, raw)
	if err != nil {
		return "", fmt.Errorf("the ID token does not hold: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1 {
		return "", errors.New("the ID token is of another sign-in")
	}
	return raw, nil
}

// exchange has the person sign in and takes the code to the provider.
func (b *Browser) exchange(ctx context.Context, config oauth2.Config, issuer, nonce string) (*oauth2.Token, error) {
	w, err := listen(ctx, issuer)
	if err != nil {
		return nil, err
	}
	defer w.close()
	config.RedirectURL = w.redirect
	verifier := oauth2.GenerateVerifier()
	parameters := []oauth2.AuthCodeOption{oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)}
	if b.o.Again {
		parameters = append(parameters, oauth2.SetAuthURLParam("prompt", "login"))
	}
	b.o.Show(config.AuthCodeURL(w.state, parameters...))
	code, err := w.wait(ctx)
	if err != nil {
		return nil, err
	}
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, fmt.Errorf("take the code to %s: %w", issuer, err)
	}
	return token, nil
}

// secure refuses addresses that others could listen in on.
func secure(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "https" && u.Hostname() != "" {
		return nil
	}
	if err == nil && u.Scheme == "http" && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%.200q is no place to sign in at: it must be https", address)
}

// newClient makes the client that speaks to the provider.
func newClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: askWithin,
		Transport: bounded{&http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives: true, ForceAttemptHTTP2: true,
		}},
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			if len(before) > 3 || next.URL.Scheme != before[0].URL.Scheme || next.URL.Host != before[0].URL.Host {
				return errors.New("redirected to another host")
			}
			return nil
		},
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
