package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/identity"
	"ringfence/internal/sqldb/dbtest"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// TestEveryCall makes each call of each listener with success at least once,
// on both databases, and sees from the log that none was left out.
func TestEveryCall(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		provider := provide(t)
		s := install(t, dsn, opened(trusting(provider))).start(t)
		a := s.admin(t)
		h := callTokensAndDevices(t, s, a)
		callPolicies(t, a)
		callCompliance(t, a, h)
		callWipes(t, a, h)
		b := s.colleague(t, "bob", identity.Approver)
		callRequests(t, s, a, b)
		callGovernance(t, s, a, b)
		callDoors(t, s, a, h)
		callClients(t, a)
		callStreams(t, a)
		callLeaving(t, s, a, h)
		callApps(t, s, a, provider)

		answered := make(map[string]bool)
		for line := range strings.Lines(s.log.String()) {
			var entry struct{ Msg, Method, Code string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "rpc" && entry.Code == codes.OK.String() {
				answered[entry.Method] = true
			}
		}
		for _, rules := range []map[string]bool{methods(deviceRules()), methods(adminRules()), methods(gatewayRules())} {
			for method := range rules {
				// Watch ends with the enrolment, never with OK, and WatchDecisions with
				// whoever opened it; their calls have seen them answer.
				if !answered[method] && !strings.HasSuffix(method, "/Watch") && !strings.HasSuffix(method, "/WatchDecisions") {
					t.Errorf("%s was never called with success", method)
				}
			}
		}
	})
}

func methods[R any](rules map[string]R) map[string]bool {
	names := make(map[string]bool, len(rules))
	for name := range rules {
		names[name] = true
	}
	return names
}

