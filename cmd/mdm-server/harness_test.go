package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/ctlconfig"
	"ringfence/internal/webkeys/webkeystest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestMain lets the test binary stand in for programs that tests run in a
// process of their own.
func TestMain(m *testing.M) {
	if path := os.Getenv(leanClientEnv); path != "" {
		if err := runLeanClient(path); err != nil {
			fmt.Fprintln(os.Stderr, "lean client:", err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	removeProgram()
	os.Exit(code)
}

// patience bounds how long a test waits for something that must come.
const patience = 30 * time.Second

// installation is one installation: a data folder and a database, and servers
// that may come and go on them.
type installation struct {
	data, dsn string
	tune      func(*Config)
	clock     *clock
}

// install makes an installation on a database; tune, where given, changes the
// configuration of its servers.
func install(tb testing.TB, dsn string, tune func(*Config)) *installation {
	tb.Helper()
	return &installation{data: filepath.Join(tb.TempDir(), "data"), dsn: dsn, tune: tune, clock: new(clock)}
}

func (i *installation) config() Config {
	cfg := defaultConfig()
	cfg.Data, cfg.Database = i.data, i.dsn
	cfg.DeviceListen, cfg.AdminListen, cfg.OpsListen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.WatchTick = 200 * time.Millisecond
	cfg.Limits.AnonymousPerSecond, cfg.Limits.AnonymousBurst = 100000, 100000
	cfg.Limits.DevicePerSecond, cfg.Limits.DeviceBurst = 100000, 100000
	cfg.Limits.AdminPerSecond, cfg.Limits.AdminBurst = 100000, 100000
	cfg.LogLevel = "debug"
	cfg.now = i.clock.now
	cfg.Access.makeKey = webkeystest.Generator()
	if i.tune != nil {
		i.tune(&cfg)
	}
	return cfg
}

// server is one running server of an installation.
type server struct {
	at    addresses
	parts *parts
	log   *syncBuffer
	clock *clock
	// stop drains the server and gives what serve returned; safe to repeat.
	stop func() error

	credential ctlconfig.Context
}

// start runs a server until the test ends. An installation's first start was
// some time ago: its first credential is not new.
func (i *installation) start(tb testing.TB) *server {
	tb.Helper()
	if _, err := os.Stat(filepath.Join(i.data, "admin", "mdmctl.yaml")); err != nil {
		defer i.clock.back(seasoned)()
	}
	cfg := i.config()
	if err := cfg.check(); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{log: new(syncBuffer), clock: i.clock}
	up, down := make(chan struct{}), make(chan struct{})
	var result error
	go func() {
		defer close(down)
		result = serve(ctx, cfg, s.log, func(at addresses, p *parts) {
			s.at, s.parts = at, p
			close(up)
		})
	}()
	s.stop = sync.OnceValue(func() error {
		cancel()
		<-down
		return result
	})
	tb.Cleanup(func() {
		if err := s.stop(); err != nil {
			tb.Errorf("serve: %v", err)
		}
		if tb.Failed() {
			tb.Logf("the server's log:\n%s", s.log.tail(20))
		}
	})
	select {
	case <-up:
	case <-down:
		tb.Fatalf("the server did not start: %v", result)
	}
	s.credential = loadCredential(tb, i.data)
	return s
}

func loadCredential(tb testing.TB, data string) ctlconfig.Context {
	tb.Helper()
	config, err := ctlconfig.Load(filepath.Join(data, "admin", "mdmctl.yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	current, err := config.Current()
	if err != nil {
		tb.Fatal(err)
	}
	return current
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *syncBuffer) tail(n int) string {
	lines := bytes.Split([]byte(s.String()), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

// dial opens a connection with the given client certificate, nil for none.
func dial(tb testing.TB, address string, roots *x509.CertPool, certificate *tls.Certificate) *grpc.ClientConn {
	tb.Helper()
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
	if certificate != nil {
		// Shown whatever the server asks for: Go would hold one back that it
		// takes for unwelcome.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (s *server) roots(tb testing.TB) *x509.CertPool {
	tb.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(s.credential.CA)) {
		tb.Fatal("the credential has no CA")
	}
	return pool
}

// admin is an administrator's clients.
type admin struct {
	conn *grpc.ClientConn
	// certificate is what it shows; nil where nobody needs it.
	certificate *tls.Certificate

	enroll     enrollv1.EnrollmentAdminServiceClient
	compliance compliancev1.ComplianceAdminServiceClient
	wipe       wipev1.WipeAdminServiceClient
	requests   wipev1.WipeRequestServiceClient
	company    wipev1.CompanyDeviceAdminServiceClient
	apps       appprotectv1.AppAdminServiceClient
	audit      auditv1.AuditServiceClient
	doorClients
}

func (s *server) admin(tb testing.TB) *admin {
	tb.Helper()
	certificate := s.adminCertificate(tb)
	return newAdmin(dial(tb, s.at.Admin, s.roots(tb), &certificate))
}

func newAdmin(conn *grpc.ClientConn) *admin {
	return &admin{
		conn:       conn,
		enroll:     enrollv1.NewEnrollmentAdminServiceClient(conn),
		compliance: compliancev1.NewComplianceAdminServiceClient(conn),
		wipe:       wipev1.NewWipeAdminServiceClient(conn),
		requests:   wipev1.NewWipeRequestServiceClient(conn),
		company:    wipev1.NewCompanyDeviceAdminServiceClient(conn),
		apps:       appprotectv1.NewAppAdminServiceClient(conn),
		audit:      auditv1.NewAuditServiceClient(conn),

		doorClients: newDoorClients(conn),
	}
}

func (s *server) adminCertificate(tb testing.TB) tls.Certificate {
	tb.Helper()
	certificate, err := tls.X509KeyPair([]byte(s.credential.Certificate), []byte(s.credential.Key))
	if err != nil {
		tb.Fatal(err)
	}
	return certificate
}

// token makes an enrolment token for personal work profiles and gives its
// secret; change may alter the request.
func (a *admin) token(tb testing.TB, change ...func(*enrollv1.CreateTokenRequest)) string {
	tb.Helper()
	req := &enrollv1.CreateTokenRequest{
		RequestKey: newID(), Group: "sales", User: "maria@example.com", Lifetime: durationpb.New(time.Hour),
		Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE,
	}
	for _, c := range change {
		c(req)
	}
	res, err := a.enroll.CreateToken(tb.Context(), req)
	if err != nil {
		tb.Fatal(err)
	}
	return res.GetSecret()
}

// handset is a phone that speaks the bare protocol: a key, a certificate and a
// connection, and nothing that behaves by itself.
type handset struct {
	id     string
	epoch  uint64
	key    *ecdsa.PrivateKey
	chain  [][]byte
	roots  [][]byte
	conn   *grpc.ClientConn
	server *server

	enroll     enrollv1.EnrollmentServiceClient
	compliance compliancev1.ComplianceServiceClient
	wipe       wipev1.WipeServiceClient
	company    wipev1.CompanyDeviceServiceClient
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newCSR(tb testing.TB, key any) []byte {
	tb.Helper()
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		tb.Fatal(err)
	}
	return csr
}

func joinRequest(secret string, csr []byte) *enrollv1.JoinRequest {
	return &enrollv1.JoinRequest{
		Token: secret, CertificateRequest: csr, Platform: enrollv1.Platform_PLATFORM_ANDROID,
		Model: "Pixel 9", OsVersion: "16", Mode: enrollv1.Mode_MODE_WORK_PROFILE,
	}
}

// join enrols a handset; change may alter the request.
func (s *server) join(tb testing.TB, secret string, change ...func(*enrollv1.JoinRequest)) *handset {
	tb.Helper()
	h := &handset{key: newKey(tb), server: s}
	req := joinRequest(secret, newCSR(tb, h.key))
	for _, c := range change {
		c(req)
	}
	stranger := enrollv1.NewEnrollmentServiceClient(dial(tb, s.at.Device, s.roots(tb), nil))
	res, err := stranger.Join(tb.Context(), req)
	if err != nil {
		tb.Fatalf("Join: %v", err)
	}
	h.id, h.epoch, h.chain, h.roots = res.GetDeviceId(), res.GetEpoch(), res.GetCertificateChain(), res.GetTrustBundle()
	h.connect(tb, s)
	return h
}

func (h *handset) certificate() tls.Certificate {
	return tls.Certificate{Certificate: h.chain, PrivateKey: h.key}
}

// connect (re)connects to a server of the installation.
func (h *handset) connect(tb testing.TB, s *server) {
	tb.Helper()
	certificate := h.certificate()
	h.server, h.conn = s, dial(tb, s.at.Device, s.roots(tb), &certificate)
	h.enroll = enrollv1.NewEnrollmentServiceClient(h.conn)
	h.compliance = compliancev1.NewComplianceServiceClient(h.conn)
	h.wipe = wipev1.NewWipeServiceClient(h.conn)
	h.company = wipev1.NewCompanyDeviceServiceClient(h.conn)
}

// report is a check-in with a work PIN of so many digits.
func report(at time.Time, digits uint32, revision string) *compliancev1.CheckInRequest {
	return &compliancev1.CheckInRequest{
		ObservedAt: timestamppb.New(at),
		Posture: &compliancev1.Posture{
			OsVersion: "16", SecurityPatchLevel: "2026-11-01",
			Locks: []*compliancev1.LockState{{
				Scope: compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE, Set: true, Length: digits,
				Quality: compliancev1.PinQuality_PIN_QUALITY_NUMERIC_COMPLEX, Complexity: compliancev1.PinComplexity_PIN_COMPLEXITY_HIGH,
			}},
		},
		AppliedRevision: revision,
	}
}

// pinPolicy asks every phone for a work PIN of so many digits.
func pinPolicy(name string, digits uint32) *compliancev1.ApplyPolicyRequest {
	return &compliancev1.ApplyPolicyRequest{Name: name, Spec: &compliancev1.PolicySpec{
		Pins:        []*compliancev1.PinRule{{Scope: compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE, MinimumLength: digits}},
		Assignments: []*compliancev1.Assignment{{Target: &compliancev1.Assignment_All{All: true}}},
	}}
}

func (a *admin) apply(tb testing.TB, req *compliancev1.ApplyPolicyRequest) {
	tb.Helper()
	if _, err := a.compliance.ApplyPolicy(tb.Context(), req); err != nil {
		tb.Fatalf("ApplyPolicy: %v", err)
	}
}

var workProfile = &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}}

func appData(packages ...string) *wipev1.Scope {
	return &wipev1.Scope{Scope: &wipev1.Scope_AppData{AppData: &wipev1.AppData{Packages: packages}}}
}

func (a *admin) order(tb testing.TB, id string, scope *wipev1.Scope) *wipev1.Order {
	tb.Helper()
	res, err := a.wipe.CreateWipe(tb.Context(), &wipev1.CreateWipeRequest{
		RequestKey: newID(), DeviceId: id, Scope: scope, Reason: "a test",
	})
	if err != nil {
		tb.Fatalf("CreateWipe: %v", err)
	}
	return res.GetOrder()
}

// wantStatus checks the code of an error and, unless empty, its reason.
func wantStatus(tb testing.TB, what string, err error, code codes.Code, reason string) {
	tb.Helper()
	if got := status.Code(err); got != code {
		tb.Errorf("%s: %v (%v), want %v", what, got, err, code)
		return
	}
	if got := reasonOf(err); reason != "" && got != reason {
		tb.Errorf("%s: reason %q (%v), want %q", what, got, err, reason)
	}
}

func reasonOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// fieldsOf gives the fields an error complains about.
func fieldsOf(err error) []string {
	var fields []string
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	return fields
}

// eventually asks until the answer is yes, with the context's patience.
func eventually(tb testing.TB, what string, ask func() (bool, error)) {
	tb.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := ask()
		if yes {
			return
		}
		select {
		case <-deadline.C:
			tb.Fatalf("%s did not come: %v", what, err)
		case <-tick.C:
		}
	}
}

var errNotYet = errors.New("not yet")
