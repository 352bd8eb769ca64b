package compliancerpc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/bell"
	"ringfence/internal/compliance"
	"ringfence/internal/compliance/compliancedb"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// office is devices and an authority, as small as they come.
type office struct {
	key    *ecdsa.PrivateKey
	serial int64
}

func (*office) Facts(_ context.Context, id device.ID) (compliance.Device, error) {
	if id != "phone-0001" {
		return compliance.Device{}, fault.New(fault.NotFound, "", "no device %s", id)
	}
	return compliance.Device{ID: id, Epoch: 1, Enrolled: true, Ownership: device.Personal, Mode: device.WorkProfile, Group: "sales"}, nil
}

func (*office) ParseCSR(der []byte) (*x509.CertificateRequest, error) {
	return x509.ParseCertificateRequest(der)
}

func (o *office) IssueProfile(t compliance.CertificateTemplate) (compliance.IssuedCertificate, error) {
	o.serial++
	c := &x509.Certificate{SerialNumber: big.NewInt(o.serial), NotBefore: t.NotBefore, NotAfter: t.NotAfter}
	der, err := x509.CreateCertificate(rand.Reader, c, c, t.PublicKey, o.key)
	return compliance.IssuedCertificate{
		Chain: [][]byte{der}, Serial: fmt.Sprintf("%x", o.serial), NotBefore: t.NotBefore, NotAfter: t.NotAfter,
	}, err
}

func (*office) CRL(l compliance.RevocationList) ([]byte, error) {
	return fmt.Appendf(nil, "list %d of %d", l.Number, len(l.Revoked)), nil
}

// sides are both sides of a server over a real database.
func sides(t *testing.T) (*DeviceServer, *AdminServer, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	store := compliancedb.New(dbtest.Open(t, dbtest.DSN(t, sqldb.SQLite)))
	ears := new(bell.Bell)
	o := &office{key: key}
	service := compliance.New(compliance.Config{
		Policies: store, Reports: store, Certificates: store, Revocations: store, Devices: o, Authority: o, Bell: ears,
		Now: func() time.Time { return t0 }, Cache: true,
	})
	return NewDeviceServer(Config{Service: service, Watch: bell.Watch{Bell: ears}}), NewAdminServer(service), key
}

func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != field {
		t.Errorf("got error %v, want one about %s", err, field)
	}
}

func everyone() []*compliancev1.Assignment {
	return []*compliancev1.Assignment{{Target: &compliancev1.Assignment_All{All: true}}}
}

func TestPoliciesOverTheWire(t *testing.T) {
	_, admin, _ := sides(t)
	ctx := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "ann"})
	for _, name := range []string{"c", "a", "b"} {
		got, err := admin.ApplyPolicy(ctx, &compliancev1.ApplyPolicyRequest{Name: name, Spec: &compliancev1.PolicySpec{Assignments: everyone()}})
		if err != nil || got.GetChange() != compliancev1.Change_CHANGE_CREATED || got.GetPolicy().GetRevision() != 1 {
			t.Fatalf("apply %s: %v, %v", name, got, err)
		}
	}
	first, err := admin.ListPolicies(ctx, &compliancev1.ListPoliciesRequest{PageSize: 2})
	if err != nil || len(first.GetPolicies()) != 2 || first.GetNextPageToken() == "" {
		t.Fatalf("first page: %v, %v", first, err)
	}
	second, err := admin.ListPolicies(ctx, &compliancev1.ListPoliciesRequest{PageSize: 2, PageToken: first.GetNextPageToken()})
	if err != nil || len(second.GetPolicies()) != 1 || second.GetPolicies()[0].GetName() != "c" || second.GetNextPageToken() != "" {
		t.Errorf("second page: %v, %v", second, err)
	}
	_, err = admin.ListCertificates(ctx, &compliancev1.ListCertificatesRequest{PageToken: first.GetNextPageToken()})
	wantInvalid(t, err, "page_token")
	if _, err := admin.DeletePolicy(ctx, &compliancev1.DeletePolicyRequest{Name: "a"}); err != nil {
		t.Error(err)
	}
	got, err := admin.GetPolicy(ctx, &compliancev1.GetPolicyRequest{Name: "b"})
	want := &compliancev1.Policy{
		Name: "b", Revision: 1, Spec: &compliancev1.PolicySpec{Assignments: everyone()},
		CreatedAt: timestamppb.New(t0), RevisedAt: timestamppb.New(t0), RevisedBy: "admin:ann",
	}
	if diff := cmp.Diff(want, got.GetPolicy(), protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("policy, %v (-want +got):\n%s", err, diff)
	}
}

