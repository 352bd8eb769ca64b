package main

import (
	"slices"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "ringfence/proto/mdm/access/v1"
	oauthv1 "ringfence/proto/mdm/oauth/v1"
)

// wantField sees that a request is refused because of one field.
func wantField(tb testing.TB, what string, err error, field string) {
	tb.Helper()
	wantStatus(tb, what, err, codes.InvalidArgument, "")
	if got := fieldsOf(err); !slices.Equal(got, []string{field}) {
		tb.Errorf("%s: fields %q (%v), want %q", what, got, err, field)
	}
}

// callDoors makes every call of conditional access, and sees the errors that the
// wire promises.
func callDoors(t *testing.T, s *server, a *admin, h *handset) {
	t.Helper()
	callLocations(t, a)
	callAccessPolicies(t, a)
	callDecisions(t, s, a, h)
	callReport(t, s, a, h)
}

func callLocations(t *testing.T, a *admin) {
	t.Helper()
	ctx := t.Context()
	office := &accessv1.ApplyLocationRequest{Name: "office", DryRun: true, Spec: &accessv1.LocationSpec{Networks: []string{"192.0.2.0/24"}, Trusted: true}}
	for i, want := range []accessv1.Change{accessv1.Change_CHANGE_CREATED, accessv1.Change_CHANGE_CREATED, accessv1.Change_CHANGE_UNCHANGED} {
		office.DryRun = i == 0
		if got := must[*accessv1.ApplyLocationResponse](t)(a.doors.ApplyLocation(ctx, office)); got.GetChange() != want {
			t.Errorf("apply a location, %d: %v, want %v", i, got, want)
		}
	}
	office.Spec.Countries = []string{"CH"}
	if got := must[*accessv1.ApplyLocationResponse](t)(a.doors.ApplyLocation(ctx, office)); got.GetChange() != accessv1.Change_CHANGE_REVISED || got.GetLocation().GetVersion() != 2 {
		t.Errorf("a changed location: %v", got)
	}
	got := must[*accessv1.GetLocationResponse](t)(a.doors.GetLocation(ctx, &accessv1.GetLocationRequest{Name: "office"})).GetLocation()
	if got.GetChangedBy() != "admin:admin" || !slices.Equal(got.GetSpec().GetCountries(), []string{"CH"}) {
		t.Errorf("the location: %v", got)
	}
	_, err := a.doors.ApplyLocation(ctx, &accessv1.ApplyLocationRequest{Name: "bad", Spec: &accessv1.LocationSpec{Networks: []string{"192.0.2.0/24", "everywhere"}}})
	wantField(t, "a network that is none", err, "spec.networks[1]")
	_, err = a.doors.GetLocation(ctx, &accessv1.GetLocationRequest{Name: "bad"})
	wantStatus(t, "a location that was refused", err, codes.NotFound, "")
	_, err = a.doors.DeleteLocation(ctx, &accessv1.DeleteLocationRequest{Name: "bad"})
	wantStatus(t, "deleting what never was", err, codes.NotFound, "")

	a.place(t, "branch", "198.51.100.0/24")
	page := must[*accessv1.ListLocationsResponse](t)(a.doors.ListLocations(ctx, &accessv1.ListLocationsRequest{PageSize: 1}))
	if l := page.GetLocations(); len(l) != 1 || l[0].GetName() != "branch" || page.GetNextPageToken() == "" {
		t.Errorf("the first page of locations: %v", page)
	}
	_, err = a.doors.ListAccessPolicies(ctx, &accessv1.ListAccessPoliciesRequest{PageToken: page.GetNextPageToken()})
	wantField(t, "a page token of another listing", err, "page_token")
	page = must[*accessv1.ListLocationsResponse](t)(a.doors.ListLocations(ctx, &accessv1.ListLocationsRequest{PageSize: 1, PageToken: page.GetNextPageToken()}))
	if l := page.GetLocations(); len(l) != 1 || l[0].GetName() != "office" || page.GetNextPageToken() != "" {
		t.Errorf("the last page of locations: %v", page)
	}
	for range 2 { // safe to retry
		must[*accessv1.DeleteLocationResponse](t)(a.doors.DeleteLocation(ctx, &accessv1.DeleteLocationRequest{Name: "branch"}))
	}
}

