package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"ringfence/internal/policyfile"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

// TestApplyApps: apps come first, wherever they stand.
func TestApplyApps(t *testing.T) {
	b := serve(t)
	data, err := os.ReadFile("../../examples/app-protection.yaml")
	if err != nil {
		t.Fatal(err)
	}
	app, policy, _ := strings.Cut(string(data), "\n---\n")
	path := b.file("p.yaml", policy+"---\n"+twoPolicies+"---\n"+app)
	const note = "note: no assignment of policy/one includes anybody: no device gets it\n"
	b.check(b.run("apply", "-f", path, "--dry-run"), 0, `
app/com.example.mail created, version 1 (dry run)
app-policy/mail-on-own-phones created, revision 1 (dry run)
policy/one created, revision 1 (dry run)
policy/two created, revision 1 (dry run)
`, note)
	if len(b.apps)+len(b.appPolicies)+len(b.policies) != 0 {
		t.Error("a dry run changed something")
	}
	b.check(b.run("apply", "-f", path, "-o", "name"), 0,
		"app/com.example.mail\napp-policy/mail-on-own-phones\npolicy/one\npolicy/two\n", "")
	got := last[*appprotectv1.ApplyAppPolicyRequest](b).GetSpec()
	if got.GetSettings()["access.pin_length"].GetNumberValue() != 6 || got.GetSettings()["launch.os_version.block"].GetStringValue() != "13" {
		t.Errorf("sent %v", got.GetSettings())
	}
	if got := b.run("apply", "-f", path, "-o", "json"); got.code != 0 || strings.Count(got.out, "CHANGE_CREATED") != 4 {
		t.Error(got)
	}
	nobody := strings.Replace(policy, "groups: [staff]", "groups: []", 1)
	if got := b.with(runOptions{stdin: nobody}, "apply", "-f", "-"); got.code != 0 ||
		got.errOut != "note: the target of app-policy/mail-on-own-phones includes nobody: no app gets it\n" {
		t.Error(got)
	}
}

// TestApplyAppsRefused says where in the file the server found what.
func TestApplyAppsRefused(t *testing.T) {
	b := serve(t)
	path := b.file("p.yaml", `apiVersion: ringfence/v1
kind: AppProtectionPolicy
metadata: {name: mail}
spec:
  target: {appGroups: [all], include: {everyone: true}}
  settings:
    data.send_to: everyone
  config:
    values: {server_name: x}
`)
	b.failures["ApplyAppPolicy"] = no(codes.InvalidArgument, "not valid", "",
		"spec.settings.data.send_to: is none of: all-apps, managed-apps, none", "spec.config.values.server_name: is not in the app's schema",
		"spec.target.app_groups[0]: is no group")
	b.check(b.run("apply", "-f", path), 2, "", "mdmctl: "+path+":7:19: spec.settings.data.send_to: is none of: all-apps, managed-apps, none\n"+
		path+":9:27: spec.config.values.server_name: is not in the app's schema\n"+
		path+":5:24: spec.target.appGroups[0]: is no group\n")
	b.failures["ApplyAppPolicy"] = no(codes.Aborted, "it was changed meanwhile", "REVISION_MOVED")
	if got := b.run("apply", "-f", path); got.code != 4 || !strings.HasPrefix(got.errOut, "mdmctl: "+path+`:1: app-policy "mail": it was changed`) {
		t.Error(got)
	}
	again := b.file("again.yaml", strings.Replace(b.read(path), "everyone\n", "none\n", 1))
	b.check(b.run("apply", "-f", path, "-f", again), 2, "", "mdmctl: "+again+":1: app-policy \"mail\" is in "+path+" too, at line 1\n")
}

