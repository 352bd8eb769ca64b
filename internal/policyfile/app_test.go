package policyfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/policyfile"
	appprotectv1 "ringfence/proto/mdm/appprotect/v1"
)

const signer = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// appPolicy is a policy of app protection named name; spec is indented by two.
func appPolicy(name, spec string) string {
	return "apiVersion: ringfence/v1\nkind: AppProtectionPolicy\nmetadata: {name: " + name +
		"}\nspec:\n  target: {appGroups: [all], include: {everyone: true}}\n" + spec
}

func value(t *testing.T, v any) *structpb.Value {
	t.Helper()
	made, err := structpb.NewValue(v)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAppPolicy(t *testing.T) {
	docs, err := policyfile.Parse("f", []byte(appPolicy("mail", `  fallback: true
  settings:
    data.send_to: managed-apps
    access.pin_length: 6
    access.pin_required: true
    launch.patch.warn: 2026-03-05
    launch.app_version.block: "14.10"
    data.exempt_apps: [com.example.one, com.example.two=Two]
    a.negative: -3
  config:
    values: {server: mail.example.com, vpn: {port: 443, hosts: [a, b]}}
    custom: {update_source: "https://apps.example.com"}
    permissions: {android.permission.CAMERA: deny}
    connectedApps: false
`)+"---\n"+document("mail", "  pins: []\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := &appprotectv1.AppPolicySpec{
		Target:   &appprotectv1.AppTarget{AppGroups: []string{"all"}, Include: &appprotectv1.Audience{Everyone: true}},
		Fallback: true,
		Settings: map[string]*structpb.Value{
			"data.send_to": value(t, "managed-apps"), "access.pin_length": value(t, 6), "access.pin_required": value(t, true),
			"launch.patch.warn": value(t, "2026-03-05"), "launch.app_version.block": value(t, "14.10"),
			"data.exempt_apps": value(t, []any{"com.example.one", "com.example.two=Two"}), "a.negative": value(t, -3),
		},
		Config: &appprotectv1.AppConfigSpec{
			Values: map[string]*structpb.Value{
				"server": value(t, "mail.example.com"), "vpn": value(t, map[string]any{"port": 443, "hosts": []any{"a", "b"}}),
			},
			Custom:        map[string]string{"update_source": "https://apps.example.com"},
			Permissions:   map[string]string{"android.permission.CAMERA": "deny"},
			ConnectedApps: new(false),
		},
	}
	if diff := cmp.Diff(want, docs[0].AppPolicy.GetSpec(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if len(docs) != 2 || docs[0].Thing() != "app-policy" || docs[0].Name() != "mail" || docs[1].Thing() != "policy" {
		t.Errorf("got %d documents, the first is %s %s", len(docs), docs[0].Thing(), docs[0].Name())
	}
	for path, at := range map[string][2]int{
		"spec.settings.data.send_to":                        {8, 19},
		"spec.settings.data.exempt_apps[1]":                 {13, 41},
		`spec.settings["access.pin_length"]`:                {9, 24},
		"spec.settings.data":                                {8, 5},
		"spec.config.values.vpn.port":                       {16, 52},
		"spec.config.permissions.android.permission.CAMERA": {18, 46},
		"spec.config.connected_apps":                        {19, 20},
		"spec.target.app_groups[0]":                         {5, 24},
	} {
		if line, column := docs[0].Place(path); line != at[0] || column != at[1] {
			t.Errorf("%s is at %d:%d, want %d:%d", path, line, column, at[0], at[1])
		}
	}
}

func TestApp(t *testing.T) {
	docs, err := policyfile.Parse("f", []byte("apiVersion: ringfence/v1\nkind: App\nmetadata: {name: com.example.mail}\nspec:\n"+
		"  title: Mail\n  signerSha256: ["+signer+"]\n  groups: [mail]\n"+
		"  schema:\n  - {key: port, type: integer, minimum: 1, maximum: \"65535\", merge: least}\n"+
		"  - {key: vpn, type: bundle, items: [{key: host, type: string}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &appprotectv1.AppSpec{
		Title: "Mail", SignerSha256: []string{signer}, Groups: []string{"mail"},
		Schema: []*appprotectv1.ConfigItem{
			{Key: "port", Type: "integer", Minimum: 1, Maximum: 65535, Merge: "least"},
			{Key: "vpn", Type: "bundle", Items: []*appprotectv1.ConfigItem{{Key: "host", Type: "string"}}},
		},
	}
	if diff := cmp.Diff(want, docs[0].App.GetSpec(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if d := docs[0]; d.Thing() != "app" || d.Name() != "com.example.mail" || d.Message() != d.App {
		t.Errorf("got %s %s", d.Thing(), d.Name())
	}
}

func TestAppDocumentsRefused(t *testing.T) {
	settings := func(text string) string { return appPolicy("a", "  settings: {"+text+"}\n") }
	for in, want := range map[string]string{
		settings("a: 14.10"):                                 `f:6:17: "14.10" is no whole number: put quotes around it, or 14.10 would be 14.1`,
		settings("a: 1e3"):                                   `f:6:17: "1e3" is no whole number`,
		settings("a: 010"):                                   `f:6:17: "010" is no plain decimal number: put quotes around it if it is a text`,
		settings("a: 1_000"):                                 `f:6:17: "1_000" is no plain decimal number`,
		settings("a: 9007199254740993"):                      `f:6:17: "9007199254740993" is no plain decimal number`,
		settings("a: True"):                                  `f:6:17: write true or false, or put quotes around "True"`,
		settings("a: [x, ~]"):                                "f:6:21: a value is missing: leave the key out or give one",
		settings("a: {b: .inf}"):                             `f:6:21: ".inf" is no whole number`,
		appPolicy("a", "  settings: [a]\n"):                  "f:6:13: settings wants a mapping",
		appPolicy("a", "  pins: []\n"):                       `f:6:3: unknown field "pins"; there are: description, target, settings, config, fallback`,
		appPolicy("a", "  config: {connectedApps: maybe}\n"): `f:6:27: connectedApps wants true or false, not "maybe"`,
		appPolicy("a", "") + "---\n" + appPolicy("a", ""):    `f:7:1: app-policy "a" is in this file already, at line 1`,
		"apiVersion: ringfence/v1\nkind: App\nmetadata: {name: com.example.mail}\nspec: {signerSha256: [" + signer +
			"], schema: [{key: a, type: integer, minimum: 0x10}]}\n": `f:4:132: minimum wants a plain whole number, not "0x10"`,
	} {
		_, err := policyfile.Parse("f", []byte(in))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v\nwant %s\nfor %s", err, want, in)
		}
	}
}

func TestInFileWords(t *testing.T) {
	for path, want := range map[string]string{
		"spec.target.app_groups[0]":               "spec.target.appGroups[0]",
		"spec.settings.data.send_to":              "spec.settings.data.send_to",
		"spec.config.values.mail_server[1]":       "spec.config.values.mail_server[1]",
		`spec.settings["data.send_to"]`:           `spec.settings["data.send_to"]`,
		"spec.config.connected_apps":              "spec.config.connectedApps",
		"spec.schema[0].default_values":           "spec.schema[0].defaultValues",
		"spec.vpns[0].provider_settings.some_key": "spec.vpns[0].providerSettings.someKey",
	} {
		if got := policyfile.InFileWords(path); got != want {
			t.Errorf("%s is %s in files, want %s", path, got, want)
		}
	}
}
