// Package wiperpc serves wipe orders over gRPC: it translates, calls the
// service, and translates back. It also encodes what devices verify.
package wiperpc

import (
	"context"

	"ringfence/internal/device"
	"ringfence/internal/identity"
	"ringfence/internal/page"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// ChainFunc gives the certificates of the device, or the app, that calls, DER: the verified
// one of the very connection, whose key has to sign what the device says, then
// its issuers up to the root, which is left out.
type ChainFunc func(ctx context.Context) ([][]byte, error)

// DeviceServer is the side of devices, and of registered apps.
type DeviceServer struct {
	wipev1.UnimplementedWipeServiceServer
	service *wipe.Service
	chain   ChainFunc
}

// NewDeviceServer makes that side of a service.
func NewDeviceServer(s *wipe.Service, chain ChainFunc) *DeviceServer {
	return &DeviceServer{service: s, chain: chain}
}

// FetchOrders gives the caller's orders.
func (s *DeviceServer) FetchOrders(ctx context.Context, _ *wipev1.FetchOrdersRequest) (*wipev1.FetchOrdersResponse, error) {
	deliveries, err := s.service.Fetch(ctx, identity.From(ctx))
	if err != nil {
		return nil, err
	}
	return &wipev1.FetchOrdersResponse{Orders: fromDeliveries(deliveries)}, nil
}

// FetchLease gives the order, signed in advance, for the caller's lease.
func (s *DeviceServer) FetchLease(ctx context.Context, r *wipev1.FetchLeaseRequest) (*wipev1.FetchLeaseResponse, error) {
	d, err := s.service.FetchLease(ctx, identity.From(ctx), r.GetNumber())
	if err != nil {
		return nil, err
	}
	return &wipev1.FetchLeaseResponse{Order: fromDeliveries([]wipe.Delivery{d})[0]}, nil
}

// ReportOrder keeps what the caller says of one of its orders.
func (s *DeviceServer) ReportOrder(ctx context.Context, r *wipev1.ReportOrderRequest) (*wipev1.ReportOrderResponse, error) {
	var chain [][]byte
	var err error
	if r.GetStatement() != nil {
		if chain, err = s.chain(ctx); err != nil {
			return nil, err
		}
	}
	event, err := toEvent(r, chain)
	if err != nil {
		return nil, err
	}
	o, err := s.service.Report(ctx, identity.From(ctx), wipe.ID(r.GetOrderId()), event)
	if err != nil {
		return nil, err
	}
	return &wipev1.ReportOrderResponse{State: wireStates[o.State]}, nil
}

// AdminServer is the administrators' side of orders to one device.
type AdminServer struct {
	wipev1.UnimplementedWipeAdminServiceServer
	service *wipe.Service
	view    view
	roots   [][]byte
}

// NewAdminServer makes the administrators' side of a service. Roots are the
// installation's root certificates, DER; they are shown with receipts.
func NewAdminServer(s *wipe.Service, roots [][]byte) *AdminServer {
	return &AdminServer{service: s, view: view{s}, roots: roots}
}

// PlanWipe answers what CreateWipe would do.
func (s *AdminServer) PlanWipe(ctx context.Context, r *wipev1.PlanWipeRequest) (*wipev1.PlanWipeResponse, error) {
	id, err := toDevice(r.GetDeviceId())
	if err != nil {
		return nil, err
	}
	scope, err := toScope(r.GetScope())
	if err != nil {
		return nil, err
	}
	p, err := s.service.Plan(ctx, wipe.Ask{Target: wipe.Target{Devices: []device.ID{id}}, Scope: scope})
	if err != nil {
		return nil, err
	}
	return fromPlanOfOne(p)
}

// CreateWipe orders a wipe, or asks for one where it needs a second person.
func (s *AdminServer) CreateWipe(ctx context.Context, r *wipev1.CreateWipeRequest) (*wipev1.CreateWipeResponse, error) {
	ask, err := toAsk(r)
	if err != nil {
		return nil, err
	}
	request, orders, err := s.service.Ask(ctx, ask)
	if err != nil {
		return nil, err
	}
	var response wipev1.CreateWipeResponse
	if response.Request, err = s.view.request(ctx, request); err != nil {
		return nil, err
	}
	if len(orders) > 0 {
		response.Order, err = s.view.order(ctx, orders[0])
		response.Paused = response.GetOrder().GetPaused()
	}
	return &response, err
}

// GetWipe describes one order.
func (s *AdminServer) GetWipe(ctx context.Context, r *wipev1.GetWipeRequest) (*wipev1.GetWipeResponse, error) {
	o, err := s.service.Get(ctx, wipe.ID(r.GetId()))
	if err != nil {
		return nil, err
	}
	order, err := s.view.order(ctx, o)
	return &wipev1.GetWipeResponse{Order: order}, err
}

// ListWipes lists orders.
func (s *AdminServer) ListWipes(ctx context.Context, r *wipev1.ListWipesRequest) (*wipev1.ListWipesResponse, error) {
	state, err := toWord(wireStates, r.GetState(), "state")
	if err != nil {
		return nil, err
	}
	listing := []string{"wipes", r.GetDeviceId(), string(state), r.GetRequestId()}
	place, err := page.Decode(r.GetPageToken(), listing...)
	if err != nil {
		return nil, err
	}
	q := wipe.Query{State: state, Request: wipe.RequestID(r.GetRequestId()), Limit: page.Size(r.GetPageSize())}
	if q.After, err = toCursor(place); err != nil {
		return nil, err
	}
	if r.GetDeviceId() != "" {
		if q.Device, err = toDevice(r.GetDeviceId()); err != nil {
			return nil, err
		}
	}
	orders, next, err := s.service.List(ctx, q)
	if err != nil {
		return nil, err
	}
	wire, err := s.view.orders(ctx, orders...)
	return &wipev1.ListWipesResponse{Orders: wire, NextPageToken: page.Encode(fromCursor(next), listing...)}, err
}

// CancelWipe stops an order.
func (s *AdminServer) CancelWipe(ctx context.Context, r *wipev1.CancelWipeRequest) (*wipev1.CancelWipeResponse, error) {
	o, err := s.service.Cancel(ctx, wipe.ID(r.GetId()), r.GetReason())
	if err != nil {
		return nil, err
	}
	order, err := s.view.order(ctx, o)
	return &wipev1.CancelWipeResponse{Order: order}, err
}

// GetWipeReceipt shows what the device has signed.
func (s *AdminServer) GetWipeReceipt(ctx context.Context, r *wipev1.GetWipeReceiptRequest) (*wipev1.GetWipeReceiptResponse, error) {
	e, err := s.service.Evidence(ctx, wipe.ID(r.GetId()))
	if err != nil {
		return nil, err
	}
	order, err := s.view.order(ctx, e.Order)
	if err != nil {
		return nil, err
	}
	return fromEvidence(e, order, s.roots)
}
