package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/enumname"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// office is the part of the fake that knows of requests.
type office struct {
	wipev1.UnimplementedWipeRequestServiceServer
	wipev1.UnimplementedCompanyDeviceAdminServiceServer

	needs      []string // why everything asked for needs a second person; none: nothing does
	asked      []*wipev1.WipeRequest
	accounts   []*wipev1.PlannedDevice              // registrations of apps
	members    map[string][]*wipev1.RequestedDevice // by request
	unsynced   map[string][]*wipev1.UnsyncedApp     // by device
	governance *wipev1.GetGovernanceResponse
	leases     []*wipev1.GroupLease
	runs       map[string]*wipev1.GetLeaseStatusResponse // by device
}

func newOffice() office {
	return office{
		members: map[string][]*wipev1.RequestedDevice{}, unsynced: map[string][]*wipev1.UnsyncedApp{},
		runs: map[string]*wipev1.GetLeaseStatusResponse{},
	}
}

// digestOf is the same for the same devices in the same epochs.
func digestOf(devices []*wipev1.PlannedDevice, scope *wipev1.Scope) string {
	h := sha256.New()
	for _, d := range devices {
		fmt.Fprintf(h, "%s %d ", d.GetDeviceId(), d.GetEpoch())
	}
	fmt.Fprint(h, scopeWords(scope))
	return hex.EncodeToString(h.Sum(nil))
}

func (f *fake) planned(d *enrollv1.Device) *wipev1.PlannedDevice {
	p := &wipev1.PlannedDevice{
		DeviceId: d.GetId(), Epoch: d.GetEpoch(), User: d.GetUser(), Group: d.GetGroup(), LastContact: d.GetLastSeenAt(),
		Ownership: enumname.Of(d.GetOwnership()), Mode: enumname.Of(d.GetMode()),
		Unsynced: f.unsynced[d.GetId()], Removes: []string{"the work profile: every work app", fmt.Sprintf("the enrolment (epoch %d)", d.GetEpoch())},
	}
	if d.GetState() != enrollv1.DeviceState_DEVICE_STATE_ENROLLED {
		p.Removes, p.Excluded = nil, "it is not enrolled"
	}
	return p
}

func (f *fake) PlanWipes(_ context.Context, r *wipev1.PlanWipesRequest) (*wipev1.PlanWipesResponse, error) {
	out := &wipev1.PlanWipesResponse{}
	for _, why := range f.needs {
		out.Needs = append(out.Needs, "a second person: "+why)
	}
	var included []*wipev1.PlannedDevice
	for _, d := range f.devices {
		t := r.GetTarget()
		if !slices.Contains(t.GetDevices().GetIds(), d.GetId()) && (t.GetGroup() == "" || t.GetGroup() != d.GetGroup()) &&
			(t.GetUser() == "" || t.GetUser() != d.GetUser()) {
			continue
		}
		p := f.planned(d)
		out.Devices = append(out.Devices, p)
		if p.GetExcluded() == "" {
			out.Included++
			included = append(included, p)
		}
	}
	for _, p := range f.accounts {
		if slices.Contains(r.GetTarget().GetDevices().GetIds(), p.GetDeviceId()) || r.GetStanding() && r.GetTarget().GetUser() == p.GetUser() {
			out.Devices, included = append(out.Devices, p), append(included, p)
			out.Included++
		}
	}
	out.PlanDigest = digestOf(included, r.GetScope())
	return out, nil
}

// open reports whether the breaker is.
func (f *fake) open() bool { return f.governance.GetBreaker().GetOpen() }

// ask files a request: it waits where the fake wants a second person.
func (f *fake) ask(r *wipev1.WipeRequest, devices ...*wipev1.PlannedDevice) *wipev1.WipeRequest {
	r.Id = fmt.Sprintf("request-%08d", len(f.asked)+1)
	r.CreatedBy, r.CreatedAt, r.Needs = "admin:alice", timestamppb.New(now), f.needs
	r.State = wipev1.RequestState_REQUEST_STATE_EXECUTED
	for _, d := range devices {
		if d.GetExcluded() == "" {
			f.members[r.GetId()] = append(f.members[r.GetId()], &wipev1.RequestedDevice{DeviceId: d.GetDeviceId(), Epoch: d.GetEpoch()})
		}
	}
	r.Devices = uint32(len(f.members[r.GetId()]))
	if len(f.needs) > 0 {
		r.State, r.ExpiresAt, r.Hint = wipev1.RequestState_REQUEST_STATE_WAITING, in(day), "bob and carol can approve it"
	} else {
		f.execute(r)
	}
	f.asked = append([]*wipev1.WipeRequest{r}, f.asked...)
	return r
}