func TestDeviceOverTheWire(t *testing.T) {
	phones, admin, key := sides(t)
	ctx := identity.With(t.Context(), identity.Caller{
		Kind: identity.Device, Device: "phone-0001", Epoch: 1, Ownership: device.Personal, Mode: device.WorkProfile,
	})
	none, err := phones.GetManifest(ctx, &compliancev1.GetManifestRequest{})
	if err != nil || none.GetRevision() != "" || none.GetManifest() == nil {
		t.Fatalf("manifest of nothing: %v, %v", none, err)
	}
	spec := &compliancev1.PolicySpec{
		ClientCertificates: []*compliancev1.ClientCertificateProfile{{
			Alias: "wifi", CommonName: "{{device.id}}", KeyType: compliancev1.KeyType_KEY_TYPE_EC_P256, ValidityDays: 90,
		}},
		Assignments: everyone(),
	}
	if _, err := admin.ApplyPolicy(ctx, &compliancev1.ApplyPolicyRequest{Name: "wifi", Spec: spec}); err != nil {
		t.Fatal(err)
	}
	some, err := phones.GetManifest(ctx, &compliancev1.GetManifestRequest{})
	if err != nil || len(some.GetManifest().GetClientCertificates()) != 1 {
		t.Fatalf("manifest: %v, %v", some, err)
	}
	known, err := phones.GetManifest(ctx, &compliancev1.GetManifestRequest{KnownRevision: some.GetRevision()})
	if err != nil || known.GetManifest() != nil || known.GetRevision() != some.GetRevision() {
		t.Errorf("known manifest: %v, %v", known, err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := phones.IssueCertificate(ctx, &compliancev1.IssueCertificateRequest{Alias: "wifi", CertificateRequest: csr})
	if err != nil || len(issued.GetCertificateChain()) != 1 {
		t.Fatalf("certificate: %v, %v", issued, err)
	}
	answer, err := phones.CheckIn(ctx, &compliancev1.CheckInRequest{
		ObservedAt: timestamppb.New(t0), AppliedRevision: some.GetRevision(),
		Posture: &compliancev1.Posture{OsVersion: "16", ClientCertificates: []*compliancev1.InstalledCertificate{
			{Alias: "wifi", Serial: "1", NotAfter: timestamppb.New(t0.AddDate(0, 0, 90))},
		}},
	})
	if err != nil || answer.GetVerdict().GetStanding() != compliancev1.Standing_STANDING_COMPLIANT ||
		answer.GetManifestRevision() != some.GetRevision() || !answer.GetNextCheckIn().AsTime().Equal(t0.Add(time.Hour)) ||
		!answer.GetServerTime().AsTime().Equal(t0) {
		t.Errorf("answer: %v, %v", answer, err)
	}
	office := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "ann"})
	seen, err := admin.GetDeviceCompliance(office, &compliancev1.GetDeviceComplianceRequest{DeviceId: "phone-0001"})
	if err != nil || !cmp.Equal(seen.GetPolicies(), []string{"wifi"}) || seen.GetPosture().GetOsVersion() != "16" ||
		seen.GetAppliedRevision() != some.GetRevision() || seen.GetVerdict().GetStanding() != compliancev1.Standing_STANDING_COMPLIANT {
		t.Errorf("compliance: %v, %v", seen, err)
	}
	standings, err := admin.ListDeviceStandings(office, &compliancev1.ListDeviceStandingsRequest{DeviceIds: []string{"phone-0001", "phone-9999"}})
	wantStandings := &compliancev1.ListDeviceStandingsResponse{Standings: []*compliancev1.DeviceStanding{{
		DeviceId: "phone-0001", Standing: compliancev1.Standing_STANDING_COMPLIANT, Since: timestamppb.New(t0),
	}}}
	if diff := cmp.Diff(wantStandings, standings, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("standings, %v (-want +got):\n%s", err, diff)
	}
	_, err = admin.ListDeviceStandings(office, &compliancev1.ListDeviceStandingsRequest{DeviceIds: []string{"phone-0001", "../../0"}})
	wantInvalid(t, err, "device_ids[1]")
	for _, id := range []string{"phone-9999", "../../0"} {
		if _, err := admin.GetDeviceCompliance(office, &compliancev1.GetDeviceComplianceRequest{DeviceId: id}); err == nil {
			t.Errorf("compliance of %s", id)
		}
	}
}

func TestCertificatesOverTheWire(t *testing.T) {
	phones, admin, _ := sides(t)
	ctx := identity.With(t.Context(), identity.Caller{Kind: identity.Device, Device: "phone-0001", Epoch: 1, Mode: device.WorkProfile})
	spec := fullSpec()
	spec.TrustedRoots, spec.ClientCertificates[0].CommonName, spec.Assignments = nil, "x", everyone()
	spec.ClientCertificates[0].SanDnsNames = nil
	spec.ClientCertificates[0].SanEmailAddresses = nil
	spec.ClientCertificates[0].SanUris = nil
	if _, err := admin.ApplyPolicy(ctx, &compliancev1.ApplyPolicyRequest{Name: "wifi", Spec: spec}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := phones.IssueCertificate(ctx, &compliancev1.IssueCertificateRequest{Alias: "wifi", CertificateRequest: csr}); err != nil {
			t.Fatal(err)
		}
	}
	ctx = identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "ann"})
	var serials []string
	request := &compliancev1.ListCertificatesRequest{PageSize: 2, DeviceId: "phone-0001"}
	for {
		page, err := admin.ListCertificates(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.GetCertificates() {
			serials = append(serials, c.GetSerial())
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
		_, err = admin.ListCertificates(ctx, &compliancev1.ListCertificatesRequest{PageToken: request.PageToken})
		wantInvalid(t, err, "page_token")
	}
	if diff := cmp.Diff([]string{"3", "2", "1"}, serials); diff != "" {
		t.Errorf("serials (-want +got):\n%s", diff)
	}
	revoked, err := admin.RevokeCertificate(ctx, &compliancev1.RevokeCertificateRequest{Serial: "2", Reason: "lost"})
	if err != nil || revoked.GetCertificate().GetRevocationReason() != "lost" || !revoked.GetCertificate().GetRevokedAt().AsTime().Equal(t0) {
		t.Errorf("revoked: %v, %v", revoked, err)
	}
	list, err := admin.GetRevocationList(ctx, &compliancev1.GetRevocationListRequest{})
	if err != nil || string(list.GetCrl()) != "list 1 of 1" {
		t.Errorf("list: %s, %v", list.GetCrl(), err)
	}
}
