package accessrpc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/access"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// desk is a slice that notes what it is asked, and has lists.
type desk struct {
	asked     []any
	err       error
	policies  []access.Policy
	locations []access.StoredLocation
	report    access.Report
}

func (d *desk) note(asked ...any) error {
	d.asked = asked
	return d.err
}

func (d *desk) ApplyPolicy(_ context.Context, name string, spec access.Spec, expected uint64, dryRun bool) (access.Policy, access.Change, error) {
	p := access.Policy{Name: name, Revision: 3, Spec: spec, CreatedAt: t0, RevisedAt: t0.Add(time.Hour), RevisedBy: "admin:ann"}
	return p, access.Revised, d.note(name, expected, dryRun)
}

func (d *desk) Policy(_ context.Context, name string, revision uint64) (access.Policy, error) {
	return access.Policy{Name: name, Revision: revision}, d.note(name, revision)
}

func (d *desk) ListPolicies(_ context.Context, after string, limit int) ([]access.Policy, error) {
	return following(d.policies, limit, func(p access.Policy) bool { return p.Name > after }), d.note(after, limit)
}

func (d *desk) DeletePolicy(_ context.Context, name string, expected uint64) error {
	return d.note(name, expected)
}

func (d *desk) ApplyLocation(_ context.Context, l access.Location, dryRun bool) (access.StoredLocation, access.Change, error) {
	return access.StoredLocation{Location: l, Version: 2, ChangedAt: t0, ChangedBy: "admin:ann"}, access.Created, d.note(l, dryRun)
}

func (d *desk) Location(_ context.Context, name string) (access.StoredLocation, error) {
	return access.StoredLocation{Location: access.Location{Name: name}}, d.note(name)
}

func (d *desk) ListLocations(_ context.Context, after string, limit int) ([]access.StoredLocation, error) {
	return following(d.locations, limit, func(l access.StoredLocation) bool { return l.Name > after }), d.note(after, limit)
}

func (d *desk) DeleteLocation(_ context.Context, name string) error { return d.note(name) }

func (d *desk) Report(_ context.Context, r access.ReportRequest) (access.Report, error) {
	return d.report, d.note(r)
}

// following gives the first of a sorted list that come after a place.
func following[T any](list []T, limit int, after func(T) bool) []T {
	i := slices.IndexFunc(list, after)
	if i < 0 {
		return nil
	}
	return list[i:min(i+limit, len(list))]
}

// check compares what was asked and what came back.
func check(t *testing.T, what string, d *desk, asked []any, want, got any, err error) {
	t.Helper()
	if diff := cmp.Diff(asked, d.asked, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("%s: asked (-want +got):\n%s", what, diff)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
	}
}

func TestPolicies(t *testing.T) {
	d := &desk{}
	s := NewAdminServer(d)
	spec := &accessv1.AccessPolicySpec{State: accessv1.PolicyState_POLICY_STATE_ON, IncludePeople: &accessv1.People{Everyone: true}}
	applied, err := s.ApplyAccessPolicy(t.Context(), &accessv1.ApplyAccessPolicyRequest{Name: "mfa", Spec: spec, ExpectedRevision: 2, DryRun: true})
	check(t, "apply", d, []any{"mfa", uint64(2), true}, &accessv1.ApplyAccessPolicyResponse{
		Policy: &accessv1.AccessPolicy{
			Name: "mfa", Revision: 3, Spec: spec, CreatedAt: timestamppb.New(t0), RevisedAt: timestamppb.New(t0.Add(time.Hour)), RevisedBy: "admin:ann",
		},
		Change: accessv1.Change_CHANGE_REVISED,
	}, applied, err)
	got, err := s.GetAccessPolicy(t.Context(), &accessv1.GetAccessPolicyRequest{Name: "mfa", Revision: 2})
	check(t, "get", d, []any{"mfa", uint64(2)}, &accessv1.GetAccessPolicyResponse{
		Policy: &accessv1.AccessPolicy{Name: "mfa", Revision: 2, Spec: &accessv1.AccessPolicySpec{}},
	}, got, err)
	deleted, err := s.DeleteAccessPolicy(t.Context(), &accessv1.DeleteAccessPolicyRequest{Name: "mfa", ExpectedRevision: 3})
	check(t, "delete", d, []any{"mfa", uint64(3)}, &accessv1.DeleteAccessPolicyResponse{}, deleted, err)
	_, err = s.ApplyAccessPolicy(t.Context(), &accessv1.ApplyAccessPolicyRequest{Spec: &accessv1.AccessPolicySpec{
		MaxAge: &accessv1.MaxAge{Compliance: durationpb.New(0)},
	}})
	wantInvalid(t, err, "spec.max_age.compliance")
}

