package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"ringfence/internal/access/forwardauth/proxytest"
	"ringfence/internal/pki"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	accessv1 "ringfence/proto/mdm/access/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// askedAbout is a server with open doors, and fit phones that may come in.
func askedAbout(b *testing.B, d sqldb.Dialect) (*server, []*handset) {
	b.Helper()
	s := install(b, dbtest.DSN(b, d), func(c *Config) { quiet(c); openDoors(c) }).start(b)
	a := s.admin(b)
	a.apply(b, pinPolicy("all", 6))
	a.rule(b, wikiPolicy())
	list := phones(b, s)
	for _, h := range list {
		h.fit(b)
	}
	return s, list
}

// fit reports that all is as it must be.
func (h *handset) fit(b *testing.B) {
	b.Helper()
	m := must[*compliancev1.GetManifestResponse](b)(h.compliance.GetManifest(b.Context(), &compliancev1.GetManifestRequest{}))
	res := must[*compliancev1.CheckInResponse](b)(h.compliance.CheckIn(b.Context(), report(time.Now(), 8, m.GetRevision())))
	if got := res.GetVerdict().GetStanding(); got != compliancev1.Standing_STANDING_COMPLIANT {
		b.Fatalf("the phone is %v", got)
	}
}

// asker asks over HTTPS as a gateway does, on one connection that is kept.
type asker struct {
	client  *http.Client
	request *http.Request
}

// newAsker asks about whoever shows a certificate, DER.
func newAsker(tb testing.TB, config *tls.Config, address string, der []byte) *asker {
	tb.Helper()
	transport := &http.Transport{
		TLSClientConfig: config, MaxConnsPerHost: 1, // HTTP/1.1, as nginx and Caddy speak it
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	tb.Cleanup(transport.CloseIdleConnections)
	where := "https://" + proxytest.Door + "/forward-auth?app=wiki&cert=rfc9440&answer=plain"
	req := must[*http.Request](tb)(http.NewRequestWithContext(context.Background(), http.MethodGet, where, nil))
	for name, value := range map[string]string{
		"Client-Cert": ":" + base64.StdEncoding.EncodeToString(der) + ":", "X-Forwarded-For": "192.0.2.7",
		"X-Forwarded-Method": "GET", "X-Forwarded-Host": proxytest.Host, "X-Forwarded-Uri": "/page",
	} {
		req.Header.Set(name, value)
	}
	return &asker{&http.Client{Transport: transport, Timeout: patience}, req}
}

// ask gives the status that the door answers with.
func (a *asker) ask() (int, error) {
	res, err := a.client.Do(a.request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // it is read to its end
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// spreadAsking measures askers that are all let in.
func spreadAsking(b *testing.B, list []*asker) {
	b.Helper()
	admit := func(caller, _ int) error {
		status, err := list[caller].ask()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("the door answers %d", status)
		}
		return err
	}
	for i := range list {
		if err := admit(i, 0); err != nil {
			b.Fatal(err)
		}
	}
	spread(b, len(list), admit)
}

func benchForwardAuth(b *testing.B, d sqldb.Dialect) {
	s, list := askedAbout(b, d)
	config := s.gatewayTLS(b, "edge")
	askers := make([]*asker, len(list))
	for i, h := range list {
		askers[i] = newAsker(b, config, s.at.Access, h.chain[0])
	}
	spreadAsking(b, askers)
}

// benchBareHTTPS is the bare limit of a door over HTTPS: a handler that says yes,
// behind the same TLS, to the same request.
func benchBareHTTPS(b *testing.B) { spreadAsking(b, bareAskers(b, newAuthority(b), benchCallers)) }

// bareAskers ask a handler that says yes.
func bareAskers(b *testing.B, authority *pki.Authority, n int) []*asker {
	b.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	config := must[*tls.Config](b)(authority.ServerTLS([]string{proxytest.Door}, pki.Device))
	config.NextProtos, config.MinVersion = []string{"http/1.1"}, tls.VersionTLS12
	listener := tls.NewListener(server.Listener, config)
	server.Listener, server.Config.ErrorLog = listener, log.New(b.Output(), "", 0)
	server.Start()
	b.Cleanup(server.Close)
	certificate := issueClient(b, authority)
	client := &tls.Config{
		RootCAs: authority.Pool(), ServerName: proxytest.Door, MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate},
	}
	askers := make([]*asker, n)
	for i := range askers {
		askers[i] = newAsker(b, client, listener.Addr().String(), certificate.Certificate[0])
	}
	return askers
}

// BenchmarkForwardAuthSQLite asks over HTTPS whether fit phones may come in.
func BenchmarkForwardAuthSQLite(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchForwardAuth(b, sqldb.SQLite) })
	b.Run("limit", benchBareHTTPS)
}

func BenchmarkForwardAuthPostgres(b *testing.B) {
	b.Run("product", func(b *testing.B) { benchForwardAuth(b, sqldb.Postgres) })
	b.Run("limit", benchBareHTTPS)
}

