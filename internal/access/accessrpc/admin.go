package accessrpc

import (
	"context"

	"ringfence/internal/access"
	"ringfence/internal/page"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// Policies is what administrators ask of policies; see access.Service.
type Policies interface {
	ApplyPolicy(ctx context.Context, name string, spec access.Spec, expected uint64, dryRun bool) (access.Policy, access.Change, error)
	Policy(ctx context.Context, name string, revision uint64) (access.Policy, error)
	ListPolicies(ctx context.Context, after string, limit int) ([]access.Policy, error)
	DeletePolicy(ctx context.Context, name string, expected uint64) error
}

// Locations is what administrators ask of locations; see access.Service.
type Locations interface {
	ApplyLocation(ctx context.Context, l access.Location, dryRun bool) (access.StoredLocation, access.Change, error)
	Location(ctx context.Context, name string) (access.StoredLocation, error)
	ListLocations(ctx context.Context, after string, limit int) ([]access.StoredLocation, error)
	DeleteLocation(ctx context.Context, name string) error
}

// AdminService is all that administrators ask of the slice, but for decisions.
type AdminService interface {
	Policies
	Locations
	// Report says what policies that only report would do.
	Report(ctx context.Context, r access.ReportRequest) (access.Report, error)
}

var _ AdminService = (*access.Service)(nil)

// AdminServer is the administrators' side.
type AdminServer struct {
	accessv1.UnimplementedAccessAdminServiceServer
	service AdminService
}

// NewAdminServer makes the administrators' side of a service.
func NewAdminServer(s AdminService) *AdminServer { return &AdminServer{service: s} }

// ApplyAccessPolicy makes a policy be as given.
func (s *AdminServer) ApplyAccessPolicy(ctx context.Context, r *accessv1.ApplyAccessPolicyRequest) (*accessv1.ApplyAccessPolicyResponse, error) {
	spec, err := specFromWire(r.GetSpec())
	if err != nil {
		return nil, err
	}
	p, change, err := s.service.ApplyPolicy(ctx, r.GetName(), spec, r.GetExpectedRevision(), r.GetDryRun())
	if err != nil {
		return nil, err
	}
	return &accessv1.ApplyAccessPolicyResponse{Policy: policyToWire(p), Change: wire[accessv1.Change](change)}, nil
}

// GetAccessPolicy gives a policy at a revision.
func (s *AdminServer) GetAccessPolicy(ctx context.Context, r *accessv1.GetAccessPolicyRequest) (*accessv1.GetAccessPolicyResponse, error) {
	p, err := s.service.Policy(ctx, r.GetName(), r.GetRevision())
	if err != nil {
		return nil, err
	}
	return &accessv1.GetAccessPolicyResponse{Policy: policyToWire(p)}, nil
}

// ListAccessPolicies lists policies by name.
func (s *AdminServer) ListAccessPolicies(ctx context.Context, r *accessv1.ListAccessPoliciesRequest) (*accessv1.ListAccessPoliciesResponse, error) {
	l := listing[access.Policy]{
		kind: "access-policies", list: s.service.ListPolicies,
		place: func(p access.Policy) string { return p.Name },
	}
	policies, next, err := l.page(ctx, r)
	if err != nil {
		return nil, err
	}
	return &accessv1.ListAccessPoliciesResponse{Policies: each(policies, policyToWire), NextPageToken: next}, nil
}

// DeleteAccessPolicy takes a policy away.
func (s *AdminServer) DeleteAccessPolicy(ctx context.Context, r *accessv1.DeleteAccessPolicyRequest) (*accessv1.DeleteAccessPolicyResponse, error) {
	if err := s.service.DeletePolicy(ctx, r.GetName(), r.GetExpectedRevision()); err != nil {
		return nil, err
	}
	return &accessv1.DeleteAccessPolicyResponse{}, nil
}

// ApplyLocation makes a location be as given.
func (s *AdminServer) ApplyLocation(ctx context.Context, r *accessv1.ApplyLocationRequest) (*accessv1.ApplyLocationResponse, error) {
	l, err := locationFromWire(r.GetName(), r.GetSpec(), "spec")
	if err != nil {
		return nil, err
	}
	made, change, err := s.service.ApplyLocation(ctx, l, r.GetDryRun())
	if err != nil {
		return nil, named(err, "location.name", "name", "location.", "spec.")
	}
	return &accessv1.ApplyLocationResponse{Location: locationToWire(made), Change: wire[accessv1.Change](change)}, nil
}

// GetLocation gives a location.
func (s *AdminServer) GetLocation(ctx context.Context, r *accessv1.GetLocationRequest) (*accessv1.GetLocationResponse, error) {
	l, err := s.service.Location(ctx, r.GetName())
	if err != nil {
		return nil, err
	}
	return &accessv1.GetLocationResponse{Location: locationToWire(l)}, nil
}

// ListLocations lists locations by name.
func (s *AdminServer) ListLocations(ctx context.Context, r *accessv1.ListLocationsRequest) (*accessv1.ListLocationsResponse, error) {
	l := listing[access.StoredLocation]{
		kind: "access-locations", list: s.service.ListLocations,
		place: func(l access.StoredLocation) string { return l.Name },
	}
	locations, next, err := l.page(ctx, r)
	if err != nil {
		return nil, err
	}
	return &accessv1.ListLocationsResponse{Locations: each(locations, locationToWire), NextPageToken: next}, nil
}

// DeleteLocation takes a location away.
func (s *AdminServer) DeleteLocation(ctx context.Context, r *accessv1.DeleteLocationRequest) (*accessv1.DeleteLocationResponse, error) {
	if err := s.service.DeleteLocation(ctx, r.GetName()); err != nil {
		return nil, err
	}
	return &accessv1.DeleteLocationResponse{}, nil
}

// ReportAccess says what policies that only report would do.
func (s *AdminServer) ReportAccess(ctx context.Context, r *accessv1.ReportAccessRequest) (*accessv1.ReportAccessResponse, error) {
	since, err := timeFromWire(r.GetSince(), "since")
	if err != nil {
		return nil, err
	}
	examples := int(r.GetExamples())
	if examples <= 0 {
		examples = usualExamples
	}
	report, err := s.service.Report(ctx, access.ReportRequest{Promote: r.GetPromote(), Since: since, Examples: examples})
	if err != nil {
		return nil, err
	}
	return reportToWire(report), nil
}

// pageRequest is a request for one page.
type pageRequest interface {
	GetPageSize() int32
	GetPageToken() string
}

// Sizes of pages. A policy may be large.
const (
	usualPage = 50
	mostPage  = 200
)

// listing is a list that is given page by page.
type listing[T any] struct {
	kind string
	// list gives at most limit things after the one at a place.
	list func(ctx context.Context, after string, limit int) ([]T, error)
	// place says where a thing is in the listing.
	place func(T) string
}

// page gives one page, and the token of the next; "" on the last.
func (l listing[T]) page(ctx context.Context, r pageRequest) ([]T, string, error) {
	after, err := page.Decode(r.GetPageToken(), l.kind)
	if err != nil {
		return nil, "", err
	}
	size := min(int(r.GetPageSize()), mostPage)
	if size <= 0 {
		size = usualPage
	}
	items, err := l.list(ctx, after, size+1)
	if err != nil || len(items) <= size {
		return items, "", err
	}
	return items[:size], page.Encode(l.place(items[size-1]), l.kind), nil
}
