package main

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/emptypb"

	"ringfence/internal/pki"
)

// The bare limits: the same transport, certificates and machine, and nothing
// behind them. The product is measured beside them in the same run.

const (
	bareEcho   = "/bare.v1.BareService/Echo"
	bareStream = "/bare.v1.BareService/Stream"
)

// bareServer is a gRPC server with default options, an empty echo and a stream
// that sends an empty message at once and one more at each ring.
type bareServer struct {
	address string
	mu      sync.Mutex // guards rings
	rings   []chan struct{}
}

func startBare(tb testing.TB, authority *pki.Authority) *bareServer {
	tb.Helper()
	return startBareWith(tb, authority, tls.RequireAndVerifyClientCert)
}

func startBareWith(tb testing.TB, authority *pki.Authority, clients tls.ClientAuthType) *bareServer {
	tb.Helper()
	config, err := authority.ServerTLS([]string{"127.0.0.1"}, pki.Device)
	if err != nil {
		tb.Fatal(err)
	}
	config.ClientAuth = clients
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &bareServer{address: listener.Addr().String()}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bare.v1.BareService",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Echo", Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := new(emptypb.Empty)
			return in, decode(in)
		}}},
		Streams: []grpc.StreamDesc{{StreamName: "Stream", ServerStreams: true, Handler: s.stream}},
	}, s)
	go func() { _ = server.Serve(listener) }()
	tb.Cleanup(server.Stop)
	return s
}

func (s *bareServer) stream(_ any, stream grpc.ServerStream) error {
	if err := stream.RecvMsg(new(emptypb.Empty)); err != nil {
		return err
	}
	ring := make(chan struct{}, 1)
	s.mu.Lock()
	s.rings = append(s.rings, ring)
	s.mu.Unlock()
	message := new(emptypb.Empty)
	// The lean client counts DATA frames; an empty message still has a header.
	for {
		if err := stream.SendMsg(message); err != nil {
			return err
		}
		select {
		case <-ring:
		case <-stream.Context().Done():
			return nil
		}
	}
}

func (s *bareServer) ringAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ring := range s.rings {
		select {
		case ring <- struct{}{}:
		default:
		}
	}
}
