package extauthz

import (
	"context"
	"errors"
	"log/slog"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// Decider decides.
type Decider interface {
	// Decide answers a question. After an error nobody is let in.
	Decide(ctx context.Context, q access.Question) (access.Answer, error)
}

// Holder is whose a certificate is.
type Holder struct {
	// Device or Registration is who holds it.
	Device, Registration device.ID
	// User is the enrolled person.
	User string
	// Serial is that of the certificate.
	Serial string
}

// Phones knows who holds a certificate that a proxy has verified.
type Phones interface {
	// Identify gives the holder of a certificate in DER. The error is a Denied
	// fault where it is none of ours, or no longer good.
	Identify(ctx context.Context, leafDER []byte) (Holder, error)
}

// Config is what a Server needs.
type Config struct {
	Decider Decider
	Phones  Phones
	// TrustXFCC: where Envoy has seen no certificate, the x-forwarded-client-cert
	// header counts. It must be one that no client can write.
	TrustXFCC bool
	// User is where in the metadata the person is: the filter's name, then keys,
	// such as "envoy.filters.http.jwt_authn", "claims", "email". Empty: nowhere.
	User []string
	// MFA is where in the metadata it says whether a second factor was shown: true,
	// or a list with "mfa" in it, as the claim amr of RFC 8176. Empty: nowhere.
	MFA []string
	// Log is told of what fails; nil tells nobody.
	Log *slog.Logger
}

// Server is the service that Envoy asks.
type Server struct {
	authv3.UnimplementedAuthorizationServer
	c Config
}

// New makes a Server.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{c: c}
}

// Check answers one request. It never gives an error: Envoy may be set to let
// pass what ends in one.
func (s *Server) Check(ctx context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	q, err := s.question(ctx, r.GetAttributes())
	if err != nil {
		return s.refuse(ctx, err), nil
	}
	a, err := s.c.Decider.Decide(ctx, q.Question)
	if err != nil {
		return s.refuse(ctx, err), nil
	}
	if a.SignIn.Person.Name == "" && a.Facts.Device == nil && a.Facts.Registration == nil {
		return s.refuse(ctx, errNobody), nil
	}
	if a.Decision.Outcome == access.Allow {
		return allowed(&a, &q), nil
	}
	return denied(&a, &q), nil
}

// errNobody: there is neither a person nor a phone to decide about.
var errNobody = fault.New(fault.Denied, "NOBODY", "neither a person nor a phone is known")

// refuse denies what cannot be decided.
func (s *Server) refuse(ctx context.Context, err error) *authv3.CheckResponse {
	switch f, ok := errors.AsType[*fault.Error](err); {
	case ok && f.Is(errNobody):
		return refusal(nobody)
	case ok && f.Kind == fault.Denied:
		return refusal(notOurs)
	case ok && f.Kind == fault.Invalid:
		s.c.Log.WarnContext(ctx, "Envoy asks what cannot be understood", "err", err)
		return refusal(malformed)
	}
	if ctx.Err() == nil {
		s.c.Log.ErrorContext(ctx, "Envoy's question could not be answered", "err", err)
	}
	return refusal(unavailable)
}
