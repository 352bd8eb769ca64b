package appprotectrpc

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/bell"
	"ringfence/internal/device"
	"ringfence/internal/identity"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// service answers what a test wants, and keeps what it was asked.
type service struct {
	asked  []any
	answer any
	err    error
}

func ask[T any](s *service, asked ...any) (T, error) {
	s.asked = asked
	answer, _ := s.answer.(T)
	return answer, s.err
}

func (s *service) Begin(_ context.Context, pkg string) (appprotect.Begun, error) {
	return ask[appprotect.Begun](s, pkg)
}

func (s *service) Register(_ context.Context, r appprotect.RegisterRequest) (appprotect.Admission, error) {
	return ask[appprotect.Admission](s, r)
}

func (s *service) Renew(_ context.Context, caller identity.Caller, csr []byte) (appprotect.Grant, error) {
	return ask[appprotect.Grant](s, caller, csr)
}

func (s *service) CheckIn(_ context.Context, caller identity.Caller, r appprotect.CheckInRequest) (appprotect.CheckInAnswer, error) {
	return ask[appprotect.CheckInAnswer](s, caller, r)
}

func (s *service) Desired(_ context.Context, caller identity.Caller) (appprotect.Desired, error) {
	return ask[appprotect.Desired](s, caller)
}

func (s *service) Leave(_ context.Context, caller identity.Caller, w *appprotect.SelfWipe) error {
	_, err := ask[any](s, caller, w)
	return err
}

var mail = identity.Caller{
	Kind: identity.App, Device: "registration-1", Epoch: 3, Ownership: device.Personal, Mode: device.AppAccount, User: "maria", Package: pkg,
}

var chain = [][]byte{[]byte("leaf"), []byte("authority")}

func appSide(t *testing.T, s *service) (*DeviceServer, context.Context) {
	t.Helper()
	return NewDeviceServer(s, func(context.Context) ([][]byte, error) { return chain, nil }, bell.Watch{}), identity.With(t.Context(), mail)
}