func TestLocations(t *testing.T) {
	d := &desk{}
	s := NewAdminServer(d)
	spec := &accessv1.LocationSpec{Networks: []string{"192.0.2.0/24"}, Countries: []string{"CH"}, Trusted: true}
	l := access.Location{Name: "office", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Countries: []string{"CH"}, Trusted: true}
	applied, err := s.ApplyLocation(t.Context(), &accessv1.ApplyLocationRequest{Name: "office", Spec: spec, DryRun: true})
	check(t, "apply", d, []any{l, true}, &accessv1.ApplyLocationResponse{
		Location: &accessv1.Location{Name: "office", Version: 2, Spec: spec, ChangedAt: timestamppb.New(t0), ChangedBy: "admin:ann"},
		Change:   accessv1.Change_CHANGE_CREATED,
	}, applied, err)
	got, err := s.GetLocation(t.Context(), &accessv1.GetLocationRequest{Name: "office"})
	check(t, "get", d, []any{"office"}, &accessv1.GetLocationResponse{
		Location: &accessv1.Location{Name: "office", Spec: &accessv1.LocationSpec{}},
	}, got, err)
	deleted, err := s.DeleteLocation(t.Context(), &accessv1.DeleteLocationRequest{Name: "office"})
	check(t, "delete", d, []any{"office"}, &accessv1.DeleteLocationResponse{}, deleted, err)

	_, err = s.ApplyLocation(t.Context(), &accessv1.ApplyLocationRequest{Name: "office", Spec: &accessv1.LocationSpec{Networks: []string{"office"}}})
	wantInvalid(t, err, "spec.networks[0]")
	for slice, wire := range map[string]string{"location.countries[1]": "spec.countries[1]", "location.name": "name"} {
		d.err = fault.InvalidField(slice, "is none")
		_, err = s.ApplyLocation(t.Context(), &accessv1.ApplyLocationRequest{Name: "office", Spec: spec})
		wantInvalid(t, err, wire)
	}
}

