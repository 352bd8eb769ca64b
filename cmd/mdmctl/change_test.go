package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/ctlconfig"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func TestCreateToken(t *testing.T) {
	b := serve(t)
	sum := sha256.Sum256(b.root.Raw)
	got := b.run("create", "token", "--ownership", "personal", "--mode", "work-profile", "--group", "sales",
		"--user", "maria@example.com", "--uses", "2", "--expires", "7d", "--description", "for Maria")
	b.check(got, 0, `
Token:    token-00000001
Admits:   2 phones, personal, work-profile, group sales
User:     maria@example.com
Expires:  2026-11-29 12:00:00Z (in 7d)
Secret:   S3CRET-s3cret-s3cret-s3cret

The secret is shown only now. Enrol a phone with it:

  mdm-agent enroll --phone ./phone --server 127.0.0.1:8443 --ca-pin sha256:`+hex.EncodeToString(sum[:])+` --token S3CRET-s3cret-s3cret-s3cret
`, "")
	request := last[*enrollv1.CreateTokenRequest](b)
	if !strings.HasPrefix(request.GetRequestKey(), "mdmctl-") {
		t.Errorf("request key %q", request.GetRequestKey())
	}
	want := &enrollv1.CreateTokenRequest{
		RequestKey: request.GetRequestKey(), Description: "for Maria", Group: "sales", User: "maria@example.com", MaxUses: 2,
		Ownership: enrollv1.Ownership_OWNERSHIP_PERSONAL, Mode: enrollv1.Mode_MODE_WORK_PROFILE, Lifetime: durationpb.New(7 * day),
	}
	if diff := cmp.Diff(want, request, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestCreateTokenAsData(t *testing.T) {
	b := serve(t)
	b.rewrite(func(x *ctlconfig.Context) { x.DeviceServer = "phones.example.com" })
	args := []string{"create", "token", "--ownership", "company", "--mode", "dedicated"}
	got := b.run(append(args, "-o", "yaml", "--request-key", "key-12345")...)
	if got.code != 0 || got.errOut != "" || !strings.Contains(got.out, "\nsecret: "+secret+"\n") {
		t.Error(got)
	}
	if key := last[*enrollv1.CreateTokenRequest](b).GetRequestKey(); key != "key-12345" {
		t.Errorf("request key %q", key)
	}
	got = b.run(args...)
	for _, want := range []string{" --server phones.example.com:8443 ", " --mode dedicated "} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is not in %s", want, got.out)
		}
	}
}

// TestSecretStaysOnStdout: whatever goes wrong, and however it is shown.
func TestSecretStaysOnStdout(t *testing.T) {
	b := serve(t)
	for _, format := range []string{"text", "json", "yaml"} {
		got := b.run("create", "token", "--ownership", "company", "--mode", "dedicated", "-o", format)
		if strings.Contains(got.errOut, secret) || !strings.Contains(got.out, secret) {
			t.Errorf("%s: %+v", format, got)
		}
	}
}

const twoPolicies = `apiVersion: ringfence/v1
kind: Policy
metadata: {name: one}
spec:
  pins: [{scope: work-profile, minimumLength: 6}]
---
apiVersion: ringfence/v1
kind: Policy
metadata: {name: two}
spec: {assignments: [{all: true}]}
`

