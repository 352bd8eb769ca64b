package rpc

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"ringfence/internal/identity"
)

// The keys of the one log line of a call.
const (
	keyRequestID = "request_id"
	keyMethod    = "method"
	keyCaller    = "caller"
	keyCode      = "code"
	keyDuration  = "duration_ms"
	keyPeer      = "peer"
	keyReason    = "reason"
	keyErr       = "err"
)

// finish is the last step: status, metrics, log line.
func (c *call) finish(err error) error {
	var o outcome
	if err != nil {
		o = outcomeOf(err)
	}
	now := c.server.config.Now()
	took := now.Sub(c.start)
	c.method.metrics.ended(o.code)
	if c.method.stream == nil {
		c.method.metrics.duration.Observe(took.Seconds())
	}
	if c.rejected != "" && err != nil {
		c.server.config.Metrics.reject(c.rejected)
	}
	c.log(o, err, now)
	if err != nil || c.caller.Kind == identity.Admin {
		c.SetTrailer(metadata.Pairs(requestIDKey, c.id))
	}
	if err == nil {
		return nil
	}
	return o.err(c.id)
}

// log writes the line straight to the handler: Logger would look up the place
// in the source, which is always this one, and read a clock of its own.
func (c *call) log(o outcome, err error, now time.Time) {
	handler, level := c.server.config.Log.Handler(), levelOf(o.code)
	if !handler.Enabled(c.ctx, level) {
		return
	}
	line := slog.NewRecord(now, level, "rpc", 0)
	line.AddAttrs(
		slog.String(keyRequestID, c.id),
		c.method.attr,
		slog.String(keyCaller, c.caller.Actor()),
		slog.String(keyCode, o.code.String()),
		slog.Float64(keyDuration, float64(now.Sub(c.start).Microseconds())/1e3),
	)
	if c.connection != nil {
		line.AddAttrs(slog.String(keyPeer, c.connection.peer))
	}
	if o.reason != "" {
		line.AddAttrs(slog.String(keyReason, o.reason))
	}
	if o.code == codes.Internal || o.causeIsLogged() {
		line.AddAttrs(slog.String(keyErr, err.Error()))
	}
	_ = handler.Handle(c.ctx, line) // there is nowhere else to say that logging fails
}

// causeIsLogged reports whether the log says more of a refusal than the caller
// hears: why a sign-in does not hold, or who does not answer, only it tells.
func (o *outcome) causeIsLogged() bool {
	return o.caused && (o.code == codes.PermissionDenied || o.code == codes.Unavailable)
}

func levelOf(code codes.Code) slog.Level {
	switch code {
	case codes.OK, codes.Canceled:
		return slog.LevelInfo
	case codes.Internal:
		return slog.LevelError
	default:
		return slog.LevelWarn
	}
}

// Draining gives a channel that is closed when the server stops: a stream must
// then end with what Recheck returns. It is nil in a context that is not of a
// call.
func Draining(ctx context.Context) <-chan struct{} {
	c, ok := ctx.Value(callContextKey{}).(*call)
	if !ok {
		return nil
	}
	return c.server.draining
}

// Recheck reports whether the stream of ctx may go on: it asks again who holds
// the certificate it was opened with. The error is for the handler to return:
// ErrDraining when the server stops, Unauthenticated when the enrolment is over.
func Recheck(ctx context.Context) error {
	c, ok := ctx.Value(callContextKey{}).(*call)
	if !ok {
		return nil
	}
	select {
	case <-c.server.draining:
		return ErrDraining
	default:
	}
	var now identity.Caller
	if err := c.identify(&now); err != nil {
		return err
	}
	if !sameCaller(&now, &c.caller) {
		return Unauthenticated(EnrollmentEnded, "the enrolment this stream belongs to is over")
	}
	return nil
}

func sameCaller(a, b *identity.Caller) bool {
	return a.Kind == b.Kind && a.Device == b.Device && a.Epoch == b.Epoch && a.Name == b.Name
}
