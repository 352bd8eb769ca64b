package policy_test

import (
	"context"
	"crypto/x509/pkix"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/agent/phone"
	"ringfence/agent/policy"
	"ringfence/agent/session"
	"ringfence/internal/pki"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

const (
	applied = compliancev1.ApplyStatus_APPLY_STATUS_APPLIED
	pending = compliancev1.ApplyStatus_APPLY_STATUS_PENDING
	failed  = compliancev1.ApplyStatus_APPLY_STATUS_FAILED
)

// bench is a phone, its applier and an issuer, with one clock.
type bench struct {
	*policy.Applier
	t         *testing.T
	phone     *phone.Phone
	dir       string
	authority *pki.Authority
	now       time.Time

	fail     error // answers every request, once issued
	requests [][]byte
	issued   map[string]*compliancev1.IssueCertificateResponse
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), now: time.Now(), issued: map[string]*compliancev1.IssueCertificateResponse{}}
	clock := func() time.Time { return b.now }
	var err error
	if b.authority, err = pki.OpenAuthority(t.TempDir(), clock); err != nil {
		t.Fatal(err)
	}
	if b.phone, err = phone.Open(b.dir, phone.Options{Create: true, Now: clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.phone.Close() })
	if err := b.phone.SaveState(session.State{Enrollment: &session.Enrollment{Epoch: 1, Mode: "work-profile"}}); err != nil {
		t.Fatal(err)
	}
	b.restart()
	return b
}

// restart makes a new applier, as the agent's next life does.
func (b *bench) restart() {
	b.Applier = policy.New(policy.Options{Device: b.phone, Now: func() time.Time { return b.now }})
}

func (b *bench) IssueCertificate(_ context.Context, r *compliancev1.IssueCertificateRequest, _ ...grpc.CallOption) (*compliancev1.IssueCertificateResponse, error) {
	b.requests = append(b.requests, r.GetCertificateRequest())
	response := b.issued[string(r.GetCertificateRequest())]
	if response == nil {
		csr, err := pki.ParseCSR(r.GetCertificateRequest())
		if err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		chain, _, err := b.authority.Issue(pki.Profile, pki.Template{
			PublicKey: csr.PublicKey, Subject: pkix.Name{CommonName: r.GetAlias()}, NotBefore: b.now, NotAfter: b.now.Add(100 * 24 * time.Hour),
		})
		if err != nil {
			return nil, err
		}
		response = &compliancev1.IssueCertificateResponse{CertificateChain: chain}
		b.issued[string(r.GetCertificateRequest())] = response
	}
	if b.fail != nil {
		return nil, b.fail
	}
	return response, nil
}

// apply accepts and applies a manifest and gives the statuses by setting.
func (b *bench) apply(m *compliancev1.Manifest) map[string]compliancev1.ApplyStatus {
	b.t.Helper()
	if err := b.Accept("ab", m); err != nil {
		b.t.Fatal(err)
	}
	return b.again()
}

func (b *bench) again() map[string]compliancev1.ApplyStatus {
	b.t.Helper()
	results, _, err := b.Apply(b.t.Context(), b)
	if err != nil {
		b.t.Fatal(err)
	}
	got := map[string]compliancev1.ApplyStatus{}
	for _, r := range results {
		got[r.GetSetting()] = r.GetStatus()
	}
	return got
}

func (b *bench) want(got map[string]compliancev1.ApplyStatus, want map[string]compliancev1.ApplyStatus) {
	b.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("results (-want +got):\n%s", diff)
	}
}

// files names everything that policy has put on the phone, keys included.
func (b *bench) files() []string {
	b.t.Helper()
	var names []string
	for _, dir := range []string{"keystore", "certs", "cacerts", "vpn"} {
		entries, err := os.ReadDir(filepath.Join(b.dir, "misc", dir))
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, dir+"/"+e.Name())
		}
	}
	return names
}

func (b *bench) root() *compliancev1.TrustedRoot {
	return &compliancev1.TrustedRoot{
		Name: "corporate", CertificatePem: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.authority.Roots()[0]})),
	}
}

func profile() *compliancev1.ClientCertificateProfile {
	return &compliancev1.ClientCertificateProfile{
		Alias: "work", CommonName: "{{device.id}}", KeyType: compliancev1.KeyType_KEY_TYPE_EC_P384, ValidityDays: 100,
	}
}

func vpn() *compliancev1.VpnRule {
	return &compliancev1.VpnRule{
		Name: "office", ProviderPackage: "com.example.vpn", CertificateAlias: "work", AlwaysOn: true, Lockdown: true,
		Servers: []*compliancev1.VpnServer{{Address: "vpn.example.com:443"}},
	}
}

