package main

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

const secret = "S3CRET-s3cret-s3cret-s3cret"

func (f *fake) device(id string) (*enrollv1.Device, error) {
	return find(f.devices, func(d *enrollv1.Device) bool { return d.GetId() == id })
}

func (f *fake) GetDevice(_ context.Context, r *enrollv1.GetDeviceRequest) (*enrollv1.GetDeviceResponse, error) {
	d, err := f.device(r.GetId())
	return &enrollv1.GetDeviceResponse{Device: d}, err
}

func (f *fake) ListDevices(_ context.Context, r *enrollv1.ListDevicesRequest) (*enrollv1.ListDevicesResponse, error) {
	items, next := paged(f.devices, r.GetPageSize(), r.GetPageToken())
	return &enrollv1.ListDevicesResponse{Devices: items, NextPageToken: next}, nil
}

func (f *fake) RetireDevice(_ context.Context, r *enrollv1.RetireDeviceRequest) (*enrollv1.RetireDeviceResponse, error) {
	d, err := f.device(r.GetId())
	if err != nil {
		return nil, err
	}
	d.State = enrollv1.DeviceState_DEVICE_STATE_RETIRED
	return &enrollv1.RetireDeviceResponse{Device: d}, nil
}

func (f *fake) CreateToken(_ context.Context, r *enrollv1.CreateTokenRequest) (*enrollv1.CreateTokenResponse, error) {
	t := &enrollv1.Token{
		Id: "token-00000001", Description: r.GetDescription(), Ownership: r.GetOwnership(), Mode: r.GetMode(),
		Group: r.GetGroup(), User: r.GetUser(), MaxUses: r.GetMaxUses(),
		CreatedAt: timestamppb.New(now), ExpiresAt: timestamppb.New(now.Add(r.GetLifetime().AsDuration())), CreatedBy: "admin:alice",
	}
	f.tokens = append(f.tokens, t)
	return &enrollv1.CreateTokenResponse{Token: t, Secret: secret}, nil
}

func (f *fake) token(id string) (*enrollv1.Token, error) {
	return find(f.tokens, func(t *enrollv1.Token) bool { return t.GetId() == id })
}

func (f *fake) GetToken(_ context.Context, r *enrollv1.GetTokenRequest) (*enrollv1.GetTokenResponse, error) {
	t, err := f.token(r.GetId())
	return &enrollv1.GetTokenResponse{Token: t}, err
}

func (f *fake) ListTokens(_ context.Context, r *enrollv1.ListTokensRequest) (*enrollv1.ListTokensResponse, error) {
	items, next := paged(f.tokens, r.GetPageSize(), r.GetPageToken())
	return &enrollv1.ListTokensResponse{Tokens: items, NextPageToken: next}, nil
}

func (f *fake) RevokeToken(_ context.Context, r *enrollv1.RevokeTokenRequest) (*enrollv1.RevokeTokenResponse, error) {
	t, err := f.token(r.GetId())
	return &enrollv1.RevokeTokenResponse{Token: t}, err
}

func (f *fake) ApplyPolicy(_ context.Context, r *compliancev1.ApplyPolicyRequest) (*compliancev1.ApplyPolicyResponse, error) {
	p := &compliancev1.Policy{Name: r.GetName(), Revision: 1, Spec: r.GetSpec()}
	if !r.GetDryRun() {
		f.policies = append(f.policies, p)
	}
	return &compliancev1.ApplyPolicyResponse{Policy: p, Change: compliancev1.Change_CHANGE_CREATED}, nil
}

func (f *fake) policy(name string) (*compliancev1.Policy, error) {
	return find(f.policies, func(p *compliancev1.Policy) bool { return p.GetName() == name })
}

func (f *fake) GetPolicy(_ context.Context, r *compliancev1.GetPolicyRequest) (*compliancev1.GetPolicyResponse, error) {
	p, err := f.policy(r.GetName())
	return &compliancev1.GetPolicyResponse{Policy: p}, err
}

func (f *fake) ListPolicies(_ context.Context, r *compliancev1.ListPoliciesRequest) (*compliancev1.ListPoliciesResponse, error) {
	items, next := paged(f.policies, r.GetPageSize(), r.GetPageToken())
	return &compliancev1.ListPoliciesResponse{Policies: items, NextPageToken: next}, nil
}

func (f *fake) DeletePolicy(_ context.Context, r *compliancev1.DeletePolicyRequest) (*compliancev1.DeletePolicyResponse, error) {
	_, err := f.policy(r.GetName())
	return &compliancev1.DeletePolicyResponse{}, err
}

func (f *fake) GetDeviceCompliance(_ context.Context, r *compliancev1.GetDeviceComplianceRequest) (*compliancev1.GetDeviceComplianceResponse, error) {
	s, ok := f.standing[r.GetDeviceId()]
	if !ok {
		return nil, no(codes.NotFound, "no such device", "")
	}
	return s, nil
}

func (f *fake) ListDeviceStandings(_ context.Context, r *compliancev1.ListDeviceStandingsRequest) (*compliancev1.ListDeviceStandingsResponse, error) {
	answer := &compliancev1.ListDeviceStandingsResponse{}
	for _, id := range r.GetDeviceIds() {
		if s, ok := f.standing[id]; ok {
			answer.Standings = append(answer.Standings, &compliancev1.DeviceStanding{
				DeviceId: id, Standing: s.GetVerdict().GetStanding(), Since: s.GetVerdict().GetSince(),
			})
		}
	}
	return answer, nil
}

