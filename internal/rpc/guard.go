package rpc

import (
	"context"

	"google.golang.org/grpc"

	"ringfence/internal/identity"
)

// guarded gives a method whose rule has a rate of its own that rate, beside the
// one for all calls of a caller.
func (s *Server) guarded(m *method, handler unaryHandler) unaryHandler {
	if m.rule == nil || m.rule.Rate == (Rate{}) {
		return handler
	}
	var own [identity.Kinds]*limiters
	for kind := range own {
		own[kind] = newLimiters(m.rule.Rate)
	}
	return func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		if c, ok := ctx.Value(callContextKey{}).(*call); ok {
			if key := c.key(); !own[key.kind].allow(key.name, c.start) {
				c.rejected = rejectRate
				return nil, exhausted(TooManyCalls, "too many calls of this method: slow down")
			}
		}
		return handler(srv, ctx, decode, nil)
	}
}
