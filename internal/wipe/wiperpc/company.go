package wiperpc

import (
	"context"

	"ringfence/internal/identity"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// CompanyDeviceServer is the side of devices that are the company's, apart from
// what every device has.
type CompanyDeviceServer struct {
	wipev1.UnimplementedCompanyDeviceServiceServer
	service *wipe.Service
}

// NewCompanyDeviceServer makes that side of a service.
func NewCompanyDeviceServer(s *wipe.Service) *CompanyDeviceServer {
	return &CompanyDeviceServer{service: s}
}

// FetchWholeDeviceOrders gives the caller's orders for the whole device. A device
// of a person has none, and is told that it is not asked for any.
func (s *CompanyDeviceServer) FetchWholeDeviceOrders(
	ctx context.Context, _ *wipev1.FetchWholeDeviceOrdersRequest,
) (*wipev1.FetchWholeDeviceOrdersResponse, error) {
	deliveries, err := s.service.FetchWhole(ctx, identity.From(ctx))
	if err != nil {
		return nil, err
	}
	return &wipev1.FetchWholeDeviceOrdersResponse{Orders: fromWholeDeliveries(deliveries)}, nil
}

// CompanyDeviceAdminServer is the administrators' side of it.
type CompanyDeviceAdminServer struct {
	wipev1.UnimplementedCompanyDeviceAdminServiceServer
	service *wipe.Service
	view    view
}

// NewCompanyDeviceAdminServer makes that side of a service.
func NewCompanyDeviceAdminServer(s *wipe.Service) *CompanyDeviceAdminServer {
	return &CompanyDeviceAdminServer{service: s, view: view{s}}
}

// PlanWholeDevice answers what WipeWholeDevice would do.
func (s *CompanyDeviceAdminServer) PlanWholeDevice(
	ctx context.Context, r *wipev1.PlanWholeDeviceRequest,
) (*wipev1.PlanWholeDeviceResponse, error) {
	id, err := toCompanyDevice(r.GetCompanyDeviceId())
	if err != nil {
		return nil, err
	}
	p, err := s.service.PlanWhole(ctx, id)
	if err != nil {
		return nil, err
	}
	plan, err := fromPlanOfOne(p)
	if err != nil {
		return nil, err
	}
	return &wipev1.PlanWholeDeviceResponse{Plan: plan, PersonalSide: p.Scope.PersonalSide()}, nil
}

// WipeWholeDevice asks for a whole device of the company.
func (s *CompanyDeviceAdminServer) WipeWholeDevice(
	ctx context.Context, r *wipev1.WipeWholeDeviceRequest,
) (*wipev1.WipeWholeDeviceResponse, error) {
	ask, err := toWholeAsk(r)
	if err != nil {
		return nil, err
	}
	request, err := s.service.AskWhole(ctx, ask)
	if err != nil {
		return nil, err
	}
	wire, err := s.view.request(ctx, request)
	return &wipev1.WipeWholeDeviceResponse{Request: wire}, err
}