func (b *bench) everything() *compliancev1.Manifest {
	return &compliancev1.Manifest{
		Pins:               []*compliancev1.PinRule{{Scope: compliancev1.PinScope_PIN_SCOPE_DEVICE, MinimumLength: 6}, {Scope: compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE, MinimumLength: 8}},
		TrustedRoots:       []*compliancev1.TrustedRoot{b.root()},
		ClientCertificates: []*compliancev1.ClientCertificateProfile{profile()},
		Vpns:               []*compliancev1.VpnRule{vpn()},
	}
}

func (b *bench) lockdown() bool {
	b.t.Helper()
	vpns, err := b.phone.VPNs()
	if err != nil || vpns["office"] == nil {
		b.t.Fatalf("vpns: %v, %v", vpns, err)
	}
	return vpns["office"].GetLockdown()
}

func TestApplyAndRelease(t *testing.T) {
	b := newBench(t)
	want := map[string]compliancev1.ApplyStatus{
		"pin.device": applied, "pin.work_profile": pending, "trusted_root.corporate": applied,
		"client_certificate.work": applied, "vpn.office": applied,
	}
	b.want(b.apply(b.everything()), want)
	before := b.files()
	b.want(b.again(), want)
	if diff := cmp.Diff(before, b.files()); diff != "" {
		t.Errorf("applying again changed files (-before +after):\n%s", diff)
	}
	if len(b.requests) != 1 || !b.lockdown() {
		t.Errorf("%d requests, lockdown %v", len(b.requests), b.lockdown())
	}
	if err := b.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := b.files(); left != nil {
		t.Errorf("left: %v", left)
	}
	for scope := range compliancev1.PinScope_name {
		if rule, _ := b.phone.PinRule(compliancev1.PinScope(scope)); scope != 0 && rule != nil {
			t.Errorf("rule left: %v", rule)
		}
	}
}

// TestLockdownWaitsForCertificate: no lockdown before the certificate, and none
// after it.
func TestLockdownWaitsForCertificate(t *testing.T) {
	b := newBench(t)
	b.fail = status.Error(codes.Unavailable, "gone")
	m := &compliancev1.Manifest{ClientCertificates: []*compliancev1.ClientCertificateProfile{profile()}, Vpns: []*compliancev1.VpnRule{vpn()}}
	b.want(b.apply(m), map[string]compliancev1.ApplyStatus{"client_certificate.work": pending, "vpn.office": pending})
	if b.lockdown() {
		t.Error("lockdown without a certificate")
	}
	b.fail = nil
	b.now = b.now.Add(2 * time.Minute)
	b.want(b.again(), map[string]compliancev1.ApplyStatus{"client_certificate.work": applied, "vpn.office": applied})
	if !b.lockdown() {
		t.Error("no lockdown with the certificate")
	}
	b.want(b.apply(&compliancev1.Manifest{Vpns: []*compliancev1.VpnRule{vpn()}}), map[string]compliancev1.ApplyStatus{"vpn.office": pending})
	if b.lockdown() {
		t.Error("lockdown after the certificate has gone")
	}
	b.want(b.apply(m), map[string]compliancev1.ApplyStatus{"client_certificate.work": applied, "vpn.office": applied})
	b.fail = status.Error(codes.Unavailable, "gone")
	b.now = b.now.Add(101 * 24 * time.Hour)
	b.want(b.again(), map[string]compliancev1.ApplyStatus{"client_certificate.work": pending, "vpn.office": pending})
	if b.lockdown() {
		t.Error("lockdown with a certificate that has ended")
	}
}

func TestCertificateIsRenewedAtItsThreshold(t *testing.T) {
	b := newBench(t)
	m := &compliancev1.Manifest{ClientCertificates: []*compliancev1.ClientCertificateProfile{profile()}}
	b.apply(m)
	first := b.files()
	_, due, err := b.Apply(t.Context(), b)
	if want := b.now.Add(80 * 24 * time.Hour); err != nil || due.Sub(want).Abs() > time.Minute {
		t.Errorf("due %v, want %v (%v)", due, want, err)
	}
	b.now = b.now.Add(79 * 24 * time.Hour)
	b.again()
	if len(b.requests) != 1 {
		t.Fatalf("%d requests before the threshold", len(b.requests))
	}
	b.now = b.now.Add(2 * 24 * time.Hour)
	b.fail = status.Error(codes.Internal, "not today")
	b.want(b.again(), map[string]compliancev1.ApplyStatus{"client_certificate.work": applied})
	b.fail = nil
	b.now = b.now.Add(2 * time.Minute)
	b.want(b.again(), map[string]compliancev1.ApplyStatus{"client_certificate.work": applied})
	if len(b.issued) != 2 {
		t.Errorf("%d certificates were issued, want 2", len(b.issued))
	}
	if second := b.files(); len(second) != len(first) || cmp.Equal(first, second) {
		t.Errorf("files %v, then %v", first, second)
	}
}

