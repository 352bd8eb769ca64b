package rpc

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/json"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"ringfence/internal/device"
	"ringfence/internal/identity"
	"ringfence/internal/pki"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	join  = enrollv1.EnrollmentService_Join_FullMethodName
	renew = enrollv1.EnrollmentService_Renew_FullMethodName
	leave = enrollv1.EnrollmentService_Leave_FullMethodName
	watch = compliancev1.ComplianceService_Watch_FullMethodName
)

// clock stands still until it is told otherwise.
type clock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// lines collects the log, one map a line.
type lines struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) of(t *testing.T, method string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for text := range strings.Lines(l.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line["method"] == method {
			out = append(out, line)
		}
	}
	return out
}

// phones answers for a device listener. What a test does not set answers OK.
type phones struct {
	enrollv1.UnimplementedEnrollmentServiceServer
	compliancev1.UnimplementedComplianceServiceServer
	leave func(context.Context) error
	watch func(grpc.ServerStreamingServer[compliancev1.WatchResponse]) error
}

func (p *phones) Join(context.Context, *enrollv1.JoinRequest) (*enrollv1.JoinResponse, error) {
	return &enrollv1.JoinResponse{DeviceId: "joined"}, nil
}

func (p *phones) Leave(ctx context.Context, _ *enrollv1.LeaveRequest) (*enrollv1.LeaveResponse, error) {
	if p.leave != nil {
		return nil, p.leave(ctx)
	}
	return &enrollv1.LeaveResponse{}, nil
}

func (p *phones) Watch(_ *compliancev1.WatchRequest, s grpc.ServerStreamingServer[compliancev1.WatchResponse]) error {
	if p.watch != nil {
		return p.watch(s)
	}
	if err := s.Send(&compliancev1.WatchResponse{}); err != nil {
		return err
	}
	select {
	case <-Draining(s.Context()):
		return Recheck(s.Context())
	case <-s.Context().Done():
		return s.Context().Err()
	}
}

// listener is a server under test, with the authority that its clients need.
type listener struct {
	*Server
	authority *pki.Authority
	clock     *clock
	log       *lines
	registry  *prometheus.Registry
	phones    *phones
	address   string
	ended     sync.Map // device id -> enrolment over
}

// callers knows a device by the common name of its certificate, "admin" as an
// administrator, and an app likewise by the name in a certificate for apps.
func (l *listener) callers(_ context.Context, client pki.Verified) (identity.Caller, error) {
	if client.Leaf == nil {
		return identity.Caller{}, nil
	}
	name := client.Leaf.Subject.CommonName
	if _, over := l.ended.Load(name); over {
		return identity.Caller{}, Unauthenticated(EnrollmentEnded, "the enrolment is over")
	}
	if client.Purpose == pki.App {
		return identity.Caller{Kind: identity.App, Device: device.ID(name), Epoch: 1, Package: "com.example.mail"}, nil
	}
	if name == "admin" {
		return identity.Caller{Kind: identity.Admin, Name: "alice", Role: identity.Viewer}, nil
	}
	return identity.Caller{Kind: identity.Device, Device: device.ID(name), Epoch: 1, User: "somebody@example.com"}, nil
}

var testRules = Rules{
	join:  {Callers: []identity.Kind{identity.Anonymous}},
	leave: {Callers: []identity.Kind{identity.Device, identity.App}},
	watch: {Callers: []identity.Kind{identity.Device}},
}

func start(t testing.TB, change func(*Config)) *listener {
	t.Helper()
	l := &listener{clock: &clock{now: noon}, log: &lines{}, registry: prometheus.NewRegistry(), phones: &phones{}}
	var err error
	if l.authority, err = pki.OpenAuthority(filepath.Join(t.TempDir(), "pki"), l.clock.Now); err != nil {
		t.Fatal(err)
	}
	server, err := l.authority.ServerTLS([]string{"127.0.0.1"}, pki.Device, pki.App)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := NewMetrics(l.registry)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{
		TLS: server,
		Verify: func(raw [][]byte, now time.Time) (pki.Verified, error) {
			return l.authority.VerifyClient(raw, now, pki.Device, pki.App)
		},
		Rules:   testRules,
		Callers: l.callers,
		Log:     slog.New(slog.NewJSONHandler(l.log, nil)),
		Metrics: metrics,
		Now:     l.clock.Now,
	}
	if change != nil {
		change(&c)
	}
	if l.Server, err = New(c); err != nil {
		t.Fatal(err)
	}
	enrollv1.RegisterEnrollmentServiceServer(l, l.phones)
	compliancev1.RegisterComplianceServiceServer(l, l.phones)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.address = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- l.Serve(listener) }()
	t.Cleanup(func() {
		l.Stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l
}

// credential is what a client shows.
type credential struct {
	chain [][]byte
	key   *ecdsa.PrivateKey
}

func (l *listener) issue(t testing.TB, p pki.Purpose, name string) *credential {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := l.authority.Issue(p, pki.Template{
		PublicKey: key.Public(), Subject: pkix.Name{CommonName: name},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(24 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &credential{chain: chain, key: key}
}

func (l *listener) device(t testing.TB, name string) *grpc.ClientConn {
	t.Helper()
	return l.dial(t, l.issue(t, pki.Device, name))
}

// app connects as an app's registration.
func (l *listener) app(t testing.TB, name string) *grpc.ClientConn {
	t.Helper()
	return l.dial(t, l.issue(t, pki.App, name))
}

func (l *listener) dial(t testing.TB, c *credential) *grpc.ClientConn {
	t.Helper()
	return dialAt(t, l.address, l.clientTLS(c))
}

func (l *listener) clientTLS(c *credential) *tls.Config {
	config := &tls.Config{RootCAs: l.authority.Pool(), Time: func() time.Time { return noon }, MinVersion: tls.VersionTLS13}
	if c != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{Certificate: c.chain, PrivateKey: c.key}, nil
		}
	}
	return config
}

func dialAt(t testing.TB, address string, config *tls.Config) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// callLeave does one Leave, the smallest RPC there is.
func callLeave(t testing.TB, conn *grpc.ClientConn) error {
	t.Helper()
	_, err := enrollv1.NewEnrollmentServiceClient(conn).Leave(t.Context(), &enrollv1.LeaveRequest{})
	return err
}

// openWatch opens a stream and waits for its first message.
func openWatch(t testing.TB, conn *grpc.ClientConn) (grpc.ServerStreamingClient[compliancev1.WatchResponse], error) {
	t.Helper()
	s, err := compliancev1.NewComplianceServiceClient(conn).Watch(t.Context(), &compliancev1.WatchRequest{})
	if err != nil {
		return nil, err
	}
	_, err = s.Recv()
	return s, err
}

// answer is a status as tests compare it.
type answer struct {
	Code    string
	Reason  string
	Message string
	Fields  []string
}

func answerOf(err error) answer {
	s := status.Convert(err)
	a := answer{Code: s.Code().String(), Message: s.Message()}
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			a.Reason = d.GetReason()
			if d.GetDomain() != "ringfence" {
				a.Reason += " of " + d.GetDomain()
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				a.Fields = append(a.Fields, v.GetField()+": "+v.GetDescription())
			}
		}
	}
	return a
}

// short leaves the words out.
func (a answer) short() answer {
	a.Message = ""
	return a
}

// metric sums a counter or gauge over the series that have these labels.
func (l *listener) metric(t *testing.T, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := l.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			match := 0
			for _, p := range m.GetLabel() {
				if labels[p.GetName()] == p.GetValue() {
					match++
				}
			}
			if match == len(labels) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}
