package policyfile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"ringfence/internal/policyfile"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// accessDocument is a document of one of the kinds of conditional access; spec is
// indented by two.
func accessDocument(kind, spec string) string {
	return "apiVersion: ringfence/v1\nkind: " + kind + "\nmetadata: {name: a}\nspec:\n" + spec
}

func accessPolicy(spec string) string { return accessDocument("AccessPolicy", spec) }

func accessCase(rest string) string {
	return accessDocument("AccessTest", "  cases:\n  - {name: one, signIn: {user: maria, app: mail}, "+rest+"}\n")
}

func TestAccessPolicy(t *testing.T) {
	docs, err := policyfile.Parse("f", []byte(accessPolicy(`  state: report-only
  includePeople: {everyone: true}
  exclude_people: {groups: [break-glass]}
  apps: {all: true, exclude: [intranet]}
  conditions:
    includePlatforms: [unknown, ANDROID, PLATFORM_IOS]
    clients: [active-sync, unknown]
    excludeLocations: {trusted: true, names: [hq]}
    flows: [ordinary, device_code]
    signInRisks: [medium, high]
    deviceFilter: {rule: device.model == "Pixel", exclude: true}
  grant: {operator: or, controls: [mfa, compliant-device]}
  session: {signInFrequency: 1d12h, labels: [limited]}
  maxAge: {compliance: 90m, registration: 3600s}
`)+"---\n"+accessDocument("Location", "  networks: [192.0.2.0/24]\n  countries: [AT]\n  unknownCountry: true\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := &accessv1.AccessPolicySpec{
		State:         accessv1.PolicyState_POLICY_STATE_REPORT_ONLY,
		IncludePeople: &accessv1.People{Everyone: true},
		ExcludePeople: &accessv1.People{Groups: []string{"break-glass"}},
		Apps:          &accessv1.Apps{All: true, Exclude: []string{"intranet"}},
		Conditions: &accessv1.Conditions{
			IncludePlatforms: []accessv1.Platform{0, accessv1.Platform_PLATFORM_ANDROID, accessv1.Platform_PLATFORM_IOS},
			Clients:          []accessv1.ClientApp{accessv1.ClientApp_CLIENT_APP_ACTIVE_SYNC, 0},
			ExcludeLocations: &accessv1.Places{Trusted: true, Names: []string{"hq"}},
			Flows:            []accessv1.Flow{0, accessv1.Flow_FLOW_DEVICE_CODE},
			SignInRisks:      []accessv1.Risk{accessv1.Risk_RISK_MEDIUM, accessv1.Risk_RISK_HIGH},
			DeviceFilter:     &accessv1.DeviceFilter{Rule: `device.model == "Pixel"`, Exclude: true},
		},
		Grant: &accessv1.Grant{
			Operator: accessv1.Operator_OPERATOR_OR,
			Controls: []accessv1.Control{accessv1.Control_CONTROL_MFA, accessv1.Control_CONTROL_COMPLIANT_DEVICE},
		},
		Session: &accessv1.Session{SignInFrequency: durationpb.New(36 * time.Hour), Labels: []string{"limited"}},
		MaxAge:  &accessv1.MaxAge{Compliance: durationpb.New(90 * time.Minute), Registration: durationpb.New(time.Hour)},
	}
	if diff := cmp.Diff(want, docs[0].AccessPolicy.GetSpec(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	place := &accessv1.LocationSpec{Networks: []string{"192.0.2.0/24"}, Countries: []string{"AT"}, UnknownCountry: true}
	if diff := cmp.Diff(place, docs[1].Location.GetSpec(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if docs[0].Thing() != "access-policy" || docs[1].Thing() != "location" || docs[1].Name() != "a" || docs[1].Message() != proto.Message(docs[1].Location) {
		t.Errorf("got %s, and %s %s", docs[0].Thing(), docs[1].Thing(), docs[1].Name())
	}
	for path, at := range map[string][2]int{
		"spec.conditions.include_platforms[1]":       {10, 33},
		"spec.conditions.exclude_locations.names[0]": {12, 47},
		"spec.session.sign_in_frequency":             {17, 30},
	} {
		if line, column := docs[0].Place(path); line != at[0] || column != at[1] {
			t.Errorf("%s is at %d:%d, want %d:%d", path, line, column, at[0], at[1])
		}
	}
}

func TestAccessTest(t *testing.T) {
	docs, err := policyfile.Parse("f", []byte(accessCase(`facts: {device: {platform: ios, compliance: {fitness: fit, age: 2h}}},
    expect: {outcome: allow-with, owed: [[mfa], [compliant-device, app-protection], {anyOf: [approved-app]}], policies: {safe-phones: not-applied}}`)))
	if err != nil {
		t.Fatal(err)
	}
	c := docs[0].AccessTest.GetSpec().GetCases()[0]
	want := &accessv1.Expectation{
		Outcome: accessv1.Outcome_OUTCOME_ALLOW_WITH.Enum(),
		Owed: []*accessv1.Choice{
			{AnyOf: []accessv1.Control{accessv1.Control_CONTROL_MFA}},
			{AnyOf: []accessv1.Control{accessv1.Control_CONTROL_COMPLIANT_DEVICE, accessv1.Control_CONTROL_APP_PROTECTION}},
			{AnyOf: []accessv1.Control{accessv1.Control_CONTROL_APPROVED_APP}},
		},
		Policies: map[string]accessv1.PolicyResult_Result{"safe-phones": accessv1.PolicyResult_RESULT_NOT_APPLIED},
	}
	if diff := cmp.Diff(want, c.GetExpect(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if age := c.GetFacts().GetDevice().GetCompliance().GetAge().AsDuration(); age != 2*time.Hour {
		t.Errorf("the evidence is %s old", age)
	}
	// The zero value of an outcome is an outcome.
	docs, err = policyfile.Parse("f", []byte(accessCase("expect: {outcome: deny}")))
	if err != nil || docs[0].AccessTest.GetSpec().GetCases()[0].GetExpect().Outcome == nil {
		t.Errorf("got %v, %v", docs, err)
	}
	// Doors say more than names, and not only in whole numbers.
	docs, err = policyfile.Parse("f", []byte(strings.Replace(accessCase("expect: {outcome: deny}"),
		"app: mail", "operation: {context: {score: 0.5, tries: 3, home: true, from: x}}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	fields := docs[0].AccessTest.GetSpec().GetCases()[0].GetSignIn().GetOperation().GetContext()
	if diff := cmp.Diff(map[string]any{"score": 0.5, "tries": 3.0, "home": true, "from": "x"}, fields.AsMap()); diff != "" {
		t.Error(diff)
	}
}

func TestAccessDocumentsRefused(t *testing.T) {
	const people = "  includePeople: {everyone: true}\n"
	case2 := strings.TrimSuffix(accessCase("expect: {outcome: allow}"), "\n")
	for in, want := range map[string]string{
		accessPolicy("  state: report_onl\n"):                                        `f:5:10: state cannot be "report_onl"; did you mean report-only? choose from: on, report-only, off`,
		accessPolicy("  state: enforced\n"):                                          `f:5:10: state cannot be "enforced"; choose from: on, report-only, off`,
		accessPolicy("  includePeopel: {}\n"):                                        `f:5:3: unknown field "includePeopel"; did you mean includePeople? there are: description, state,`,
		accessPolicy(people):                                                         "f:5:3: spec.state: value is required",
		accessPolicy("  state: on\n"):                                                "f:5:3: spec.includePeople: value is required",
		accessPolicy("  state: on\n" + people + "  grant: {controls: [mfa, mfa]}\n"): "f:7:21: spec.grant.controls: repeated value must contain unique items",
		accessPolicy("  grant: {controls: [mfaa]}\n"):                                `f:5:22: controls cannot be "mfaa"; did you mean mfa? choose from: block, mfa,`,
		accessPolicy("  maxAge: {compliance: 24}\n"):                                 `f:5:24: compliance wants a time such as 90m, 24h or 7d, not "24"`,
		accessPolicy("  maxAge: {compliance: -1h}\n"):                                `f:5:24: compliance wants a time such as 90m, 24h or 7d, not "-1h"`,
		accessPolicy("  maxAge: {compliance: 1.5h}\n"):                               `f:5:24: compliance wants a time such as 90m, 24h or 7d, not "1.5h"`,
		accessPolicy("  maxAge: {compliance: 999999999999d}\n"):                      `f:5:24: compliance wants a time such as`,
		accessPolicy("  maxAge: {compliance: {seconds: 5}}\n"):                       `f:5:24: compliance wants a time such as`,
		accessPolicy("  conditions: {clients: [unspecified]}\n"):                     `f:5:26: clients cannot be "unspecified"; choose from: unknown, browser,`,
		accessDocument("AcessPolicy", people):                                        `f:2:7: kind cannot be "AcessPolicy"; did you mean AccessPolicy? choose from: AccessPolicy,`,
		accessDocument("Location", "  countries: [at]\n"):                            "f:5:15: spec.countries[0]: does not match regex pattern",
		accessDocument("Location", "  networks: [10.0.0.0/8]\n  trusted: yes\n"):     "f:6:12: trusted wants true or false",
		accessDocument("AccessTest", "  cases: []\n"):                                "f:5:10: spec.cases: must contain at least 1 item",
		accessCase("expect: {owed: [[mfa]]}"):                                        "f:6:59: spec.cases[0].expect.outcome: value is required",
		accessCase("expect: {outcome: maybe}"):                                       `f:6:69: outcome cannot be "maybe"; choose from: deny, allow, allow-with`,
		accessCase("expect: {outcome: alow}"):                                        `f:6:69: outcome cannot be "alow"; did you mean allow? choose from`,
		accessCase("expect: {outcome: allow, owed: [[mfa]]}"):                        "f:6:82: something is owed with the outcome allow-with alone",
		accessCase("expect: {outcome: allow-with, owed: [mfa]}"):                     "f:6:88: an entry of owed wants a mapping with some of: anyOf",
		accessCase("expect: {outcome: allow-with, owed: [[mfo]]}"):                   `f:6:89: anyOf cannot be "mfo"; did you mean mfa?`,
		accessCase("expect: {outcome: allow, policies: {a: unmet}}"):                 `f:6:90: the value cannot be "unmet"; choose from: not-applied, satisfied, owing, blocking`,
		accessCase("expect: {outcome: deny, session: {everySignIn: true}}"):          "f:6:84: who is denied has no session",
		case2 + "\n  - {name: one, signIn: {}, expect: {outcome: deny}}\n":           `f:7:12: case "one" is there already, at line 6`,
		strings.Replace(case2, "app: mail", "operation: {context: {a: [x]}}", 1):     "f:6:64: a wants one plain value",
		strings.Replace(case2, "app: mail", "operation: {context: {a: 1e3}}", 1):     `f:6:64: "1e3" is no plain decimal number`,
		strings.Replace(case2, "app: mail", "operation: {context: [a]}", 1):          "f:6:60: context wants a mapping",
		strings.Replace(case2, "app: mail", "operation: {context: {a: ~}}", 1):       "f:6:64: a value is missing",
	} {
		_, err := policyfile.Parse("f", []byte(in))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v\nwant %s\nfor %s", err, want, in)
		}
	}
}

func TestFacts(t *testing.T) {
	got, err := policyfile.Facts("f", []byte("device: {platform: android, compliance: {fitness: unfit, age: 3d}}\n"))
	want := &accessv1.AssumedFacts{Device: &accessv1.AssumedDevice{
		Platform: accessv1.Platform_PLATFORM_ANDROID, Compliance: &accessv1.AssumedVerdict{Fitness: "unfit", Age: durationpb.New(72 * time.Hour)},
	}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("got %v: %s", err, diff)
	}
	for in, want := range map[string]string{
		"":                                      "f:1:1: holds 0 documents, not one with device",
		"device: {}\n---\ndevice: {}\n":         "f:1:1: holds 2 documents",
		"- device\n":                            "f:1:1: facts are a mapping with device",
		"\ndevise: {}\n":                        `f:2:1: unknown field "devise"; did you mean device? there are: device, registration`,
		"device: {compliance: {fitness: good}}": "f:1:32: device.compliance.fitness: must be in list",
		"device: {platform: \xff}":              "f:1:20: not valid UTF-8",
		"device: &a {}\n":                       "f:1:9: anchors and aliases",
		"device: [\n":                           "f:1:1: did not find expected",
		"device: {user: " + strings.Repeat("x", 300) + "}": "f:1:16: device.user: must be at most 256 characters",
	} {
		if _, err := policyfile.Facts("f", []byte(in)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v\nwant %s\nfor %s", err, want, in)
		}
	}
}

// TestManyNetworks: a location may have more entries than anything else.
func TestManyNetworks(t *testing.T) {
	list := func(n int) string {
		return accessDocument("Location", "  networks:\n"+strings.Repeat("  - 192.0.2.0/24\n", n))
	}
	if _, err := policyfile.Parse("f", []byte(list(4096))); err != nil {
		t.Error(err)
	}
	if _, err := policyfile.Parse("f", []byte(list(4097))); err == nil {
		t.Error("more than a location has room for was accepted")
	}
}
