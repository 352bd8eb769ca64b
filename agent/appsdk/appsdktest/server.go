// Package appsdktest is a small real server for tests of the app SDK: the app's
// and the wipe service in memory, over TLS on loopback, with a certificate
// authority of its own, and a key store. It keeps the contract of the wire as an
// app can see it; it stores nothing and judges nobody.
package appsdktest

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"net"
	"path"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"ringfence/internal/apprules"
	"ringfence/internal/pki"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Who signs in, where.
const (
	IssuerURL = "https://issuer.example.com"
	ClientID  = "mail-app"
	Subject   = "u-1"
	User      = "ada@example.com"
)

// Server is the server. Its exported fields from Fail on are read under lock: set
// them before the first connection, or inside Do.
type Server struct {
	appprotectv1.UnimplementedAppServiceServer
	wipev1.UnimplementedWipeServiceServer

	Authority *pki.Authority
	Now       func() time.Time
	// Addr is where it listens, host:port.
	Addr string

	// Fail, where set, is asked before each call, by method name; an error is the
	// answer. After is the same when the call has had its effect: its answer is
	// lost.
	Fail, After func(method string) error
	// Calls counts calls by method name.
	Calls map[string]int
	// Registers and CheckIns are what came, oldest first.
	Registers []*appprotectv1.RegisterRequest
	CheckIns  []*appprotectv1.CheckInRequest
	// Left is how the registration was ended by the app; nil while it was not.
	Left *appprotectv1.LeaveRequest
	// Standing and Findings are the verdict.
	Standing appprotectv1.Standing
	Findings []*appprotectv1.Finding
	// RenewAfter is how long after now to renew.
	RenewAfter time.Duration
	// BlockAfter and WipeAfter are the lease's; 0 is never, and less than 0 what
	// the policy says.
	BlockAfter, WipeAfter time.Duration
	// EditLease changes a lease before it is signed, EditCheckIn an answer after.
	EditLease   func(*appprotectv1.LeaseToSign)
	EditCheckIn func(*appprotectv1.CheckInResponse)

	mu         sync.Mutex // guards the above from Fail on, and what follows
	changed    chan struct{}
	policy     *apprules.Effective
	challenges map[string]*appprotectv1.RegisterResponse // by challenge; nil while unused
	requests   map[string]string                         // the certificate request of a used challenge
	reg        *registered
	registered int
	orders     []*Order
	sequence   uint64
	streams    map[chan struct{}]bool
	grpc       *grpc.Server
}

// registered is the present registration.
type registered struct {
	id            string
	epoch         uint64
	current, next string // serials
	number        uint64
	ended         bool
}

// Start starts a server that ends with the test.
func Start(t testing.TB, now func() time.Time) *Server {
	t.Helper()
	authority, err := pki.OpenAuthority(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Authority: authority, Now: now, RenewAfter: 150 * 24 * time.Hour, Standing: appprotectv1.Standing_STANDING_OK,
		BlockAfter: -1, WipeAfter: -1, Calls: map[string]int{}, changed: make(chan struct{}),
		challenges: map[string]*appprotectv1.RegisterResponse{}, requests: map[string]string{}, streams: map[chan struct{}]bool{},
		policy: apprules.Seal(apprules.Settings{}, apprules.Config{}, true),
	}
	config, err := authority.ServerTLS([]string{"127.0.0.1"}, pki.App)
	if err != nil {
		t.Fatal(err)
	}
	get := config.GetCertificate
	config.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		c, err := get(h)
		if err != nil {
			return nil, err
		}
		whole := *c // with the root, for those who have a pin of it
		whole.Certificate = append(append([][]byte{}, c.Certificate[:2]...), authority.Roots()...)
		return &whole, nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = listener.Addr().String()
	s.grpc = grpc.NewServer(grpc.Creds(credentials.NewTLS(config)), grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream))
	appprotectv1.RegisterAppServiceServer(s.grpc, s)
	wipev1.RegisterWipeServiceServer(s.grpc, s)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.grpc.Serve(listener)
	}()
	t.Cleanup(func() {
		s.grpc.Stop()
		<-served
	})
	return s
}