// wantAsked compares what the slice was asked, and what was answered on the wire.
func wantAsked(t *testing.T, s *service, asked []any, want, got proto.Message, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asked, s.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestBeginRegistration(t *testing.T) {
	s := &service{answer: appprotect.Begun{
		Challenge: []byte("challenge"), ExpiresAt: t0, Issuers: []appprotect.Issuer{{URL: "https://id.example.com", ClientIDs: []string{"mail"}}},
	}}
	server, ctx := appSide(t, s)
	got, err := server.BeginRegistration(ctx, &appprotectv1.BeginRegistrationRequest{Package: pkg})
	wantAsked(t, s, []any{pkg}, &appprotectv1.BeginRegistrationResponse{
		Challenge: []byte("challenge"), ExpiresAt: timestamppb.New(t0),
		Issuers: []*appprotectv1.Issuer{{Url: "https://id.example.com", ClientIds: []string{"mail"}}},
	}, got, err)
}

func TestRegister(t *testing.T) {
	s := &service{answer: appprotect.Admission{
		ID: "registration-1", Epoch: 3, User: "maria",
		Grant: appprotect.Grant{Chain: chain, TrustBundle: [][]byte{[]byte("root")}, RenewAfter: t0},
	}}
	server, ctx := appSide(t, s)
	got, err := server.Register(ctx, &appprotectv1.RegisterRequest{
		Challenge: []byte("challenge"), IdToken: "token", CertificateRequest: []byte("csr"), DeviceTag: "tag",
		App:   &appprotectv1.AppIdentity{Package: pkg, SignerSha256: signer, AppVersion: "4.2", SdkVersion: "1.0"},
		Level: appprotectv1.Level_LEVEL_WORK_PROFILE,
	})
	wantAsked(t, s, []any{appprotect.RegisterRequest{
		Challenge: []byte("challenge"), IDToken: "token", CSR: []byte("csr"), Package: pkg, SignerSHA256: signer,
		AppVersion: "4.2", SDKVersion: "1.0", Tag: "tag", Level: apprules.WorkProfile,
	}}, &appprotectv1.RegisterResponse{
		RegistrationId: "registration-1", Epoch: 3, User: "maria", CertificateChain: chain,
		TrustBundle: [][]byte{[]byte("root")}, RenewAfter: timestamppb.New(t0),
	}, got, err)
}

func TestRenew(t *testing.T) {
	s := &service{answer: appprotect.Grant{Chain: chain, RenewAfter: t0}}
	server, ctx := appSide(t, s)
	got, err := server.Renew(ctx, &appprotectv1.RenewRequest{CertificateRequest: []byte("csr")})
	wantAsked(t, s, []any{mail, []byte("csr")},
		&appprotectv1.RenewResponse{CertificateChain: chain, RenewAfter: timestamppb.New(t0)}, got, err)
}

func TestCheckIn(t *testing.T) {
	policy := apprules.Seal(apprules.Settings{}, apprules.Config{}, true)
	for _, changed := range []bool{true, false} {
		s := &service{answer: appprotect.CheckInAnswer{
			Verdict: apprules.Verdict{Standing: apprules.StandingOK, EvaluatedAt: t0}, Policy: policy, Changed: changed,
			OrdersWaiting: true, NextCheckIn: 30 * time.Minute, Lease: []byte("lease"), At: t0,
		}}
		server, ctx := appSide(t, s)
		got, err := server.CheckIn(ctx, &appprotectv1.CheckInRequest{
			Number: 17, Report: &appprotectv1.Report{ObservedAt: timestamppb.New(t0), OsVersion: "16"}, KnownRevision: revision,
		})
		want := &appprotectv1.CheckInResponse{
			Verdict:        &appprotectv1.Verdict{Standing: appprotectv1.Standing_STANDING_OK, EvaluatedAt: timestamppb.New(t0)},
			PolicyRevision: policy.Revision(), OrdersWaiting: true, NextCheckIn: durationpb.New(30 * time.Minute),
			Lease: &appprotectv1.SignedLease{SignedData: []byte("lease")}, ServerTime: timestamppb.New(t0),
		}
		if changed {
			want.Policy = &appprotectv1.EffectivePolicy{Revision: policy.Revision(), Governed: true, Config: &appprotectv1.AppConfiguration{}}
		}
		wantAsked(t, s, []any{mail, appprotect.CheckInRequest{
			Number: 17, Known: revision, Report: apprules.Report{ObservedAt: t0, OSVersion: apprules.Version{16}},
		}}, want, got, err)
	}
	server, ctx := appSide(t, &service{})
	_, err := server.CheckIn(ctx, &appprotectv1.CheckInRequest{Report: &appprotectv1.Report{OsVersion: "old"}})
	wantInvalid(t, err, "report.os_version")
}

func fullSelfWipe() *appprotectv1.SelfWipe {
	return &appprotectv1.SelfWipe{
		Format: "ringfence.appprotect.selfwipe.v1", RegistrationId: "registration-1", Epoch: 3,
		Cause: appprotectv1.SelfWipeCause_SELF_WIPE_CAUSE_PIN, LeaseNumber: 16, PolicyRevision: revision,
		FinishedAt: timestamppb.New(t0), FilesRemoved: 12, BytesRemoved: 3456,
	}
}

func leaving(content []byte) *appprotectv1.LeaveRequest {
	return &appprotectv1.LeaveRequest{Why: &appprotectv1.LeaveRequest_SelfWipe{
		SelfWipe: &appprotectv1.SignedSelfWipe{Content: content, Signature: []byte("signature")},
	}}
}

func TestLeave(t *testing.T) {
	content := marshal(t, fullSelfWipe())
	for _, tt := range []struct {
		request *appprotectv1.LeaveRequest
		wiped   *appprotect.SelfWipe
	}{
		{&appprotectv1.LeaveRequest{Why: &appprotectv1.LeaveRequest_SignedOut{SignedOut: &appprotectv1.SignedOut{}}}, nil},
		{leaving(content), &appprotect.SelfWipe{
			ID: "registration-1", Epoch: 3, Cause: appprotect.SelfWipePIN, LeaseNumber: 16, PolicyRevision: revision, FinishedAt: t0,
			Files: 12, Bytes: 3456, Content: content, Signature: []byte("signature"), Chain: chain,
		}},
	} {
		s := &service{}
		server, ctx := appSide(t, s)
		got, err := server.Leave(ctx, tt.request)
		wantAsked(t, s, []any{mail, tt.wiped}, &appprotectv1.LeaveResponse{}, got, err)
	}
}

func TestLeaveThatIsNone(t *testing.T) {
	spoiled := func(spoil func(*appprotectv1.SelfWipe)) *appprotectv1.LeaveRequest {
		w := fullSelfWipe()
		spoil(w)
		return leaving(marshal(t, w))
	}
	unknown := append(marshal(t, fullSelfWipe()), 0x98, 0x06, 0x01) // field 99
	unsigned := leaving(marshal(t, fullSelfWipe()))
	unsigned.GetSelfWipe().Signature = nil
	overlong := leaving(marshal(t, fullSelfWipe()))
	overlong.GetSelfWipe().Signature = make([]byte, maxSignature+1)
	for name, tt := range map[string]struct {
		request *appprotectv1.LeaveRequest
		field   string
	}{
		"no reason":     {&appprotectv1.LeaveRequest{}, "why"},
		"no signature":  {unsigned, "self_wipe.signature"},
		"long":          {overlong, "self_wipe.signature"},
		"empty":         {leaving(nil), "self_wipe.content"},
		"too large":     {leaving(make([]byte, maxSelfWipe+1)), "self_wipe.content"},
		"not readable":  {leaving([]byte{0xff}), "self_wipe.content"},
		"unknown field": {leaving(unknown), "self_wipe.content"},
		"other format":  {spoiled(func(w *appprotectv1.SelfWipe) { w.Format = "ringfence.wipe.statement.v1" }), "self_wipe.content"},
		"no time":       {spoiled(func(w *appprotectv1.SelfWipe) { w.FinishedAt = nil }), "self_wipe.content"},
		"bad time":      {spoiled(func(w *appprotectv1.SelfWipe) { w.FinishedAt.Nanos = -1 }), "self_wipe.content"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{}
			server, ctx := appSide(t, s)
			_, err := server.Leave(ctx, tt.request)
			wantInvalid(t, err, tt.field)
			if s.asked != nil {
				t.Error("the slice was asked")
			}
		})
	}
}

