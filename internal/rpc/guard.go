package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// dawdling is how long a request may take to arrive before its sender is asked
// for again.
const dawdling = 100 * time.Millisecond

// guarded adds what not every method needs: a rate of its own, and a second
// look at the caller whose request was long in coming. Who called is decided
// before the request is read, and a phone that began a call while it was
// enrolled could otherwise send the rest after it was retired. Methods with a
// quick check are called all the time; what they do must hold by itself.
func (s *Server) guarded(m *method, handler unaryHandler) unaryHandler {
	if m.rule == nil || m.rule.Quick != nil {
		return handler
	}
	var own *limiters
	if m.rule.Rate != (Rate{}) {
		own = newLimiters(m.rule.Rate)
	}
	return func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		c, ok := ctx.Value(callContextKey{}).(*call)
		if !ok {
			return handler(srv, ctx, decode, nil)
		}
		if own != nil && !own.allow(c.key().name, c.start) {
			c.rejected = rejectRate
			return nil, exhausted(TooManyCalls, "too many calls of this method: slow down")
		}
		return handler(srv, ctx, func(request any) error {
			if err := decode(request); err != nil || s.config.Now().Sub(c.start) < dawdling {
				return err
			}
			if err := Recheck(ctx); err != nil {
				c.rejected = rejectCaller
				return err
			}
			return nil
		}, nil)
	}
}
