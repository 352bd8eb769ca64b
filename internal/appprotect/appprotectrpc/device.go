package appprotectrpc

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/appprotect"
	"ringfence/internal/apprules"
	"ringfence/internal/bell"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/wire"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// Entrance is how an app comes in; see appprotect.Service.
type Entrance interface {
	Begin(ctx context.Context, pkg string) (appprotect.Begun, error)
	Register(ctx context.Context, r appprotect.RegisterRequest) (appprotect.Admission, error)
	Renew(ctx context.Context, caller identity.Caller, csr []byte) (appprotect.Grant, error)
}

// Sojourn is what a registered app asks; see appprotect.Service.
type Sojourn interface {
	CheckIn(ctx context.Context, caller identity.Caller, r appprotect.CheckInRequest) (appprotect.CheckInAnswer, error)
	Desired(ctx context.Context, caller identity.Caller) (appprotect.Desired, error)
	Leave(ctx context.Context, caller identity.Caller, w *appprotect.SelfWipe) error
}

// Service is all that apps ask of the slice.
type Service interface {
	Entrance
	Sojourn
}

var _ Service = (*appprotect.Service)(nil)

// ChainFunc gives the certificates of the app that calls, DER: the verified one of
// the very connection, whose key has to sign what the app says, then its issuers
// up to the root, which is left out.
type ChainFunc func(ctx context.Context) ([][]byte, error)

// DeviceServer is the apps' side.
type DeviceServer struct {
	appprotectv1.UnimplementedAppServiceServer
	service Service
	chain   ChainFunc
	watch   bell.Watch
}

// NewDeviceServer makes the apps' side of a service.
func NewDeviceServer(s Service, chain ChainFunc, w bell.Watch) *DeviceServer {
	return &DeviceServer{service: s, chain: chain, watch: w}
}

// BeginRegistration gives a challenge, and where to sign in.
func (s *DeviceServer) BeginRegistration(ctx context.Context, r *appprotectv1.BeginRegistrationRequest) (*appprotectv1.BeginRegistrationResponse, error) {
	b, err := s.service.Begin(ctx, r.GetPackage())
	if err != nil {
		return nil, err
	}
	return &appprotectv1.BeginRegistrationResponse{
		Challenge: b.Challenge, ExpiresAt: wire.Time(b.ExpiresAt),
		Issuers: wire.Each(b.Issuers, func(i appprotect.Issuer) *appprotectv1.Issuer {
			return &appprotectv1.Issuer{Url: i.URL, ClientIds: i.ClientIDs}
		}),
	}, nil
}

// Register opens an epoch.
func (s *DeviceServer) Register(ctx context.Context, r *appprotectv1.RegisterRequest) (*appprotectv1.RegisterResponse, error) {
	app := r.GetApp()
	a, err := s.service.Register(ctx, appprotect.RegisterRequest{
		Challenge: r.GetChallenge(), IDToken: r.GetIdToken(), CSR: r.GetCertificateRequest(),
		Package: app.GetPackage(), SignerSHA256: app.GetSignerSha256(),
		AppVersion: app.GetAppVersion(), SDKVersion: app.GetSdkVersion(),
		Tag: r.GetDeviceTag(), Level: word[apprules.Level](r.GetLevel()),
	})
	if err != nil {
		return nil, err
	}
	return &appprotectv1.RegisterResponse{
		RegistrationId: string(a.ID), Epoch: uint64(a.Epoch), User: a.User,
		CertificateChain: a.Chain, TrustBundle: a.TrustBundle, RenewAfter: wire.Time(a.RenewAfter),
	}, nil
}

// Renew gives the next certificate.
func (s *DeviceServer) Renew(ctx context.Context, r *appprotectv1.RenewRequest) (*appprotectv1.RenewResponse, error) {
	g, err := s.service.Renew(ctx, identity.From(ctx), r.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	return &appprotectv1.RenewResponse{CertificateChain: g.Chain, RenewAfter: wire.Time(g.RenewAfter)}, nil
}

// CheckIn hears a report.
func (s *DeviceServer) CheckIn(ctx context.Context, r *appprotectv1.CheckInRequest) (*appprotectv1.CheckInResponse, error) {
	report, err := reportFromWire(r.GetReport())
	if err != nil {
		return nil, err
	}
	a, err := s.service.CheckIn(ctx, identity.From(ctx), appprotect.CheckInRequest{
		Number: r.GetNumber(), Report: report, Known: r.GetKnownRevision(),
	})
	if err != nil {
		return nil, err
	}
	answer := &appprotectv1.CheckInResponse{
		Verdict:        verdictToWire(a.Verdict),
		PolicyRevision: a.Policy.Revision(),
		OrdersWaiting:  a.OrdersWaiting,
		NextCheckIn:    durationpb.New(a.NextCheckIn),
		Lease:          &appprotectv1.SignedLease{SignedData: a.Lease},
		ServerTime:     wire.Time(a.At),
	}
	if a.Changed {
		answer.Policy = effectiveToWire(a.Policy)
	}
	return answer, nil
}

// Leave ends the caller's registration.
func (s *DeviceServer) Leave(ctx context.Context, r *appprotectv1.LeaveRequest) (*appprotectv1.LeaveResponse, error) {
	caller := identity.From(ctx)
	var wiped *appprotect.SelfWipe
	switch why := r.GetWhy().(type) {
	case *appprotectv1.LeaveRequest_SignedOut:
	case *appprotectv1.LeaveRequest_SelfWipe:
		chain, err := s.chain(ctx)
		if err != nil {
			return nil, err
		}
		if wiped, err = selfWipeFromWire(why.SelfWipe, chain); err != nil {
			return nil, err
		}
	default:
		return nil, fault.InvalidField("why", "is missing")
	}
	if err := s.service.Leave(ctx, caller, wiped); err != nil {
		return nil, err
	}
	return &appprotectv1.LeaveResponse{}, nil
}
