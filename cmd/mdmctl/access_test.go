package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/policyfile"
	accessv1 "ringfence/proto/mdm/access/v1"
)

const (
	examples  = "../../examples/access/"
	baseline  = examples + "baseline.yaml"
	locations = examples + "locations.yaml"
	cases     = examples + "cases.yaml"
)

// TestApplyAccess: locations come first, wherever they stand, and tests are no
// thing to apply.
func TestApplyAccess(t *testing.T) {
	b := serve(t)
	b.check(b.run("apply", "-f", baseline, "-f", cases, "-f", locations), 0, `
location/head-office created, version 1
location/countries-we-work-in created, version 1
access-policy/block-legacy-clients created, revision 1, on
access-policy/mfa-for-everyone created, revision 1, on
access-policy/safe-phones created, revision 1, on
access-policy/certificate-bound-sessions created, revision 1, report-only
`, "note: access-test/baseline is nothing to apply: mdmctl access test -f "+cases+"\n")
	b.check(b.run("apply", "-f", cases), 2, "",
		"note: access-test/baseline is nothing to apply: mdmctl access test -f "+cases+"\nmdmctl: nothing to apply\n")
	// What is in force now is as expected.
	if got := b.run("access", "test", "-f", cases); got.code != 0 || !strings.HasSuffix(got.out, "9 cases as expected\n") {
		t.Error(got)
	}
}

func TestApplyAccessRefused(t *testing.T) {
	b := serve(t)
	b.failures["ApplyAccessPolicy"] = no(codes.InvalidArgument, "not valid", "", `spec.conditions.exclude_locations.names[0]: there is no location "head-office"`)
	const problem = ":32:32: spec.conditions.excludeLocations.names[0]: there is no location \"head-office\"\n"
	const hint = "hint: the server does not have location/countries-we-work-in yet: apply that first, or all without --dry-run\n"
	for flag, want := range map[string]bool{"--dry-run": true, "--dry-run=false": false} {
		got := b.run("apply", "-f", baseline, "-f", locations, flag)
		if got.code != 2 || !strings.Contains(got.errOut, problem) || strings.HasSuffix(got.errOut, hint) != want {
			t.Errorf("%s: %+v", flag, got)
		}
	}
	b.failures["ApplyLocation"] = no(codes.InvalidArgument, "not valid", "", "spec.networks[1]: must be a network such as 192.0.2.0/24")
	if got := b.run("apply", "-f", locations); !strings.Contains(got.errOut, "locations.yaml:10:5: spec.networks[1]: must be") {
		t.Error(got)
	}
	delete(b.failures, "ApplyAccessPolicy")
	const shut = "apiVersion: ringfence/v1\nkind: AccessPolicy\nmetadata: {name: shut}\nspec: {state: on, includePeople: {everyone: true}, apps: {all: true}, grant: {controls: [block]}}\n"
	if got := b.with(runOptions{stdin: shut}, "apply", "-f", "-"); got.errOut != "note: access-policy/shut shuts everybody out of every app\n" {
		t.Error(got)
	}
	some := strings.Replace(shut, "grant:", "conditions: {clients: [other]}, grant:", 1)
	if got := b.with(runOptions{stdin: some}, "apply", "-f", "-"); got.errOut != "note: access-policy/shut blocks and leaves nobody out: keep an account for emergencies out of it\n" {
		t.Error(got)
	}
}