// TestDryRunOfAnAppAndItsPolicy: what the server cannot know yet is said.
func TestDryRunOfAnAppAndItsPolicy(t *testing.T) {
	b := serve(t)
	b.failures["ApplyAppPolicy"] = no(codes.InvalidArgument, "not valid", "", "spec.config.values.server: is not in the app's schema")
	const hint = "\nhint: the server does not know yet what app/com.example.mail can be told: apply that first, or all without --dry-run\n"
	for flag, want := range map[string]bool{"--dry-run": true, "--dry-run=false": false} {
		got := b.run("apply", "-f", "../../examples/app-protection.yaml", flag)
		if got.code != 2 || !strings.Contains(got.errOut, ":15: spec.config.values.server: is not in") || strings.HasSuffix(got.errOut, hint) != want {
			t.Errorf("%s: %+v", flag, got)
		}
	}
}

func (b *bench) read(path string) string {
	b.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

func TestGetApps(t *testing.T) {
	b := serve(t).fillApps()
	b.check(b.run("get", "app-policies"), 0, `
NAME   REVISION   APPS               INCLUDES                              SAYS                                  REVISED
mail   2          com.example.mail   group staff, user maria@example.com   5 settings, configuration, fallback   5h
`, "")
	b.check(b.run("get", "apps", "-o", "wide"), 0, `
PACKAGE            TITLE   GROUPS   SIGNERS   SCHEMA    CHANGED   VERSION   BY
com.example.mail   Mail    mail     1         2 items   60m       3         admin:alice
`, "")
	b.check(b.run("get", "registrations"), 0, `
ID                                 STATE    STANDING   USER                PACKAGE             LEVEL        POLICY         SEEN
1111aaaa1111aaaa1111aaaa1111aaaa   active   block      maria@example.com   com.example.mail    unenrolled   outdated       5m
2222bbbb2222bbbb2222bbbb2222bbbb   active   ok         maria@example.com   com.example.mail    unenrolled   applied        5m
3333cccc3333cccc3333cccc3333cccc   active   ok         maria@example.com   com.example.notes   unenrolled   not-reported   -
4444dddd4444dddd4444dddd4444dddd   ended    -          maria@example.com   com.example.mail    unenrolled   -              5m
`, "")
	for args, want := range map[string]proto.Message{
		"get app-policy mail --revision 2": &appprotectv1.GetAppPolicyRequest{Name: "mail", Revision: 2},
		"get app app/" + mail:              &appprotectv1.GetAppRequest{Package: mail},
		"get reg registration/" + notes:    &appprotectv1.GetRegistrationRequest{RegistrationId: notes},
		"get registrations --user maria --tag " + phoneTag + " --package " + mail + " --standing block --state active": &appprotectv1.ListRegistrationsRequest{
			PageSize: 1000, User: "maria", DeviceTag: phoneTag, Package: mail,
			State: appprotectv1.RegistrationState_REGISTRATION_STATE_ACTIVE, Standing: appprotectv1.Standing_STANDING_BLOCK,
		},
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
	got := b.run("get", "reg", "nobody-at-all")
	if got.code != 3 || !strings.HasSuffix(got.errOut, "hint: see mdmctl get registrations\n") {
		t.Error(got)
	}
}

// TestGetAppDocuments: what is fetched can be edited and applied.
func TestGetAppDocuments(t *testing.T) {
	b := serve(t).fillApps()
	policies, apps := b.run("get", "app-policies", "-o", "document"), b.run("get", "apps", "-o", "document")
	documents, err := policyfile.Parse("f", []byte(policies.out+"---\n"+apps.out))
	if err != nil {
		t.Fatalf("%v in\n%s%s", err, policies.out, apps.out)
	}
	if diff := cmp.Diff(b.appPolicies[0].GetSpec(), documents[0].AppPolicy.GetSpec(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(b.apps[0].GetSpec(), documents[1].App.GetSpec(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"access.pin_length: 6\n", "data.print_blocked: true\n", "levels:\n      - unenrolled\n"} {
		if !strings.Contains(policies.out, want) {
			t.Errorf("%q is not in\n%s", want, policies.out)
		}
	}
}

func TestDescribeAppPolicy(t *testing.T) {
	b := serve(t).fillApps()
	b.check(b.run("describe", "app-policy", "mail"), 0, `
App policy:   mail
Revision:     2
Revised:      2026-11-22 07:00:00Z (5h ago) by admin:alice
Created:      2026-11-13 12:00:00Z (9d ago)
Description:  for mail
For:          com.example.mail signed by `+appSigner+`
Of:           group staff
Of:           user maria@example.com
Not of:       user ceo@example.com
Levels:       unenrolled, work-profile
Fallback:     only for whom no other policy is
Settings:
  access.pin_length:                             6
  data.exempt_apps:                              a.b, c.d=D
  data.print_blocked:                            true
  launch.os_version.block:                       14.10
  launch.patch.warn:                             2026-03-05
  config.values.server_name:                     mail.example.com
  config.custom.update_source:                   https://apps.example.com
  config.permissions.android.permission.CAMERA:  deny
  config.connected_apps:                         false
`, "")
}

const explanationText = `Revision:  ` + wanted + `
Policies:  base, mail
Conflict:  custom.theme: policies say different things (base, mail): left out
Settings:
  SETTING                     VALUE              FROM
  access.pin_length           6                  mail
  data.exempt_apps            a.b, c.d=D         base, mail
  config.values.server_name   mail.example.com   -
  config.connected_apps       false              -
`

func TestDescribeRegistration(t *testing.T) {
	b := serve(t).fillApps()
	indented := "  " + strings.TrimSuffix(strings.ReplaceAll(explanationText, "\n", "\n  "), "  ")
	b.check(b.run("describe", "registration", mailPhone), 0, `
Registration:   1111aaaa1111aaaa1111aaaa1111aaaa
State:          active (epoch 2)
User:           maria@example.com
App:            com.example.mail 4.2, SDK 1.0
  signed by:    `+appSigner+`
Level:          unenrolled
Device tag:     `+phoneTag+`
Phone:          Google Pixel 6, Android 13
Registered:     2026-11-19 12:00:00Z (3d ago)
Last check-in:  2026-11-22 11:55:00Z (5m ago)
Verdict:
  Standing:  BLOCK
  Since:     2026-11-22 10:00:00Z (2h ago)
  Evidence:  2026-11-22 11:55:00Z (5m ago)
  Changes:   2026-11-23 12:00:00Z (in 24h), if nothing else does
  Finding launch.os_version: block:
    Asked:     14.10
    Actual:    13
    Evidence:  5m old when judged
    Since:     2026-11-22 10:00:00Z (2h ago)
    Remedy:    update the phone's system
Policy:
  State:     outdated
  Intended:  `+wanted+`
  Applied:   `+held+`
`+indented, "")

	b.registrations[3].SelfWipe = &appprotectv1.SignedSelfWipe{Content: []byte("x")}
	got := b.run("describe", "reg", goneOne)
	for _, want := range []string{"ended (epoch 2)", "  because:      signed out", "  proof:        the app has signed"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is not in\n%s", want, got.out)
		}
	}
	if strings.Contains(got.out, "Verdict") {
		t.Errorf("what has ended is judged:\n%s", got.out)
	}
	if got := b.run("describe", "registration", mailPhone, "-o", "json"); got.code != 0 || !strings.Contains(got.out, `"remedyKey": "update_os"`) {
		t.Error(got)
	}
}

func TestExplainAppPolicy(t *testing.T) {
	b := serve(t).fillApps()
	args := []string{"explain", "app-policy", "--user", "maria", "--package", mail, "--level", "unenrolled", "--group", "staff", "--group", "sales", "--signer", appSigner}
	b.check(b.run(args...), 0, explanationText, "")
	want := &appprotectv1.ExplainAppPolicyRequest{
		User: "maria", Groups: []string{"staff", "sales"}, Package: mail, SignerSha256: appSigner, Level: appprotectv1.Level_LEVEL_UNENROLLED,
	}
	if diff := cmp.Diff(want, last[*appprotectv1.ExplainAppPolicyRequest](b), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	b.explanation = &appprotectv1.Explanation{Policy: &appprotectv1.EffectivePolicy{Revision: wanted}}
	b.check(b.run(args...), 0, "Policies:  none is for this person in this app: it stays shut\n", "")
	if got := b.run("explain", "app-policy", "--user", "maria", "--package", mail); got.code != 2 || !strings.Contains(got.errOut, `"level"`) {
		t.Error(got)
	}
}

func TestDeleteApps(t *testing.T) {
	b := serve(t).fillApps()
	b.check(b.run("delete", "app-policy", "app-policy/mail", "--revision", "2"), 0, "app-policy/mail deleted\n", "")
	if got := last[*appprotectv1.DeleteAppPolicyRequest](b); got.GetExpectedRevision() != 2 {
		t.Errorf("sent %v", got)
	}
	b.check(b.run("delete", "app", mail), 0, "app/com.example.mail deleted\n", "")
	if got := b.run("delete", "app", "com.example.none"); got.code != 3 {
		t.Error(got)
	}
	if got := b.run("delete", "app-policy", "a", "b", "--revision", "2"); got.code != 2 {
		t.Error(got)
	}
}

func TestRetireRegistration(t *testing.T) {
	b := serve(t).fillApps()
	args := []string{"retire", "registration", mailPhone, "--reason", "left"}
	const shown = "The work account of maria@example.com in com.example.mail will be cut off at once.\n" +
		"Nothing is removed from the phone: order a wipe first where work data must go.\n"
	b.check(b.run(args...), 2, "", shown+"mdmctl: nobody is there to confirm: repeat with --yes\n")
	b.check(b.with(runOptions{asks: true, stdin: "n\n"}, args...), 1, "", shown+"Retire it? [y/N] mdmctl: not confirmed: nothing was done\n")
	if n := sent[*appprotectv1.RetireRegistrationRequest](b); n != 0 {
		t.Fatalf("%d requests without a yes", n)
	}
	b.check(b.run(append(args, "--yes")...), 0, "registration/"+mailPhone+" retired; nothing was removed from the phone\n", shown)
	want := &appprotectv1.RetireRegistrationRequest{RegistrationId: mailPhone, Epoch: 2, Reason: "left"}
	if diff := cmp.Diff(want, last[*appprotectv1.RetireRegistrationRequest](b), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	b.check(b.run(append(args, "--yes")...), 0, "registration/"+mailPhone+" has ended already (retired: left); nothing was done\n", "")
	if n := sent[*appprotectv1.RetireRegistrationRequest](b); n != 1 {
		t.Errorf("%d requests", n)
	}
	b.failures["RetireRegistration"] = no(codes.Aborted, "the app has registered again since", "EPOCH_MOVED")
	if got := b.run("retire", "reg", mailTab, "--reason", "left", "--yes"); got.code != 4 || !strings.Contains(got.errOut, "mdmctl describe registration ID") {
		t.Error(got)
	}
}

func TestCompleteApps(t *testing.T) {
	b := serve(t).fillApps()
	for args, want := range map[string]string{
		"describe app-policy ":          "mail\tfor mail\n:4\n",
		"delete app ":                   mail + "\tMail\n:4\n",
		"describe registration ":        mailPhone + "\tmaria@example.com in com.example.mail\n",
		"get registrations --package ":  mail + "\tMail\n:4\n",
		"get registrations --standing ": "ok\nwarn\nblock\nwipe\n:4\n",
		"explain app-policy --level ":   "unenrolled\nwork-profile\nfully-managed\n:4\n",
	} {
		got := b.run(append([]string{"__complete"}, strings.Split(args, " ")...)...)
		if got.code != 0 || !strings.HasPrefix(got.out, want) {
			t.Errorf("%q: got %q, want %q", args, got.out, want)
		}
	}
}