func (b *bench) file(name, content string) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func TestApply(t *testing.T) {
	b := serve(t)
	path := b.file("p.yaml", twoPolicies)
	const note = "note: no assignment of policy/one includes anybody: no device gets it\n"
	b.check(b.run("apply", "-f", path, "--dry-run"), 0,
		"policy/one created, revision 1 (dry run)\npolicy/two created, revision 1 (dry run)\n", note)
	if len(b.policies) != 0 {
		t.Error("a dry run changed something")
	}
	b.check(b.run("apply", "-f", path), 0, "policy/one created, revision 1\npolicy/two created, revision 1\n", note)
	b.check(b.run("apply", "-f", filepath.Dir(path), "-o", "name"), 0, "policy/one\npolicy/two\n", "")
	b.check(b.with(runOptions{stdin: twoPolicies}, "apply", "-f", "-", "-o", "name"), 0, "policy/one\npolicy/two\n", "")
	got := b.run("apply", "-f", path, "-o", "json")
	if got.code != 0 || strings.Count(got.out, "CHANGE_CREATED") != 2 {
		t.Error(got)
	}
	want := &compliancev1.ApplyPolicyRequest{Name: "two", Spec: &compliancev1.PolicySpec{
		Assignments: []*compliancev1.Assignment{{Target: &compliancev1.Assignment_All{All: true}}},
	}}
	if diff := cmp.Diff(want, last[*compliancev1.ApplyPolicyRequest](b), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

// TestApplyChecksAllFirst: one bad document anywhere, and nothing is sent.
func TestApplyChecksAllFirst(t *testing.T) {
	b := serve(t)
	good := b.file("good.yaml", twoPolicies)
	bad := b.file("bad.yaml", strings.Replace(strings.ReplaceAll(twoPolicies, "name: ", "name: x"), "all: true", "everyone: true", 1))
	b.check(b.run("apply", "-f", good, "-f", bad), 2, "",
		"mdmctl: "+bad+":10:23: unknown field \"everyone\"; there are: all, group, user, device, exclude\n")
	again := b.file("again.yaml", twoPolicies)
	b.check(b.run("apply", "-f", good, "-f", again), 2, "",
		"mdmctl: "+again+":1: policy \"one\" is in "+good+" too, at line 1\n"+again+":7: policy \"two\" is in "+good+" too, at line 7\n")
	if got := b.run("apply", "-f", filepath.Join(t.TempDir(), "gone")); got.code != 2 || !strings.Contains(got.errOut, "no such file") {
		t.Error(got)
	}
	if got := b.run("apply", "-f", t.TempDir()); got.code != 2 || !strings.Contains(got.errOut, "no .yaml, .yml or .json file") {
		t.Error(got)
	}
	if got := b.with(runOptions{stdin: strings.Repeat("#", 10<<20)}, "apply", "-f", "-"); got.code != 2 || !strings.Contains(got.errOut, "standard input:1:1: larger than") {
		t.Error(got)
	}
	if n := len(b.requests); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// TestApplyGoesOn: a policy that the server refuses does not hide the next.
func TestApplyGoesOn(t *testing.T) {
	b := serve(t)
	path := b.file("p.yaml", twoPolicies)
	b.before = func(_ *fake, m proto.Message) error {
		if r, ok := m.(*compliancev1.ApplyPolicyRequest); ok && r.GetName() == "one" {
			return no(codes.InvalidArgument, "the request is not valid", "", "spec.pins[0].minimum_length: asks for nothing")
		}
		return nil
	}
	b.check(b.run("apply", "-f", path), 2, "policy/two created, revision 1\n",
		"mdmctl: "+path+":5:47: spec.pins[0].minimumLength: asks for nothing\n")
	b.failures["ApplyPolicy"] = no(codes.Unauthenticated, "unknown certificate", "")
	before := sent[*compliancev1.ApplyPolicyRequest](b)
	if got := b.run("apply", "-f", path); got.code != 5 {
		t.Error(got)
	}
	if n := sent[*compliancev1.ApplyPolicyRequest](b) - before; n != 1 {
		t.Errorf("%d requests to a server that does not know us", n)
	}
}

func TestDeleteRevokeCancel(t *testing.T) {
	b := serve(t).fill()
	b.check(b.run("delete", "policy", "sales"), 0, "policy/sales deleted\n", "")
	b.check(b.run("delete", "policy", "nope"), 3, "", "mdmctl: policy \"nope\": not found\n")
	b.check(b.run("delete", "token", "token-00000007", "token-00000008"), 0, "token/token-00000007 revoked\ntoken/token-00000008 revoked\n", "")
	b.check(b.run("revoke", "token", "token-00000007", "-o", "name"), 0, "token/token-00000007\n", "")
	b.check(b.run("revoke", "certificate", "beef", "--reason", "lost"), 0, "certificate/beef revoked\n", "")
	b.check(b.run("cancel", "wipe", order1, "--reason", "found it"), 0, "wipe/order-00000009 cancelled\n", "")
	if got := last[*compliancev1.RevokeCertificateRequest](b).GetReason(); got != "lost" {
		t.Errorf("reason %q", got)
	}
	b.failures["CancelWipe"] = no(codes.FailedPrecondition, "the device has acknowledged it", "ORDER_ACKNOWLEDGED")
	if got := b.run("cancel", "wipe", order1, "--reason", "x"); got.code != 4 {
		t.Error(got)
	}
}

func TestRetire(t *testing.T) {
	const notice = `Device device-00000001 (Pixel 9, user maria@example.com) will be cut off at once.
Nothing is removed from the phone: order a wipe first where work data must go.
`
	args := []string{"retire", "device", phone, "--reason", "left the company"}
	b := serve(t).fill()
	b.check(b.run(args...), 2, "", notice+"mdmctl: nobody is there to confirm: repeat with --yes\n")
	b.check(b.with(runOptions{asks: true, stdin: "no\n"}, args...), 1, "", notice+"Retire it? [y/N] mdmctl: not confirmed: nothing was done\n")
	b.check(b.with(runOptions{asks: true}, args...), 1, "", notice+"Retire it? [y/N] mdmctl: not confirmed: nothing was done\n")
	if n := sent[*enrollv1.RetireDeviceRequest](b); n != 0 {
		t.Errorf("%d requests without a yes", n)
	}
	b.check(b.with(runOptions{asks: true, stdin: "y\n"}, args...), 0,
		"device/device-00000001 retired; nothing was removed from the phone\n", notice+"Retire it? [y/N] ")
	b.check(b.run(append(args, "--yes")...), 0, "device/device-00000001 is retired already; nothing was done\n", "")
	want := &enrollv1.RetireDeviceRequest{Id: phone, Reason: "left the company", Epoch: 2}
	if diff := cmp.Diff(want, last[*enrollv1.RetireDeviceRequest](b), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

const plan = `Device device-00000001, epoch 2
  is       personal, work-profile, group sales, user maria@example.com
  contact  30s ago
  removes  the work profile: every work app
  removes  the enrolment (epoch 2)
  keeps    everything personal
  ends     the enrolment: the device's certificates stop working
  plan     ` + digest + "\n"

// digest is of the plan above.
const digest = "37bed48301ce1dfec2def091d27a8f73d904f9a495bc3cfa5eb78c46a1ad2e63"

func TestWipe(t *testing.T) {
	b := serve(t).fill()
	args := []string{"wipe", "device", phone, "--scope", "work-profile", "--reason", "sold"}
	b.check(b.run(append(args, "--dry-run")...), 0, plan+"Dry run: nothing was ordered.\n", "")
	b.check(b.run(args...), 2, "", plan+"mdmctl: nobody is there to confirm: repeat with --yes\n")
	b.check(b.with(runOptions{asks: true, stdin: "n\n"}, args...), 1, "", plan+"Order this wipe? [y/N] mdmctl: not confirmed: nothing was done\n")
	if n := sent[*wipev1.CreateWipeRequest](b); n != 0 {
		t.Errorf("%d orders without a yes", n)
	}
	b.check(b.run(append(args, "--yes", "--expires", "12h")...), 0,
		"wipe/order-00000001 ordered; it is done when the device says so: mdmctl watch wipe order-00000001\n", plan)
	request := last[*wipev1.CreateWipeRequest](b)
	want := &wipev1.CreateWipeRequest{
		RequestKey: request.GetRequestKey(), DeviceId: phone, Reason: "sold", Epoch: 2, Lifetime: durationpb.New(12 * time.Hour), PlanDigest: digest,
		Scope: &wipev1.Scope{Scope: &wipev1.Scope_WorkProfile{WorkProfile: &wipev1.WorkProfile{}}},
	}
	if diff := cmp.Diff(want, request, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if len(request.GetRequestKey()) < 20 {
		t.Errorf("request key %q", request.GetRequestKey())
	}
	b.check(b.run(append(args, "--yes", "-o", "name", "--request-key", "key-12345")...), 0, "wipe/order-00000001\n", plan)
	if key := last[*wipev1.CreateWipeRequest](b).GetRequestKey(); key != "key-12345" {
		t.Errorf("request key %q", key)
	}
}

// TestWipeRepeated: a plan that the order itself stands in the way of does not
// keep the server from answering the same request again.
func TestWipeRepeated(t *testing.T) {
	b := serve(t).fill()
	b.failures["PlanWipe"] = no(codes.FailedPrecondition, "an order is pending", "ORDER_PENDING")
	args := []string{"wipe", "device", phone, "--scope", "work-profile", "--reason", "sold"}
	for _, more := range [][]string{{"--yes"}, {"--request-key", "key-12345"}, {"--dry-run", "--yes", "--request-key", "key-12345"}} {
		if got := b.run(append(args, more...)...); got.code != 4 || sent[*wipev1.CreateWipeRequest](b) != 0 {
			t.Errorf("%v: %+v", more, got)
		}
	}
	b.check(b.run(append(args, "--yes", "--request-key", "key-12345", "-o", "name")...), 0, "wipe/order-00000001\n", "")
	if got := last[*wipev1.CreateWipeRequest](b).GetEpoch(); got != 2 {
		t.Errorf("epoch %d, want the device's, 2", got)
	}
}

func TestWipeAppData(t *testing.T) {
	b := serve(t).fill()
	got := b.run("wipe", "device", phone, "--scope", "app-data", "--package", "a.b,c.d", "--package", "e.f", "--dry-run", "-o", "json")
	if got.code != 0 || !strings.HasPrefix(got.out, "{\n  \"deviceId\"") {
		t.Error(got)
	}
	want := []string{"a.b", "c.d", "e.f"}
	if diff := cmp.Diff(want, last[*wipev1.PlanWipeRequest](b).GetScope().GetAppData().GetPackages()); diff != "" {
		t.Error(diff)
	}
}

func TestPinsOfSeveralRoots(t *testing.T) {
	one, two := newAuthority(t), newAuthority(t)
	text := encode("CERTIFICATE", one.cert.Raw) + "noise\n" + encode("CERTIFICATE", two.cert.Raw)
	got := pins(text)
	if len(got) != 2 || got[0] == got[1] || !strings.HasPrefix(got[0], "sha256:") || len(got[0]) != len("sha256:")+64 {
		t.Errorf("%q", got)
	}
	if got := pins("none"); got != nil {
		t.Errorf("%q", got)
	}
}