func TestGetAccess(t *testing.T) {
	b := serve(t).fillAccess()
	b.check(b.run("get", "access-policies"), 0, `
NAME     REVISION   STATE         FOR                                               TO                  ASKS                                 REVISED
mfa      1          on            everyone                                          every app           mfa                                  24h
phones   3          report-only   group staff, role admin, user maria@example.com   app mail, app crm   compliant-device or app-protection   5h
`, "")
	b.check(b.run("get", "locations", "-o", "wide"), 0, `
NAME     TRUSTED   NETWORKS                      COUNTRIES         CHANGED   VERSION   BY
hq       trusted   192.0.2.0/24, 2001:db8::/32   -                 60m       2         admin:alice
abroad   -         -                             FR, IT, unknown   3d        1         admin:bob
`, "")
	for args, want := range map[string]proto.Message{
		"get access-policy phones --revision 2": &accessv1.GetAccessPolicyRequest{Name: "phones", Revision: 2},
		"get location location/hq":              &accessv1.GetLocationRequest{Name: "hq"},
		"get access-policies":                   &accessv1.ListAccessPoliciesRequest{PageSize: policyPage},
	} {
		if got := b.run(append(strings.Fields(args), "-o", "json")...); got.code != 0 {
			t.Errorf("%s: %+v", args, got)
		}
		b.mu.Lock()
		got := b.requests[len(b.requests)-1]
		b.mu.Unlock()
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", args, diff)
		}
	}
}

