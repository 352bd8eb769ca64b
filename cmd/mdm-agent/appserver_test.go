package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"net"
	"os"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	"ringfence/agent/appsdk/appsdktest"
	"ringfence/internal/pki"
	"ringfence/internal/signin/signintest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// appServer is a server whose people sign in at a real identity provider.
type appServer struct {
	*appsdktest.Server

	provider *signintest.Provider
	issuers  []*appprotectv1.Issuer
	addr     string
	grpc     *grpc.Server
}

const appUser = "ada@example.com"

func startAppServer(t *testing.T, now func() time.Time) *appServer {
	t.Helper()
	provider, err := signintest.Start(signintest.Config{Users: []signintest.User{{Name: appUser}}, Clients: []string{"mail-app"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	provider.Lifetime(48 * time.Hour) // the phone's clock runs ahead of the provider's
	s := &appServer{
		Server: appsdktest.Start(t, now), provider: provider,
		issuers: []*appprotectv1.Issuer{{Url: provider.Issuer(), ClientIds: []string{"mail-app"}}},
	}
	config, err := s.Authority.ServerTLS([]string{"127.0.0.1"}, pki.App)
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
		whole.Certificate = append(append([][]byte{}, c.Certificate[:2]...), s.Authority.Roots()...)
		return &whole, nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	s.grpc = grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
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

// BeginRegistration names the real provider.
func (s *appServer) BeginRegistration(ctx context.Context, r *appprotectv1.BeginRegistrationRequest) (*appprotectv1.BeginRegistrationResponse, error) {
	answer, err := s.Server.BeginRegistration(ctx, r)
	if err == nil {
		answer.Issuers = s.issuers
	}
	return answer, err
}

// Register verifies the token with the provider's keys, and hands on one that
// the small server understands, with the same nonce.
func (s *appServer) Register(ctx context.Context, r *appprotectv1.RegisterRequest) (*appprotectv1.RegisterResponse, error) {
	provider, err := oidc.NewProvider(ctx, s.provider.Issuer())
	if err != nil {
		return nil, err
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: "mail-app"}).Verify(ctx, r.GetIdToken())
	if err != nil || token.Subject != "id-"+appUser {
		return nil, appsdktest.Refusal(codes.PermissionDenied, "SIGN_IN_REFUSED", "the ID token does not hold")
	}
	r.IdToken = appsdktest.IDToken(appsdktest.Subject, token.Nonce, time.Now().Add(time.Hour))
	return s.Server.Register(ctx, r)
}

// pinOf gives the pin of a root certificate in a file.
func pinOf(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	sum := sha256.Sum256(block.Bytes)
	return "sha256:" + hex.EncodeToString(sum[:])
}