// Roots are its roots, PEM.
func (s *Server) Roots() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Authority.Roots()[0]})
}

// Do runs fn under lock.
func (s *Server) Do(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
	s.wake()
}

func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Until waits until ok holds; it is asked under lock after each call.
func (s *Server) Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		s.mu.Lock()
		done, changed := ok(), s.changed
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// SetPolicy makes a policy hold, and rings.
func (s *Server) SetPolicy(e *apprules.Effective) {
	s.Do(func() {
		s.policy = e
		s.ring()
	})
}

func (s *Server) ring() {
	for c := range s.streams {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// EndRegistration ends the registration, open streams included.
func (s *Server) EndRegistration() {
	s.Do(func() {
		s.reg.ended = true
		s.ring()
	})
}

// Rewind takes back the end of the registration, and its orders, so that a copy
// of the app as it was can live through another.
func (s *Server) Rewind() {
	s.Do(func() { s.orders, s.Left, s.reg.ended = nil, nil, false })
}

// Streams tells how many Watch streams are open. It runs under lock.
func (s *Server) Streams() int { return len(s.streams) }

// Registration gives the present registration. It runs under lock.
func (s *Server) Registration() (id string, epoch uint64, ended bool) {
	if s.reg == nil {
		return "", 0, true
	}
	return s.reg.id, s.reg.epoch, s.reg.ended
}

// Refusal makes an error with a reason.
func Refusal(code codes.Code, reason, message string) error {
	st, err := status.New(code, message).WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "ringfence"})
	if err != nil {
		panic(err)
	}
	return st.Err()
}

func (s *Server) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := s.enter(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	response, err := handler(ctx, request)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	if err == nil && s.After != nil {
		err = s.After(path.Base(info.FullMethod))
	}
	return response, err
}

func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := s.enter(stream.Context(), info.FullMethod); err != nil {
		return err
	}
	return handler(srv, stream)
}

// enter counts a call, lets Fail answer it, and knows the caller.
func (s *Server) enter(ctx context.Context, method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	name := path.Base(method)
	s.Calls[name]++
	if s.Fail != nil {
		if err := s.Fail(name); err != nil {
			return err
		}
	}
	if name == "BeginRegistration" || name == "Register" {
		return nil
	}
	certificate := peerCertificate(ctx)
	if certificate == nil || s.reg == nil {
		return Refusal(codes.Unauthenticated, "CERTIFICATE_REQUIRED", "who are you?")
	}
	switch serial := pki.FormatSerial(certificate.SerialNumber); {
	case s.reg.ended:
		return Refusal(codes.Unauthenticated, "ENROLLMENT_ENDED", "the registration is over")
	case serial == s.reg.next:
		s.reg.current, s.reg.next = serial, ""
	case serial != s.reg.current:
		return Refusal(codes.Unauthenticated, "CERTIFICATE_SUPERSEDED", "a newer certificate has been used")
	}
	return nil
}

// Watch rings.
func (s *Server) Watch(_ *appprotectv1.WatchRequest, stream appprotectv1.AppService_WatchServer) error {
	c := make(chan struct{}, 1)
	s.Do(func() { s.streams[c] = true })
	defer s.Do(func() { delete(s.streams, c) })
	for {
		s.mu.Lock()
		ended, revision := s.reg.ended, s.policy.Revision()
		s.mu.Unlock()
		if ended {
			return Refusal(codes.Unauthenticated, "ENROLLMENT_ENDED", "the registration is over")
		}
		if err := stream.Send(&appprotectv1.WatchResponse{PolicyRevision: revision}); err != nil {
			return err
		}
		select {
		case <-c:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// caller gives the TLS state of a call.
func caller(ctx context.Context) *tls.ConnectionState {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return nil
	}
	return &info.State
}
