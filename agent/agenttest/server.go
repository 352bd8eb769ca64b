// Package agenttest is a small real server for tests of the device side: the
// device services in memory, over TLS on loopback, with a certificate
// authority of its own. It keeps the contract of the wire as a phone can see
// it; it stores nothing and judges nobody.
package agenttest

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
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
	"google.golang.org/protobuf/proto"

	"ringfence/internal/pki"
	accessv1 "ringfence/proto/mdm/access/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// Token lets phones in.
const Token = "agenttest-token-0123456789"

// Server is the server. Its exported fields are read under lock: set them
// before Start's caller connects, or inside Do.
type Server struct {
	enrollv1.UnimplementedEnrollmentServiceServer
	compliancev1.UnimplementedComplianceServiceServer
	wipev1.UnimplementedWipeServiceServer
	wipev1.UnimplementedCompanyDeviceServiceServer
	accessv1.UnimplementedAccessDeviceServiceServer

	Authority *pki.Authority
	Now       func() time.Time
	// Addr is where it listens, host:port.
	Addr string

	// Ownership and Mode are what the token seals.
	Ownership enrollv1.Ownership
	Mode      enrollv1.Mode
	// Fail, where set, is asked before each call, by method name; an error is the
	// answer. It runs under lock.
	Fail func(method string) error
	// OnAcknowledge, where set, runs under lock before an acknowledgement is kept.
	OnAcknowledge func(orderID string)
	// Paused answers acknowledgements with ORDER_PAUSED. Orders are given all the
	// same, as they are when the pause begins in between.
	Paused bool
	// Calls counts calls by method name.
	Calls map[string]int
	// CheckIns are the reports, oldest first.
	CheckIns []*compliancev1.CheckInRequest
	// RenewAfter is put into certificates: how long after now to renew.
	RenewAfter time.Duration
	// EditJoin, EditRenew, EditIssue and EditAssertion change an answer before it is sent.
	EditJoin      func(*enrollv1.JoinResponse)
	EditRenew     func(*enrollv1.RenewResponse)
	EditIssue     func(*compliancev1.IssueCertificateResponse)
	EditAssertion func(*accessv1.IssueAssertionResponse)
	// EditLease changes the content of a lease's order before it is signed.
	EditLease func(*wipev1.OrderToSign)

	mu       sync.Mutex // guards the above from Ownership on, and what follows
	changed  chan struct{}
	device   *enrolled
	epoch    uint64
	request  string // the join's certificate request
	answer   *enrollv1.JoinResponse
	manifest *compliancev1.Manifest
	revision string
	orders   []*Order
	leases   map[uint64]*Order // given out, by number
	sequence uint64            // of the newest order
	streams  map[chan struct{}]bool
	drained  map[chan struct{}]bool
	issued   map[string]*compliancev1.IssueCertificateResponse
	grpc     *grpc.Server
}

type enrolled struct {
	id            string
	current, next string // serials
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
		Authority: authority, Now: now, RenewAfter: 60 * 24 * time.Hour,
		Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE,
		Calls: map[string]int{}, leases: map[uint64]*Order{}, changed: make(chan struct{}),
		streams: map[chan struct{}]bool{}, drained: map[chan struct{}]bool{}, issued: map[string]*compliancev1.IssueCertificateResponse{},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = listener.Addr().String()
	s.Serve(t, listener)
	t.Cleanup(s.Stop)
	return s
}

// Serve answers on a listener until Stop.
func (s *Server) Serve(t testing.TB, listener net.Listener) {
	t.Helper()
	config, err := s.Authority.ServerTLS([]string{"127.0.0.1"}, pki.Device)
	if err != nil {
		t.Fatal(err)
	}
	get := config.GetCertificate
	config.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		c, err := get(h)
		if err != nil {
			return nil, err
		}
		whole := *c
		whole.Certificate = append(append([][]byte{}, c.Certificate[:2]...), s.Authority.Roots()...)
		return &whole, nil
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)),
		grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream))
	enrollv1.RegisterEnrollmentServiceServer(server, s)
	compliancev1.RegisterComplianceServiceServer(server, s)
	wipev1.RegisterWipeServiceServer(server, s)
	wipev1.RegisterCompanyDeviceServiceServer(server, s)
	accessv1.RegisterAccessDeviceServiceServer(server, s)
	s.mu.Lock()
	s.grpc = server
	s.mu.Unlock()
	go func() { _ = server.Serve(listener) }()
}

// Stop ends the server and every connection.
func (s *Server) Stop() {
	s.mu.Lock()
	server := s.grpc
	s.mu.Unlock()
	server.Stop()
}

// Pin is the pin of the root.
func (s *Server) Pin() string {
	sum := sha256.Sum256(s.Authority.Roots()[0])
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Do runs fn under lock.
func (s *Server) Do(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
	s.wake()
}

// wake tells Until to look again. The caller holds the lock.
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

// SetManifest asks something else of the phone, and rings.
func (s *Server) SetManifest(m *compliancev1.Manifest) string {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(raw)
	s.Do(func() {
		s.manifest, s.revision = m, hex.EncodeToString(sum[:])
		s.ring()
	})
	return hex.EncodeToString(sum[:])
}

// Ring rings.
func (s *Server) Ring() { s.Do(s.ring) }

func (s *Server) ring() {
	for c := range s.streams {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// EndEnrollment retires the phone, open streams included.
func (s *Server) EndEnrollment() {
	s.Do(func() {
		s.device.ended = true
		s.ring()
	})
}

// Streams tells how many Watch streams are open. It runs under lock.
func (s *Server) Streams() int { return len(s.streams) }

// Serials gives the current and the next serial. It runs under lock.
func (s *Server) Serials() (current, next string) { return s.device.current, s.device.next }

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
	s.Do(func() {}) // something may have changed
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
	name := path.Base(method)
	s.Calls[name]++
	s.wake()
	if s.Fail != nil {
		if err := s.Fail(name); err != nil {
			return err
		}
	}
	if name == "Join" {
		return nil
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return status.Error(codes.Internal, "no peer")
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 || s.device == nil {
		return Refusal(codes.Unauthenticated, "CERTIFICATE_REQUIRED", "who are you?")
	}
	switch serial := pki.FormatSerial(info.State.PeerCertificates[0].SerialNumber); {
	case s.device.ended:
		return Refusal(codes.Unauthenticated, "ENROLLMENT_ENDED", "the enrolment is over")
	case serial == s.device.next:
		s.device.current, s.device.next = serial, ""
	case serial != s.device.current:
		return Refusal(codes.Unauthenticated, "CERTIFICATE_SUPERSEDED", "a newer certificate has been used")
	}
	return nil
}

// Rewind forgets the orders and takes back the end of the enrolment, so that a
// copy of the phone as it was can live through another. Orders of leases are as
// they were given out.
func (s *Server) Rewind() {
	s.Do(func() {
		s.orders, s.device.ended, s.OnAcknowledge = nil, false, nil
		for number, o := range s.leases {
			s.leases[number] = &Order{ID: o.ID, Signed: o.Signed, Scope: o.Scope, State: wipev1.State_STATE_DELIVERED}
		}
	})
}

// Drain breaks every stream, as a server does that stops.
func (s *Server) Drain() {
	s.Do(func() {
		for c := range s.streams {
			s.drained[c] = true
		}
		s.ring()
	})
}
