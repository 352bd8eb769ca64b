package main

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/appprotect"
	"ringfence/internal/pki"
	"ringfence/internal/signin/signintest"
	"ringfence/internal/sqldb/dbtest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const mailPackage = "com.example.mail"

var (
	mailSigner  = strings.Repeat("ab", 32)
	wrongSigner = strings.Repeat("cd", 32)
	phoneTag    = strings.Repeat("5a", 16)
)

// provide starts an OpenID Connect provider where erin, otto and maria sign in.
func provide(tb testing.TB) *signintest.Provider {
	tb.Helper()
	p, err := signintest.Start(signintest.Config{
		Users: []signintest.User{
			{Name: "erin@example.com", Groups: []string{"sales"}}, {Name: "otto@example.com"}, {Name: "maria@example.com"},
		},
		Clients: []string{"mail"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = p.Close() })
	return p
}

// trusting has a server take the provider's tokens, and listen for SCIM.
func trusting(p *signintest.Provider) func(*Config) {
	return func(c *Config) {
		c.Accounts = accountConfig{
			Issuers: []string{p.Issuer() + ",client-id=mail"}, HTTPLoopback: true, SCIMListen: "127.0.0.1:0",
		}
	}
}

// eachApps runs a test with a server on each database and a provider.
func eachApps(t *testing.T, run func(t *testing.T, s *server, p *signintest.Provider)) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		p := provide(t)
		run(t, install(t, dsn, trusting(p)).start(t), p)
	})
}

// account is an app's end of the bare protocol: a handset's key, certificate and
// connection, and nothing that behaves by itself.
type account struct {
	handset
	app    appprotectv1.AppServiceClient
	user   string
	number uint64
}

// asking is a Register that is about to be sent.
type asking struct {
	*appprotectv1.RegisterRequest
	key    *ecdsa.PrivateKey
	client appprotectv1.AppServiceClient
}

// asks signs a person in at the provider and makes the Register of the mail app;
// change may alter it.
func (s *server) asks(tb testing.TB, p *signintest.Provider, user string, change ...func(*appprotectv1.RegisterRequest)) asking {
	tb.Helper()
	a := asking{key: newKey(tb), client: appprotectv1.NewAppServiceClient(dial(tb, s.at.Device, s.roots(tb), nil))}
	begun := must[*appprotectv1.BeginRegistrationResponse](tb)(a.client.BeginRegistration(tb.Context(), &appprotectv1.BeginRegistrationRequest{Package: mailPackage}))
	a.RegisterRequest = &appprotectv1.RegisterRequest{
		Challenge: begun.GetChallenge(), CertificateRequest: newCSR(tb, a.key), DeviceTag: phoneTag,
		IdToken: must[string](tb)(p.SignIn(tb.Context(), "mail", user, nonceOf(tb, begun.GetChallenge(), a.key))),
		App:     &appprotectv1.AppIdentity{Package: mailPackage, SignerSha256: mailSigner, AppVersion: "2.0", SdkVersion: "1.0"},
		Level:   appprotectv1.Level_LEVEL_UNENROLLED,
	}
	for _, c := range change {
		c(a.RegisterRequest)
	}
	return a
}

func nonceOf(tb testing.TB, challenge []byte, key *ecdsa.PrivateKey) string {
	tb.Helper()
	der := must[[]byte](tb)(x509.MarshalPKIXPublicKey(key.Public()))
	return appprotect.Nonce(challenge, sha256.Sum256(der))
}

// registers signs a person in and registers the mail app.
func (s *server) registers(tb testing.TB, p *signintest.Provider, user string, change ...func(*appprotectv1.RegisterRequest)) *account {
	tb.Helper()
	ask := s.asks(tb, p, user, change...)
	return s.admitted(tb, ask, must[*appprotectv1.RegisterResponse](tb)(ask.client.Register(tb.Context(), ask.RegisterRequest)))
}

func (s *server) admitted(tb testing.TB, ask asking, res *appprotectv1.RegisterResponse) *account {
	tb.Helper()
	m := &account{user: res.GetUser(), handset: handset{
		id: res.GetRegistrationId(), epoch: res.GetEpoch(), key: ask.key, chain: res.GetCertificateChain(), roots: res.GetTrustBundle(),
	}}
	m.moves(tb, s)
	return m
}

