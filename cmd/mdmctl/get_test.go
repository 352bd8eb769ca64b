package main

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"ringfence/internal/policyfile"
	auditv1 "ringfence/proto/mdm/audit/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func TestGet(t *testing.T) {
	b := serve(t).fill()
	for args, want := range map[string]string{
		"get devices": `
ID                STATE      STANDING        OWNERSHIP   MODE           GROUP    USER                SEEN
device-00000001   enrolled   non-compliant   personal    work-profile   sales    maria@example.com   30s
device-00000002   retired    -               company     dedicated      kiosks   -                   -
`,
		"get devices -o wide": `
ID                STATE      STANDING        OWNERSHIP   MODE           GROUP    USER                SEEN   MODEL     OS       EPOCH   ENROLLED   STANDING-SINCE   CERTIFICATE
device-00000001   enrolled   non-compliant   personal    work-profile   sales    maria@example.com   30s    Pixel 9   15       2       3d         2h               in 30d
device-00000002   retired    -               company     dedicated      kiosks   -                   -      Tab       14.0.1   1       2y         -                -
`,
		"get dev device-00000002 --no-headers": `
device-00000002   retired   -   company   dedicated   kiosks   -   -
`,
		"get device -o name": `
device/device-00000001
device/device-00000002
`,
		"get device device-00000002 -o json": `
{
  "id": "device-00000002",
  "epoch": "1",
  "state": "DEVICE_STATE_RETIRED",
  "ownership": "OWNERSHIP_COMPANY",
  "mode": "MODE_DEDICATED",
  "model": "Tab",
  "osVersion": "14.0.1",
  "group": "kiosks",
  "enrolledAt": "2024-09-13T12:00:00Z",
  "endedAt": "2026-11-22T11:00:00Z"
}
`,
		"get tokens": `
ID               STATUS    OWNERSHIP   MODE           GROUP    USER                USES   EXPIRES
token-00000007   used-up   personal    work-profile   sales    maria@example.com   1/1    2d ago
token-00000008   usable    company     dedicated      kiosks   -                   3/50   in 23h
`,
		"get policies": `
NAME    REVISION   ASKS           ASSIGNED                                REVISED
sales   3          1 pin, 1 vpn   group sales, not user ceo@example.com   5h
`,
		"get wipes": `
ID               DEVICE            SCOPE                       STATE   HELD   SOURCE          AGE   CHANGED
order-00000009   device-00000001   app-data com.example.mail   done    -      administrator   3h    2h
`,
		"get wipe order-00000009 -o name": `
wipe/order-00000009
`,
		"get certificates": `
SERIAL   DEVICE            ALIAS   STATUS    EXPIRES
beef     device-00000001   work    valid     in 90d
dead     device-00000002   work    revoked   in 60m
`,
		"get cert beef -o wide": `
SERIAL   DEVICE            ALIAS   STATUS   EXPIRES   SUBJECT              EPOCH   VALID-FROM             REASON
beef     device-00000001   work    valid    in 90d    CN=device-00000001   2       2026-11-22 11:00:00Z   -
`,
		"get certs --device device-00000002 -o yaml": `
items:
  - serial: dead
    deviceId: device-00000002
    epoch: "1"
    alias: work
    notBefore: "2026-08-24T12:00:00Z"
    notAfter: "2026-11-22T13:00:00Z"
    revokedAt: "2026-11-22T11:00:00Z"
    revocationReason: retired
`,
		"get device device/device-00000001 -o name": "device/device-00000001\n",
		"get compliance device-00000001": `
DEVICE            STANDING        SINCE   FINDINGS   EVIDENCE   MANIFEST
device-00000001   non-compliant   2h      2          5m         outdated
`,
		"get audit": `
SEQUENCE   AGE   ACTOR                    ACTION        TARGET                   DETAIL
2          60s   admin:alice              wipe.order    device/device-00000001   left the project
1          3d    device:device-00000001   enroll.join   device/device-00000001   -
`,
	} {
		t.Run(args, func(t *testing.T) {
			sub := *b
			sub.t = t
			sub.check(sub.run(strings.Fields(args)...), 0, want, "")
		})
	}
}

func TestGetNothing(t *testing.T) {
	b := serve(t)
	b.check(b.run("get", "devices"), 0, "", "none found\n")
	b.check(b.run("get", "devices", "-o", "json"), 0, "{\n  \"items\": []\n}\n", "")
	b.check(b.run("get", "devices", "-o", "yaml"), 0, "items: []\n", "")
	b.check(b.run("get", "devices", "-o", "name"), 0, "", "")
}