func (f *fake) execute(r *wipev1.WipeRequest) {
	r.State = wipev1.RequestState_REQUEST_STATE_EXECUTED
	if r.GetDevices() > 1 {
		r.HeldUntil = in(10 * time.Minute)
	}
	for _, d := range f.members[r.GetId()] {
		f.orders = append(f.orders, &wipev1.Order{
			Id: fmt.Sprintf("order-%08d", len(f.orders)+1), DeviceId: d.GetDeviceId(), Epoch: d.GetEpoch(), Scope: r.GetScope(),
			State: wipev1.State_STATE_PENDING, RequestId: r.GetId(), HeldUntil: r.GetHeldUntil(), CreatedAt: timestamppb.New(now),
			Source: wipev1.Source_SOURCE_ADMINISTRATOR,
		})
	}
}

func (f *fake) CreateWipes(ctx context.Context, r *wipev1.CreateWipesRequest) (*wipev1.CreateWipesResponse, error) {
	p, err := f.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: r.GetTarget(), Scope: r.GetScope()})
	switch {
	case err != nil:
		return nil, err
	case p.GetPlanDigest() != r.GetPlanDigest():
		return nil, no(codes.Aborted, "plan again", "PLAN_CHANGED")
	case p.GetIncluded() == 0:
		return nil, no(codes.FailedPrecondition, "no device can have such an order", "NOTHING_TO_WIPE")
	}
	return &wipev1.CreateWipesResponse{Paused: f.open(), Request: f.ask(&wipev1.WipeRequest{
		Kind: wipev1.RequestKind_REQUEST_KIND_WIPE, Reason: r.GetReason(), Scope: r.GetScope(), PlanDigest: r.GetPlanDigest(),
		Summary: fmt.Sprintf("%s of %d devices", scopeWords(r.GetScope()), p.GetIncluded()),
	}, p.GetDevices()...)}, nil
}

func (f *fake) WipeUser(ctx context.Context, r *wipev1.WipeUserRequest) (*wipev1.WipeUserResponse, error) {
	target := &wipev1.Target{Target: &wipev1.Target_User{User: r.GetUser()}}
	p, err := f.PlanWipes(ctx, &wipev1.PlanWipesRequest{Target: target, Scope: workProfileScope(), Standing: true})
	if err != nil || p.GetPlanDigest() != r.GetPlanDigest() {
		return nil, no(codes.Aborted, "plan again", "PLAN_CHANGED")
	}
	return &wipev1.WipeUserResponse{Paused: f.open(), Request: f.ask(&wipev1.WipeRequest{
		Kind: wipev1.RequestKind_REQUEST_KIND_USER_WIPE, Reason: r.GetReason(), User: r.GetUser(), Scope: workProfileScope(),
		Summary: "everything of " + r.GetUser(),
	}, p.GetDevices()...)}, nil
}

// companyDevice finds a device of the company.
func (f *fake) companyDevice(id string) (*enrollv1.Device, error) {
	d, err := f.device(id)
	if err == nil && d.GetOwnership() != enrollv1.Ownership_OWNERSHIP_COMPANY {
		err = no(codes.NotFound, "no such device: "+id, "DEVICE_UNKNOWN")
	}
	return d, err
}

func (f *fake) PlanWholeDevice(_ context.Context, r *wipev1.PlanWholeDeviceRequest) (*wipev1.PlanWholeDeviceResponse, error) {
	d, err := f.companyDevice(r.GetCompanyDeviceId())
	if err != nil {
		return nil, err
	}
	p := f.planned(d)
	p.Removes = []string{"everything on the device"}
	personal := d.GetMode() == enrollv1.Mode_MODE_WORK_PROFILE
	if personal {
		p.Removes = append(p.Removes, "THE PERSONAL SIDE TOO")
	}
	return &wipev1.PlanWholeDeviceResponse{PersonalSide: personal, Plan: &wipev1.PlanWipeResponse{
		DeviceId: d.GetId(), Epoch: d.GetEpoch(), Removes: p.GetRemoves(), Device: p, Needs: f.needs, EndsEnrollment: true,
		PlanDigest: digestOf([]*wipev1.PlannedDevice{p}, nil),
	}}, nil
}

func (f *fake) WipeWholeDevice(_ context.Context, r *wipev1.WipeWholeDeviceRequest) (*wipev1.WipeWholeDeviceResponse, error) {
	d, err := f.companyDevice(r.GetCompanyDeviceId())
	if err != nil {
		return nil, err
	}
	return &wipev1.WipeWholeDeviceResponse{Request: f.ask(&wipev1.WipeRequest{
		Kind: wipev1.RequestKind_REQUEST_KIND_WIPE, Reason: r.GetReason(), Summary: "whole device of " + d.GetId(),
	}, f.planned(d))}, nil
}

func (f *fake) request(id string) (*wipev1.WipeRequest, error) {
	return find(f.asked, func(r *wipev1.WipeRequest) bool { return r.GetId() == id })
}

