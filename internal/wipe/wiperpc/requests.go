package wiperpc

import (
	"context"

	"ringfence/internal/page"
	"ringfence/internal/wipe"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// RequestServer is the administrators' side of requests, and of what bounds them.
type RequestServer struct {
	wipev1.UnimplementedWipeRequestServiceServer
	service *wipe.Service
	view    view
}

// NewRequestServer makes that side of a service.
func NewRequestServer(s *wipe.Service) *RequestServer {
	return &RequestServer{service: s, view: view{s}}
}

// PlanWipes answers what CreateWipes would do.
func (s *RequestServer) PlanWipes(ctx context.Context, r *wipev1.PlanWipesRequest) (*wipev1.PlanWipesResponse, error) {
	target, err := toTarget(r.GetTarget())
	if err != nil {
		return nil, err
	}
	scope, err := toScope(r.GetScope())
	if err != nil {
		return nil, err
	}
	p, err := s.service.Plan(ctx, wipe.Ask{Target: target, Scope: scope, Standing: r.GetStanding()})
	if err != nil {
		return nil, err
	}
	response := &wipev1.PlanWipesResponse{PlanDigest: p.Digest, Needs: p.Needs}
	for _, d := range p.Devices {
		response.Devices = append(response.Devices, fromPlanned(d))
		if d.Excluded == nil {
			response.Included++
		}
	}
	return response, nil
}

// CreateWipes asks for what a plan says.
func (s *RequestServer) CreateWipes(ctx context.Context, r *wipev1.CreateWipesRequest) (*wipev1.CreateWipesResponse, error) {
	ask, err := toWideAsk(r)
	if err != nil {
		return nil, err
	}
	request, orders, err := s.service.Ask(ctx, ask)
	if err != nil {
		return nil, err
	}
	wire, paused, err := s.view.made(ctx, request, orders)
	return &wipev1.CreateWipesResponse{Request: wire, Paused: paused}, err
}

// WipeUser asks for everything of one person.
func (s *RequestServer) WipeUser(ctx context.Context, r *wipev1.WipeUserRequest) (*wipev1.WipeUserResponse, error) {
	request, orders, err := s.service.Ask(ctx, toUserAsk(r))
	if err != nil {
		return nil, err
	}
	wire, paused, err := s.view.made(ctx, request, orders)
	return &wipev1.WipeUserResponse{Request: wire, Paused: paused}, err
}

// LiftUserWipe ends what WipeUser began.
func (s *RequestServer) LiftUserWipe(ctx context.Context, r *wipev1.LiftUserWipeRequest) (*wipev1.LiftUserWipeResponse, error) {
	request, halt, err := s.service.Lift(ctx, wipe.RequestID(r.GetId()), r.GetReason())
	if err != nil {
		return nil, err
	}
	wire, err := s.view.request(ctx, request)
	return &wipev1.LiftUserWipeResponse{Request: wire, Cancelled: count(halt.Cancelled), TooLate: count(halt.TooLate)}, err
}

// GetRequest describes one request.
func (s *RequestServer) GetRequest(ctx context.Context, r *wipev1.GetRequestRequest) (*wipev1.GetRequestResponse, error) {
	request, err := s.service.GetRequest(ctx, wipe.RequestID(r.GetId()))
	if err != nil {
		return nil, err
	}
	wire, err := s.view.request(ctx, request)
	return &wipev1.GetRequestResponse{Request: wire, Devices: fromEnrollments(request.Devices)}, err
}

// ListRequests lists requests.
func (s *RequestServer) ListRequests(ctx context.Context, r *wipev1.ListRequestsRequest) (*wipev1.ListRequestsResponse, error) {
	state, err := toWord(wireRequestStates, r.GetState(), "state")
	if err != nil {
		return nil, err
	}
	kind, err := toWord(wireRequestKinds, r.GetKind(), "kind")
	if err != nil {
		return nil, err
	}
	listing := []string{"requests", string(state), string(kind)}
	place, err := page.Decode(r.GetPageToken(), listing...)
	if err != nil {
		return nil, err
	}
	q := wipe.RequestQuery{State: state, Kind: kind, Limit: page.Size(r.GetPageSize())}
	if q.After, err = toRequestCursor(place); err != nil {
		return nil, err
	}
	requests, next, err := s.service.ListRequests(ctx, q)
	if err != nil {
		return nil, err
	}
	response := &wipev1.ListRequestsResponse{NextPageToken: page.Encode(fromRequestCursor(next), listing...)}
	for _, request := range requests {
		wire, err := s.view.request(ctx, request)
		if err != nil {
			return nil, err
		}
		response.Requests = append(response.Requests, wire)
	}
	return response, nil
}

// ApproveRequest says yes, as the second person.
func (s *RequestServer) ApproveRequest(ctx context.Context, r *wipev1.ApproveRequestRequest) (*wipev1.ApproveRequestResponse, error) {
	request, orders, err := s.service.Approve(ctx, wipe.RequestID(r.GetId()), r.GetComment())
	if err != nil {
		return nil, err
	}
	wire, paused, err := s.view.made(ctx, request, orders)
	return &wipev1.ApproveRequestResponse{Request: wire, Paused: paused}, err
}

// RejectRequest says no.
func (s *RequestServer) RejectRequest(ctx context.Context, r *wipev1.RejectRequestRequest) (*wipev1.RejectRequestResponse, error) {
	request, err := s.service.Reject(ctx, wipe.RequestID(r.GetId()), r.GetReason())
	if err != nil {
		return nil, err
	}
	wire, err := s.view.request(ctx, request)
	return &wipev1.RejectRequestResponse{Request: wire}, err
}

// StopRequest ends a request and what of its orders can still be ended.
func (s *RequestServer) StopRequest(ctx context.Context, r *wipev1.StopRequestRequest) (*wipev1.StopRequestResponse, error) {
	request, halt, err := s.service.Stop(ctx, wipe.RequestID(r.GetId()), r.GetReason())
	if err != nil {
		return nil, err
	}
	wire, err := s.view.request(ctx, request)
	return &wipev1.StopRequestResponse{Request: wire, Cancelled: count(halt.Cancelled), TooLate: count(halt.TooLate)}, err
}

// GetGovernance tells the limits and what is left of them.
func (s *RequestServer) GetGovernance(ctx context.Context, _ *wipev1.GetGovernanceRequest) (*wipev1.GetGovernanceResponse, error) {
	g, err := s.service.Governance(ctx)
	if err != nil {
		return nil, err
	}
	return fromGovernance(g), nil
}

// ChangeLimits asks for other limits.
func (s *RequestServer) ChangeLimits(ctx context.Context, r *wipev1.ChangeLimitsRequest) (*wipev1.ChangeLimitsResponse, error) {
	limits, err := toLimits(r.GetLimits())
	if err != nil {
		return nil, err
	}
	wire, err := s.govern(ctx, wipe.Governing{Key: r.GetRequestKey(), Reason: r.GetReason(), Limits: limits})
	return &wipev1.ChangeLimitsResponse{Request: wire}, err
}

// CloseBreaker asks that the breaker closes.
func (s *RequestServer) CloseBreaker(ctx context.Context, r *wipev1.CloseBreakerRequest) (*wipev1.CloseBreakerResponse, error) {
	how := wipe.Resume
	if r.GetCancelAll() {
		how = wipe.CancelAll
	}
	wire, err := s.govern(ctx, wipe.Governing{Key: r.GetRequestKey(), Reason: r.GetReason(), Close: how})
	return &wipev1.CloseBreakerResponse{Request: wire}, err
}

// SetLease asks for another lease.
func (s *RequestServer) SetLease(ctx context.Context, r *wipev1.SetLeaseRequest) (*wipev1.SetLeaseResponse, error) {
	lease, err := toGroupLease(r)
	if err != nil {
		return nil, err
	}
	wire, err := s.govern(ctx, wipe.Governing{Key: r.GetRequestKey(), Reason: r.GetReason(), Lease: lease})
	return &wipev1.SetLeaseResponse{Request: wire}, err
}

func (s *RequestServer) govern(ctx context.Context, g wipe.Governing) (*wipev1.WipeRequest, error) {
	request, err := s.service.Govern(ctx, g)
	if err != nil {
		return nil, err
	}
	return s.view.request(ctx, request)
}

// ListLeases lists the leases there are.
func (s *RequestServer) ListLeases(ctx context.Context, _ *wipev1.ListLeasesRequest) (*wipev1.ListLeasesResponse, error) {
	leases, err := s.service.Leases(ctx)
	if err != nil {
		return nil, err
	}
	return &wipev1.ListLeasesResponse{Leases: fromGroupLeases(leases)}, nil
}

// GetLeaseStatus tells how far the lease of a device has run.
func (s *RequestServer) GetLeaseStatus(ctx context.Context, r *wipev1.GetLeaseStatusRequest) (*wipev1.GetLeaseStatusResponse, error) {
	id, err := toDevice(r.GetDeviceId())
	if err != nil {
		return nil, err
	}
	status, err := s.service.LeaseStatus(ctx, id)
	if err != nil {
		return nil, err
	}
	return fromLeaseStatus(status), nil
}
