package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/access"
	"ringfence/internal/access/accesscel"
	"ringfence/internal/access/accessrpc"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// gate is the part of the fake that knows of conditional access. Decisions are
// those of the real thing; phones are those that a test puts into phones.
type gate struct {
	accessv1.UnimplementedAccessServiceServer
	accessv1.UnimplementedAccessAdminServiceServer

	accessPolicies []*accessv1.AccessPolicy
	locations      []*accessv1.Location
	report         *accessv1.ReportAccessResponse
	phones         registry
	decider        *accessrpc.Server
}

func newGate(t *testing.T) gate {
	t.Helper()
	rules, err := accesscel.New()
	if err != nil {
		t.Fatal(err)
	}
	g := gate{phones: registry{}}
	clock := func() time.Time { return now }
	g.decider = accessrpc.NewServer(accessrpc.Config{
		Service: access.New(access.Config{Directory: g.phones, Phones: g.phones, Apps: g.phones, Filters: rules, Now: clock}), Now: clock,
	})
	return g
}

// registry knows phones, and nobody.
type registry map[device.ID]access.Device

func (r registry) Person(_ context.Context, name string) (access.Person, error) {
	return access.Person{Name: name}, nil
}

func (r registry) Phone(_ context.Context, id device.ID) (access.Device, error) {
	d, ok := r[id]
	if !ok {
		return d, access.ErrNotKnown
	}
	return d, nil
}

func (r registry) App(context.Context, device.ID) (access.Registration, error) {
	return access.Registration{}, access.ErrNotKnown
}

// WhatIf gives what is stored along with the candidates: the real thing needs no
// store then.
func (f *fake) WhatIf(ctx context.Context, r *accessv1.WhatIfRequest) (*accessv1.WhatIfResponse, error) {
	if !r.GetOnlyCandidates() {
		for _, p := range f.accessPolicies {
			if !slices.ContainsFunc(r.GetPolicies(), func(d *accessv1.AccessPolicyDocument) bool { return d.GetMetadata().GetName() == p.GetName() }) {
				r.Policies = append(r.Policies, accessPolicyDocument(p).(*accessv1.AccessPolicyDocument))
			}
		}
		for _, l := range f.locations {
			if !slices.ContainsFunc(r.GetLocations(), func(d *accessv1.LocationDocument) bool { return d.GetMetadata().GetName() == l.GetName() }) {
				r.Locations = append(r.Locations, locationDocument(l).(*accessv1.LocationDocument))
			}
		}
	}
	r.OnlyCandidates = true
	answer, err := f.decider.WhatIf(ctx, r)
	return answer, refusal(err)
}

// refusal says a fault as the server does.
func refusal(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid {
		return err
	}
	var fields []string
	for _, field := range f.Fields {
		fields = append(fields, field.Name+": "+field.Problem)
	}
	return no(codes.InvalidArgument, f.Message, f.Reason, fields...)
}

func (f *fake) ApplyAccessPolicy(_ context.Context, r *accessv1.ApplyAccessPolicyRequest) (*accessv1.ApplyAccessPolicyResponse, error) {
	p := &accessv1.AccessPolicy{Name: r.GetName(), Revision: 1, Spec: r.GetSpec()}
	if !r.GetDryRun() {
		f.accessPolicies = append(f.accessPolicies, p)
	}
	return &accessv1.ApplyAccessPolicyResponse{Policy: p, Change: accessv1.Change_CHANGE_CREATED}, nil
}

func (f *fake) accessPolicy(name string) (*accessv1.AccessPolicy, error) {
	return find(f.accessPolicies, func(p *accessv1.AccessPolicy) bool { return p.GetName() == name })
}

func (f *fake) GetAccessPolicy(_ context.Context, r *accessv1.GetAccessPolicyRequest) (*accessv1.GetAccessPolicyResponse, error) {
	p, err := f.accessPolicy(r.GetName())
	return &accessv1.GetAccessPolicyResponse{Policy: p}, err
}

func (f *fake) ListAccessPolicies(_ context.Context, r *accessv1.ListAccessPoliciesRequest) (*accessv1.ListAccessPoliciesResponse, error) {
	items, next := paged(f.accessPolicies, uint32(r.GetPageSize()), r.GetPageToken())
	return &accessv1.ListAccessPoliciesResponse{Policies: items, NextPageToken: next}, nil
}

func (f *fake) DeleteAccessPolicy(_ context.Context, r *accessv1.DeleteAccessPolicyRequest) (*accessv1.DeleteAccessPolicyResponse, error) {
	_, err := f.accessPolicy(r.GetName())
	return &accessv1.DeleteAccessPolicyResponse{}, err
}

func (f *fake) ApplyLocation(_ context.Context, r *accessv1.ApplyLocationRequest) (*accessv1.ApplyLocationResponse, error) {
	l := &accessv1.Location{Name: r.GetName(), Version: 1, Spec: r.GetSpec()}
	if !r.GetDryRun() {
		f.locations = append(f.locations, l)
	}
	return &accessv1.ApplyLocationResponse{Location: l, Change: accessv1.Change_CHANGE_CREATED}, nil
}

func (f *fake) location(name string) (*accessv1.Location, error) {
	return find(f.locations, func(l *accessv1.Location) bool { return l.GetName() == name })
}

func (f *fake) GetLocation(_ context.Context, r *accessv1.GetLocationRequest) (*accessv1.GetLocationResponse, error) {
	l, err := f.location(r.GetName())
	return &accessv1.GetLocationResponse{Location: l}, err
}