// TestGetAccessDocuments: what is fetched can be edited and applied.
func TestGetAccessDocuments(t *testing.T) {
	b := serve(t).fillAccess()
	policies, locations := b.run("get", "access-policies", "-o", "document"), b.run("get", "locations", "-o", "document")
	documents, err := policyfile.Parse("f", []byte(policies.out+"---\n"+locations.out))
	if err != nil {
		t.Fatalf("%v in\n%s%s", err, policies.out, locations.out)
	}
	for i, p := range b.accessPolicies {
		if diff := cmp.Diff(p.GetSpec(), documents[i].AccessPolicy.GetSpec(), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(b.locations[i].GetSpec(), documents[i+2].Location.GetSpec(), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
	for _, want := range []string{"state: report-only\n", "- unknown\n", "signInFrequency: 12h\n", "compliance: 1h30m\n", "operator: or\n", "- ordinary\n"} {
		if !strings.Contains(policies.out, want) {
			t.Errorf("%q is not in\n%s", want, policies.out)
		}
	}
}

func TestDescribeAccessPolicy(t *testing.T) {
	b := serve(t).fillAccess()
	b.check(b.run("describe", "access-policy", "phones"), 0, `
Access policy:  phones
Revision:       3
Revised:        2026-11-22 07:00:00Z (5h ago) by admin:alice
Created:        2026-11-13 12:00:00Z (9d ago)
State:          report-only: it is told of, and nothing follows from it
Description:    for phones
For:            group staff
For:            role admin
For:            user maria@example.com
Not for:        group break-glass
To:             app mail
To:             app crm
Not to:         app help
When:           platform is android or unknown
When:           platform is not linux
When:           client is browser or native
When:           location is abroad
When:           location is not any trusted one or hq
When:           phone does not match device.model == "Pixel 5"
When:           it holds that person.name != "x"
When:           sign-in risk is medium or unknown
When:           user risk is none or unknown
When:           ownership is personal
When:           mode is work-profile
When:           flow is ordinary
Asks:           a compliant phone or a protected app
Evidence:       of the phone counts until it is 1h30m old
Evidence:       of the app counts until it is 1d old
`, "")
	b.check(b.run("describe", "access-policy", "mfa"), 0, `
Access policy:  mfa
Revision:       1
Revised:        2026-11-21 12:00:00Z (24h ago) by admin:alice
Created:        2026-11-21 12:00:00Z (24h ago)
State:          on
For:            everyone
To:             every app
When:           always
Asks:           a second factor
Session:        sign in anew after 12h, limited
`, "")
	if got := b.run("describe", "access-policy", "none"); got.code != 3 {
		t.Error(got)
	}
}

func TestDeleteAccess(t *testing.T) {
	b := serve(t).fillAccess()
	b.check(b.run("delete", "access-policy", "access-policy/mfa", "--revision", "1"), 0, "access-policy/mfa deleted\n", "")
	if got := last[*accessv1.DeleteAccessPolicyRequest](b); got.GetExpectedRevision() != 1 || got.GetName() != "mfa" {
		t.Errorf("sent %v", got)
	}
	b.check(b.run("delete", "location", "hq"), 4, "", `mdmctl: location "hq": policies name the location: take it out of them first
  reason: LOCATION_IN_USE
hint: mdmctl get access-policies -o wide says which policies name it: change those first
`)
	b.accessPolicies = nil
	b.check(b.run("delete", "location", "hq", "abroad"), 0, "location/hq deleted\nlocation/abroad deleted\n", "")
	if got := b.run("delete", "access-policy", "a", "b", "--revision", "2"); got.code != 2 {
		t.Error(got)
	}
}

func TestWhatIf(t *testing.T) {
	b := serve(t).fillAccess()
	args := []string{"access", "what-if", "--app", "mail", "--group", "staff", "--device", mailPhone, "--client", "native", "--country", "FR"}
	b.check(b.run(args...), 0, `
Verdict:  ALLOW-WITH
Owed:     mfa
Session:  sign in anew after 12h, limited
Person:   maria@example.com
Policies:
  POLICY   STATE         RESULT   WHY                                                                                                       SINCE
  mfa      on            owing    lacks mfa (not-shown)                                                                                     people everyone, app all
  phones   report-only   owing    lacks compliant-device (stale, 2h old of 1h30m at most: pin.length) or app-protection (no-registration)   people user:maria@example.com, people group:staff, app mail, platform android, client native, sign-in-risk unknown, user-risk unknown, ownership personal, mode work-profile, flow ordinary, location abroad, custom rule
Evidence:
  ABOUT        OF                                 SAYS    AGE   CHANGES
  compliance   1111aaaa1111aaaa1111aaaa1111aaaa   unfit   2h    after 30h
To put right:
  RULE         ASKED   ACTUAL   REMEDY             LINK
  pin.length   6       4        set a longer PIN   https://help.example.com/pin
`, "")
	b.check(b.run(append(args, "--mfa", "--promote", "phones")...), 0, `
Verdict:  ALLOW-WITH
Owed:     compliant-device or app-protection
Session:  sign in anew after 12h, limited
Person:   maria@example.com
Policies:
  POLICY   STATE   RESULT      WHY                                                                                                       SINCE
  phones   on      owing       lacks compliant-device (stale, 2h old of 1h30m at most: pin.length) or app-protection (no-registration)   people user:maria@example.com, people group:staff, app mail, platform android, client native, sign-in-risk unknown, user-risk unknown, ownership personal, mode work-profile, flow ordinary, location abroad, custom rule
  mfa      on      satisfied   met: mfa                                                                                                  people everyone, app all
Evidence:
  ABOUT        OF                                 SAYS    AGE   CHANGES
  compliance   1111aaaa1111aaaa1111aaaa1111aaaa   unfit   2h    after 30h
To put right:
  RULE         ASKED   ACTUAL   REMEDY             LINK
  pin.length   6       4        set a longer PIN   https://help.example.com/pin
`, "")
	b.check(b.run("access", "what-if", "--user", "maria", "--app", "crm", "--client", "other"), 0, `
Verdict:    DENY
  because:  nobody can ask this client for what is owed
Person:     maria
Not known:  ownership, mode: with it the verdict might be another
Policies:
  POLICY   STATE         RESULT        WHY                                                                           SINCE
  mfa      on            owing         lacks mfa (not-shown)                                                         people everyone, app all
  phones   report-only   not-applied   people is maria; client is other; ownership is not known; mode is not known   -
Evidence:
  none
`, "")
}

func TestWhatIfAsks(t *testing.T) {
	b := serve(t).fillAccess()
	facts := b.file("facts.yaml", "device: {platform: ios, compliance: {fitness: fit, age: 1h}}\n")
	got := b.run("access", "what-if", "--user", "maria", "--group", "a,b", "--role", "r", "--action", "register-device", "--registration", notes,
		"--platform", "ios", "--client", "browser", "--address", "192.0.2.1", "--country", "at", "--sign-in-risk", "high", "--user-risk", "unknown",
		"--flow", "device-code", "--mfa", "--certificate-bound", "--as-of", "2h", "--promote", "phones", "--facts", facts,
		"-f", baseline, "-f", locations, "--only", "-o", "json")
	if !strings.Contains(got.errOut, "promote[0]") {
		t.Error(got)
	}
	want := &accessv1.WhatIfRequest{
		SignIn: &accessv1.SignIn{
			User: "maria", Groups: []string{"a", "b"}, Roles: []string{"r"}, Action: accessv1.UserAction_USER_ACTION_REGISTER_DEVICE, RegistrationId: notes,
			Platform: accessv1.Platform_PLATFORM_IOS, Client: accessv1.ClientApp_CLIENT_APP_BROWSER, Address: "192.0.2.1", Country: "at",
			SignInRisk: accessv1.Risk_RISK_HIGH, Flow: accessv1.Flow_FLOW_DEVICE_CODE, Mfa: true, CertificateBound: true,
		},
		AsOf: timestamppb.New(now.Add(-2 * time.Hour)), Promote: []string{"phones"}, OnlyCandidates: true,
	}
	sent := last[*accessv1.WhatIfRequest](b)
	if len(sent.GetPolicies()) != 4 || len(sent.GetLocations()) != 2 || sent.GetFacts().GetDevice().GetPlatform() != accessv1.Platform_PLATFORM_IOS {
		t.Errorf("sent %v", sent)
	}
	sent.Policies, sent.Locations, sent.Facts = nil, nil, nil
	if diff := cmp.Diff(want, sent, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	b.run("access", "what-if", "--as-of", "2026-03-01T12:00:00+01:00")
	if at := last[*accessv1.WhatIfRequest](b).GetAsOf().AsTime(); !at.Equal(time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)) {
		t.Errorf("asked as of %s", at)
	}
	bad := b.file("bad.yaml", "device: {platfor: ios}\n")
	for args, want := range map[string]string{
		"--as-of yesterday":                "want a time such as 2026-03-01T12:00:00Z, or how long ago",
		"--app a --action register-device": "[app action]",
		"--only":                           "--only wants at least one AccessPolicy",
		"--facts " + bad:                   `bad.yaml:1:10: unknown field "platfor"; did you mean platform?`,
		"--facts /nowhere/x":               "no such file",
		"--platform symbian":               "choose from: unknown, android,",
		"--address here":                   "sign_in.address: is not an IP address",
		"-o table":                         "is not one of text, json, yaml",
	} {
		if got := b.run(append([]string{"access", "what-if"}, strings.Fields(args)...)...); got.code != 2 || !strings.Contains(got.errOut, want) {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

func TestAccessReport(t *testing.T) {
	b := serve(t)
	b.report = &accessv1.ReportAccessResponse{SignIns: 1200, DistinctSignIns: 34, Since: ago(7 * day)}
	b.check(b.run("access", "report"), 0, "Sign-ins:  1200, 34 different ones\nSince:     2026-11-15 12:00:00Z (7d ago)\n", "no policy only reports\n")
	mfa := []*accessv1.OwedCount{{Choice: &accessv1.Choice{AnyOf: []accessv1.Control{accessv1.Control_CONTROL_MFA}}, SignIns: 20}}
	b.report.Dropped = 3
	b.report.Policies = []*accessv1.PolicyEffect{
		{Name: "a", Applied: 100, WouldBlock: 7, Users: 2, Devices: 1},
		{Name: "b", Applied: 200, WouldPrompt: 20, Users: 5, Devices: 4, Owed: mfa, Examples: []*accessv1.SampledSignIn{{Count: 3}}},
	}
	b.report.Together = &accessv1.PolicyEffect{Applied: 250, WouldBlock: 7, WouldPrompt: 15, Users: 6, Devices: 4, Owed: mfa}
	b.check(b.run("access", "report", "--promote", "b,a", "--since", "30d", "--examples", "9"), 0, `
Sign-ins:  1200, 34 different ones
Since:     2026-11-15 12:00:00Z (7d ago)
Left out:  3 sign-ins there was no room for: the numbers are too low

POLICY   APPLIES   WOULD-BLOCK   WOULD-ASK   USERS   DEVICES   FOR
a        100       7             0           2       1         -
b        200       0             20          5       4         mfa 20
b + a    250       7             15          6       4         mfa 20
`, "")
	want := &accessv1.ReportAccessRequest{Promote: []string{"b", "a"}, Since: ago(30 * day), Examples: 9}
	if diff := cmp.Diff(want, last[*accessv1.ReportAccessRequest](b), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if got := b.run("access", "report", "-o", "json"); got.code != 0 || !strings.Contains(got.out, `"examples": [`) {
		t.Error(got)
	}
	if got := last[*accessv1.ReportAccessRequest](b).GetSince().AsTime(); !got.Equal(now.Add(-7 * day)) {
		t.Errorf("since %s", got)
	}
}

// TestAccessExamples: the examples hold to their own cases, by the real thing.
func TestAccessExamples(t *testing.T) {
	b := serve(t).fillAccess()
	b.check(b.run("access", "test", "-f", baseline, "-f", cases, "-f", locations, "--only"), 0, `
ok    an old mail client is shut out, even with a second factor
ok    a browser at home owes a second factor
ok    the head office is let in
ok    an unknown phone owes everything
ok    a compliant phone is let in
ok    evidence that is a day old does not count
ok    a protected app will do on a phone of one's own
ok    the account for emergencies is never shut out
ok    what the trial would change
9 cases as expected
`, "")
	if len(b.accessPolicies)+len(b.locations) != 4 {
		t.Error("a test changed something")
	}
}

func TestAccessTestFails(t *testing.T) {
	b := serve(t)
	path := b.file("cases.yaml", `apiVersion: ringfence/v1
kind: AccessTest
metadata: {name: mine}
spec:
  cases:
  - name: all is well
    signIn: {user: maria, app: mail, mfa: true}
    expect: {outcome: allow}
  - name: nothing is
    signIn: {user: maria, app: mail, client: other}
    expect:
      outcome: allow-with
      owed: [[app-protection, mfa], [mfa]]
      policies: {block-legacy-clients: owing, mfa-for-everyone: owing, none: satisfied}
  - name: sessions
    signIn: {user: maria, app: mail}
    expect: {outcome: allow-with, owed: [[managed-device]], session: {everySignIn: true}}
`)
	b.check(b.run("access", "test", "-f", path, "-f", baseline, "-f", locations), 1, `
ok    all is well
FAIL  nothing is (`+path+`:9)
        outcome
          want  allow-with
          got   deny, since block-legacy-clients is blocking (it applies, and blocks)
        owed
          want  mfa; mfa or app-protection
          got   nothing
        policy block-legacy-clients
          want  owing
          got   blocking (it applies, and blocks)
        policy none
          want  satisfied
          got   there is no such policy
FAIL  sessions (`+path+`:15)
        owed
          want  managed-device
          got   mfa
        session
          want  sign in anew each time
          got   sign in anew after 12h
`, "mdmctl: 2 of 3 cases not as expected\n")
	got := b.run("access", "test", "-f", path, "-f", baseline, "-f", locations, "-o", "json")
	var parsed struct {
		Total, Failed int
		Cases         []caseResult
	}
	if err := json.Unmarshal([]byte(got.out), &parsed); err != nil || got.code != 1 {
		t.Fatalf("%v: %+v", err, got)
	}
	if parsed.Total != 3 || parsed.Failed != 2 || !parsed.Cases[0].OK || parsed.Cases[1].Line != 9 || parsed.Cases[1].File != path ||
		parsed.Cases[1].Outcome != "deny" || len(parsed.Cases[1].Differences) != 4 {
		t.Errorf("got %+v", parsed)
	}
}

// TestAccessTestRefused: what cannot be tried is no failed case, and says where it
// stands.
func TestAccessTestRefused(t *testing.T) {
	b := serve(t)
	file := func(name, signIn string) string {
		return b.file(name, "apiVersion: ringfence/v1\nkind: AccessTest\nmetadata: {name: a}\nspec:\n  cases:\n  - {name: one, signIn: {"+signIn+"}, expect: {outcome: allow}}\n")
	}
	good := file("good.yaml", "app: mail")
	address := file("address.yaml", "app: mail, address: nowhere")
	policy := func(name, conditions string) string {
		return b.file(name, "apiVersion: ringfence/v1\nkind: AccessPolicy\nmetadata: {name: first}\nspec:\n  state: on\n  includePeople: {everyone: true}\n  apps: {all: true}\n"+
			"  conditions: {"+conditions+"}\n  grant: {controls: [mfa]}\n")
	}
	nowhere := policy("nowhere.yaml", "includeLocations: {names: [atlantis]}")
	rule := policy("rule.yaml", "deviceFilter: {rule: device.colour == 'red'}")
	words := policy("words.yaml", "ownerships: [mine]")
	place := b.file("place.yaml", "apiVersion: ringfence/v1\nkind: Location\nmetadata: {name: hq}\nspec: {networks: [192.0.2.1/24]}\n")
	other := b.file("other.yaml", twoPolicies)
	for args, want := range map[string]string{
		"":                              `required flag(s) "filename" not set`,
		"-f " + nowhere:                 "no AccessTest among the files (-f)",
		"-f " + good + " --only":        "--only wants at least one AccessPolicy",
		"-f " + address:                 "mdmctl: " + address + ":6:46: spec.cases[0].signIn.address: is not an IP address\n",
		"-f " + good + " -f " + nowhere: "mdmctl: " + nowhere + `:8:43: spec.conditions.includeLocations.names[0]: there is no location "atlantis"` + "\n",
		"-f " + good + " -f " + rule:    "mdmctl: " + rule + ":8:37: spec.conditions.deviceFilter.rule: line 1, column 7: undefined field 'colour'",
		"-f " + good + " -f " + words:   "mdmctl: " + words + ":8:29: spec.conditions.ownerships[0]: ",
		"-f " + good + " -f " + place:   "mdmctl: " + place + ":4:19: spec.networks[0]: must be a network",
		"-f " + good + " -f " + good:    `access-test "a" is in ` + good + " too, at line 1",
		"-f " + good + " --promote x":   `promote[0]: there is no policy "x"`,
		"-f " + good + " x":             `unknown command "x"`,
		"-f " + good + " -o name":       "is not one of text, json, yaml",
	} {
		if got := b.run(append([]string{"access", "test"}, strings.Fields(args)...)...); got.code != 2 || !strings.Contains(got.errOut, want) {
			t.Errorf("%s:\n%s (exit %d), want\n%s", args, got.errOut, got.code, want)
		}
	}
	b.check(b.run("access", "test", "-f", good, "-f", other), 0, "ok    one\n1 case as expected\n",
		"note: policy/one says nothing of access: left out\nnote: policy/two says nothing of access: left out\n")
	b.failures["WhatIf"] = no(codes.ResourceExhausted, "too many calls: slow down", "TOO_MANY_CALLS")
	b.check(b.run("access", "test", "-f", good), 1, "", "mdmctl: "+good+":6: case \"one\": too many calls: slow down\n"+
		"  reason: TOO_MANY_CALLS\nhint: wait a moment and repeat\n")
}

func TestCompleteAccess(t *testing.T) {
	b := serve(t).fillAccess()
	for args, want := range map[string]string{
		"describe access-policy ":   "mfa\nphones\tfor phones\n:4\n",
		"delete location ":          "hq\t192.0.2.0/24, 2001:db8::/32\nabroad\tFR, IT, unknown\n:4\n",
		"access what-if --flow ":    "ordinary\ndevice-code\ntransfer\n:4\n",
		"access what-if --promote ": "mfa\nphones\tfor phones\n:4\n",
	} {
		got := b.run(append([]string{"__complete"}, strings.Split(args, " ")...)...)
		if got.code != 0 || !strings.HasPrefix(got.out, want) {
			t.Errorf("%q: got %q, want %q", args, got.out, want)
		}
	}
}