func TestGetFilters(t *testing.T) {
	tests := []struct {
		args string
		want proto.Message
	}{
		{
			"get devices --group sales --user maria@example.com --state enrolled --ownership personal --mode work-profile",
			&enrollv1.ListDevicesRequest{
				PageSize: 1000, Group: "sales", User: "maria@example.com", State: enrollv1.DeviceState_DEVICE_STATE_ENROLLED,
				Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE,
			},
		},
		{"get devices --mode FULLY_MANAGED", &enrollv1.ListDevicesRequest{PageSize: 1000, Mode: enrollv1.Mode_MODE_FULLY_MANAGED}},
		{"get tokens --usable", &enrollv1.ListTokensRequest{PageSize: 1000, UsableOnly: true}},
		{"get certificates --device " + phone, &compliancev1.ListCertificatesRequest{PageSize: 1000, DeviceId: phone}},
		{"get wipes --state pending --device " + phone, &wipev1.ListWipesRequest{PageSize: 1000, DeviceId: phone, State: wipev1.State_STATE_PENDING}},
		{"get wipes --request request-00000001", &wipev1.ListWipesRequest{PageSize: 1000, RequestId: "request-00000001"}},
		{"get requests --state waiting --kind user-wipe", &wipev1.ListRequestsRequest{
			PageSize: 100, State: wipev1.RequestState_REQUEST_STATE_WAITING, Kind: wipev1.RequestKind_REQUEST_KIND_USER_WIPE,
		}},
		{"get audit --limit 7 --device " + phone, &auditv1.ListEntriesRequest{PageSize: 7, Target: "device/" + phone}},
		{"get audit --actor admin:alice --target policy/sales", &auditv1.ListEntriesRequest{PageSize: 100, Target: "policy/sales", Actor: "admin:alice"}},
		{"get policy sales --revision 2", &compliancev1.GetPolicyRequest{Name: "sales", Revision: 2}},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			b := serve(t)
			b.run(strings.Fields(test.args)...)
			if len(b.requests) != 1 {
				t.Fatalf("%d requests", len(b.requests))
			}
			if diff := cmp.Diff(test.want, b.requests[0], protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGetFollowsPages(t *testing.T) {
	b := serve(t)
	for i := range 2500 {
		b.devices = append(b.devices, &enrollv1.Device{Id: fmt.Sprintf("device-%08d", i)})
	}
	tests := []struct {
		args  []string
		lines int
		calls int
	}{
		{nil, 2500, 3},
		{[]string{"--limit", "1"}, 1, 1},
		{[]string{"--limit", "1000"}, 1000, 1},
		{[]string{"--limit", "1001"}, 1001, 2},
		{[]string{"--limit", "9999"}, 2500, 3},
	}
	for _, test := range tests {
		before := sent[*enrollv1.ListDevicesRequest](b)
		got := b.run(append([]string{"get", "devices", "-o", "name"}, test.args...)...)
		calls := sent[*enrollv1.ListDevicesRequest](b) - before
		if lines := strings.Count(got.out, "\n"); got.code != 0 || lines != test.lines || calls != test.calls {
			t.Errorf("%v: exit %d, %d lines in %d calls; want %d in %d", test.args, got.code, lines, calls, test.lines, test.calls)
		}
	}
}

// TestGetAsksForStandings: once a page, about those who have one, and only where
// they are shown.
func TestGetAsksForStandings(t *testing.T) {
	b := serve(t)
	for i := range 1500 {
		d := &enrollv1.Device{Id: fmt.Sprintf("device-%08d", i), State: enrollv1.DeviceState_DEVICE_STATE_ENROLLED}
		if i%3 == 0 {
			d.State = enrollv1.DeviceState_DEVICE_STATE_LEFT
		}
		b.devices = append(b.devices, d)
	}
	for args, calls := range map[string]int{
		"": 2, "-o wide": 2, "-o json": 0, "-o yaml": 0, "-o name": 0,
		"device-00000000": 0, "device-00000001": 1, "device-00000001 -o json": 0,
	} {
		before := sent[*compliancev1.ListDeviceStandingsRequest](b)
		got := b.run(append([]string{"get", "devices"}, strings.Fields(args)...)...)
		if n := sent[*compliancev1.ListDeviceStandingsRequest](b) - before; got.code != 0 || n != calls {
			t.Errorf("get devices %s: exit %d, %d calls, want %d", args, got.code, n, calls)
		}
	}
	b.check(b.run("get", "device", "device-00000001", "--no-headers"), 0, "device-00000001   enrolled   unknown   -   -   -   -   -\n", "")
	b.failures["ListDeviceStandings"] = no(codes.Unavailable, "gone", "")
	if got := b.run("get", "devices"); got.code == 0 || got.out != "" {
		t.Errorf("without standings: exit %d, %q", got.code, got.out)
	}
}

// TestGetAuditIsBounded: the record is too long to be shown unasked.
func TestGetAuditIsBounded(t *testing.T) {
	b := serve(t)
	for i := range 150 {
		b.entries = append(b.entries, &auditv1.Entry{Sequence: uint64(150 - i)})
	}
	const note = "note: these are the newest 100; --limit 0 shows all\n"
	for _, test := range []struct {
		args  string
		lines int
		note  string
	}{
		{"", 100, note},
		{"--limit 100", 100, ""},
		{"--limit 0", 150, ""},
		{"--limit 120", 120, ""},
	} {
		got := b.run(append([]string{"get", "audit", "-o", "name"}, strings.Fields(test.args)...)...)
		if lines := strings.Count(got.out, "\n"); got.code != 0 || lines != test.lines || got.errOut != test.note {
			t.Errorf("%q: exit %d, %d lines, %q", test.args, got.code, lines, got.errOut)
		}
	}
}

// TestGetDocument: what is fetched can be edited and applied.
func TestGetDocument(t *testing.T) {
	b := serve(t).fill()
	b.policies = append(b.policies, &compliancev1.Policy{Name: "empty", Spec: &compliancev1.PolicySpec{}})
	got := b.run("get", "policies", "-o", "document")
	if got.code != 0 {
		t.Fatal(got)
	}
	if strings.Contains(got.out, "PIN_") {
		t.Errorf("not the names that people type:\n%s", got.out)
	}
	documents, err := policyfile.Parse("f", []byte(got.out))
	if err != nil {
		t.Fatalf("%v in\n%s", err, got.out)
	}
	for i, want := range b.policies {
		if diff := cmp.Diff(want.GetSpec(), documents[i].Policy.GetSpec(), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestGetCRL(t *testing.T) {
	b := serve(t)
	ca := newAuthority(t)
	made := now.Add(-time.Hour)
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(42), ThisUpdate: made, NextUpdate: now.Add(day),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(0xbeef), RevocationTime: made}},
	}, ca.cert, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	b.crl = der
	b.check(b.run("get", "crl"), 0, `
Issuer:   CN=test root
Number:   42
Made:     2026-11-22 11:00:00Z
Next:     2026-11-23 12:00:00Z
Revoked:  1 certificate

SERIAL   REVOKED
beef     2026-11-22 11:00:00Z
`, "")
	b.check(b.run("get", "crl", "-o", "der"), 0, string(der), "")
	b.check(b.run("get", "crl", "-o", "pem"), 0, encode("X509 CRL", der), "")
	b.crl = []byte("nonsense")
	if got := b.run("get", "crl"); got.code != 1 || !strings.Contains(got.errOut, "revocation list") {
		t.Error(got)
	}
}

// TestTextsOfStrangersAreHarmless: what a terminal would act on is spelled out,
// and nothing leaves its cell.
func TestTextsOfStrangersAreHarmless(t *testing.T) {
	b := serve(t).fill()
	evil := "a\x1b[2Jb\tc\nd\u202ee\x7f\u2028f"
	b.devices = b.devices[:1]
	b.devices[0].Model = evil
	b.entries[0].Detail = evil
	for _, format := range []string{"wide", "json"} {
		for _, noun := range []string{"devices", "audit"} {
			got := b.run("get", noun, "-o", format)
			clean := strings.NewReplacer("\n", "", "  ", "").Replace(got.out)
			if got.code != 0 || strings.ContainsFunc(clean, hidden) {
				t.Errorf("%s %s: %q", noun, format, got.out)
			}
		}
	}
	if got := b.run("describe", "device", phone); strings.ContainsAny(got.out, "\x1b\t\u202e") {
		t.Errorf("describe: %q", got.out)
	}
	got := b.run("get", "devices", "-o", "yaml")
	if got.code != 0 || strings.ContainsAny(got.out, "\x1b\x7f\u2028") {
		t.Errorf("yaml: %d %q", got.code, got.out)
	}
}