func (f *fake) ListLocations(_ context.Context, r *accessv1.ListLocationsRequest) (*accessv1.ListLocationsResponse, error) {
	items, next := paged(f.locations, uint32(r.GetPageSize()), r.GetPageToken())
	return &accessv1.ListLocationsResponse{Locations: items, NextPageToken: next}, nil
}

func (f *fake) DeleteLocation(_ context.Context, r *accessv1.DeleteLocationRequest) (*accessv1.DeleteLocationResponse, error) {
	for _, p := range f.accessPolicies {
		c := p.GetSpec().GetConditions()
		if slices.Contains(append(c.GetIncludeLocations().GetNames(), c.GetExcludeLocations().GetNames()...), r.GetName()) {
			return nil, no(codes.FailedPrecondition, "policies name the location: take it out of them first", "LOCATION_IN_USE")
		}
	}
	_, err := f.location(r.GetName())
	return &accessv1.DeleteLocationResponse{}, err
}

func (f *fake) ReportAccess(context.Context, *accessv1.ReportAccessRequest) (*accessv1.ReportAccessResponse, error) {
	return f.report, nil
}

// fillAccess puts one of everything about conditional access into the fake: a
// policy with every condition, one that suits everybody, and Maria's phone.
func (b *bench) fillAccess() *bench {
	b.locations = []*accessv1.Location{
		{Name: "hq", Version: 2, ChangedAt: ago(time.Hour), ChangedBy: "admin:alice", Spec: &accessv1.LocationSpec{
			Networks: []string{"192.0.2.0/24", "2001:db8::/32"}, Trusted: true,
		}},
		{Name: "abroad", Version: 1, ChangedAt: ago(3 * day), ChangedBy: "admin:bob", Spec: &accessv1.LocationSpec{
			Countries: []string{"FR", "IT"}, UnknownCountry: true,
		}},
	}
	b.accessPolicies = []*accessv1.AccessPolicy{
		{Name: "mfa", Revision: 1, CreatedAt: ago(day), RevisedAt: ago(day), RevisedBy: "admin:alice", Spec: &accessv1.AccessPolicySpec{
			State: accessv1.PolicyState_POLICY_STATE_ON, IncludePeople: &accessv1.People{Everyone: true}, Apps: &accessv1.Apps{All: true},
			Grant:   &accessv1.Grant{Controls: []accessv1.Control{accessv1.Control_CONTROL_MFA}},
			Session: &accessv1.Session{SignInFrequency: durationpb.New(12 * time.Hour), Labels: []string{"limited"}},
		}},
		{Name: "phones", Revision: 3, CreatedAt: ago(9 * day), RevisedAt: ago(5 * time.Hour), RevisedBy: "admin:alice", Spec: everyCondition()},
	}
	b.phones[mailPhone] = access.Device{
		ID: mailPhone, Epoch: 2, User: "maria@example.com", Ownership: device.Personal, Mode: device.WorkProfile,
		Platform: access.Android, Model: "Pixel 6", Version: 4,
		Compliance: access.Verdict{
			Fitness: access.Unfit, EvidenceAt: now.Add(-2 * time.Hour), ChangesAt: now.Add(30 * time.Hour), Version: 7,
			Findings: []access.Finding{{Rule: "pin.length", Expected: "6", Actual: "4", Remedy: "set a longer PIN", Link: "https://help.example.com/pin"}},
		},
	}
	return b
}

func everyCondition() *accessv1.AccessPolicySpec {
	return &accessv1.AccessPolicySpec{
		Description:   "for phones",
		State:         accessv1.PolicyState_POLICY_STATE_REPORT_ONLY,
		IncludePeople: &accessv1.People{Groups: []string{"staff"}, Roles: []string{"admin"}, Users: []string{"maria@example.com"}},
		ExcludePeople: &accessv1.People{Groups: []string{"break-glass"}},
		Apps:          &accessv1.Apps{Include: []string{"mail", "crm"}, Exclude: []string{"help"}},
		Conditions: &accessv1.Conditions{
			IncludePlatforms: []accessv1.Platform{accessv1.Platform_PLATFORM_ANDROID, accessv1.Platform_PLATFORM_UNKNOWN_UNSPECIFIED},
			ExcludePlatforms: []accessv1.Platform{accessv1.Platform_PLATFORM_LINUX},
			Clients:          []accessv1.ClientApp{accessv1.ClientApp_CLIENT_APP_BROWSER, accessv1.ClientApp_CLIENT_APP_NATIVE},
			IncludeLocations: &accessv1.Places{Names: []string{"abroad"}},
			ExcludeLocations: &accessv1.Places{Trusted: true, Names: []string{"hq"}},
			DeviceFilter:     &accessv1.DeviceFilter{Rule: `device.model == "Pixel 5"`, Exclude: true},
			Custom:           `person.name != "x"`,
			SignInRisks:      []accessv1.Risk{accessv1.Risk_RISK_MEDIUM, accessv1.Risk_RISK_UNKNOWN_UNSPECIFIED},
			UserRisks:        []accessv1.Risk{accessv1.Risk_RISK_NONE, accessv1.Risk_RISK_UNKNOWN_UNSPECIFIED},
			Ownerships:       []string{"personal"}, Modes: []string{"work-profile"},
			Flows: []accessv1.Flow{accessv1.Flow_FLOW_ORDINARY_UNSPECIFIED},
		},
		Grant: &accessv1.Grant{
			Operator: accessv1.Operator_OPERATOR_OR,
			Controls: []accessv1.Control{accessv1.Control_CONTROL_COMPLIANT_DEVICE, accessv1.Control_CONTROL_APP_PROTECTION},
		},
		MaxAge: &accessv1.MaxAge{Compliance: durationpb.New(90 * time.Minute)},
	}
}
