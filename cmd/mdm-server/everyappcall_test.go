package main

import (
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	"ringfence/internal/identity"
	"ringfence/internal/rpc"
	"ringfence/internal/signin/signintest"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// callApps makes every call of app protection, for TestEveryCall.
func callApps(t *testing.T, s *server, a *admin, p *signintest.Provider) {
	t.Helper()
	ctx := t.Context()
	known := &appprotectv1.ApplyAppRequest{Package: mailPackage, Spec: &appprotectv1.AppSpec{
		Title: "Mail", SignerSha256: []string{mailSigner}, Groups: []string{"core"},
		Schema: []*appprotectv1.ConfigItem{{Key: "server", Type: "string"}},
	}}
	must[*appprotectv1.ApplyAppResponse](t)(a.apps.ApplyApp(ctx, known))
	if got := must[*appprotectv1.ApplyAppResponse](t)(a.apps.ApplyApp(ctx, known)); got.GetChange() != appprotectv1.Change_CHANGE_UNCHANGED {
		t.Errorf("the same app again: %v", got)
	}
	if got := must[*appprotectv1.GetAppResponse](t)(a.apps.GetApp(ctx, &appprotectv1.GetAppRequest{Package: mailPackage})).GetApp(); got.GetVersion() != 1 {
		t.Errorf("the app: %v", got)
	}
	if got := must[*appprotectv1.ListAppsResponse](t)(a.apps.ListApps(ctx, &appprotectv1.ListAppsRequest{})).GetApps(); len(got) != 1 {
		t.Errorf("apps: %v", got)
	}
	a.guard(t, "core", map[string]any{"data.send_to": "managed-apps"})
	a.guard(t, "core", map[string]any{"data.send_to": "none"})
	old := must[*appprotectv1.GetAppPolicyResponse](t)(a.apps.GetAppPolicy(ctx, &appprotectv1.GetAppPolicyRequest{Name: "core", Revision: 1})).GetPolicy()
	if got := old.GetSpec().GetSettings()["data.send_to"].GetStringValue(); got != "managed-apps" {
		t.Errorf("revision 1 says %q", got)
	}
	if got := must[*appprotectv1.ListAppPoliciesResponse](t)(a.apps.ListAppPolicies(ctx, &appprotectv1.ListAppPoliciesRequest{})).GetPolicies(); len(got) != 1 || got[0].GetRevision() != 2 {
		t.Errorf("policies: %v", got)
	}
	_, err := a.apps.ApplyAppPolicy(ctx, appPolicy(t, "wrong", map[string]any{"data.send_to": "sometimes"}))
	wantStatus(t, "a value that is none", err, codes.InvalidArgument, "")
	if got := fieldsOf(err); !slices.Equal(got, []string{"spec.settings.data.send_to"}) {
		t.Errorf("fields %q", got)
	}
	explained := must[*appprotectv1.ExplainAppPolicyResponse](t)(a.apps.ExplainAppPolicy(ctx, &appprotectv1.ExplainAppPolicyRequest{
		User: "erin@example.com", Package: mailPackage, Level: appprotectv1.Level_LEVEL_UNENROLLED,
	})).GetExplanation()
	if !slices.Equal(explained.GetPolicies(), []string{"core"}) {
		t.Errorf("explained: %v", explained)
	}

	m := s.registers(t, p, "erin@example.com")
	m.stands(t)
	renewed := must[*appprotectv1.RenewResponse](t)(m.app.Renew(ctx, &appprotectv1.RenewRequest{CertificateRequest: newCSR(t, m.key)}))
	m.chain = renewed.GetCertificateChain()
	m.moves(t, s)
	m.stands(t)
	list := must[*appprotectv1.ListRegistrationsResponse](t)(a.apps.ListRegistrations(ctx, &appprotectv1.ListRegistrationsRequest{User: "Erin@example.com"}))
	if len(list.GetRegistrations()) != 1 || a.registration(t, m.id).GetVerdict().GetStanding() != fit {
		t.Errorf("registrations: %v", list)
	}
	must[*appprotectv1.RetireRegistrationResponse](t)(a.apps.RetireRegistration(ctx, &appprotectv1.RetireRegistrationRequest{RegistrationId: m.id, Reason: "a test"}))
	_, err = m.checksIn(t)
	wantStatus(t, "a retired app", err, codes.Unauthenticated, "ENROLLMENT_ENDED")
	next := s.registers(t, p, "erin@example.com")
	must[*appprotectv1.LeaveResponse](t)(next.app.Leave(ctx, &appprotectv1.LeaveRequest{Why: &appprotectv1.LeaveRequest_SignedOut{SignedOut: &appprotectv1.SignedOut{}}}))
	must[*appprotectv1.DeleteAppPolicyResponse](t)(a.apps.DeleteAppPolicy(ctx, &appprotectv1.DeleteAppPolicyRequest{Name: "core"}))
	must[*appprotectv1.DeleteAppResponse](t)(a.apps.DeleteApp(ctx, &appprotectv1.DeleteAppRequest{Package: mailPackage}))
}

// TestAppsAndDevicesApart: no row of devices lets an app in, and no row of apps a
// device, unless it names both.
func TestAppsAndDevicesApart(t *testing.T) {
	p := provide(t)
	s := install(t, dbtest.DSN(t, sqldb.SQLite), trusting(p)).start(t)
	a := s.admin(t)
	a.guard(t, "mail", map[string]any{})
	app, phone := s.registers(t, p, "erin@example.com"), s.join(t, a.token(t))
	appCertificate := app.certificate()
	for name, c := range map[identity.Kind]*handset{identity.App: &app.handset, identity.Device: phone} {
		for method, rule := range deviceRules() {
			if slices.Contains(rule.Callers, name) {
				continue
			}
			err := c.conn.Invoke(t.Context(), method, new(emptypb.Empty), new(emptypb.Empty))
			wantStatus(t, name.String()+" calls "+method, err, codes.PermissionDenied, "CALLER_NOT_ALLOWED")
		}
	}
	conn := dial(t, s.at.Admin, s.roots(t), &appCertificate)
	for method := range adminRules() {
		err := conn.Invoke(t.Context(), method, new(emptypb.Empty), new(emptypb.Empty))
		wantStatus(t, "an app on the admin listener calls "+method, err, codes.Unauthenticated, rpc.CertificateUnknown)
	}
}