func must[T any](tb testing.TB) func(T, error) T {
	return func(v T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// callTokensAndDevices pages through tokens and devices and gives a phone.
func callTokensAndDevices(t *testing.T, s *server, a *admin) *handset {
	t.Helper()
	ctx := t.Context()
	secrets := []string{a.token(t), a.token(t), a.token(t)}
	var seen []string
	for token, more := "", true; more; more = token != "" {
		page := must[*enrollv1.ListTokensResponse](t)(a.enroll.ListTokens(ctx, &enrollv1.ListTokensRequest{PageSize: 2, PageToken: token, UsableOnly: true}))
		for _, k := range page.GetTokens() {
			seen = append(seen, k.GetId())
		}
		token = page.GetNextPageToken()
	}
	if len(seen) != 3 {
		t.Fatalf("%d tokens in pages of two, want 3", len(seen))
	}
	var last *handset
	for _, secret := range secrets {
		last = s.join(t, secret)
	}
	used := must[*enrollv1.GetTokenResponse](t)(a.enroll.GetToken(ctx, &enrollv1.GetTokenRequest{Id: seen[0]})).GetToken()
	if used.GetUses() != 1 || used.GetCreatedBy() != "admin:admin" {
		t.Errorf("the token says %v", used)
	}
	spare := a.token(t)
	listed := must[*enrollv1.ListTokensResponse](t)(a.enroll.ListTokens(ctx, &enrollv1.ListTokensRequest{UsableOnly: true})).GetTokens()
	if len(listed) != 1 {
		t.Fatalf("%d usable tokens, want 1", len(listed))
	}
	must[*enrollv1.RevokeTokenResponse](t)(a.enroll.RevokeToken(ctx, &enrollv1.RevokeTokenRequest{Id: listed[0].GetId()}))
	stranger := enrollv1.NewEnrollmentServiceClient(dial(t, s.at.Device, s.roots(t), nil))
	_, err := stranger.Join(ctx, joinRequest(spare, newCSR(t, newKey(t))))
	wantStatus(t, "a revoked token", err, codes.FailedPrecondition, "TOKEN_REVOKED")

	devices := 0
	for token, more := "", true; more; more = token != "" {
		page := must[*enrollv1.ListDevicesResponse](t)(a.enroll.ListDevices(ctx, &enrollv1.ListDevicesRequest{
			PageSize: 2, PageToken: token, Group: "sales", State: enrollv1.DeviceState_DEVICE_STATE_ENROLLED,
		}))
		devices += len(page.GetDevices())
		token = page.GetNextPageToken()
	}
	if devices != 3 {
		t.Errorf("%d devices in pages of two, want 3", devices)
	}
	none := must[*enrollv1.ListDevicesResponse](t)(a.enroll.ListDevices(ctx, &enrollv1.ListDevicesRequest{Group: "other"}))
	if len(none.GetDevices()) != 0 {
		t.Errorf("the filter lets %d devices through", len(none.GetDevices()))
	}
	return last
}

func callPolicies(t *testing.T, a *admin) {
	t.Helper()
	ctx := t.Context()
	dry := pinPolicy("lock", 6)
	dry.DryRun = true
	if got := must[*compliancev1.ApplyPolicyResponse](t)(a.compliance.ApplyPolicy(ctx, dry)).GetChange(); got != compliancev1.Change_CHANGE_CREATED {
		t.Errorf("dry run = %v, want created", got)
	}
	_, err := a.compliance.GetPolicy(ctx, &compliancev1.GetPolicyRequest{Name: "lock"})
	wantStatus(t, "after the dry run", err, codes.NotFound, "")
	for i, want := range []compliancev1.Change{
		compliancev1.Change_CHANGE_CREATED, compliancev1.Change_CHANGE_UNCHANGED, compliancev1.Change_CHANGE_REVISED,
	} {
		digits := []uint32{6, 6, 8}[i]
		if got := must[*compliancev1.ApplyPolicyResponse](t)(a.compliance.ApplyPolicy(ctx, pinPolicy("lock", digits))).GetChange(); got != want {
			t.Errorf("apply %d = %v, want %v", i, got, want)
		}
	}
	first := must[*compliancev1.GetPolicyResponse](t)(a.compliance.GetPolicy(ctx, &compliancev1.GetPolicyRequest{Name: "lock", Revision: 1}))
	if got := first.GetPolicy().GetSpec().GetPins()[0].GetMinimumLength(); got != 6 {
		t.Errorf("revision 1 asks for %d digits, want 6: revisions must not change", got)
	}
	_, err = a.compliance.GetPolicy(ctx, &compliancev1.GetPolicyRequest{Name: "lock", Revision: math.MaxUint64})
	wantStatus(t, "a revision that no database can hold", err, codes.NotFound, "")
	stale := pinPolicy("lock", 9)
	stale.ExpectedRevision = 1
	_, err = a.compliance.ApplyPolicy(ctx, stale)
	wantStatus(t, "a change made from an older revision", err, codes.Aborted, "REVISION_MOVED")
	a.apply(t, pinPolicy("other", 4))
	if got := must[*compliancev1.ListPoliciesResponse](t)(a.compliance.ListPolicies(ctx, &compliancev1.ListPoliciesRequest{PageSize: 1})); len(got.GetPolicies()) != 1 || got.GetNextPageToken() == "" {
		t.Errorf("first page of policies = %v", got)
	}
	must[*compliancev1.DeletePolicyResponse](t)(a.compliance.DeletePolicy(ctx, &compliancev1.DeletePolicyRequest{Name: "other"}))
}

func callCompliance(t *testing.T, a *admin, h *handset) {
	t.Helper()
	ctx := t.Context()
	h.watch(t)
	policy := pinPolicy("lock", 8)
	policy.Spec.ClientCertificates = []*compliancev1.ClientCertificateProfile{{
		Alias: "work", CommonName: "{{device.id}}", KeyType: compliancev1.KeyType_KEY_TYPE_EC_P256, ValidityDays: 30,
	}}
	a.apply(t, policy)
	manifest := must[*compliancev1.GetManifestResponse](t)(h.compliance.GetManifest(ctx, &compliancev1.GetManifestRequest{}))
	known := must[*compliancev1.GetManifestResponse](t)(h.compliance.GetManifest(ctx, &compliancev1.GetManifestRequest{KnownRevision: manifest.GetRevision()}))
	if known.GetManifest() != nil || known.GetRevision() != manifest.GetRevision() {
		t.Errorf("a known revision is answered with %v", known)
	}
	answer := must[*compliancev1.CheckInResponse](t)(h.compliance.CheckIn(ctx, report(time.Now(), 8, manifest.GetRevision())))
	if answer.GetManifestRevision() != manifest.GetRevision() || answer.GetNextCheckIn() == nil {
		t.Errorf("the check-in is answered with %v", answer)
	}
	key := newKey(t)
	req := &compliancev1.IssueCertificateRequest{Alias: "work", CertificateRequest: newCSR(t, key)}
	one := must[*compliancev1.IssueCertificateResponse](t)(h.compliance.IssueCertificate(ctx, req))
	two := must[*compliancev1.IssueCertificateResponse](t)(h.compliance.IssueCertificate(ctx, req))
	if string(one.GetCertificateChain()[0]) != string(two.GetCertificateChain()[0]) {
		t.Error("a repeated request got another certificate")
	}
	must[*compliancev1.GetDeviceComplianceResponse](t)(a.compliance.GetDeviceCompliance(ctx, &compliancev1.GetDeviceComplianceRequest{DeviceId: h.id}))
	certificates := must[*compliancev1.ListCertificatesResponse](t)(a.compliance.ListCertificates(ctx, &compliancev1.ListCertificatesRequest{DeviceId: h.id})).GetCertificates()
	if len(certificates) != 1 {
		t.Fatalf("%d certificates, want 1", len(certificates))
	}
	revoked := must[*compliancev1.RevokeCertificateResponse](t)(a.compliance.RevokeCertificate(ctx, &compliancev1.RevokeCertificateRequest{
		Serial: certificates[0].GetSerial(), Reason: "a test",
	}))
	if revoked.GetCertificate().GetRevokedAt() == nil {
		t.Error("the certificate is not revoked")
	}
	after := must[*compliancev1.GetManifestResponse](t)(h.compliance.GetManifest(ctx, &compliancev1.GetManifestRequest{KnownRevision: manifest.GetRevision()}))
	if len(after.GetManifest().GetRevokedKeys()) != 1 {
		t.Errorf("the phone is not told of the revocation: %v", after)
	}
	_, err := h.compliance.IssueCertificate(ctx, req)
	wantStatus(t, "the revoked key", err, codes.FailedPrecondition, "KEY_REVOKED")
	must[*compliancev1.GetRevocationListResponse](t)(a.compliance.GetRevocationList(ctx, &compliancev1.GetRevocationListRequest{}))
	standings := must[*compliancev1.ListDeviceStandingsResponse](t)(a.compliance.ListDeviceStandings(ctx, &compliancev1.ListDeviceStandingsRequest{DeviceIds: []string{h.id}}))
	if len(standings.GetStandings()) != 1 || standings.GetStandings()[0].GetSince() == nil {
		t.Errorf("standings = %v", standings)
	}
}

func callWipes(t *testing.T, a *admin, h *handset) {
	t.Helper()
	ctx := t.Context()
	plan := must[*wipev1.PlanWipeResponse](t)(a.wipe.PlanWipe(ctx, &wipev1.PlanWipeRequest{DeviceId: h.id, Scope: workProfile}))
	if len(plan.GetRemoves()) == 0 || len(plan.GetKeeps()) == 0 || !plan.GetEndsEnrollment() {
		t.Errorf("the plan says %v", plan)
	}
	if listed := must[*wipev1.ListWipesResponse](t)(a.wipe.ListWipes(ctx, &wipev1.ListWipesRequest{DeviceId: h.id})); len(listed.GetOrders()) != 0 {
		t.Error("planning ordered a wipe")
	}
	req := &wipev1.CreateWipeRequest{RequestKey: newID(), DeviceId: h.id, Scope: appData("com.example.mail"), Reason: "a test"}
	first := must[*wipev1.CreateWipeResponse](t)(a.wipe.CreateWipe(ctx, req)).GetOrder()
	again := must[*wipev1.CreateWipeResponse](t)(a.wipe.CreateWipe(ctx, req)).GetOrder()
	if first.GetId() != again.GetId() {
		t.Error("a repeated request made a second order")
	}
	req.Reason = "another test"
	_, err := a.wipe.CreateWipe(ctx, req)
	wantStatus(t, "a reused request key", err, codes.Aborted, "REQUEST_KEY_REUSED")

	done := must[*wipev1.ReportOrderRequest](t)(h.done(h.only(t), &wipev1.Receipt{
		FinishedAt: timestamppb.Now(), Packages: []string{"com.example.mail"}, FilesRemoved: 3,
	}))
	_, err = h.wipe.ReportOrder(ctx, done)
	wantStatus(t, "the deed before the promise", err, codes.FailedPrecondition, "ORDER_NOT_ACKNOWLEDGED")
	must[*wipev1.FetchOrdersResponse](t)(h.wipe.FetchOrders(ctx, &wipev1.FetchOrdersRequest{}))
	must[*wipev1.ReportOrderResponse](t)(h.wipe.ReportOrder(ctx, &wipev1.ReportOrderRequest{
		OrderId: first.GetId(), Report: &wipev1.ReportOrderRequest_NotNow{NotNow: &wipev1.NotNow{Reason: "in a call"}},
	}))
	got := must[*wipev1.GetWipeResponse](t)(a.wipe.GetWipe(ctx, &wipev1.GetWipeRequest{Id: first.GetId()})).GetOrder()
	if got.GetState() != wipev1.State_STATE_PENDING || got.GetNotNowCount() != 1 {
		t.Errorf("after not now: %v", got)
	}
	must[*wipev1.FetchOrdersResponse](t)(h.wipe.FetchOrders(ctx, &wipev1.FetchOrdersRequest{}))
	must[*wipev1.ReportOrderResponse](t)(h.wipe.ReportOrder(ctx, &wipev1.ReportOrderRequest{
		OrderId: first.GetId(), Report: &wipev1.ReportOrderRequest_Acknowledged{Acknowledged: &wipev1.Acknowledged{}},
	}))
	for range 2 { // the same report twice counts once
		must[*wipev1.ReportOrderResponse](t)(h.wipe.ReportOrder(ctx, done))
	}
	must[*wipev1.ReportOrderResponse](t)(h.wipe.ReportOrder(ctx, &wipev1.ReportOrderRequest{
		OrderId: first.GetId(), Report: &wipev1.ReportOrderRequest_Refused{Refused: &wipev1.Refused{Reason: wipev1.Refusal_REFUSAL_SEQUENCE}},
	}))
	evidence := must[*wipev1.GetWipeReceiptResponse](t)(a.wipe.GetWipeReceipt(ctx, &wipev1.GetWipeReceiptRequest{Id: first.GetId()}))
	if evidence.GetReceipt() == nil || evidence.GetCommitment() != nil || evidence.GetOrder().GetRefusedCount() != 1 {
		t.Errorf("evidence of app data: %v", evidence)
	}
	second := a.order(t, h.id, workProfile)
	_, err = a.wipe.GetWipeReceipt(ctx, &wipev1.GetWipeReceiptRequest{Id: second.GetId()})
	wantStatus(t, "the receipt of an order that waits", err, codes.FailedPrecondition, "ORDER_NOT_SIGNED_FOR")
	must[*wipev1.CancelWipeResponse](t)(a.wipe.CancelWipe(ctx, &wipev1.CancelWipeRequest{Id: second.GetId(), Reason: "found it"}))
	if listed := must[*wipev1.ListWipesResponse](t)(a.wipe.ListWipes(ctx, &wipev1.ListWipesRequest{State: wipev1.State_STATE_DONE})); len(listed.GetOrders()) != 1 {
		t.Errorf("%d orders are done, want 1", len(listed.GetOrders()))
	}
}

func callLeaving(t *testing.T, s *server, a *admin, h *handset) {
	t.Helper()
	ctx := t.Context()
	must[*enrollv1.RenewResponse](t)(h.enroll.Renew(ctx, &enrollv1.RenewRequest{CertificateRequest: newCSR(t, newKey(t))}))
	must[*enrollv1.LeaveResponse](t)(h.enroll.Leave(ctx, &enrollv1.LeaveRequest{}))
	left := must[*enrollv1.GetDeviceResponse](t)(a.enroll.GetDevice(ctx, &enrollv1.GetDeviceRequest{Id: h.id}))
	if got := left.GetDevice().GetState(); got != enrollv1.DeviceState_DEVICE_STATE_LEFT {
		t.Errorf("device state = %v, want left", got)
	}
	other := s.join(t, a.token(t))
	must[*enrollv1.RetireDeviceResponse](t)(a.enroll.RetireDevice(ctx, &enrollv1.RetireDeviceRequest{Id: other.id, Reason: "a test"}))
	deleted := must[*enrollv1.DeleteDeviceResponse](t)(a.enroll.DeleteDevice(ctx, &enrollv1.DeleteDeviceRequest{Id: other.id, Reason: "a test"}))
	if deleted.GetDevice().GetPurgedAt() == nil || deleted.GetDevice().GetUser() != "" {
		t.Errorf("what is left of a deleted device: %v", deleted)
	}

	var entries []*auditv1.Entry
	for token, more := "", true; more; more = token != "" {
		page := must[*auditv1.ListEntriesResponse](t)(a.audit.ListEntries(ctx, &auditv1.ListEntriesRequest{PageSize: 3, PageToken: token, Target: "device/" + h.id}))
		entries = append(entries, page.GetEntries()...)
		token = page.GetNextPageToken()
	}
	for i := 1; i < len(entries); i++ {
		if entries[i].GetSequence() >= entries[i-1].GetSequence() {
			t.Errorf("entry %d is not older than the one before it", i)
		}
	}
	if len(entries) == 0 || entries[len(entries)-1].GetAction() != "enroll.join" {
		t.Errorf("the record of the device does not begin with its joining: %v", entries)
	}
	callLog(t, a)
}