// moves connects to a server of the installation.
func (m *account) moves(tb testing.TB, s *server) {
	tb.Helper()
	m.connect(tb, s)
	m.app = appprotectv1.NewAppServiceClient(m.conn)
}

// healthy is what a good phone says of itself.
func healthy(at time.Time) *appprotectv1.Report {
	return &appprotectv1.Report{
		ObservedAt: timestamppb.New(at), AppVersion: "2.0", SdkVersion: "1.0", AgentVersion: "1.0", OsVersion: "16", SecurityPatch: "2026-11-01",
		Manufacturer: "Google", Model: "Pixel 9", Lock: appprotectv1.DeviceLock_DEVICE_LOCK_HIGH, RootSignals: &appprotectv1.RootSignals{}, PinSet: true,
	}
}

// checksIn reports a healthy phone; change may alter the report.
func (m *account) checksIn(tb testing.TB, change ...func(*appprotectv1.Report)) (*appprotectv1.CheckInResponse, error) {
	tb.Helper()
	r := healthy(m.server.clock.now())
	for _, c := range change {
		c(r)
	}
	m.number++
	return m.app.CheckIn(tb.Context(), &appprotectv1.CheckInRequest{Number: m.number, Report: r})
}

// stands reports a healthy phone and gives the standing.
func (m *account) stands(tb testing.TB, change ...func(*appprotectv1.Report)) appprotectv1.Standing {
	tb.Helper()
	return must[*appprotectv1.CheckInResponse](tb)(m.checksIn(tb, change...)).GetVerdict().GetStanding()
}

// wipes carries out the one order that waits, as an app does, and gives its id.
func (m *account) wipes(tb testing.TB) string {
	tb.Helper()
	order := m.only(tb)
	must[*wipev1.ReportOrderResponse](tb)(m.wipe.ReportOrder(tb.Context(), must[*wipev1.ReportOrderRequest](tb)(m.promise(order, nil))))
	receipt := &wipev1.Receipt{FinishedAt: timestamppb.Now(), Packages: []string{mailPackage}, FilesRemoved: 3, KeysRemoved: 1}
	must[*wipev1.ReportOrderResponse](tb)(m.wipe.ReportOrder(tb.Context(), must[*wipev1.ReportOrderRequest](tb)(m.done(order, receipt))))
	return order.GetOrderId()
}

// lease verifies a lease as an app does.
func (m *account) lease(tb testing.TB, signed *appprotectv1.SignedLease) *appprotectv1.LeaseToSign {
	tb.Helper()
	var roots []*x509.Certificate
	for _, der := range m.roots {
		roots = append(roots, must[*x509.Certificate](tb)(x509.ParseCertificate(der)))
	}
	content := must[[]byte](tb)(pki.VerifyLease(signed.GetSignedData(), roots, m.server.clock.now()))
	l := &appprotectv1.LeaseToSign{}
	if err := proto.Unmarshal(content, l); err != nil {
		tb.Fatal(err)
	}
	return l
}

// appPolicy is for everybody in the mail app.
func appPolicy(tb testing.TB, name string, settings map[string]any) *appprotectv1.ApplyAppPolicyRequest {
	tb.Helper()
	values := make(map[string]*structpb.Value)
	for key, v := range settings {
		values[key] = must[*structpb.Value](tb)(structpb.NewValue(v))
	}
	return &appprotectv1.ApplyAppPolicyRequest{Name: name, Spec: &appprotectv1.AppPolicySpec{
		Target: &appprotectv1.AppTarget{
			Apps:    []*appprotectv1.TargetApp{{Package: mailPackage, SignerSha256: []string{mailSigner}}},
			Include: &appprotectv1.Audience{Everyone: true},
		},
		Settings: values,
	}}
}

// guard applies a policy for the mail app.
func (a *admin) guard(tb testing.TB, name string, settings map[string]any) {
	tb.Helper()
	must[*appprotectv1.ApplyAppPolicyResponse](tb)(a.apps.ApplyAppPolicy(tb.Context(), appPolicy(tb, name, settings)))
}

func (a *admin) registration(tb testing.TB, id string) *appprotectv1.GetRegistrationResponse {
	tb.Helper()
	return must[*appprotectv1.GetRegistrationResponse](tb)(a.apps.GetRegistration(tb.Context(), &appprotectv1.GetRegistrationRequest{RegistrationId: id}))
}
