package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/identity"
	"ringfence/internal/pki"
)

// CallerFunc says who holds a certificate, now; the zero certificate is that of a
// client that has shown none. A certificate's purpose says what kind of caller
// may hold it. It is asked for every call. For a certificate that no longer counts
// it returns Unauthenticated.
type CallerFunc func(ctx context.Context, client pki.Verified) (identity.Caller, error)

// Config is what a server is made of. Only Limits may be left out, and Verify
// where TLS asks for no client certificates.
type Config struct {
	TLS *tls.Config
	// Verify verifies client certificates in place of crypto/tls.
	Verify  VerifyFunc
	Rules   Rules
	Callers CallerFunc
	Log     *slog.Logger
	Metrics *Metrics
	Limits  Limits
	Now     func() time.Time
}

func (c Config) check() error {
	switch {
	case c.TLS == nil:
		return errors.New("rpc: no TLS configuration")
	case c.TLS.ClientAuth != tls.NoClientCert && c.Verify == nil:
		return errors.New("rpc: client certificates are asked for and nothing verifies them")
	case c.Callers == nil || c.Log == nil || c.Metrics == nil || c.Now == nil:
		return errors.New("rpc: callers, log, metrics and clock are needed")
	}
	return nil
}

// Server is one gRPC listener's server. Services are registered on it with
// their generated functions, before Serve.
type Server struct {
	config    Config
	grpc      *grpc.Server
	validator validators
	limiters  [identity.Kinds]*limiters // by identity.Kind
	streams   *streams
	unary     map[string]bool // written by RegisterService, read after Serve
	broken    error           // what RegisterService found

	drain    sync.Once
	draining chan struct{}
}

// unaryHandler is how generated code serves a method that is no stream.
type unaryHandler = func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error)

// method is a registered method.
type method struct {
	name         string
	rule         *Rule // nil: it does not run
	attr         slog.Attr
	metrics      *methodMetrics
	unary        unaryHandler
	stream       grpc.StreamHandler // nil for a unary method
	manyRequests bool
}

func (m *method) quick() func(proto.Message) bool {
	if m.rule == nil {
		return nil
	}
	return m.rule.Quick
}

// New makes a server.
func New(c Config) (*Server, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	validator, err := newValidators()
	if err != nil {
		return nil, err
	}
	c.Limits = c.Limits.withDefaults()
	s := &Server{
		config:    c,
		validator: validator,
		streams:   newStreams(c.Limits.CallerStreams),
		unary:     make(map[string]bool),
		draining:  make(chan struct{}),
	}
	s.limiters[identity.Anonymous] = newLimiters(c.Limits.Anonymous)
	s.limiters[identity.Device] = newLimiters(c.Limits.Device)
	s.limiters[identity.Admin] = newLimiters(c.Limits.Admin)
	s.limiters[identity.App] = newLimiters(c.Limits.Device)
	s.grpc = grpc.NewServer(s.options()...)
	return s, nil
}

func (s *Server) options() []grpc.ServerOption {
	unknown := s.newMethod("unknown")
	return []grpc.ServerOption{
		grpc.Creds(newHandshaker(s.config)),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.InTapHandle(s.bound),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			return s.serveUnknown(unknown, stream)
		}),
		grpc.MaxRecvMsgSize(s.config.Limits.MessageSize),
		grpc.MaxConcurrentStreams(s.config.Limits.ConnectionStreams),
		grpc.MaxHeaderListSize(16 << 10),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             30 * time.Second,
			PermitWithoutStream: true,
		}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time:    5 * time.Minute,
			Timeout: 20 * time.Second,
			// A phone keeps a stream open; who does not can connect again.
			MaxConnectionIdle: 15 * time.Minute,
		}),
		// An idle phone should cost little, and TLS has a read buffer already.
		grpc.ReadBufferSize(0),
	}
}

// RegisterService is part of grpc.ServiceRegistrar. Every method is registered
// as a stream in both directions, also those that are not: gRPC decodes the
// request of a unary method before it asks an interceptor, and here the caller
// comes first; and it calls a wrong number of requests an internal error. On
// the wire there is no difference.
func (s *Server) RegisterService(d *grpc.ServiceDesc, implementation any) {
	out := *d
	out.Methods, out.Streams = nil, nil
	for _, u := range d.Methods {
		m := s.newMethod("/" + d.ServiceName + "/" + u.MethodName)
		m.unary = s.guarded(m, u.Handler)
		s.unary[m.name] = true
		out.Streams = append(out.Streams, grpc.StreamDesc{
			StreamName: u.MethodName, Handler: s.handler(m), ServerStreams: true, ClientStreams: true,
		})
	}
	for _, st := range d.Streams {
		m := s.newMethod("/" + d.ServiceName + "/" + st.StreamName)
		m.stream, m.manyRequests = st.Handler, st.ClientStreams
		st.Handler, st.ClientStreams = s.handler(m), true
		out.Streams = append(out.Streams, st)
	}
	s.grpc.RegisterService(&out, implementation)
	if s.broken == nil {
		s.broken = compileRules(s.validator, d)
	}
}

func (s *Server) newMethod(name string) *method {
	m := &method{name: name, attr: slog.String(keyMethod, name), metrics: s.config.Metrics.of(name)}
	if rule, ok := s.config.Rules[name]; ok {
		m.rule = &rule
	}
	return m
}

func (s *Server) handler(m *method) grpc.StreamHandler {
	return func(implementation any, stream grpc.ServerStream) error { return s.serve(m, implementation, stream) }
}

// serveUnknown answers for methods that are not registered. Their names are
// the client's words and go neither into the log nor into metrics.
func (s *Server) serveUnknown(m *method, stream grpc.ServerStream) error {
	c := &call{
		ServerStream: stream,
		server:       s,
		method:       m,
		connection:   connectionOf(stream.Context()),
		id:           newRequestID(),
		start:        s.config.Now(),
		ctx:          stream.Context(),
		rejected:     rejectMethod,
	}
	return c.finish(&edgeError{code: codes.Unimplemented, reason: "METHOD_UNKNOWN", message: "no such method on this listener"})
}

// bound gives a unary call its longest time, from its first octet on, so that a
// request that never arrives does not stay.
func (s *Server) bound(ctx context.Context, info *tap.Info) (context.Context, error) {
	if !s.unary[info.FullMethodName] {
		return ctx, nil
	}
	//nolint:gosec // G118: the parent is cancelled when the call ends, and ctx with it
	ctx, cancel := context.WithTimeout(ctx, s.config.Limits.CallTime)
	_ = cancel
	return ctx, nil
}

// GetServiceInfo shows what is registered.
func (s *Server) GetServiceInfo() map[string]grpc.ServiceInfo { return s.grpc.GetServiceInfo() }

// Serve answers on a listener until Drain or Stop; then it returns nil.
func (s *Server) Serve(l net.Listener) error {
	if s.broken != nil {
		return s.broken
	}
	if err := s.grpc.Serve(l); !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began
		return err
	}
	return nil
}

// Drain stops the server in good order: it takes no new connection, tells every
// open stream to end, and waits for calls and streams until ctx ends; then it
// cuts off what is left.
func (s *Server) Drain(ctx context.Context) {
	s.drain.Do(func() { close(s.draining) })
	stop := context.AfterFunc(ctx, s.grpc.Stop)
	defer stop()
	s.grpc.GracefulStop()
}

// Stop cuts everything off at once.
func (s *Server) Stop() {
	s.drain.Do(func() { close(s.draining) })
	s.grpc.Stop()
}
