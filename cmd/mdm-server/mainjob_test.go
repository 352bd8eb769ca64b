package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringfence/agent"
	"ringfence/agent/phone"
	"ringfence/agent/session"
	"ringfence/internal/pki"
	"ringfence/internal/sqldb/dbtest"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

// virtual is a phone with the real agent on it.
type virtual struct {
	dir   string
	phone *phone.Phone
	agent *agent.Agent
	id    string
}

// newVirtual makes a phone in a folder with a personal side.
func newVirtual(tb testing.TB) *virtual {
	tb.Helper()
	v := &virtual{dir: tb.TempDir()}
	v.write(tb, "data/user/0/com.example.gallery/files/beach.jpg", "sand and sea")
	v.write(tb, "data/user/0/com.example.mail/accounts/private/inbox.mbox", "dinner on Sunday?")
	v.open(tb)
	return v
}

func (v *virtual) open(tb testing.TB) {
	tb.Helper()
	p, err := phone.Open(v.dir, phone.Options{Create: true, Now: time.Now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = p.Close() })
	v.phone = p
	v.agent = agent.New(p, agent.Options{Now: time.Now})
}

func (v *virtual) write(tb testing.TB, name, content string) {
	tb.Helper()
	path := filepath.Join(v.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func (v *virtual) set(tb testing.TB, pairs ...string) {
	tb.Helper()
	changes := make(map[string]string)
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		changes[name] = value
	}
	if err := v.phone.Set(changes); err != nil {
		tb.Fatal(err)
	}
}

// personal is a digest of every personal file.
func (v *virtual) personal(tb testing.TB) string {
	tb.Helper()
	h := sha256.New()
	root := filepath.Join(v.dir, "data", "user", "0")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(data), data)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// TestMainJob is the whole story with the real agent, on both databases.
func TestMainJob(t *testing.T) {
	dbtest.EachDSN(t, func(t *testing.T, dsn string) {
		s := install(t, dsn, nil).start(t)
		a := s.admin(t)
		v := newVirtual(t)
		before := v.personal(t)
		v.set(t, "work.pin.set=true", "work.pin.length=8", "work.pin.quality=numeric-complex", "work.pin.complexity=high")

		enrolment, err := v.agent.Enroll(t.Context(), session.EnrollOptions{
			Server: s.at.Device, Token: a.token(t), Roots: []byte(s.credential.CA),
			Model: "Pixel 9", OSVersion: "16", Mode: "work-profile",
		})
		if err != nil {
			t.Fatal(err)
		}
		v.id = enrolment.DeviceID
		v.write(t, "data/user/10/com.example.crm/databases/deals.db", "ACME 1,000,000")

		running, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- v.agent.Run(running) }()

		a.apply(t, mainPolicy(t, s))
		settles(t, a, v.id, compliancev1.Standing_STANDING_COMPLIANT)
		checkApplied(t, a, v.id)

		v.set(t, "work.pin.length=4")
		verdict := settles(t, a, v.id, compliancev1.Standing_STANDING_NON_COMPLIANT)
		checkReason(t, verdict)
		v.set(t, "work.pin.length=8")
		settles(t, a, v.id, compliancev1.Standing_STANDING_COMPLIANT)

		order := a.order(t, v.id, workProfile)
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("the agent ended with %v", err)
			}
		case <-time.After(patience):
			t.Fatal("the agent did not end with its enrolment")
		}
		checkWiped(t, a, v.id, order.GetId())
		if _, err := os.Stat(filepath.Join(v.dir, "data", "user", "10")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the work profile is still there (%v)", err)
		}
		if got := v.personal(t); got != before {
			t.Error("the personal side changed")
		}
		checkRecord(t, a)
	})
}

// mainPolicy asks for a PIN, a trusted root, a client certificate and a VPN
// that uses it.
func mainPolicy(tb testing.TB, s *server) *compliancev1.ApplyPolicyRequest {
	tb.Helper()
	req := pinPolicy("sales", 6)
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.parts.authority.Roots()[0]})
	req.Spec.TrustedRoots = []*compliancev1.TrustedRoot{{Name: "corporate", CertificatePem: string(root)}}
	req.Spec.ClientCertificates = []*compliancev1.ClientCertificateProfile{{
		Alias: "work", CommonName: "{{user}}", KeyType: compliancev1.KeyType_KEY_TYPE_EC_P256, ValidityDays: 30,
	}}
	req.Spec.Vpns = []*compliancev1.VpnRule{{
		Name: "office", ProviderPackage: "com.example.vpn", CertificateAlias: "work", AlwaysOn: true, Lockdown: true,
		Servers: []*compliancev1.VpnServer{{Address: "vpn.example.com:443"}},
	}}
	return req
}