// TestAsksForTheSameAgain: a phone that dies between asking and storing asks
// again with the same request.
func TestAsksForTheSameAgain(t *testing.T) {
	b := newBench(t)
	m := &compliancev1.Manifest{ClientCertificates: []*compliancev1.ClientCertificateProfile{profile()}}
	b.fail = status.Error(codes.Unavailable, "the answer is lost")
	b.apply(m)
	b.again() // held off
	if len(b.requests) != 1 {
		t.Errorf("%d requests within a minute", len(b.requests))
	}
	b.fail = nil
	b.restart()
	b.want(b.again(), map[string]compliancev1.ApplyStatus{"client_certificate.work": applied})
	if len(b.issued) != 1 || len(b.files()) != 2 {
		t.Errorf("%d certificates, files %v", len(b.issued), b.files())
	}
}

func TestProfileChangeMakesANewKey(t *testing.T) {
	b := newBench(t)
	p := profile()
	m := &compliancev1.Manifest{ClientCertificates: []*compliancev1.ClientCertificateProfile{p}}
	b.apply(m)
	p.RenewalThresholdPercent = 30 // is no change of the certificate
	b.apply(m)
	if len(b.issued) != 1 {
		t.Errorf("%d certificates for a new threshold", len(b.issued))
	}
	p.CommonName = "other"
	b.apply(m)
	if len(b.issued) != 2 || len(b.files()) != 2 {
		t.Errorf("%d certificates, files %v", len(b.issued), b.files())
	}
}

func TestRefusedCertificates(t *testing.T) {
	for name, c := range map[string]struct {
		fail error
		edit func(*compliancev1.IssueCertificateResponse)
		want compliancev1.ApplyStatus
		over bool // the round ends
	}{
		"template empty":  {fail: status.Error(codes.FailedPrecondition, "no user"), want: failed},
		"not asked":       {fail: status.Error(codes.NotFound, "no alias"), want: pending},
		"bad request":     {fail: status.Error(codes.InvalidArgument, "weak"), want: failed},
		"unavailable":     {fail: status.Error(codes.Unavailable, "gone"), want: pending},
		"unauthenticated": {fail: status.Error(codes.Unauthenticated, "who"), over: true},
		"no chain":        {edit: func(r *compliancev1.IssueCertificateResponse) { r.CertificateChain = nil }, want: failed},
		"authority":       {edit: func(r *compliancev1.IssueCertificateResponse) { r.CertificateChain = r.CertificateChain[1:] }, want: failed},
		"garbage":         {edit: func(r *compliancev1.IssueCertificateResponse) { r.CertificateChain[1] = []byte{1} }, want: failed},
		"long chain": {edit: func(r *compliancev1.IssueCertificateResponse) {
			for range 9 {
				r.CertificateChain = append(r.CertificateChain, r.CertificateChain[1])
			}
		}, want: failed},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.fail = c.fail
			via := &edited{Issuer: b, edit: c.edit}
			if err := b.Accept("ab", &compliancev1.Manifest{ClientCertificates: []*compliancev1.ClientCertificateProfile{profile()}}); err != nil {
				t.Fatal(err)
			}
			results, due, err := b.Apply(t.Context(), via)
			if c.over {
				if err == nil {
					t.Error("the round went on")
				}
				return
			}
			if err != nil || len(results) != 1 || results[0].GetStatus() != c.want || results[0].GetDetail() == "" {
				t.Fatalf("%v, %v", results, err)
			}
			if !due.After(b.now) {
				t.Errorf("due %v", due)
			}
			if records, err := b.phone.Certificates(); err != nil || records["work"].Current != nil {
				t.Errorf("installed: %+v, %v", records, err)
			}
		})
	}
}

// edited changes what an issuer answers.
type edited struct {
	policy.Issuer
	edit func(*compliancev1.IssueCertificateResponse)
}

func (e *edited) IssueCertificate(ctx context.Context, r *compliancev1.IssueCertificateRequest, o ...grpc.CallOption) (*compliancev1.IssueCertificateResponse, error) {
	response, err := e.Issuer.IssueCertificate(ctx, r, o...)
	if err == nil && e.edit != nil {
		e.edit(response)
	}
	return response, err
}

func TestOneAlwaysOn(t *testing.T) {
	b := newBench(t)
	one, two := vpn(), vpn()
	one.CertificateAlias, two.CertificateAlias, two.Name = "", "", "other"
	b.want(b.apply(&compliancev1.Manifest{Vpns: []*compliancev1.VpnRule{one, two, two}}),
		map[string]compliancev1.ApplyStatus{"vpn.office": applied, "vpn.other": failed})
	b.want(b.apply(&compliancev1.Manifest{Vpns: []*compliancev1.VpnRule{two}}),
		map[string]compliancev1.ApplyStatus{"vpn.other": applied})
}

