package extauthz_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"ringfence/internal/access"
	"ringfence/internal/access/extauthz"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

const (
	phone = device.ID("phone-0001")
	app   = device.ID("registration-1")
	ada   = "ada@example.com"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// certificates are those of a phone, of an app, and of somebody else.
type certificates struct{ phone, app, stranger []byte }

var made = sync.OnceValue(func() certificates { return certificates{newCertificate(1), newCertificate(2), newCertificate(3)} })

func newCertificate(serial int64) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: now.AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return der
}

// escaped writes a certificate as Envoy does.
func escaped(der []byte) string {
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(text)
}

func xfcc(der []byte) string { return `By=spiffe://edge;Cert="` + escaped(der) + `"` }

// world has two holders of certificates and the pure core behind the door.
type world struct {
	snapshot *access.Snapshot
	facts    map[device.ID]access.Facts
	asked    []access.Question
	err      error
}

func (w *world) Identify(_ context.Context, der []byte) (extauthz.Holder, error) {
	switch string(der) {
	case string(made().phone):
		return extauthz.Holder{Device: phone, User: ada, Serial: "01"}, nil
	case string(made().app):
		return extauthz.Holder{Registration: app, User: ada, Serial: "02"}, nil
	}
	return extauthz.Holder{}, fault.New(fault.Denied, "", "is none of ours")
}

func (w *world) Decide(_ context.Context, q access.Question) (access.Answer, error) {
	w.asked = append(w.asked, q)
	if w.err != nil {
		return access.Answer{}, w.err
	}
	a := &access.Answer{SignIn: q.SignIn, Facts: access.Facts{
		Device: w.facts[q.Device].Device, Registration: w.facts[q.Registration].Registration,
	}}
	if d := a.Facts.Device; d != nil && a.SignIn.Person.Name == "" {
		a.SignIn.Person.Name = d.User
	}
	a.Decision = access.Decide(w.snapshot, &a.SignIn, &a.Facts, now)
	a.Versions = access.VersionsOf(w.snapshot, &a.SignIn, &a.Facts)
	return *a, nil
}

// newWorld asks everybody in the app mail for controls, and lets nobody in crm.
func newWorld(t testing.TB, controls ...access.Control) *world {
	t.Helper()
	spec := access.Spec{
		State: access.On, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{Include: []string{"mail"}},
		Grant: access.Grant{Operator: access.AllOf, Controls: controls}, Session: access.Session{Labels: []string{"limited", "no-download"}},
	}
	crm := spec
	crm.Apps, crm.Grant.Controls, crm.Session = access.Apps{Include: []string{"crm.example.com"}}, []access.Control{access.Block}, access.Session{}
	s, err := access.Compile(access.Ruleset{Policies: []access.Policy{
		{Name: "mail", Revision: 1, Spec: spec}, {Name: "no-crm", Revision: 1, Spec: crm},
	}, Generation: 7})
	if err != nil {
		t.Fatal(err)
	}
	return &world{snapshot: s, facts: map[device.ID]access.Facts{
		phone: {Device: &access.Device{ID: phone, Epoch: 2, User: ada, Platform: access.Android, Version: 3,
			Compliance: access.Verdict{Fitness: access.Fit, EvidenceAt: now.Add(-time.Minute), Version: 12}}},
		app: {Registration: &access.Registration{ID: app, Epoch: 1, User: ada, Version: 4}},
	}}
}

// unfit shortens the PIN of the phone.
func (w *world) unfit() {
	w.facts[phone].Device.Compliance.Fitness = access.Unfit
	w.facts[phone].Device.Compliance.Findings = []access.Finding{{Rule: "pin-length", Remedy: "Choose a PIN of 6 digits."}}
}

// dial serves a Server, and gives what Envoy asks it with.
func dial(t testing.TB, c extauthz.Config) authv3.AuthorizationClient {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, extauthz.New(c))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///door", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("serve: %v", err)
		}
	})
	return authv3.NewAuthorizationClient(conn)
}

// asked is a request as Envoy tells of it.
type asked struct {
	host, certificate string
	route             map[string]string
	headers           map[string]string
	raw               []*corev3.HeaderValue
	metadata          *corev3.Metadata
}

func (a asked) request() *authv3.CheckRequest {
	http := &authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/inbox", Host: a.host, Headers: a.headers}
	if a.raw != nil {
		http.HeaderMap = &corev3.HeaderMap{Headers: a.raw}
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{
			Certificate: a.certificate,
			Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
				Address: "192.0.2.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 4711},
			}}},
		},
		Request:           &authv3.AttributeContext_Request{Http: http},
		ContextExtensions: a.route, MetadataContext: a.metadata,
	}}
}

func check(t testing.TB, c authv3.AuthorizationClient, a asked) *authv3.CheckResponse {
	t.Helper()
	r, err := c.Check(t.Context(), a.request())
	if err != nil {
		t.Fatalf("an error, which Envoy may let pass: %v", err)
	}
	if r.GetErrorResponse() != nil {
		t.Fatal("an error response, which Envoy may let pass")
	}
	if (r.GetStatus().GetCode() == 0) != (r.GetOkResponse() != nil) || (r.GetOkResponse() == nil) != (r.GetDeniedResponse() != nil) {
		t.Fatalf("the status and the response do not agree: %v", r)
	}
	return r
}