// TestRefusals: what the slice says is passed on as it is.
func TestRefusals(t *testing.T) {
	s := &service{err: appprotect.ErrEnded}
	server, ctx := appSide(t, s)
	for name, call := range map[string]func() (proto.Message, error){
		"begin": func() (proto.Message, error) {
			return server.BeginRegistration(ctx, &appprotectv1.BeginRegistrationRequest{})
		},
		"register": func() (proto.Message, error) { return server.Register(ctx, &appprotectv1.RegisterRequest{}) },
		"renew":    func() (proto.Message, error) { return server.Renew(ctx, &appprotectv1.RenewRequest{}) },
		"check in": func() (proto.Message, error) { return server.CheckIn(ctx, &appprotectv1.CheckInRequest{}) },
		"leave":    func() (proto.Message, error) { return server.Leave(ctx, leaving(marshal(t, fullSelfWipe()))) },
	} {
		if _, err := call(); !errors.Is(err, appprotect.ErrEnded) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	lost := errors.New("no certificate")
	server = NewDeviceServer(s, func(context.Context) ([][]byte, error) { return nil, lost }, bell.Watch{})
	if _, err := server.Leave(ctx, leaving(marshal(t, fullSelfWipe()))); !errors.Is(err, lost) {
		t.Errorf("without a certificate: got error %v", err)
	}
}
