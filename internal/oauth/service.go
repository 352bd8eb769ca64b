package oauth

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/webkeys"
)

// Keys signs and checks tokens: package webkeys.
type Keys interface {
	Sign(ctx context.Context, a webkeys.Algorithm, typ string, claims any) (string, error)
	Verify(ctx context.Context, token, typ string, claims any) error
	JWKS(ctx context.Context) ([]byte, error)
	Keys(ctx context.Context) ([]webkeys.Key, error)
	Rotate(ctx context.Context, a webkeys.Algorithm) (webkeys.Key, error)
}

// Config is what a Service is made of. Everything is required but Certificates,
// Algorithm and Log.
type Config struct {
	Store Store
	Keys  Keys
	// Issuer is the address that the world knows this server's HTTP doors by,
	// without a path: "https://mdm.example.com". See [CheckIssuer]. Tokens are
	// issued by it, and for it.
	Issuer string
	// Algorithm signs tokens; empty is RS256.
	Algorithm webkeys.Algorithm
	// Certificates says which gateway showed the certificate that a request came
	// with. An error means that it is none. Nil: gateways have no certificates.
	Certificates func(*http.Request) (identity.Caller, error)
	// Log gets what failed here; nothing is logged of who was refused.
	Log *slog.Logger
	Now func() time.Time
	// NewID makes ids: 32 lower-case hex digits.
	NewID func() string
	// Random is where secrets come from: cryptographically strong.
	Random io.Reader
	// Cache lets the service remember clients. Set it only where this process
	// alone writes to the database.
	Cache bool
}

// Service makes clients and lets them in. It is safe for concurrent use.
type Service struct {
	c      Config
	knocks *knocks
	known  *known // nil where nothing may be remembered
}

// New makes a Service.
func New(c Config) *Service {
	if c.Algorithm == "" {
		c.Algorithm = webkeys.RS256
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{c: c, knocks: newKnocks(c.Now)}
	if c.Cache {
		s.known = new(known)
	}
	return s
}

// clock is the time as it is stored.
func (s *Service) clock() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// SigningKey is one of the keys that tokens and events are signed with.
type SigningKey = webkeys.Key

// SigningKeys gives the keys that are published now.
func (s *Service) SigningKeys(ctx context.Context) ([]SigningKey, error) { return s.c.Keys.Keys(ctx) }

// RotateSigningKey makes the next key of an algorithm, by its name; "" is RS256.
// Where one waits already it gives that one.
//
// Errors: Invalid (the field algorithm).
func (s *Service) RotateSigningKey(ctx context.Context, algorithm string) (SigningKey, error) {
	a, err := webkeys.ParseAlgorithm(algorithm)
	if err != nil {
		return SigningKey{}, err
	}
	return s.c.Keys.Rotate(ctx, a)
}

type clientKey struct{}

// with puts in a context the client that was let in.
func with(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// From gives the client that was let in; false where it was somebody else, a
// gateway with a certificate for example.
func From(ctx context.Context) (Client, bool) {
	c, ok := ctx.Value(clientKey{}).(Client)
	return c, ok
}

// refused reports whether an error means "no", and not that it could not be
// found out.
func refused(err error) bool { return fault.KindOf(err) == fault.Denied }
