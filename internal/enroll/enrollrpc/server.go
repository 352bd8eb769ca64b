// Package enrollrpc puts enrolment on the wire: translate, call, translate. Who
// may call what is decided before a handler runs, and requests have passed the
// wire's own rules by then.
package enrollrpc

import (
	"context"
	"fmt"

	"ringfence/internal/device"
	"ringfence/internal/enroll"
	"ringfence/internal/identity"
	"ringfence/internal/page"
	"ringfence/internal/wire"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// DeviceServer is the device side.
type DeviceServer struct {
	enrollv1.UnimplementedEnrollmentServiceServer
	enroll *enroll.Service
}

// NewDeviceServer makes the device side.
func NewDeviceServer(s *enroll.Service) *DeviceServer { return &DeviceServer{enroll: s} }

// Join implements the RPC.
func (s *DeviceServer) Join(ctx context.Context, r *enrollv1.JoinRequest) (*enrollv1.JoinResponse, error) {
	a, err := s.enroll.Join(ctx, joinFromWire(r))
	if err != nil {
		return nil, err
	}
	return joinToWire(a), nil
}

// Renew implements the RPC.
func (s *DeviceServer) Renew(ctx context.Context, r *enrollv1.RenewRequest) (*enrollv1.RenewResponse, error) {
	g, err := s.enroll.Renew(ctx, identity.From(ctx), r.GetCertificateRequest())
	if err != nil {
		return nil, err
	}
	return &enrollv1.RenewResponse{
		CertificateChain: g.Chain, TrustBundle: g.TrustBundle, RenewAfter: wire.Time(g.RenewAfter),
	}, nil
}

// Leave implements the RPC.
func (s *DeviceServer) Leave(ctx context.Context, _ *enrollv1.LeaveRequest) (*enrollv1.LeaveResponse, error) {
	if err := s.enroll.Leave(ctx, identity.From(ctx)); err != nil {
		return nil, err
	}
	return &enrollv1.LeaveResponse{}, nil
}

// AdminServer is the administrators' side.
type AdminServer struct {
	enrollv1.UnimplementedEnrollmentAdminServiceServer
	enroll *enroll.Service
}

// NewAdminServer makes the administrators' side.
func NewAdminServer(s *enroll.Service) *AdminServer { return &AdminServer{enroll: s} }

// CreateToken implements the RPC.
func (s *AdminServer) CreateToken(ctx context.Context, r *enrollv1.CreateTokenRequest) (*enrollv1.CreateTokenResponse, error) {
	t, secret, err := s.enroll.CreateToken(ctx, specFromWire(r))
	if err != nil {
		return nil, err
	}
	return &enrollv1.CreateTokenResponse{Token: tokenToWire(t), Secret: secret}, nil
}

// GetToken implements the RPC.
func (s *AdminServer) GetToken(ctx context.Context, r *enrollv1.GetTokenRequest) (*enrollv1.GetTokenResponse, error) {
	t, err := s.enroll.Token(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return &enrollv1.GetTokenResponse{Token: tokenToWire(t)}, nil
}

// ListTokens implements the RPC.
func (s *AdminServer) ListTokens(ctx context.Context, r *enrollv1.ListTokensRequest) (*enrollv1.ListTokensResponse, error) {
	listing := []string{"enroll.tokens", fmt.Sprint(r.GetUsableOnly())}
	after, err := cursor(r.GetPageToken(), listing)
	if err != nil {
		return nil, err
	}
	tokens, next, err := s.enroll.ListTokens(ctx, enroll.TokenQuery{
		After: after, Limit: page.Size(r.GetPageSize()), UsableOnly: r.GetUsableOnly(),
	})
	if err != nil {
		return nil, err
	}
	return &enrollv1.ListTokensResponse{
		Tokens: wire.Each(tokens, tokenToWire), NextPageToken: page.Encode(next.String(), listing...),
	}, nil
}

// RevokeToken implements the RPC.
func (s *AdminServer) RevokeToken(ctx context.Context, r *enrollv1.RevokeTokenRequest) (*enrollv1.RevokeTokenResponse, error) {
	t, err := s.enroll.RevokeToken(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return &enrollv1.RevokeTokenResponse{Token: tokenToWire(t)}, nil
}

// GetDevice implements the RPC.
func (s *AdminServer) GetDevice(ctx context.Context, r *enrollv1.GetDeviceRequest) (*enrollv1.GetDeviceResponse, error) {
	d, err := s.enroll.FindDevice(ctx, device.ID(r.GetId()))
	if err != nil {
		return nil, err
	}
	return &enrollv1.GetDeviceResponse{Device: deviceToWire(d)}, nil
}

// ListDevices implements the RPC.
func (s *AdminServer) ListDevices(ctx context.Context, r *enrollv1.ListDevicesRequest) (*enrollv1.ListDevicesResponse, error) {
	q := queryFromWire(r)
	listing := []string{
		"enroll.devices", q.Group, q.User, string(q.State), string(q.Ownership), string(q.Mode), fmt.Sprint(q.Deleted),
	}
	var err error
	if q.After, err = cursor(r.GetPageToken(), listing); err != nil {
		return nil, err
	}
	devices, next, err := s.enroll.ListDevices(ctx, q)
	if err != nil {
		return nil, err
	}
	return &enrollv1.ListDevicesResponse{
		Devices: wire.Each(devices, deviceToWire), NextPageToken: page.Encode(next.String(), listing...),
	}, nil
}

// RetireDevice implements the RPC.
func (s *AdminServer) RetireDevice(ctx context.Context, r *enrollv1.RetireDeviceRequest) (*enrollv1.RetireDeviceResponse, error) {
	d, err := s.enroll.RetireDevice(ctx, device.ID(r.GetId()), device.Epoch(r.GetEpoch()), r.GetReason())
	if err != nil {
		return nil, err
	}
	return &enrollv1.RetireDeviceResponse{Device: deviceToWire(d)}, nil
}

// DeleteDevice implements the RPC.
func (s *AdminServer) DeleteDevice(ctx context.Context, r *enrollv1.DeleteDeviceRequest) (*enrollv1.DeleteDeviceResponse, error) {
	d, err := s.enroll.DeleteDevice(ctx, device.ID(r.GetId()), device.Epoch(r.GetEpoch()), r.GetReason())
	if err != nil {
		return nil, err
	}
	return &enrollv1.DeleteDeviceResponse{Device: deviceToWire(d)}, nil
}

// cursor reads a page token of this listing.
func cursor(token string, listing []string) (enroll.Cursor, error) {
	at, err := page.Decode(token, listing...)
	if err != nil {
		return enroll.Cursor{}, err
	}
	return enroll.ParseCursor(at)
}