// settles waits for a standing and gives the verdict.
func settles(tb testing.TB, a *admin, id string, want compliancev1.Standing) *compliancev1.Verdict {
	tb.Helper()
	var verdict *compliancev1.Verdict
	eventually(tb, want.String(), func() (bool, error) {
		res, err := a.compliance.GetDeviceCompliance(tb.Context(), &compliancev1.GetDeviceComplianceRequest{DeviceId: id})
		if err != nil {
			return false, err
		}
		verdict = res.GetVerdict()
		applied := res.GetAppliedRevision() == res.GetManifestRevision()
		return verdict.GetStanding() == want && applied, fmt.Errorf("%w: %v", errNotYet, res)
	})
	return verdict
}

func checkApplied(tb testing.TB, a *admin, id string) {
	tb.Helper()
	res, err := a.compliance.GetDeviceCompliance(tb.Context(), &compliancev1.GetDeviceComplianceRequest{DeviceId: id})
	if err != nil {
		tb.Fatal(err)
	}
	got := make(map[string]compliancev1.ApplyStatus)
	for _, r := range res.GetResults() {
		got[r.GetSetting()] = r.GetStatus()
	}
	for _, setting := range []string{"pin.work_profile", "trusted_root.corporate", "client_certificate.work", "vpn.office"} {
		if got[setting] != compliancev1.ApplyStatus_APPLY_STATUS_APPLIED {
			tb.Errorf("%s is %v, want applied", setting, got[setting])
		}
	}
	if len(res.GetPolicies()) != 1 || res.GetPolicies()[0] != "sales" {
		tb.Errorf("policies = %v, want [sales]", res.GetPolicies())
	}
}

func checkReason(tb testing.TB, v *compliancev1.Verdict) {
	tb.Helper()
	for _, f := range v.GetFindings() {
		if f.GetRule() != "pin.work_profile.minimum_length" {
			continue
		}
		if f.GetExpected() == "" || f.GetActual() == "" || f.GetRemedy() == "" || f.GetSince() == nil {
			tb.Errorf("the finding is not explained: %v", f)
		}
		return
	}
	tb.Errorf("no finding names the PIN's length: %v", v.GetFindings())
}

// checkWiped looks at what the server knows after a work-profile wipe.
func checkWiped(tb testing.TB, a *admin, id, order string) {
	tb.Helper()
	wiped, err := a.wipe.GetWipe(tb.Context(), &wipev1.GetWipeRequest{Id: order})
	if err != nil {
		tb.Fatal(err)
	}
	if got := wiped.GetOrder(); got.GetState() != wipev1.State_STATE_DONE || got.GetReceipt().GetFilesRemoved() == 0 {
		tb.Errorf("order = %v, want done with a receipt", got)
	}
	said := verifiedReceipt(tb, a, order)
	if files := said.Receipt.GetCompletion().GetReceipt().GetFilesRemoved(); files != said.Commitment.GetCommitment().GetFiles() {
		tb.Errorf("committed to %d files, removed %d", said.Commitment.GetCommitment().GetFiles(), files)
	}
	device, err := a.enroll.GetDevice(tb.Context(), &enrollv1.GetDeviceRequest{Id: id})
	if err != nil {
		tb.Fatal(err)
	}
	if got := device.GetDevice().GetState(); got != enrollv1.DeviceState_DEVICE_STATE_WIPED {
		tb.Errorf("device state = %v, want wiped", got)
	}
	certificates, err := a.compliance.ListCertificates(tb.Context(), &compliancev1.ListCertificatesRequest{DeviceId: id})
	if err != nil || len(certificates.GetCertificates()) == 0 {
		tb.Fatalf("ListCertificates = %v, %v", certificates, err)
	}
	list, err := a.compliance.GetRevocationList(tb.Context(), &compliancev1.GetRevocationListRequest{})
	if err != nil {
		tb.Fatal(err)
	}
	crl, err := x509.ParseRevocationList(list.GetCrl())
	if err != nil {
		tb.Fatal(err)
	}
	revoked := make(map[string]bool)
	for _, e := range crl.RevokedCertificateEntries {
		revoked[pki.FormatSerial(e.SerialNumber)] = true
	}
	for _, c := range certificates.GetCertificates() {
		if c.GetRevokedAt() == nil || !revoked[c.GetSerial()] {
			tb.Errorf("certificate %s is not revoked", c.GetSerial())
		}
	}
}

func checkRecord(tb testing.TB, a *admin) {
	tb.Helper()
	res, err := a.audit.ListEntries(tb.Context(), &auditv1.ListEntriesRequest{PageSize: 1000})
	if err != nil {
		tb.Fatal(err)
	}
	recorded := make(map[string]bool)
	for _, e := range res.GetEntries() {
		recorded[e.GetAction()] = true
	}
	for _, want := range []string{
		"enroll.token.create", "enroll.join", "compliance.policy.apply", "compliance.certificate.issue",
		"wipe.order", "wipe.deliver", "wipe.commit", "wipe.done", "enroll.wiped",
	} {
		if !recorded[want] {
			tb.Errorf("the record has no %s", want)
		}
	}
}
