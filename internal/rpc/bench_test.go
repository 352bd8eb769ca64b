package rpc

import (
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"ringfence/internal/pki"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// nowhere is a gRPC stream without a network: what is left is the edge's own
// cost.
type nowhere struct {
	grpc.ServerStream
	ctx      context.Context
	received bool
}

func (s *nowhere) Context() context.Context     { return s.ctx }
func (s *nowhere) SetHeader(metadata.MD) error  { return nil }
func (s *nowhere) SendMsg(any) error            { return nil }
func (s *nowhere) SendHeader(metadata.MD) error { return nil }

func (s *nowhere) RecvMsg(any) error {
	if s.received {
		return io.EOF
	}
	s.received = true
	return nil
}

// BenchmarkCall compares one empty call over mTLS, bare and through the edge,
// and shows what the edge alone costs.
func BenchmarkCall(b *testing.B) {
	endless := Rate{PerSecond: 1e9, Burst: 1e9}
	l := start(b, func(c *Config) {
		c.Limits.Device = endless
		c.Log = slog.New(slog.NewJSONHandler(struct{ io.Writer }{io.Discard}, nil))
		begin := time.Now()
		c.Now = func() time.Time { return noon.Add(time.Since(begin)) }
	})
	phone := l.issue(b, pki.Device, "device-one")
	b.Run("bare", func(b *testing.B) {
		listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		bare := grpc.NewServer(grpc.Creds(credentials.NewTLS(l.config.TLS)))
		enrollv1.RegisterEnrollmentServiceServer(bare, l.phones)
		go func() { _ = bare.Serve(listener) }()
		defer bare.Stop()
		benchmarkCall(b, dialAt(b, listener.Addr().String(), l.clientTLS(phone)))
	})
	b.Run("edge", func(b *testing.B) { benchmarkCall(b, l.dial(b, phone)) })
	b.Run("alone", func(b *testing.B) { benchmarkAlone(b, l, phone) })
}

func benchmarkCall(b *testing.B, conn *grpc.ClientConn) {
	client := enrollv1.NewEnrollmentServiceClient(conn)
	in := &enrollv1.LeaveRequest{}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Leave(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkAlone(b *testing.B, l *listener, phone *credential) {
	leaf, err := x509.ParseCertificate(phone.chain[0])
	if err != nil {
		b.Fatal(err)
	}
	c := &connection{client: pki.Verified{Purpose: pki.Device, Leaf: leaf}, peer: "192.0.2.1:1234", network: "192.0.2.1"}
	ctx := peer.NewContext(b.Context(), &peer.Peer{AuthInfo: c})
	m := l.newMethod(leave)
	m.unary = enrollv1.EnrollmentService_ServiceDesc.Methods[2].Handler
	b.ReportAllocs()
	for b.Loop() {
		if err := l.serve(m, l.phones, &nowhere{ctx: ctx}); err != nil {
			b.Fatal(err)
		}
	}
}