func (f *fake) GetRequest(_ context.Context, r *wipev1.GetRequestRequest) (*wipev1.GetRequestResponse, error) {
	m, err := f.request(r.GetId())
	return &wipev1.GetRequestResponse{Request: m, Devices: f.members[r.GetId()]}, err
}

func (f *fake) ListRequests(_ context.Context, r *wipev1.ListRequestsRequest) (*wipev1.ListRequestsResponse, error) {
	items, next := paged(f.asked, r.GetPageSize(), r.GetPageToken())
	return &wipev1.ListRequestsResponse{Requests: items, NextPageToken: next}, nil
}

func (f *fake) ApproveRequest(_ context.Context, r *wipev1.ApproveRequestRequest) (*wipev1.ApproveRequestResponse, error) {
	m, err := f.request(r.GetId())
	if err != nil {
		return nil, err
	}
	if m.GetState() == wipev1.RequestState_REQUEST_STATE_WAITING {
		m.DecidedBy, m.DecidedAt, m.Decision, m.Hint = "admin:bob", timestamppb.New(now), r.GetComment(), ""
		f.execute(m)
	}
	return &wipev1.ApproveRequestResponse{Request: m, Paused: f.open()}, nil
}

func (f *fake) RejectRequest(_ context.Context, r *wipev1.RejectRequestRequest) (*wipev1.RejectRequestResponse, error) {
	m, err := f.request(r.GetId())
	if err == nil {
		m.State, m.Decision = wipev1.RequestState_REQUEST_STATE_REJECTED, r.GetReason()
	}
	return &wipev1.RejectRequestResponse{Request: m}, err
}

func (f *fake) StopRequest(_ context.Context, r *wipev1.StopRequestRequest) (*wipev1.StopRequestResponse, error) {
	m, err := f.request(r.GetId())
	if err == nil {
		m.State = wipev1.RequestState_REQUEST_STATE_STOPPED
	}
	return &wipev1.StopRequestResponse{Request: m, Cancelled: 2, TooLate: 1}, err
}

func (f *fake) LiftUserWipe(_ context.Context, r *wipev1.LiftUserWipeRequest) (*wipev1.LiftUserWipeResponse, error) {
	m, err := f.request(r.GetId())
	if err == nil {
		m.LiftedAt = timestamppb.New(now)
	}
	return &wipev1.LiftUserWipeResponse{Request: m, Cancelled: 1}, err
}

func (f *fake) GetGovernance(context.Context, *wipev1.GetGovernanceRequest) (*wipev1.GetGovernanceResponse, error) {
	return f.governance, nil
}

func (f *fake) ChangeLimits(_ context.Context, r *wipev1.ChangeLimitsRequest) (*wipev1.ChangeLimitsResponse, error) {
	if r.GetLimits().GetVersion() != f.governance.GetLimits().GetVersion() {
		return nil, no(codes.Aborted, "the limits were changed by somebody else", "LIMITS_CHANGED")
	}
	return &wipev1.ChangeLimitsResponse{Request: f.ask(&wipev1.WipeRequest{
		Kind: wipev1.RequestKind_REQUEST_KIND_LIMITS, Reason: r.GetReason(), Summary: "other limits",
	})}, nil
}

func (f *fake) CloseBreaker(_ context.Context, r *wipev1.CloseBreakerRequest) (*wipev1.CloseBreakerResponse, error) {
	kind := wipev1.RequestKind_REQUEST_KIND_RESUME
	if r.GetCancelAll() {
		kind = wipev1.RequestKind_REQUEST_KIND_CANCEL_ALL
	}
	return &wipev1.CloseBreakerResponse{Request: f.ask(&wipev1.WipeRequest{
		Kind: kind, Reason: r.GetReason(), Summary: "close the breaker",
	})}, nil
}

func (f *fake) SetLease(_ context.Context, r *wipev1.SetLeaseRequest) (*wipev1.SetLeaseResponse, error) {
	return &wipev1.SetLeaseResponse{Request: f.ask(&wipev1.WipeRequest{
		Kind: wipev1.RequestKind_REQUEST_KIND_LEASE, Reason: r.GetReason(), Summary: "another lease",
	})}, nil
}

func (f *fake) ListLeases(context.Context, *wipev1.ListLeasesRequest) (*wipev1.ListLeasesResponse, error) {
	return &wipev1.ListLeasesResponse{Leases: f.leases}, nil
}

func (f *fake) GetLeaseStatus(_ context.Context, r *wipev1.GetLeaseStatusRequest) (*wipev1.GetLeaseStatusResponse, error) {
	if run, ok := f.runs[r.GetDeviceId()]; ok {
		return run, nil
	}
	_, err := f.device(r.GetDeviceId())
	return &wipev1.GetLeaseStatusResponse{Standing: wipev1.LeaseStanding_LEASE_STANDING_NONE}, err
}
