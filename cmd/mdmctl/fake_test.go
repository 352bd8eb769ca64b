package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/ctlconfig"
	accessv1 "ringfence/proto/mdm/access/v1"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	oauthv1 "ringfence/proto/mdm/oauth/v1"
	transmitv1 "ringfence/proto/mdm/transmit/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// now is the time of every test.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(now.Add(-d)) }
func in(d time.Duration) *timestamppb.Timestamp  { return timestamppb.New(now.Add(d)) }

// fake is a small server: it keeps what a test puts into it, pages, and answers
// with the next error that a test wants.
type fake struct {
	enrollv1.UnimplementedEnrollmentAdminServiceServer
	compliancev1.UnimplementedComplianceAdminServiceServer
	wipev1.UnimplementedWipeAdminServiceServer
	auditv1.UnimplementedAuditServiceServer
	office
	shelf
	gate
	porter
	sender

	mu           sync.Mutex
	devices      []*enrollv1.Device
	tokens       []*enrollv1.Token
	policies     []*compliancev1.Policy
	certificates []*compliancev1.Certificate
	standing     map[string]*compliancev1.GetDeviceComplianceResponse
	orders       []*wipev1.Order
	receipt      *wipev1.GetWipeReceiptResponse
	entries      []*auditv1.Entry
	log          *fakeLog
	crl          []byte
	requests     []proto.Message                            // every request, in order
	failures     map[string]error                           // by last word of the method
	before       func(f *fake, request proto.Message) error // may change things; called with mu held
}

// bench is a running fake and a configuration for it.
type bench struct {
	*fake
	t       *testing.T
	config  string
	address string
	root    *x509.Certificate
	rootPEM string
}

// authority is an in-test certificate authority.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{t: t, key: newKey(t)}
	a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "test root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, a.key)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent := a.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// pair is a certificate and its key as PEM.
func (a authority) pair(template *x509.Certificate) (certificate, key string) {
	a.t.Helper()
	k := newKey(a.t)
	cert := a.sign(template, k)
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return encode("CERTIFICATE", cert.Raw), encode("PRIVATE KEY", der)
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// serve starts a fake behind mutual TLS, with a configuration of one context.
func serve(t *testing.T) *bench {
	t.Helper()
	ca := newAuthority(t)
	certificate, key := ca.pair(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	serverPair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(ca.cert)
	f := &fake{failures: map[string]error{}, standing: map[string]*compliancev1.GetDeviceComplianceResponse{}, log: newFakeLog(t), office: newOffice(), gate: newGate(t)}
	server := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{serverPair},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		})),
		grpc.UnaryInterceptor(f.intercept))
	enrollv1.RegisterEnrollmentAdminServiceServer(server, f)
	compliancev1.RegisterComplianceAdminServiceServer(server, f)
	wipev1.RegisterWipeAdminServiceServer(server, f)
	wipev1.RegisterWipeRequestServiceServer(server, f)
	wipev1.RegisterCompanyDeviceAdminServiceServer(server, f)
	auditv1.RegisterAuditServiceServer(server, f)
	appprotectv1.RegisterAppAdminServiceServer(server, f)
	accessv1.RegisterAccessServiceServer(server, f)
	accessv1.RegisterAccessAdminServiceServer(server, f)
	oauthv1.RegisterOAuthAdminServiceServer(server, f)
	transmitv1.RegisterTransmitAdminServiceServer(server, f)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	b := &bench{
		fake: f, t: t, address: listener.Addr().String(), root: ca.cert, rootPEM: encode("CERTIFICATE", ca.cert.Raw),
		config: filepath.Join(t.TempDir(), "config.yaml"),
	}
	x := ctlconfig.Context{Name: "test", Server: b.address, CA: b.rootPEM}
	x.Certificate, x.Key = ca.pair(&x509.Certificate{Subject: pkix.Name{CommonName: "alice"}})
	if err := ctlconfig.Save(b.config, ctlconfig.Config{CurrentContext: "test", Contexts: []ctlconfig.Context{x}}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *fake) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	message := req.(proto.Message)
	f.requests = append(f.requests, proto.Clone(message))
	if err := f.failures[info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]]; err != nil {
		return nil, err
	}
	if f.before != nil {
		if err := f.before(f, message); err != nil {
			return nil, err
		}
	}
	return handle(ctx, req)
}

// result is what one run of mdmctl did.
type result struct {
	code        int
	out, errOut string
}

// run runs mdmctl with the bench's configuration and nobody to ask.
func (b *bench) run(args ...string) result { return b.with(runOptions{}, args...) }

type runOptions struct {
	stdin string
	asks  bool
	ctx   context.Context
}

func (b *bench) with(o runOptions, args ...string) result {
	b.t.Helper()
	var out, errOut bytes.Buffer
	a := newApp(strings.NewReader(o.stdin), &out, &errOut)
	a.now = func() time.Time { return now }
	a.asks = o.asks
	ctx := o.ctx
	if ctx == nil {
		ctx = b.t.Context()
	}
	code := a.run(ctx, append([]string{"--config", b.config}, args...))
	return result{code, out.String(), errOut.String()}
}

// check compares one run with what it should print and end with.
func (b *bench) check(got result, code int, out, errOut string) {
	b.t.Helper()
	want := result{code, strings.TrimLeft(out, "\n"), strings.TrimLeft(errOut, "\n")}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		b.t.Error(diff)
	}
}

// last gives the last request of type M.
func last[M proto.Message](b *bench) M {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.requests) - 1; i >= 0; i-- {
		if m, ok := b.requests[i].(M); ok {
			return m
		}
	}
	var none M
	b.t.Fatalf("no %T was sent", none)
	return none
}

// sent counts the requests of type M.
func sent[M proto.Message](b *bench) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, m := range b.requests {
		if _, ok := m.(M); ok {
			n++
		}
	}
	return n
}

// no makes an answer with details, as the server does.
func no(code codes.Code, message, reason string, fields ...string) error {
	s := status.New(code, message)
	var details []protoadapt.MessageV1
	if len(fields) > 0 {
		bad := &errdetails.BadRequest{}
		for _, f := range fields {
			name, problem, _ := strings.Cut(f, ": ")
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: name, Description: problem})
		}
		details = append(details, bad)
	}
	if reason != "" {
		details = append(details, &errdetails.ErrorInfo{Reason: reason, Domain: "ringfence"})
	}
	s, err := s.WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return s.Err()
}

// paged gives one page of items; a token is the index of the first.
func paged[M any](items []M, size uint32, token string) ([]M, string) {
	start, _ := strconv.Atoi(token)
	end := min(start+int(size), len(items))
	if end == len(items) {
		return items[start:end], ""
	}
	return items[start:end], strconv.Itoa(end)
}

func find[M any](items []M, match func(M) bool) (M, error) {
	for _, m := range items {
		if match(m) {
			return m, nil
		}
	}
	var none M
	return none, status.Error(codes.NotFound, "not found")
}
