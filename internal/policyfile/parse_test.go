package policyfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/testing/protocmp"

	"ringfence/internal/policyfile"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// document is a policy named name; spec is indented by two.
func document(name, spec string) string {
	return "apiVersion: ringfence/v1\nkind: Policy\nmetadata:\n  name: " + name + "\nspec:\n" + spec
}

func TestParse(t *testing.T) {
	in := "\n# a comment\n---\n" + document("one", `
  pins:
    - scope: work-profile
      quality: numeric_complex
      minimumLength: 6
  client_certificates:
    - alias: id
      commonName: "{{user}}"
      keyType: ec-p256
      validityDays: 90
      extendedKeyUsages: [client-auth, EXTENDED_KEY_USAGE_IPSEC_IKE]
  vpns:
    - name: v
      providerPackage: com.example.vpn
      servers: [{address: vpn.example.com}]
      providerSettings: {mtu: 1400}
`) + "---\n---\n" + document("two", "  assignments: [{group: sales}, {all: true, exclude: true}]\n") + "---\n"

	want := []policyfile.Document{
		{File: "f.yaml", Line: 4, Policy: &compliancev1.PolicyDocument{
			ApiVersion: "ringfence/v1", Kind: "Policy",
			Metadata: &compliancev1.PolicyDocument_Metadata{Name: "one"},
			Spec: &compliancev1.PolicySpec{
				Pins: []*compliancev1.PinRule{{
					Scope:         compliancev1.PinScope_PIN_SCOPE_WORK_PROFILE,
					Quality:       compliancev1.PinQuality_PIN_QUALITY_NUMERIC_COMPLEX,
					MinimumLength: 6,
				}},
				ClientCertificates: []*compliancev1.ClientCertificateProfile{{
					Alias: "id", CommonName: "{{user}}", ValidityDays: 90,
					KeyType: compliancev1.KeyType_KEY_TYPE_EC_P256,
					ExtendedKeyUsages: []compliancev1.ExtendedKeyUsage{
						compliancev1.ExtendedKeyUsage_EXTENDED_KEY_USAGE_CLIENT_AUTH,
						compliancev1.ExtendedKeyUsage_EXTENDED_KEY_USAGE_IPSEC_IKE,
					},
				}},
				Vpns: []*compliancev1.VpnRule{{
					Name: "v", ProviderPackage: "com.example.vpn",
					Servers:          []*compliancev1.VpnServer{{Address: "vpn.example.com"}},
					ProviderSettings: map[string]string{"mtu": "1400"},
				}},
			},
		}},
		{File: "f.yaml", Line: 27, Policy: &compliancev1.PolicyDocument{
			ApiVersion: "ringfence/v1", Kind: "Policy",
			Metadata: &compliancev1.PolicyDocument_Metadata{Name: "two"},
			Spec: &compliancev1.PolicySpec{Assignments: []*compliancev1.Assignment{
				{Target: &compliancev1.Assignment_Group{Group: "sales"}},
				{Target: &compliancev1.Assignment_All{All: true}, Exclude: true},
			}},
		}},
	}
	got, err := policyfile.Parse("f.yaml", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform(), cmpopts.IgnoreUnexported(policyfile.Document{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		want     string // the whole text
	}{
		{"empty", "", "f:1:1: holds no policy"},
		{"only comments", "# nothing\n---\n", "f:1:1: holds no policy"},
		{"a list", "- a\n", "f:1:1: a policy is a mapping with apiVersion, kind, metadata and spec"},
		{"a word", "\n  policy\n", "f:2:3: a policy is a mapping with apiVersion, kind, metadata and spec"},
		{
			"unknown field", document("a", "  colour: red\n"),
			"f:6:3: unknown field \"colour\"; there are: description, pins, trustedRoots, clientCertificates, vpns, assignments",
		},
		{
			"field by number", document("a", "  1: red\n"),
			"f:6:3: unknown field \"1\"; there are: description, pins, trustedRoots, clientCertificates, vpns, assignments",
		},
		{
			"unknown enum value", document("a", "  pins:\n  - scope: personal\n"),
			"f:7:12: scope cannot be \"personal\"; choose from: device, work-profile",
		},
		{
			"enum by number", document("a", "  pins: [{scope: 2}]\n"),
			"f:6:18: scope cannot be \"2\"; choose from: device, work-profile",
		},
		{
			"mapping for a list", document("a", "  pins: {scope: device}\n"),
			"f:6:9: pins wants a list",
		},
		{
			"word for a message", document("a", "  pins: [none]\n"),
			"f:6:10: an entry of pins wants a mapping with some of: scope, quality, complexity, minimumLength, " +
				"historyLength, expiresAfterDays, failuresBeforeRemoval, inactivityLockSeconds",
		},
		{
			"list for a string", document("a", "  description: [x]\n"),
			"f:6:16: description wants one plain value",
		},
		{
			"word for a number", document("a", "  pins: [{scope: device, minimumLength: six}]\n"),
			"f:6:41: minimumLength wants a whole number, not \"six\"",
		},
		{
			"unit for a number", document("a", "  pins: [{scope: device, minimumLength: 4k}]\n"),
			"f:6:41: minimumLength wants a whole number, not \"4k\"",
		},
		{
			"octal", document("a", "  pins: [{scope: device, minimumLength: 010}]\n"),
			"f:6:41: minimumLength wants a plain decimal number, not \"010\"",
		},
		{
			"list among words", document("a", "  vpns: [{name: v, servers: [{address: h}], providerPackage: a.b, allowedPackages: [[a.b]]}]\n"),
			"f:6:85: an entry of allowedPackages wants one plain value",
		},
		{
			"list for a mapping", document("a", "  vpns: [{name: v, servers: [{address: h}], providerPackage: a.b, providerSettings: [a]}]\n"),
			"f:6:85: providerSettings wants a mapping",
		},
		{
			"another version", strings.Replace(document("a", "  pins: []\n"), "ringfence/v1", "ringfence/v2", 1),
			"f:1:13: apiVersion: must equal `ringfence/v1`",
		},
		{
			"word for a boolean", document("a", "  assignments: [{all: yes please}]\n"),
			"f:6:23: all wants true or false, not \"yes please\"",
		},
		{
			"out of range", document("a", "  pins:\n  - scope: device\n    minimumLength: 99\n"),
			"f:8:20: spec.pins[0].minimumLength: must be greater than or equal to 4 and less than or equal to 16",
		},
		{
			"far out of range", document("a", "  pins: [{scope: device, minimumLength: 99999999999}]\n"),
			"f:6:41: integer is too large: > 4294967295",
		},
		{
			"negative", document("a", "  pins: [{scope: device, minimumLength: -1}]\n"),
			"f:6:41: minimumLength cannot be negative",
		},
		{
			"required left out", document("a", "  pins: [{minimumLength: 6}]\n"),
			"f:6:10: spec.pins[0].scope: value is required",
		},
		{
			"no spec", "apiVersion: ringfence/v1\nkind: Policy\nmetadata: {name: a}\n",
			"f:1:1: spec: value is required",
		},
		{
			"empty spec", "apiVersion: ringfence/v1\nkind: Policy\nmetadata: {name: a}\nspec:\n",
			"f:4:6: spec has no value: leave it out or give one",
		},
		{
			"another kind", strings.Replace(document("a", "  pins: []\n"), "Policy", "Secret", 1),
			"f:2:7: kind cannot be \"Secret\"; choose from: AccessPolicy, AccessTest, App, AppProtectionPolicy, Location, Policy",
		},
		{
			"name with a path", document("../etc", "  pins: []\n"),
			"f:4:9: metadata.name: does not match regex pattern `^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`",
		},
		{
			"package with a path", document("a", "  vpns: [{name: v, servers: [{address: h}], providerPackage: ../../0}]\n"),
			"f:6:62: spec.vpns[0].providerPackage: does not match regex pattern `^[A-Za-z][A-Za-z0-9_]*(\\.[A-Za-z][A-Za-z0-9_]*)+$`",
		},
		{
			"two targets", document("a", "  assignments:\n  - group: g\n    user: u\n"),
			"f:8:11: user cannot go with group: give one of all, group, user, device",
		},
		{
			"lockdown alone", document("a", "  vpns: [{name: v, servers: [{address: h}], providerPackage: a.b, lockdown: true}]\n"),
			"f:6:10: spec.vpns[0]: lockdown needs always_on",
		},
		{
			"both names", document("a", "  pins: [{scope: device, minimumLength: 6, minimum_length: 4}]\n"),
			"f:6:44: field \"minimum_length\" is there already under its other name",
		},
		{
			"doubled key", document("a", "  pins: []\n  pins: []\n"),
			"f:7:3: key \"pins\" is there already, at line 6",
		},
		{
			"doubled name", document("a", "  pins: []\n") + "---\n" + document("a", "  pins: []\n"),
			"f:8:1: policy \"a\" is in this file already, at line 1",
		},
		{
			"second document broken", document("a", "  pins: []\n") + "\n---\n\n" + document("b", "  pinz: []\n"),
			"f:15:3: unknown field \"pinz\"; did you mean pins? there are: description, pins, trustedRoots, clientCertificates, vpns, assignments",
		},
		{
			"two documents broken", document("a", "  colour: 1\n  pins: 1\n") + "---\n" + document("b", "  pins: [{scope: x}]\n"),
			"f:6:3: unknown field \"colour\"; there are: description, pins, trustedRoots, clientCertificates, vpns, assignments\n" +
				"f:7:9: pins wants a list\n" +
				"f:14:18: scope cannot be \"x\"; choose from: device, work-profile",
		},
		{"no kind", "metadata: {name: a}\n", "f:1:1: kind is missing; choose from: AccessPolicy, AccessTest, App, AppProtectionPolicy, Location, Policy"},
		{"a list for a kind", "kind: [Policy]\n", "f:1:7: kind cannot be \"\"; choose from: AccessPolicy, AccessTest, App, AppProtectionPolicy, Location, Policy"},
		{"syntax in the second", document("a", "  pins: []\n") + "---\na: [1\nb: 2\n", "f:8:1: did not find expected ',' or ']'"},
		{"tab", document("a", "\tpins: []\n"), "f:6:1: indented with a tab: YAML wants spaces"},
		{"tab deeper", document("a", "  pins:\n  - scope: device\n \tquality: numeric\n"), "f:8:2: indented with a tab: YAML wants spaces"},
		{"invalid UTF-8", document("a", "  description: \"é\xff\"\n"), "f:6:18: not valid UTF-8"},
		{"UTF-16", "\xff\xfea\x00", "f:1:1: not valid UTF-8"},
		{"control character", document("a", "  description: \"\x1b[2J\"\n"), "f:6:17: control character U+001B"},
		{"anchor", document("a", "  pins: &p []\n"), "f:6:9: anchors and aliases are not accepted"},
		{"alias without an anchor", document("a", "  pins: *p\n"), "f:6:9: unknown anchor 'p' referenced"},
		{"tag", document("a", "  description: !!binary aGk=\n"), "f:6:16: tags are not accepted"},
		{"merge key", document("a", "  <<: {pins: []}\n"), "f:6:3: unknown field \"<<\"; there are: description, pins, trustedRoots, clientCertificates, vpns, assignments"},
		{"list as a key", document("a", "  [description]: x\n"), "f:6:3: a key must be a plain word"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			docs, err := policyfile.Parse("f", []byte(test.in))
			if docs != nil {
				t.Errorf("gave %d documents", len(docs))
			}
			var problems policyfile.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			if diff := cmp.Diff(test.want, problems.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// bomb doubles itself forty times when its aliases are followed.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x]\n")
	for i := range 40 {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String()
}

// TestParseIsBounded would not end, or not in this memory, without the bounds.
func TestParseIsBounded(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"10 MB", strings.Repeat("a: b\n", 2<<20), "larger than 1048576 bytes"},
		{"10,000 lists", strings.Repeat("[", 10000) + strings.Repeat("]", 10000), "a policy is a mapping"},
		{"10,000 lists in a field", "spec: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000), "nested too deeply"},
		{"10,000 open lists", strings.Repeat("[", 10001), "exceeded max depth"},
		{"10,000 mappings", strings.Repeat("{a: ", 10000) + strings.Repeat("}", 10000), "nested too deeply"},
		{"10,000 dashes", "spec:\n" + strings.Repeat("- ", 9990) + "a", "nested too deeply"},
		{"33 levels", strings.Repeat("{a: ", 32) + "b" + strings.Repeat("}", 32), "nested too deeply"},
		{"alias bomb", bomb(), "anchors and aliases"},
		{"too many documents", strings.Repeat("---\n", 2000), "more than 1000 documents"},
		{"many keys", strings.Repeat("a:\n", 20000), "too many entries"},
		{"many settings", appPolicy("a", "  settings: {"+many("k%d: 1, ", 400)+"}\n"), "at most 300"},
		{"a long list", "spec: {pins: [" + strings.Repeat("a,", 20000) + "]}", "too many entries"},
		{"1,000 unknown fields", "kind: Policy\n" + many("k%d: 1\n", 999), "and 979 more"},
		{"a megabyte in one word", document("a", "  assignments: [{all: "+strings.Repeat("x", 1<<19)+"}]\n"), "…"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := policyfile.Parse("f", []byte(test.in))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %.300v, want an error with %q", err, test.want)
			}
			if err != nil && len(err.Error()) > 20000 {
				t.Errorf("error text of %d bytes", len(err.Error()))
			}
		})
	}
}

// BenchmarkParseHostile is the costliest file that is read to its end.
func BenchmarkParseHostile(b *testing.B) {
	data := []byte(strings.Repeat("a:\n", policyfile.MaxSize/3))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := policyfile.Parse("f", data); err == nil {
			b.Fatal("accepted")
		}
	}
}

func many(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// examples are the files that people are shown.
func examples(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../../examples/policies/*.yaml", "../../examples/access/*.yaml", "../../examples/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		all = append(all, paths...)
	}
	return all
}

func TestExamples(t *testing.T) {
	for _, path := range examples(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := policyfile.Parse(filepath.Base(path), data); err != nil {
			t.Error(err)
		}
	}
}