func TestBadVPNs(t *testing.T) {
	for name, edit := range map[string]func(*compliancev1.VpnRule){
		"provider":      func(v *compliancev1.VpnRule) { v.ProviderPackage = "../../0" },
		"no server":     func(v *compliancev1.VpnRule) { v.Servers = nil },
		"server":        func(v *compliancev1.VpnRule) { v.Servers[0].Address = "a b;rm -rf" },
		"alias":         func(v *compliancev1.VpnRule) { v.CertificateAlias = "../x" },
		"lockdown":      func(v *compliancev1.VpnRule) { v.AlwaysOn = false },
		"allowed":       func(v *compliancev1.VpnRule) { v.AllowedPackages = []string{"."} },
		"denied":        func(v *compliancev1.VpnRule) { v.DeniedPackages = make([]string, 501) },
		"provider key":  func(v *compliancev1.VpnRule) { v.ProviderSettings = map[string]string{"a\n": "b"} },
		"line in a key": func(v *compliancev1.VpnRule) { v.ProviderSettings = map[string]string{"": "b"} },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			v := vpn()
			v.CertificateAlias = ""
			b.apply(&compliancev1.Manifest{Vpns: []*compliancev1.VpnRule{v}})
			edit(v)
			b.want(b.apply(&compliancev1.Manifest{Vpns: []*compliancev1.VpnRule{v}}), map[string]compliancev1.ApplyStatus{"vpn.office": failed})
			if left := b.files(); left != nil {
				t.Errorf("the old rule stayed: %v", left)
			}
		})
	}
}

func TestAcceptRefusesTooMuch(t *testing.T) {
	b := newBench(t)
	b.apply(b.everything())
	for name, c := range map[string]struct {
		revision string
		m        *compliancev1.Manifest
	}{
		"revision":     {"../../x", nil},
		"certificates": {"cd", &compliancev1.Manifest{ClientCertificates: make([]*compliancev1.ClientCertificateProfile, 51)}},
		"vpns":         {"cd", &compliancev1.Manifest{Vpns: make([]*compliancev1.VpnRule, 21)}},
		"roots":        {"cd", &compliancev1.Manifest{TrustedRoots: make([]*compliancev1.TrustedRoot, 101)}},
		"pins":         {"cd", &compliancev1.Manifest{Pins: make([]*compliancev1.PinRule, 3)}},
	} {
		if err := b.Accept(c.revision, c.m); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if got, err := b.Revision(); err != nil || got != "ab" {
			t.Errorf("%s: revision %q, %v", name, got, err)
		}
	}
}

func TestUnmet(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	strong := func() *compliancev1.LockState {
		return &compliancev1.LockState{
			Set: true, Length: 8, Quality: compliancev1.PinQuality_PIN_QUALITY_NUMERIC_COMPLEX,
			Complexity: compliancev1.PinComplexity_PIN_COMPLEXITY_HIGH, ChangedAt: timestamppb.New(now.AddDate(0, 0, -10)),
		}
	}
	rule := &compliancev1.PinRule{
		Quality: compliancev1.PinQuality_PIN_QUALITY_NUMERIC_COMPLEX, Complexity: compliancev1.PinComplexity_PIN_COMPLEXITY_MEDIUM,
		MinimumLength: 8, ExpiresAfterDays: 10,
	}
	for name, c := range map[string]struct {
		edit func(*compliancev1.LockState)
		want bool
	}{
		"just enough":       {func(*compliancev1.LockState) {}, false},
		"none":              {func(l *compliancev1.LockState) { l.Set = false }, true},
		"short":             {func(l *compliancev1.LockState) { l.Length = 7 }, true},
		"length not said":   {func(l *compliancev1.LockState) { l.Length = 0 }, false},
		"weaker":            {func(l *compliancev1.LockState) { l.Quality-- }, true},
		"simpler":           {func(l *compliancev1.LockState) { l.Complexity = 1 }, true},
		"too old":           {func(l *compliancev1.LockState) { l.ChangedAt = timestamppb.New(now.AddDate(0, 0, -10).Add(-1)) }, true},
		"age not said":      {func(l *compliancev1.LockState) { l.ChangedAt = nil }, false},
		"changed just now ": {func(l *compliancev1.LockState) { l.ChangedAt = timestamppb.New(now.Add(time.Hour)) }, false},
	} {
		lock := strong()
		c.edit(lock)
		if got := policy.Unmet(rule, lock, now); (got != "") != c.want {
			t.Errorf("%s: %q, want one: %v", name, got, c.want)
		}
	}
	if got := policy.Unmet(&compliancev1.PinRule{}, strong(), now); got != "" {
		t.Errorf("a rule that asks nothing: %q", got)
	}
}
