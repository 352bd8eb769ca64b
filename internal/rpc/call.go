package rpc

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// requestIDKey is the trailer that carries the request id back: to
// administrators always, to others with a refusal. A phone whose call went well
// has nothing to ask, and there are many of them.
const requestIDKey = "x-request-id"

// call is one call or stream on its way through the edge. It stands in for the
// gRPC stream, so that a handler sees the context and the messages that have
// been checked.
type call struct {
	grpc.ServerStream
	server     *Server
	method     *method
	connection *connection
	id         string
	start      time.Time
	ctx        context.Context
	caller     identity.Caller
	rejected   rejection
}

// callerKey is a caller as far as budgets go.
type callerKey struct {
	kind identity.Kind
	name string
}

type callContextKey struct{}

// callContext is the context of a call's handler. It answers for the call and
// its caller without a layer, and an allocation, for each.
type callContext struct {
	context.Context
	call *call
}

// Value is part of context.Context.
func (c callContext) Value(key any) any {
	switch key.(type) {
	case callContextKey:
		return c.call
	case identity.ContextKey:
		return &c.call.caller
	default:
		return c.Context.Value(key)
	}
}

// serve takes one call all the way.
func (s *Server) serve(m *method, implementation any, stream grpc.ServerStream) error {
	c := &call{
		ServerStream: stream,
		server:       s,
		method:       m,
		connection:   connectionOf(stream.Context()),
		id:           newRequestID(),
		start:        s.config.Now(),
	}
	c.ctx = callContext{stream.Context(), c}
	return c.finish(c.run(implementation))
}

// run is every step but the last. A panic ends the call, not the server.
func (c *call) run(implementation any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := c.admit(); err != nil {
		return err
	}
	if c.method.stream != nil {
		return c.runStream(implementation)
	}
	reply, err := c.method.unary(implementation, c.ctx, c.RecvMsg, nil)
	if err != nil {
		return err
	}
	return c.SendMsg(reply)
}

func (c *call) runStream(implementation any) error {
	key := c.key()
	if !c.server.streams.add(key) {
		c.rejected = rejectStreams
		return exhausted(TooManyStreams, "too many open streams: close one first")
	}
	defer c.server.streams.remove(key)
	c.method.metrics.open.Inc()
	defer c.method.metrics.open.Dec()
	return c.method.stream(implementation, c)
}

// admit decides who calls and whether they may.
func (c *call) admit() error {
	if c.connection == nil {
		c.rejected = rejectCaller
		return errors.New("the connection did not come through the handshake")
	}
	if c.connection.spent(c.start) {
		c.rejected = rejectRate
		return exhausted(TooManyCalls, "too many refused calls: slow down")
	}
	if err := c.identify(&c.caller); err != nil {
		c.rejected = rejectCaller
		c.connection.refused(c.server.config.Limits.Anonymous, c.start)
		return err
	}
	if err := c.method.rule.allow(&c.caller, c.method.name); err != nil {
		c.rejected = rejectRule
		return err
	}
	key := c.key()
	if !c.server.limiters[key.kind].allow(key.name, c.start) {
		c.rejected = rejectRate
		return exhausted(TooManyCalls, "too many calls: slow down")
	}
	return nil
}

// identify asks who holds the certificate of the call's connection, now.
func (c *call) identify(caller *identity.Caller) error {
	client, err := c.connection.certificate(c.server.config.Now())
	if err != nil {
		return err
	}
	found, err := c.server.config.Callers(c.ctx, client)
	if err != nil {
		return err
	}
	if int(found.Kind) >= len(c.server.limiters) || (client.Leaf == nil && found.Kind != identity.Anonymous) {
		return fmt.Errorf("caller of kind %d cannot come from this connection", found.Kind)
	}
	*caller = found
	caller.RequestID = c.id
	if caller.Kind == identity.Admin {
		caller.Peer = c.connection.host
	}
	return nil
}

func (c *call) key() callerKey {
	switch c.caller.Kind {
	case identity.Device:
		return callerKey{identity.Device, string(c.caller.Device)}
	case identity.Admin:
		return callerKey{identity.Admin, c.caller.Name}
	case identity.App:
		return callerKey{identity.App, string(c.caller.Device)}
	default:
		return callerKey{identity.Anonymous, c.connection.network}
	}
}

// Context is part of grpc.ServerStream.
func (c *call) Context() context.Context { return c.ctx }

// RecvMsg is part of grpc.ServerStream. It decodes and validates: a handler
// never sees a message that breaks its rules.
func (c *call) RecvMsg(m any) error {
	message, ok := m.(proto.Message)
	if !ok {
		return fmt.Errorf("request is a %T, not a protobuf message", m)
	}
	in := incoming{message: message}
	if err := c.receive(&in); err != nil {
		return err
	}
	if in.problem != nil {
		c.rejected = rejectMalformed
		return in.problem
	}
	if quick := c.method.quick(); quick == nil || !quick(message) {
		if err := validate(c.server.validator, message); err != nil {
			c.rejected = rejectInvalid
			return err
		}
	}
	return c.lookAgain()
}

// dawdling is how long a request may take to arrive before its sender is asked
// for again.
const dawdling = 100 * time.Millisecond

// lookAgain asks once more for a caller whose request was long in coming. Who
// calls is decided before the request is read, and a phone that began a call
// while it was enrolled could otherwise send the rest after it was retired.
func (c *call) lookAgain() error {
	if c.method.stream != nil || c.server.config.Now().Sub(c.start) < dawdling {
		return nil
	}
	err := Recheck(c.ctx)
	if err != nil {
		c.rejected = rejectCaller
	}
	return err
}

// receive takes one message and, where the method has one only, makes sure that
// it was the only one. gRPC is not asked to, because it calls that an internal
// error.
func (c *call) receive(in *incoming) error {
	err := c.ServerStream.RecvMsg(in)
	if err == nil && !c.method.manyRequests {
		problem := in.problem
		if err = c.ServerStream.RecvMsg(in); errors.Is(err, io.EOF) {
			in.problem = problem
			return nil
		}
		if err == nil {
			c.rejected = rejectMalformed
			return fault.New(fault.Invalid, "", "the call carries more than one request")
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) && c.method.manyRequests:
		return err
	case errors.Is(err, io.EOF):
		c.rejected = rejectMalformed
		return fault.New(fault.Invalid, "", "the call carries no request")
	}
	// From here on gRPC has told the client already; this is for the log.
	switch status.Code(err) {
	case codes.ResourceExhausted:
		c.rejected = rejectSize
		return &edgeError{code: codes.ResourceExhausted, message: "the request is too large"}
	case codes.Internal, codes.Unknown, codes.Unimplemented:
		c.rejected = rejectMalformed
		return fault.New(fault.Invalid, "", "the request is not well framed").WithCause(err)
	default:
		return err
	}
}

// newRequestID names a request: 16 hex digits.
func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