func callAccessPolicies(t *testing.T, a *admin) {
	t.Helper()
	ctx := t.Context()
	req := accessPolicy("work", compliantDevice, "mail")
	req.Spec.Conditions = &accessv1.Conditions{ExcludeLocations: &accessv1.Places{Names: []string{"office"}}}
	req.DryRun = true
	for i, want := range []accessv1.Change{accessv1.Change_CHANGE_CREATED, accessv1.Change_CHANGE_CREATED, accessv1.Change_CHANGE_UNCHANGED} {
		if got := must[*accessv1.ApplyAccessPolicyResponse](t)(a.doors.ApplyAccessPolicy(ctx, req)); got.GetChange() != want || got.GetPolicy().GetRevision() != 1 {
			t.Errorf("apply a policy, %d: %v, want %v", i, got, want)
		}
		req.DryRun = false
	}
	_, err := a.doors.DeleteLocation(ctx, &accessv1.DeleteLocationRequest{Name: "office"})
	wantStatus(t, "deleting a location that a policy names", err, codes.FailedPrecondition, "LOCATION_IN_USE")
	req.Spec.Description, req.ExpectedRevision = "phones", 1
	if got := a.rule(t, req); got.GetRevision() != 2 || got.GetRevisedBy() != "admin:admin" {
		t.Errorf("a revised policy: %v", got)
	}
	a.rule(t, req) // as given already, whatever was expected
	req.Spec.Description = "all phones"
	_, err = a.doors.ApplyAccessPolicy(ctx, req)
	wantStatus(t, "a change made from an older revision", err, codes.Aborted, "REVISION_MOVED")
	req = accessPolicy("wrong", compliantDevice)
	req.Spec.Conditions = &accessv1.Conditions{IncludeLocations: &accessv1.Places{Names: []string{"nowhere"}}}
	_, err = a.doors.ApplyAccessPolicy(ctx, req)
	wantField(t, "a location that there is not", err, "spec.conditions.include_locations.names[0]")

	get := func(revision uint64) (*accessv1.AccessPolicy, error) {
		got, err := a.doors.GetAccessPolicy(ctx, &accessv1.GetAccessPolicyRequest{Name: "work", Revision: revision})
		return got.GetPolicy(), err
	}
	if got := must[*accessv1.AccessPolicy](t)(get(0)); got.GetSpec().GetDescription() != "phones" {
		t.Errorf("the latest revision: %v", got)
	}
	_, err = get(7)
	wantStatus(t, "a revision that there is not", err, codes.NotFound, "")
	list := must[*accessv1.ListAccessPoliciesResponse](t)(a.doors.ListAccessPolicies(ctx, &accessv1.ListAccessPoliciesRequest{}))
	if l := list.GetPolicies(); len(l) != 1 || l[0].GetRevision() != 2 || list.GetNextPageToken() != "" {
		t.Errorf("policies: %v", list)
	}
	_, err = a.doors.DeleteAccessPolicy(ctx, &accessv1.DeleteAccessPolicyRequest{Name: "work", ExpectedRevision: 1})
	wantStatus(t, "deleting an older revision", err, codes.Aborted, "REVISION_MOVED")
	_, err = a.doors.DeleteAccessPolicy(ctx, &accessv1.DeleteAccessPolicyRequest{Name: "wrong"})
	wantStatus(t, "deleting what never was", err, codes.NotFound, "")
	a.unrule(t, "work")
	a.unrule(t, "work")
	_, err = get(0)
	wantStatus(t, "a deleted policy", err, codes.NotFound, "")
	if got := must[*accessv1.AccessPolicy](t)(get(1)); got.GetSpec().GetDescription() != "" {
		t.Errorf("the first revision of a deleted policy: %v", got)
	}
	must[*accessv1.DeleteLocationResponse](t)(a.doors.DeleteLocation(ctx, &accessv1.DeleteLocationRequest{Name: "office"}))
}

