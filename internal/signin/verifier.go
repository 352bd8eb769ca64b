package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Verifier verifies ID tokens. It is safe for concurrent use, and has no
// goroutines of its own.
type Verifier struct {
	now       func() time.Time
	issuers   []Issuer
	providers map[string]*provider // by the issuer's URL
}

// New makes a Verifier. It asks no provider anything. The error says what is
// wrong with the configuration.
func New(c Config) (*Verifier, error) {
	if c.Now == nil {
		return nil, errors.New("sign-in: no clock given")
	}
	v := &Verifier{now: c.Now, providers: make(map[string]*provider)}
	for _, i := range c.Issuers {
		if err := i.check(c.AllowHTTPLoopback); err != nil {
			return nil, err
		}
		if v.providers[i.URL] != nil {
			return nil, fmt.Errorf("issuer %q: is named twice", i.URL)
		}
		i = i.withDefaults()
		p, err := newProvider(i, c)
		if err != nil {
			return nil, err
		}
		v.providers[i.URL] = p
		v.issuers = append(v.issuers, i)
	}
	return v, nil
}

// Issuers gives at whom people may sign in, in the order of the configuration;
// none where signing in is off.
func (v *Verifier) Issuers() []Issuer {
	issuers := slices.Clone(v.issuers)
	for i := range issuers {
		issuers[i] = issuers[i].withDefaults()
	}
	return issuers
}

// Verify gives the person whom an ID token is about. wantNonce is what the token
// must have as its nonce, and is never empty.
//
// Errors: [ErrRefused], [ErrUnavailable], and the context's own.
func (v *Verifier) Verify(ctx context.Context, rawToken, wantNonce string) (Person, error) {
	url, err := issuerOf(rawToken)
	if err != nil {
		return Person{}, ErrRefused.WithCause(err)
	}
	p := v.providers[url]
	if p == nil {
		return Person{}, ErrRefused.WithCause(fmt.Errorf("the token is of the issuer %.200q, which is not configured", url))
	}
	verifier, err := p.ready(ctx)
	if err != nil {
		return Person{}, unavailable(ctx, err)
	}
	ctx, failed := watch(ctx)
	token, err := verifier.Verify(ctx, rawToken)
	switch {
	case err != nil && failed.err != nil:
		return Person{}, unavailable(ctx, failed.err)
	case err != nil:
		return Person{}, ErrRefused.WithCause(err)
	}
	var said claims
	if err := token.Claims(&said); err != nil {
		return Person{}, ErrRefused.WithCause(err)
	}
	person, err := p.issuer.person(token, said, wantNonce, v.now())
	if err != nil {
		return Person{}, ErrRefused.WithCause(err)
	}
	return person, nil
}

func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return ErrUnavailable.WithCause(err)
}

// outcome takes from the keys to Verify that the provider did not answer:
// go-oidc, between them, passes on only the text of an error.
type outcome struct{ err error }

type outcomeKey struct{}

func watch(ctx context.Context) (context.Context, *outcome) {
	o := new(outcome)
	return context.WithValue(ctx, outcomeKey{}, o), o
}

func note(ctx context.Context, err error) {
	if o, ok := ctx.Value(outcomeKey{}).(*outcome); ok {
		o.err = err
	}
}