// gateways are connections of a gateway, one a caller.
func (s *server) gateways(b *testing.B) []*grpc.ClientConn {
	b.Helper()
	config := s.gatewayTLS(b, "edge")
	config.ServerName = "" // the listener's address
	list := make([]*grpc.ClientConn, benchCallers)
	for i := range list {
		list[i] = must[*grpc.ClientConn](b)(grpc.NewClient(s.at.Gateway, grpc.WithTransportCredentials(credentials.NewTLS(config))))
		b.Cleanup(func() { _ = list[i].Close() })
	}
	return list
}

var errShut = errors.New("a fit phone is not let in")

// checkRequest is what Envoy asks about a phone that shows a certificate.
func checkRequest(h *handset) *authv3.CheckRequest {
	pem := url.PathEscape(pemText("CERTIFICATE", h.chain[0]))
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{
			Certificate: strings.ReplaceAll(pem, "+", "%2B"),
			Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
				Address: "192.0.2.7", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 40000},
			}}},
		},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Host: proxytest.Host, Path: "/page", Scheme: "https", Protocol: "HTTP/1.1",
		}},
		ContextExtensions: map[string]string{"app": "wiki"},
	}}
}

// BenchmarkExtAuthzSQLite asks as Envoy does. The limit is an echo of messages
// of the same sizes.
func BenchmarkExtAuthzSQLite(b *testing.B) {
	var sizes [2]int
	b.Run("product", func(b *testing.B) {
		s, list := askedAbout(b, sqldb.SQLite)
		conns := s.gateways(b)
		ask := func(caller int) (*authv3.CheckResponse, error) {
			return authv3.NewAuthorizationClient(conns[caller]).Check(context.Background(), checkRequest(list[caller]))
		}
		first := must[*authv3.CheckResponse](b)(ask(0))
		sizes = [2]int{proto.Size(checkRequest(list[0])), proto.Size(first)}
		spread(b, benchCallers, func(caller, _ int) error {
			res, err := ask(caller)
			if err == nil && res.GetStatus().GetCode() != int32(codes.OK) {
				err = errShut
			}
			return err
		})
	})
	b.Run("limit", func(b *testing.B) { benchSized(b, sizes) })
}

// BenchmarkAccessDecideSQLite asks over gRPC by the phone's id. The limit is an
// echo of messages of the same sizes.
func BenchmarkAccessDecideSQLite(b *testing.B) {
	var sizes [2]int
	b.Run("product", func(b *testing.B) {
		s, list := askedAbout(b, sqldb.SQLite)
		conns := s.gateways(b)
		ask := func(caller int) (*accessv1.DecideResponse, error) {
			return accessv1.NewAccessServiceClient(conns[caller]).Decide(context.Background(), decideRequest(list[caller]))
		}
		first := must[*accessv1.DecideResponse](b)(ask(0))
		sizes = [2]int{proto.Size(decideRequest(list[0])), proto.Size(first)}
		spread(b, benchCallers, func(caller, _ int) error {
			res, err := ask(caller)
			if err == nil && res.GetDecision().GetOutcome() != accessv1.Outcome_OUTCOME_ALLOW {
				err = errShut
			}
			return err
		})
	})
	b.Run("limit", func(b *testing.B) { benchSized(b, sizes) })
}

func decideRequest(h *handset) *accessv1.DecideRequest {
	return &accessv1.DecideRequest{SignIn: &accessv1.SignIn{
		App: "wiki", DeviceId: h.id, Client: accessv1.ClientApp_CLIENT_APP_BROWSER, Address: "192.0.2.7", CertificateBound: true,
	}}
}

// benchSized is the bare limit of a call with messages of so many octets.
func benchSized(b *testing.B, sizes [2]int) {
	authority := newAuthority(b)
	config := must[*tls.Config](b)(authority.ServerTLS([]string{"127.0.0.1"}, pki.Device))
	listener := must[net.Listener](b)((&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0"))
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	answer := wrapperspb.Bytes(bytes.Repeat([]byte{'a'}, sizes[1]))
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "bare.v1.BareService", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
		MethodName: "Echo",
		Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			return answer, decode(new(wrapperspb.BytesValue))
		},
	}}}, server)
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(server.Stop)
	question := wrapperspb.Bytes(bytes.Repeat([]byte{'q'}, sizes[0]))
	conns := make([]*grpc.ClientConn, benchCallers)
	for i := range conns {
		certificate := issueClient(b, authority)
		conns[i] = dial(b, listener.Addr().String(), authority.Pool(), &certificate)
	}
	call := func(caller, _ int) error {
		return conns[caller].Invoke(context.Background(), bareEcho, question, new(wrapperspb.BytesValue))
	}
	for i := range conns {
		if err := call(i, 0); err != nil {
			b.Fatal(err)
		}
	}
	spread(b, benchCallers, call)
}