func callDecisions(t *testing.T, s *server, a *admin, h *handset) {
	t.Helper()
	ctx := t.Context()
	g := s.doorkeeper(t, "edge")
	a.rule(t, accessPolicy("work", compliantDevice, "mail"))
	for name, ask := range map[string]accessv1.AccessServiceClient{"a gateway": g.ask, "an owner": a.ask} {
		d := must[*accessv1.DecideResponse](t)(ask.Decide(ctx, &accessv1.DecideRequest{SignIn: h.with("wiki")})).GetDecision()
		if d.GetOutcome() != allow || d.GetUser() != "maria@example.com" || d.GetVersions().GetDeviceId() != h.id || d.GetExplanation() != nil {
			t.Errorf("%s is told %v", name, d)
		}
	}
	for field, in := range map[string]*accessv1.SignIn{
		"sign_in.device_id": {DeviceId: "../../etc"}, "sign_in.registration_id": {RegistrationId: "x"}, "sign_in.address": {Address: "at home"},
	} {
		_, err := g.ask.Decide(ctx, &accessv1.DecideRequest{SignIn: in})
		wantField(t, "a bad "+field, err, field)
	}
	_, err := g.ask.Decide(ctx, &accessv1.DecideRequest{})
	wantField(t, "no sign-in", err, "sign_in")
	g.listens(t, h.with("mail"), h.with("wiki"))

	what := &accessv1.WhatIfRequest{SignIn: &accessv1.SignIn{User: "otto@example.com", App: "mail"}, Facts: &accessv1.AssumedFacts{
		Device: &accessv1.AssumedDevice{User: "otto@example.com", Compliance: &accessv1.AssumedVerdict{Fitness: "fit"}},
	}}
	if d := must[*accessv1.WhatIfResponse](t)(a.ask.WhatIf(ctx, what)).GetDecision(); d.GetOutcome() != allow || d.GetExplanation() == nil {
		t.Errorf("what if he had a good phone: %v", d)
	}
	what.Facts = nil
	if d := must[*accessv1.WhatIfResponse](t)(a.ask.WhatIf(ctx, what)).GetDecision(); d.GetOutcome() == allow {
		t.Errorf("what if he had none: %v", d)
	}
	what.AsOf = timestamppb.New(s.clock.now().Add(-time.Hour))
	if d := must[*accessv1.WhatIfResponse](t)(a.ask.WhatIf(ctx, what)).GetDecision(); d.GetOutcome() != allow {
		t.Errorf("what if it were before the policy: %v", d)
	}
	what.AsOf, what.Promote = nil, []string{"nothing"}
	_, err = a.ask.WhatIf(ctx, what)
	wantField(t, "a policy that there is not", err, "promote[0]")

	check := must[*authv3.CheckResponse](t)(authv3.NewAuthorizationClient(g.conn).Check(ctx, &authv3.CheckRequest{}))
	if check.GetStatus().GetCode() == int32(codes.OK) {
		t.Errorf("Envoy asks for nobody: %v", check)
	}
	signed := must[*accessv1.IssueAssertionResponse](t)(accessv1.NewAccessDeviceServiceClient(h.conn).IssueAssertion(ctx, &accessv1.IssueAssertionRequest{Audience: "https://api.example.com"}))
	if signed.GetAssertion() == "" || signed.GetExpiresAt() == nil {
		t.Errorf("the assertion: %v", signed)
	}
	_, err = accessv1.NewAccessDeviceServiceClient(h.conn).IssueAssertion(ctx, &accessv1.IssueAssertionRequest{Audience: "an api"})
	wantField(t, "an audience that is none", err, "audience")
}

func callReport(t *testing.T, s *server, a *admin, h *handset) {
	t.Helper()
	ctx := t.Context()
	trial := accessPolicy("trial", shutDoor, "wiki")
	trial.Spec.State = accessv1.PolicyState_POLICY_STATE_REPORT_ONLY
	a.rule(t, trial)
	if err := s.parts.access.deciding.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	r := must[*accessv1.ReportAccessResponse](t)(a.doors.ReportAccess(ctx, &accessv1.ReportAccessRequest{Promote: []string{"trial"}, Examples: 1}))
	effect := r.GetTogether()
	// Asked twice, and watched: the gateway, the owner and the stream.
	if effect.GetWouldBlock() != 3 || effect.GetUsers() != 1 || effect.GetDevices() != 1 || len(effect.GetExamples()) != 1 ||
		effect.GetExamples()[0].GetSignIn().GetAddress() != "192.0.2.0/24" || effect.GetExamples()[0].GetSignIn().GetDeviceId() != h.id {
		t.Errorf("the report: %v", r)
	}
	for _, name := range []string{"nothing", "work"} { // one is on
		_, err := a.doors.ReportAccess(ctx, &accessv1.ReportAccessRequest{Promote: []string{name}})
		wantField(t, "promote "+name, err, "promote[0]")
	}
	a.unrule(t, "trial")
	a.unrule(t, "work")
}

