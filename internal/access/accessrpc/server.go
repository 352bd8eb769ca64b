package accessrpc

import (
	"context"
	"time"

	"ringfence/internal/access"
	"ringfence/internal/bell"
	"ringfence/internal/device"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// Decider answers questions; see access.Service.
type Decider interface {
	Decide(ctx context.Context, q access.Question) (access.Answer, error)
	// Reconsider is Decide for a question that was asked before.
	Reconsider(ctx context.Context, q access.Question) (access.Answer, error)
	WhatIf(ctx context.Context, w access.Supposition) (access.Answer, error)
}

var _ Decider = (*access.Service)(nil)

// Bell rings when an answer may have changed: for a phone or a registration when
// it has, for everybody when policies or people have.
type Bell interface {
	SubscribeSeveral(ids []device.ID) (ear *bell.Several, cancel func())
}

// Config is what AccessService needs. All but Tick is required.
type Config struct {
	Service Decider
	Bell    Bell
	// Now is the clock that the Service decides by.
	Now func() time.Time
	// Tick is about how often a stream decides everything again without having been
	// rung. 0 means a minute.
	Tick time.Duration
	// Recheck reports whether the stream of a context may go on; its error ends the
	// stream.
	Recheck func(ctx context.Context) error
	// Draining is closed when the server is about to stop; Drained then ends the
	// stream.
	Draining func(ctx context.Context) <-chan struct{}
	Drained  error
}

// Server decides.
type Server struct {
	accessv1.UnimplementedAccessServiceServer
	c Config
}

// NewServer makes AccessService.
func NewServer(c Config) *Server {
	if c.Tick <= 0 {
		c.Tick = time.Minute
	}
	return &Server{c: c}
}

// Decide decides a sign-in.
func (s *Server) Decide(ctx context.Context, r *accessv1.DecideRequest) (*accessv1.DecideResponse, error) {
	q, err := questionFromWire(r.GetSignIn(), "sign_in")
	if err != nil {
		return nil, err
	}
	a, err := s.c.Service.Decide(ctx, q)
	if err != nil {
		return nil, err
	}
	return &accessv1.DecideResponse{Decision: decisionToWire(&a, r.GetExplain())}, nil
}

// WhatIf decides a sign-in that nobody has made.
func (s *Server) WhatIf(ctx context.Context, r *accessv1.WhatIfRequest) (*accessv1.WhatIfResponse, error) {
	w, err := s.suppositionFromWire(r)
	if err != nil {
		return nil, err
	}
	a, err := s.c.Service.WhatIf(ctx, w)
	if err != nil {
		return nil, inWhole(err)
	}
	return &accessv1.WhatIfResponse{Decision: decisionToWire(&a, true), FactsStoredAt: timeToWire(a.FactsAt)}, nil
}

func (s *Server) suppositionFromWire(r *accessv1.WhatIfRequest) (access.Supposition, error) {
	w := access.Supposition{Promote: r.GetPromote(), Only: r.GetOnlyCandidates()}
	var err error
	if w.Question, err = questionFromWire(r.GetSignIn(), "sign_in"); err != nil {
		return w, err
	}
	if w.AsOf, err = timeFromWire(r.GetAsOf(), "as_of"); err != nil {
		return w, err
	}
	at := w.AsOf
	if at.IsZero() {
		at = s.c.Now()
	}
	if w.Facts, err = factsFromWire(r.GetFacts(), r.GetSignIn().GetUser(), at); err != nil {
		return w, err
	}
	if w.Policies, err = candidatePolicies(r.GetPolicies()); err != nil {
		return w, err
	}
	w.Locations, err = candidateLocations(r.GetLocations())
	return w, err
}
