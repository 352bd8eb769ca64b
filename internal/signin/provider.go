package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// discoveryAge is how long a provider's own description is believed.
	discoveryAge = 24 * time.Hour
	// After a failure the provider is left in peace: at first, and at most.
	firstPause = time.Second
	mostPause  = time.Minute
)

// provider is one issuer, which is asked about itself when somebody first signs
// in there.
type provider struct {
	issuer   Issuer
	client   *http.Client
	now      func() time.Time
	loopback bool

	asking   turn
	mu       sync.Mutex // guards what follows
	verifier *oidc.IDTokenVerifier
	keys     *keySet
	readAt   time.Time
	failures int
	after    time.Time // when it may be asked again
}

func newProvider(i Issuer, c Config) (*provider, error) {
	roots, err := i.roots()
	if err != nil {
		return nil, err
	}
	return &provider{issuer: i, client: newClient(roots), now: c.Now, loopback: c.AllowHTTPLoopback}, nil
}

// ready gives what verifies the provider's tokens. The error is for the log: the
// provider cannot be asked now.
func (p *provider) ready(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	if v, good, _ := p.known(); good {
		return v, nil
	}
	if err := p.asking.take(ctx); err != nil {
		return nil, err
	}
	defer p.asking.leave()
	v, good, err := p.known()
	switch {
	case good:
		return v, nil
	case err != nil && v != nil:
		return v, nil // an old description does until there is a new one
	case err != nil:
		return nil, err
	}
	// Whoever leaves must not take the answer from those who wait.
	keys, err := p.discover(context.WithoutCancel(ctx))
	return p.learn(keys, err)
}

// known gives what is known of the provider, whether that is good enough, and if
// it is not, why it may not be asked now.
func (p *provider) known() (v *oidc.IDTokenVerifier, good bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.verifier != nil && now.Before(p.readAt.Add(discoveryAge)) {
		return p.verifier, true, nil
	}
	if now.Before(p.after) {
		return p.verifier, false, errors.New("the provider did not answer a moment ago")
	}
	return p.verifier, false, nil
}

// discover asks the provider where its keys are.
func (p *provider) discover(ctx context.Context) (*keySet, error) {
	described, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.issuer.URL)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", p.issuer.URL, err)
	}
	var claims struct {
		KeysURL string `json:"jwks_uri"`
	}
	if err := described.Claims(&claims); err != nil {
		return nil, fmt.Errorf("discover %s: %w", p.issuer.URL, err)
	}
	if err := checkURL(claims.KeysURL, p.loopback); err != nil {
		return nil, fmt.Errorf("discover %s: jwks_uri %w", p.issuer.URL, err)
	}
	return &keySet{client: p.client, url: claims.KeysURL, now: p.now}, nil
}

// learn keeps what was discovered, or how long to wait after a failure.
func (p *provider) learn(keys *keySet, err error) (*oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if err != nil {
		p.after = now.Add(pause(p.failures))
		p.failures++
		if p.verifier != nil {
			return p.verifier, nil
		}
		return nil, err
	}
	p.failures, p.readAt = 0, now
	if p.keys == nil || p.keys.url != keys.url {
		p.keys = keys
		// The audience is checked here, where there are several.
		p.verifier = oidc.NewVerifier(p.issuer.URL, keys, &oidc.Config{
			SkipClientIDCheck: true, SupportedSigningAlgs: algorithmNames(), Now: p.now,
		})
	}
	return p.verifier, nil
}

// pause is how long to wait after one more failure.
func pause(failures int) time.Duration {
	if failures > 6 {
		return mostPause
	}
	return min(firstPause<<failures, mostPause)
}

// turn lets one at a time ask a provider; the others wait, as long as they like.
type turn struct {
	once sync.Once
	free chan struct{}
}

func (t *turn) take(ctx context.Context) error {
	t.once.Do(func() { t.free = make(chan struct{}, 1) })
	select {
	case t.free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turn) leave() { <-t.free }