// TestPages goes through a listing, and takes no token of another.
func TestPages(t *testing.T) {
	d := &desk{}
	var want []string
	for i := range 5 {
		name := fmt.Sprintf("p%d", i)
		want = append(want, name)
		d.policies = append(d.policies, access.Policy{Name: name})
		d.locations = append(d.locations, access.StoredLocation{Location: access.Location{Name: name}})
	}
	s := NewAdminServer(d)
	var got []string
	token, pages := "", 0
	for pages == 0 || token != "" {
		r, err := s.ListAccessPolicies(t.Context(), &accessv1.ListAccessPoliciesRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.GetPolicies() {
			got = append(got, p.GetName())
		}
		pages, token = pages+1, r.GetNextPageToken()
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
		t.Errorf("%d pages (-want +got):\n%s", pages, diff)
	}
	r, err := s.ListLocations(t.Context(), &accessv1.ListLocationsRequest{PageSize: 4})
	if err != nil || len(r.GetLocations()) != 4 || r.GetNextPageToken() == "" {
		t.Errorf("got %v, %v", r, err)
	}
	_, err = s.ListAccessPolicies(t.Context(), &accessv1.ListAccessPoliciesRequest{PageToken: r.GetNextPageToken()})
	wantInvalid(t, err, "page_token")
	for size, limit := range map[int32]int{0: 51, 200: 201, 9999: 201, -1: 51} {
		if _, err := s.ListLocations(t.Context(), &accessv1.ListLocationsRequest{PageSize: size}); err != nil || d.asked[1] != limit {
			t.Errorf("size %d: asked for %v, %v", size, d.asked[1], err)
		}
	}
}

func TestReport(t *testing.T) {
	choice := access.Owed(1 << 1).Choices()[0]
	d := &desk{report: access.Report{
		Since: t0, Samples: 2, SignIns: 9, Lost: 1,
		Policies: []access.PolicyReport{{Name: "mfa", Revision: 4, Effect: access.Effect{
			Applied: 8, WouldBlock: 1, WouldPrompt: 7, Owed: []access.OwedCount{{Choice: choice, SignIns: 7}}, Users: 3, Devices: 2,
			Examples: []access.Example{{
				Sample: access.Sample{SignIn: access.SignIn{App: "mail"}, Count: 7, LastAt: t0}, Present: access.Allow, Outcome: access.AllowWith,
			}},
		}}},
	}}
	s := NewAdminServer(d)
	got, err := s.ReportAccess(t.Context(), &accessv1.ReportAccessRequest{Promote: []string{"mfa"}, Since: timestamppb.New(t0)})
	check(t, "report", d, []any{access.ReportRequest{Promote: []string{"mfa"}, Since: t0, Examples: 5}}, &accessv1.ReportAccessResponse{
		SignIns: 9, DistinctSignIns: 2, Since: timestamppb.New(t0), Dropped: 1,
		Policies: []*accessv1.PolicyEffect{{
			Name: "mfa", Applied: 8, WouldBlock: 1, WouldPrompt: 7, Users: 3, Devices: 2,
			Owed: []*accessv1.OwedCount{{Choice: choiceToWire(choice), SignIns: 7}},
			Examples: []*accessv1.SampledSignIn{{
				SignIn: &accessv1.SignIn{App: "mail"}, Count: 7, LastAt: timestamppb.New(t0),
				Outcome: accessv1.Outcome_OUTCOME_ALLOW, WouldBe: accessv1.Outcome_OUTCOME_ALLOW_WITH,
			}},
		}},
		Together: &accessv1.PolicyEffect{},
	}, got, err)
	_, err = s.ReportAccess(t.Context(), &accessv1.ReportAccessRequest{Since: &timestamppb.Timestamp{Nanos: -1}})
	wantInvalid(t, err, "since")
}

// TestFaultsPass: what the slice says comes through as it is.
func TestFaultsPass(t *testing.T) {
	d := &desk{err: access.ErrRevisionMoved}
	s := NewAdminServer(d)
	for name, call := range map[string]func() error{
		"apply": func() error { _, err := s.ApplyAccessPolicy(t.Context(), nil); return err },
		"get":   func() error { _, err := s.GetAccessPolicy(t.Context(), nil); return err },
		"list": func() error {
			_, err := s.ListAccessPolicies(t.Context(), &accessv1.ListAccessPoliciesRequest{})
			return err
		},
		"delete":          func() error { _, err := s.DeleteAccessPolicy(t.Context(), nil); return err },
		"apply location":  func() error { _, err := s.ApplyLocation(t.Context(), nil); return err },
		"get location":    func() error { _, err := s.GetLocation(t.Context(), nil); return err },
		"list locations":  func() error { _, err := s.ListLocations(t.Context(), &accessv1.ListLocationsRequest{}); return err },
		"delete location": func() error { _, err := s.DeleteLocation(t.Context(), nil); return err },
		"report":          func() error { _, err := s.ReportAccess(t.Context(), nil); return err },
	} {
		if err := call(); !errors.Is(err, access.ErrRevisionMoved) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// notary is an issuer that notes what it is asked.
type notary struct{ asked []any }

func (n *notary) Issue(_ context.Context, caller identity.Caller, sum [sha256.Size]byte, audience string) (access.Assertion, error) {
	n.asked = []any{caller.Device, sum, audience}
	return access.Assertion{Token: "a.b.c", ExpiresAt: t0}, nil
}

func TestIssueAssertion(t *testing.T) {
	n := &notary{}
	chain := [][]byte{[]byte("leaf"), []byte("issuer")}
	var broken error
	s := NewDeviceServer(n, func(context.Context) ([][]byte, error) { return chain, broken })
	ctx := identity.With(t.Context(), identity.Caller{Kind: identity.Device, Device: phoneID})
	got, err := s.IssueAssertion(ctx, &accessv1.IssueAssertionRequest{Audience: "https://api.example.com"})
	if diff := cmp.Diff(&accessv1.IssueAssertionResponse{Assertion: "a.b.c", ExpiresAt: timestamppb.New(t0)}, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]any{device.ID(phoneID), sha256.Sum256([]byte("leaf")), "https://api.example.com"}, n.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	chain = nil
	if _, err = s.IssueAssertion(ctx, &accessv1.IssueAssertionRequest{Audience: "x"}); err == nil {
		t.Error("issued without a certificate")
	}
	broken = errors.New("broken")
	if _, err := s.IssueAssertion(ctx, &accessv1.IssueAssertionRequest{Audience: "x"}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