// callClients makes every call of OAuth's administration.
func callClients(t *testing.T, a *admin) {
	t.Helper()
	ctx := t.Context()
	req := &oauthv1.CreateClientRequest{RequestKey: newID(), Name: "idp", Scopes: []string{"access.evaluate"}}
	first := must[*oauthv1.CreateClientResponse](t)(a.oauth.CreateClient(ctx, req))
	again := must[*oauthv1.CreateClientResponse](t)(a.oauth.CreateClient(ctx, req))
	if first.GetSecret() == "" || again.GetSecret() != "" || first.GetClient().GetId() != again.GetClient().GetId() || first.GetClient().GetCreatedBy() != "admin:admin" {
		t.Errorf("a client: %v, and again %v", first.GetClient(), again)
	}
	_, err := a.oauth.CreateClient(ctx, &oauthv1.CreateClientRequest{RequestKey: req.RequestKey, Name: "other", Scopes: req.Scopes})
	wantStatus(t, "a reused request key", err, codes.Aborted, "REQUEST_KEY_REUSED")
	_, err = a.oauth.CreateClient(ctx, &oauthv1.CreateClientRequest{RequestKey: newID(), Name: "idp", Scopes: req.Scopes})
	wantStatus(t, "a name in use", err, codes.Aborted, "CLIENT_EXISTS")
	_, err = a.oauth.CreateClient(ctx, &oauthv1.CreateClientRequest{RequestKey: newID(), Name: "second", Scopes: []string{"everything"}})
	wantField(t, "a scope that there is not", err, "scopes[0]")
	must[*oauthv1.CreateClientResponse](t)(a.oauth.CreateClient(ctx, &oauthv1.CreateClientRequest{RequestKey: newID(), Name: "second", Scopes: req.Scopes}))
	page := must[*oauthv1.ListClientsResponse](t)(a.oauth.ListClients(ctx, &oauthv1.ListClientsRequest{PageSize: 1}))
	if l := page.GetClients(); len(l) != 1 || l[0].GetName() != "idp" || page.GetNextPageToken() == "" {
		t.Errorf("the first page of clients: %v", page)
	}
	_, err = a.oauth.ListClients(ctx, &oauthv1.ListClientsRequest{PageSize: 1, ShowRevoked: true, PageToken: page.GetNextPageToken()})
	wantField(t, "a page token of another listing", err, "page_token")
	for range 2 { // safe to retry
		revoked := must[*oauthv1.RevokeClientResponse](t)(a.oauth.RevokeClient(ctx, &oauthv1.RevokeClientRequest{Id: first.GetClient().GetId()}))
		if revoked.GetClient().GetRevokedAt() == nil {
			t.Errorf("a revoked client: %v", revoked)
		}
	}
	_, err = a.oauth.RevokeClient(ctx, &oauthv1.RevokeClientRequest{Id: "c_" + newID()})
	wantStatus(t, "a client that there is not", err, codes.NotFound, "")
	if left := must[*oauthv1.ListClientsResponse](t)(a.oauth.ListClients(ctx, &oauthv1.ListClientsRequest{})).GetClients(); len(left) != 1 {
		t.Errorf("clients in use: %v", left)
	}

	made := must[*oauthv1.RotateSigningKeyResponse](t)(a.oauth.RotateSigningKey(ctx, &oauthv1.RotateSigningKeyRequest{Algorithm: "ES256"})).GetKey()
	next := must[*oauthv1.RotateSigningKeyResponse](t)(a.oauth.RotateSigningKey(ctx, &oauthv1.RotateSigningKeyRequest{Algorithm: "ES256"})).GetKey()
	same := must[*oauthv1.RotateSigningKeyResponse](t)(a.oauth.RotateSigningKey(ctx, &oauthv1.RotateSigningKeyRequest{Algorithm: "ES256"})).GetKey()
	if made.GetState() != oauthv1.SigningKeyState_SIGNING_KEY_STATE_SIGNING || next.GetState() != oauthv1.SigningKeyState_SIGNING_KEY_STATE_NEXT || same.GetId() != next.GetId() {
		t.Errorf("keys: %v, %v, %v", made, next, same)
	}
	keys := must[*oauthv1.ListSigningKeysResponse](t)(a.oauth.ListSigningKeys(ctx, &oauthv1.ListSigningKeysRequest{})).GetKeys()
	if !slices.ContainsFunc(keys, func(k *oauthv1.SigningKey) bool { return k.GetId() == next.GetId() }) {
		t.Errorf("published: %v", keys)
	}
	_, err = a.oauth.RotateSigningKey(ctx, &oauthv1.RotateSigningKeyRequest{Algorithm: "none"})
	wantField(t, "an algorithm that is none", err, "algorithm")
}
