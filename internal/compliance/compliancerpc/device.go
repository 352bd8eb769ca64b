// Package compliancerpc is compliance on the wire: it translates, calls the
// slice and translates back. It returns faults; the server maps them to
// statuses.
package compliancerpc

import (
	"context"

	"ringfence/internal/bell"
	"ringfence/internal/compliance"
	"ringfence/internal/identity"
	"ringfence/internal/wire"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// Service is what devices ask of the slice; see [compliance.Service].
type Service interface {
	Desired(ctx context.Context, caller identity.Caller) (compliance.Desired, error)
	Manifest(ctx context.Context, caller identity.Caller) (*compliance.Manifest, error)
	CheckIn(ctx context.Context, caller identity.Caller, r compliance.Report) (compliance.CheckInAnswer, error)
	IssueCertificate(ctx context.Context, caller identity.Caller, alias string, request []byte) ([][]byte, error)
}

// Config says what the device side is made of.
type Config struct {
	Service Service
	// Watch is how streams listen.
	Watch bell.Watch
}

// DeviceServer is the device side.
type DeviceServer struct {
	compliancev1.UnimplementedComplianceServiceServer
	config Config
}

// NewDeviceServer makes the device side.
func NewDeviceServer(c Config) *DeviceServer { return &DeviceServer{config: c} }

// GetManifest gives everything that is asked of the caller.
func (s *DeviceServer) GetManifest(ctx context.Context, r *compliancev1.GetManifestRequest) (*compliancev1.GetManifestResponse, error) {
	m, err := s.config.Service.Manifest(ctx, identity.From(ctx))
	if err != nil {
		return nil, err
	}
	answer := &compliancev1.GetManifestResponse{Revision: m.Revision()}
	// No revision is known by nobody: who asks for the first time gets the
	// empty manifest as well.
	if known := r.GetKnownRevision(); known == "" || known != m.Revision() {
		answer.Manifest = manifestToWire(m)
	}
	return answer, nil
}

// CheckIn hears a report and gives the verdict.
func (s *DeviceServer) CheckIn(ctx context.Context, r *compliancev1.CheckInRequest) (*compliancev1.CheckInResponse, error) {
	report, err := reportFromWire(r)
	if err != nil {
		return nil, err
	}
	answer, err := s.config.Service.CheckIn(ctx, identity.From(ctx), report)
	if err != nil {
		return nil, err
	}
	return &compliancev1.CheckInResponse{
		Verdict:          verdictToWire(answer.Verdict),
		ManifestRevision: answer.Revision,
		NextCheckIn:      wire.Time(answer.NextCheckIn),
		ServerTime:       wire.Time(answer.At),
	}, nil
}

// IssueCertificate issues a client certificate that the manifest asks for.
func (s *DeviceServer) IssueCertificate(ctx context.Context, r *compliancev1.IssueCertificateRequest) (*compliancev1.IssueCertificateResponse, error) {
	chain, err := s.config.Service.IssueCertificate(ctx, identity.From(ctx), r.GetAlias(), r.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	return &compliancev1.IssueCertificateResponse{CertificateChain: chain}, nil
}
