package appprotectrpc

import (
	"context"

	"ringfence/internal/appprotect"
	"ringfence/internal/device"
	"ringfence/internal/page"
	"ringfence/internal/wire"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// Policies is what administrators ask of policies; see appprotect.Service.
type Policies interface {
	ApplyPolicy(ctx context.Context, name string, spec appprotect.Spec, expected uint64, dryRun bool) (appprotect.Policy, appprotect.Change, error)
	GetPolicy(ctx context.Context, name string, revision uint64) (appprotect.Policy, error)
	ListPolicies(ctx context.Context, after string, limit int) ([]appprotect.Policy, error)
	DeletePolicy(ctx context.Context, name string, expected uint64) error
}

// Apps is what administrators ask of apps; see appprotect.Service.
type Apps interface {
	ApplyApp(ctx context.Context, a appprotect.KnownApp, dryRun bool) (appprotect.KnownApp, appprotect.Change, error)
	GetApp(ctx context.Context, pkg string) (appprotect.KnownApp, error)
	ListApps(ctx context.Context, after string, limit int) ([]appprotect.KnownApp, error)
	DeleteApp(ctx context.Context, pkg string) error
}

// Registrations is what administrators ask of registrations; see
// appprotect.Service.
type Registrations interface {
	GetRegistration(ctx context.Context, id device.ID) (appprotect.Details, error)
	ListRegistrations(ctx context.Context, q appprotect.Query) ([]appprotect.Standing, error)
	Retire(ctx context.Context, id device.ID, epoch device.Epoch, reason string) (appprotect.Registration, error)
	Explain(ctx context.Context, r appprotect.ExplainRequest) (appprotect.Explanation, error)
}

// AdminService is all that administrators ask of the slice.
type AdminService interface {
	Policies
	Apps
	Registrations
}

var _ AdminService = (*appprotect.Service)(nil)

// AdminServer is the administrators' side.
type AdminServer struct {
	appprotectv1.UnimplementedAppAdminServiceServer
	service AdminService
}

// NewAdminServer makes the administrators' side of a service.
func NewAdminServer(s AdminService) *AdminServer { return &AdminServer{service: s} }

// ApplyAppPolicy makes a policy be as given.
func (s *AdminServer) ApplyAppPolicy(ctx context.Context, r *appprotectv1.ApplyAppPolicyRequest) (*appprotectv1.ApplyAppPolicyResponse, error) {
	spec, err := specFromWire(r.GetSpec())
	if err != nil {
		return nil, err
	}
	p, change, err := s.service.ApplyPolicy(ctx, r.GetName(), spec, r.GetExpectedRevision(), r.GetDryRun())
	if err != nil {
		return nil, err
	}
	return &appprotectv1.ApplyAppPolicyResponse{Policy: policyToWire(p), Change: appprotectv1.Change(change)}, nil
}

// GetAppPolicy gives a policy at a revision.
func (s *AdminServer) GetAppPolicy(ctx context.Context, r *appprotectv1.GetAppPolicyRequest) (*appprotectv1.GetAppPolicyResponse, error) {
	p, err := s.service.GetPolicy(ctx, r.GetName(), r.GetRevision())
	if err != nil {
		return nil, err
	}
	return &appprotectv1.GetAppPolicyResponse{Policy: policyToWire(p)}, nil
}

// ListAppPolicies lists policies by name.
func (s *AdminServer) ListAppPolicies(ctx context.Context, r *appprotectv1.ListAppPoliciesRequest) (*appprotectv1.ListAppPoliciesResponse, error) {
	l := listing[appprotect.Policy]{
		names: []string{"app-policies"},
		list:  s.service.ListPolicies,
		place: func(p appprotect.Policy) string { return p.Name },
	}
	policies, next, err := l.page(ctx, r)
	return &appprotectv1.ListAppPoliciesResponse{Policies: wire.Each(policies, policyToWire), NextPageToken: next}, err
}

// DeleteAppPolicy takes a policy off every app.
func (s *AdminServer) DeleteAppPolicy(ctx context.Context, r *appprotectv1.DeleteAppPolicyRequest) (*appprotectv1.DeleteAppPolicyResponse, error) {
	if err := s.service.DeletePolicy(ctx, r.GetName(), r.GetExpectedRevision()); err != nil {
		return nil, err
	}
	return &appprotectv1.DeleteAppPolicyResponse{}, nil
}

// ApplyApp makes what is known of an app be as given.
func (s *AdminServer) ApplyApp(ctx context.Context, r *appprotectv1.ApplyAppRequest) (*appprotectv1.ApplyAppResponse, error) {
	app, err := appFromWire(r.GetPackage(), r.GetSpec())
	if err != nil {
		return nil, err
	}
	app, change, err := s.service.ApplyApp(ctx, app, r.GetDryRun())
	if err != nil {
		return nil, err
	}
	return &appprotectv1.ApplyAppResponse{App: appToWire(app), Change: appprotectv1.Change(change)}, nil
}

// GetApp gives what is known of an app.
func (s *AdminServer) GetApp(ctx context.Context, r *appprotectv1.GetAppRequest) (*appprotectv1.GetAppResponse, error) {
	app, err := s.service.GetApp(ctx, r.GetPackage())
	if err != nil {
		return nil, err
	}
	return &appprotectv1.GetAppResponse{App: appToWire(app)}, nil
}

// ListApps lists apps by package.
func (s *AdminServer) ListApps(ctx context.Context, r *appprotectv1.ListAppsRequest) (*appprotectv1.ListAppsResponse, error) {
	l := listing[appprotect.KnownApp]{
		names: []string{"apps"},
		list:  s.service.ListApps,
		place: func(a appprotect.KnownApp) string { return a.Package },
	}
	apps, next, err := l.page(ctx, r)
	return &appprotectv1.ListAppsResponse{Apps: wire.Each(apps, appToWire), NextPageToken: next}, err
}

// DeleteApp forgets an app.
func (s *AdminServer) DeleteApp(ctx context.Context, r *appprotectv1.DeleteAppRequest) (*appprotectv1.DeleteAppResponse, error) {
	if err := s.service.DeleteApp(ctx, r.GetPackage()); err != nil {
		return nil, err
	}
	return &appprotectv1.DeleteAppResponse{}, nil
}

// pageRequest is a request for one page.
type pageRequest interface {
	GetPageSize() uint32
	GetPageToken() string
}

// listing is a list that is given page by page.
type listing[T any] struct {
	// names is the listing's kind and every filter that shapes it.
	names []string
	// list gives at most limit things after the one at a place.
	list func(ctx context.Context, after string, limit int) ([]T, error)
	// place says where a thing is in the listing.
	place func(T) string
}

// page gives one page, and the token of the next; "" on the last.
func (l listing[T]) page(ctx context.Context, r pageRequest) ([]T, string, error) {
	after, err := page.Decode(r.GetPageToken(), l.names...)
	if err != nil {
		return nil, "", err
	}
	size := page.Size(r.GetPageSize())
	items, err := l.list(ctx, after, size+1)
	if err != nil || len(items) <= size {
		return items, "", err
	}
	return items[:size], page.Encode(l.place(items[size-1]), l.names...), nil
}