func (f *fake) ListCertificates(_ context.Context, r *compliancev1.ListCertificatesRequest) (*compliancev1.ListCertificatesResponse, error) {
	var match []*compliancev1.Certificate
	for _, c := range f.certificates {
		if r.GetDeviceId() == "" || c.GetDeviceId() == r.GetDeviceId() {
			match = append(match, c)
		}
	}
	items, next := paged(match, r.GetPageSize(), r.GetPageToken())
	return &compliancev1.ListCertificatesResponse{Certificates: items, NextPageToken: next}, nil
}

func (f *fake) RevokeCertificate(_ context.Context, r *compliancev1.RevokeCertificateRequest) (*compliancev1.RevokeCertificateResponse, error) {
	c, err := find(f.certificates, func(c *compliancev1.Certificate) bool { return c.GetSerial() == r.GetSerial() })
	return &compliancev1.RevokeCertificateResponse{Certificate: c}, err
}

func (f *fake) GetRevocationList(context.Context, *compliancev1.GetRevocationListRequest) (*compliancev1.GetRevocationListResponse, error) {
	return &compliancev1.GetRevocationListResponse{Crl: f.crl}, nil
}

func (f *fake) PlanWipe(_ context.Context, r *wipev1.PlanWipeRequest) (*wipev1.PlanWipeResponse, error) {
	for _, p := range f.accounts {
		if p.GetDeviceId() == r.GetDeviceId() {
			return &wipev1.PlanWipeResponse{
				DeviceId: p.GetDeviceId(), Epoch: p.GetEpoch(), Removes: p.GetRemoves(), Keeps: []string{"everything else on the phone"},
				Device: p, EndsEnrollment: true, PlanDigest: digestOf([]*wipev1.PlannedDevice{p}, r.GetScope()),
			}, nil
		}
	}
	d, err := f.device(r.GetDeviceId())
	if err != nil {
		return nil, err
	}
	p := f.planned(d)
	return &wipev1.PlanWipeResponse{
		DeviceId: d.GetId(), Epoch: d.GetEpoch(), Removes: p.GetRemoves(), Device: p, Needs: f.needs,
		Keeps: []string{"everything personal"}, EndsEnrollment: r.GetScope().GetWorkProfile() != nil,
		PlanDigest: digestOf([]*wipev1.PlannedDevice{p}, r.GetScope()),
	}, nil
}

func (f *fake) CreateWipe(_ context.Context, r *wipev1.CreateWipeRequest) (*wipev1.CreateWipeResponse, error) {
	if len(f.needs) > 0 {
		return &wipev1.CreateWipeResponse{Request: f.ask(&wipev1.WipeRequest{
			Kind: wipev1.RequestKind_REQUEST_KIND_WIPE, Scope: r.GetScope(), Reason: r.GetReason(), PlanDigest: r.GetPlanDigest(),
			Summary: scopeWords(r.GetScope()) + " of device " + r.GetDeviceId(),
		}, &wipev1.PlannedDevice{DeviceId: r.GetDeviceId(), Epoch: r.GetEpoch()})}, nil
	}
	o := &wipev1.Order{
		Id: "order-00000001", DeviceId: r.GetDeviceId(), Epoch: r.GetEpoch(), Scope: r.GetScope(),
		State: wipev1.State_STATE_PENDING, Reason: r.GetReason(), CreatedAt: timestamppb.New(now),
	}
	f.orders = append(f.orders, o)
	return &wipev1.CreateWipeResponse{Order: o}, nil
}

func (f *fake) order(id string) (*wipev1.Order, error) {
	return find(f.orders, func(o *wipev1.Order) bool { return o.GetId() == id })
}

func (f *fake) GetWipe(_ context.Context, r *wipev1.GetWipeRequest) (*wipev1.GetWipeResponse, error) {
	o, err := f.order(r.GetId())
	return &wipev1.GetWipeResponse{Order: o}, err
}

func (f *fake) ListWipes(_ context.Context, r *wipev1.ListWipesRequest) (*wipev1.ListWipesResponse, error) {
	var match []*wipev1.Order
	for _, o := range f.orders {
		if (r.GetDeviceId() == "" || o.GetDeviceId() == r.GetDeviceId()) && (r.GetRequestId() == "" || o.GetRequestId() == r.GetRequestId()) {
			match = append(match, o)
		}
	}
	items, next := paged(match, r.GetPageSize(), r.GetPageToken())
	return &wipev1.ListWipesResponse{Orders: items, NextPageToken: next}, nil
}

func (f *fake) CancelWipe(_ context.Context, r *wipev1.CancelWipeRequest) (*wipev1.CancelWipeResponse, error) {
	o, err := f.order(r.GetId())
	return &wipev1.CancelWipeResponse{Order: o}, err
}

func (f *fake) ListEntries(_ context.Context, r *auditv1.ListEntriesRequest) (*auditv1.ListEntriesResponse, error) {
	items, next := paged(f.entries, r.GetPageSize(), r.GetPageToken())
	return &auditv1.ListEntriesResponse{Entries: items, NextPageToken: next}, nil
}
