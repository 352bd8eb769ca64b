package rpc

import (
	"context"

	"google.golang.org/grpc"
)

// guarded gives a method whose rule has a rate of its own that rate, beside the
// one for all calls of a caller.
func (s *Server) guarded(m *method, handler unaryHandler) unaryHandler {
	if m.rule == nil || m.rule.Rate == (Rate{}) {
		return handler
	}
	own := newLimiters(m.rule.Rate)
	return func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		if c, ok := ctx.Value(callContextKey{}).(*call); ok && !own.allow(c.key().name, c.start) {
			c.rejected = rejectRate
			return nil, exhausted(TooManyCalls, "too many calls of this method: slow down")
		}
		return handler(srv, ctx, decode, nil)
	}
}
