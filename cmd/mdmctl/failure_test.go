package main

import (
	"context"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/ctlconfig"
)

func TestAnswersOfTheServer(t *testing.T) {
	tests := []struct {
		name string
		err  error
		code int
		want string
	}{
		{
			"fields", no(codes.InvalidArgument, "the request is not valid", "", "page_token: of another listing", "group: too long"), 2,
			"mdmctl: device \"device-00000001\": the request is not valid\n  page_token: of another listing\n  group: too long\n",
		},
		{
			"one field, said already", no(codes.InvalidArgument, "id: too short", "", "id: too short"), 2,
			"mdmctl: device \"device-00000001\": id: too short\n",
		},
		{
			"several fields, the first said already", no(codes.InvalidArgument, "id: too short", "", "id: too short", "group: too long"), 2,
			"mdmctl: device \"device-00000001\": id: too short\n  group: too long\n",
		},
		{"not found", no(codes.NotFound, "no such device", ""), 3, "mdmctl: device \"device-00000001\": no such device\n"},
		{
			"refused", no(codes.FailedPrecondition, "the device has left", "NOT_ENROLLED"), 4,
			"mdmctl: device \"device-00000001\": the device has left\n  reason: NOT_ENROLLED\n" +
				"hint: the device has left: nothing can reach it before it enrols again\n",
		},
		{
			"conflict", no(codes.Aborted, "revision 4 is the latest", "REVISION_MOVED"), 4,
			"mdmctl: device \"device-00000001\": revision 4 is the latest\n  reason: REVISION_MOVED\n" +
				"hint: somebody changed the policy since: look at it again (mdmctl get policy, app-policy or access-policy NAME) and repeat\n",
		},
		{
			"unauthenticated", no(codes.Unauthenticated, "unknown certificate", "CERTIFICATE_UNKNOWN"), 5,
			"mdmctl: device \"device-00000001\": not authorised: unknown certificate\n  reason: CERTIFICATE_UNKNOWN\n" +
				"hint: is the credential of the context an administrator's of this server? See mdmctl config view\n",
		},
		{
			"denied", no(codes.PermissionDenied, "not for devices", ""), 5,
			"mdmctl: device \"device-00000001\": not authorised: not for devices\nhint: the credential is known, but may not do this\n",
		},
		{
			"the role", no(codes.PermissionDenied, "role viewer may view only", "ROLE_MAY_NOT"), 4,
			"mdmctl: device \"device-00000001\": not allowed: role viewer may view only\n  reason: ROLE_MAY_NOT\n" +
				"hint: ask somebody whose role allows it; roles are given on the server's host: mdm-server admin create NAME --role ROLE\n",
		},
		{"internal", no(codes.Internal, "internal error (request 12ab)", ""), 1, "mdmctl: device \"device-00000001\": internal error (request 12ab)\n"},
		{
			"too many", no(codes.ResourceExhausted, "too many calls: slow down", "TOO_MANY_CALLS"), 1,
			"mdmctl: device \"device-00000001\": too many calls: slow down\n  reason: TOO_MANY_CALLS\nhint: wait a moment and repeat\n",
		},
		{
			"older server", no(codes.Unimplemented, "unknown method", ""), 1,
			"mdmctl: device \"device-00000001\": unknown method\nhint: the server is of another version than mdmctl\n",
		},
		{"escape codes", no(codes.NotFound, "no \x1b[31mdevice\r", ""), 3, "mdmctl: device \"device-00000001\": no \\x1b[31mdevice\\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := serve(t)
			b.failures["GetDevice"] = test.err
			b.check(b.run("get", "device", phone), test.code, "", test.want)
		})
	}
}

// TestRefusalsHaveANextStep: what the server refuses for a reason that an
// administrator can do something about.
func TestRefusalsHaveANextStep(t *testing.T) {
	for reason, code := range map[string]codes.Code{
		"ROLE_MAY_NOT": codes.PermissionDenied, "OUT_OF_SCOPE": codes.PermissionDenied, "SELF_APPROVAL": codes.PermissionDenied,
		"SCOPE_NOT_FOR_MODE": codes.FailedPrecondition, "NOTHING_TO_WIPE": codes.FailedPrecondition,
		"BUDGET_EXHAUSTED": codes.FailedPrecondition, "BREAKER_OPEN": codes.FailedPrecondition, "BREAKER_CLOSED": codes.FailedPrecondition,
		"PERSONAL_SIDE_WOULD_GO": codes.FailedPrecondition, "USER_WIPE_STANDS": codes.FailedPrecondition,
		"REQUEST_FINISHED": codes.FailedPrecondition, "REQUEST_EXPIRED": codes.FailedPrecondition,
		"PLAN_CHANGED": codes.Aborted, "LIMITS_CHANGED": codes.Aborted,
	} {
		err := no(code, "no", reason)
		if got := exitCode(err); got != exitRefused {
			t.Errorf("%s: exit %d, want %d", reason, got, exitRefused)
		}
		if got := explain(err); !strings.Contains(got, "\nhint: ") || hintOfReason[reason] == "" {
			t.Errorf("%s has no next step: %s", reason, got)
		}
	}
}

func TestUsage(t *testing.T) {
	b := serve(t)
	for args, want := range map[string]string{
		"frob":                            `mdmctl knows no "frob"; choose from: access, apply,`,
		"gett devices":                    `mdmctl knows no "gett"; did you mean get?`,
		"get device/" + phone:             "write it as two words: mdmctl get device " + phone,
		"apply policy.yaml":               "files are given with -f: mdmctl apply -f policy.yaml",
		"delete policy":                   "mdmctl delete policy takes at least one name: mdmctl delete policy NAME...",
		"get compliance":                  "mdmctl get compliance takes at least one name",
		"get":                             "mdmctl get needs one more word; choose from: access-policies, app-policies, apps, audit, certificates, compliance, crl, devices, lease-status, leases, limits, locations, policies, registrations, requests, tokens, wipes",
		"get phones":                      `mdmctl get knows no "phones"; choose from: access-policies,`,
		"get devices --state lost":        "choose from: enrolled, left, retired, wiped",
		"get devices --nope":              "unknown flag: --nope",
		"get devices --limit -1":          "--limit cannot be negative",
		"get devices -o xml":              `output "xml" is not one of table, wide, json, yaml, name`,
		"get crl -o table":                `output "table" is not one of text, pem, der, json, yaml`,
		"get devices --timeout 0":         "--timeout must be more than 0",
		"get audit --device a --target b": "if any flags in the group [target device] are set none of the others can be",
		"get policies --revision 3":       "--revision is of one policy: name it",
		"describe device":                 "mdmctl describe device takes one name, not 0: mdmctl describe device ID",
		"create token --mode dedicated":   `required flag(s) "ownership" not set`,
		"create token --ownership company --mode dedicated --uses 0":       "--uses must be 1 or more",
		"create token --ownership company --mode dedicated --expires soon": "want a time such as 90m, 24h or 30d",
		"create token --ownership company --mode dedicated --expires 0d":   "want a time such as 90m, 24h or 30d",
		"create token --ownership company --mode dedicated -o name":        `output "name" is not one of text, json, yaml`,
		"apply":                                                       `required flag(s) "filename" not set`,
		"delete policy a b --revision 1":                              "--revision is of one policy: name only one",
		"revoke certificate ab":                                       `required flag(s) "reason" not set`,
		"retire device " + phone:                                      `required flag(s) "reason" not set`,
		"cancel wipe x":                                               `required flag(s) "reason" not set`,
		"wipe device x --scope phone --reason y":                      "choose from: work-profile, app-data",
		"wipe device x --scope factory-reset --reason y":              "choose from: work-profile, app-data",
		"wipe device x --scope work-profile":                          "--reason is missing",
		"wipe device x --scope app-data --reason y":                   "--scope app-data needs --package",
		"wipe device x --scope work-profile --package a.b --reason y": "--package goes with --scope app-data",
		"wipe device x --scope work-profile --reason y --interval 0s": "--interval must be more than 0",
		"wipe device":                                                 `required flag(s) "scope" not set`,
		"wipe device --scope work-profile --reason y":                 "mdmctl wipe device takes at least one ID, or --group, or --user",
		"lock device x --group sales --reason y":                      "name devices, or give --group, or --user: one of these",
		"lock device x":                                               "--reason is missing",
		"lock device x --reason y --plan ab --dry-run":                "if any flags in the group [plan dry-run] are set none of the others can be",
		"wipe device x --scope relinquish --package a.b --reason y":   "--package goes with --scope app-data",
		"wipe user":                                "mdmctl wipe user takes one name, not 0",
		"wipe whole-device x y --reason z":         "mdmctl wipe whole-device takes one name, not 2",
		"reject request x":                         `required flag(s) "reason" not set`,
		"stop request x":                           `required flag(s) "reason" not set`,
		"approve request":                          "mdmctl approve request takes one name, not 0",
		"set limits --reason y":                    "at least one of the flags in the group [person-per-hour",
		"set limits --person-per-hour 5":           `required flag(s) "reason" not set`,
		"set limits --cooling-off soon --reason y": "want a time such as 90m, 24h or 30d",
		"set lease --reason y":                     "at least one of the flags in the group [lock-after wipe-after]",
		"set lease --lock-after 0d --reason y":     "want a time such as 30d, or never",
		"cancel all-wipes":                         `required flag(s) "reason" not set`,
		"get requests --state done":                "choose from: waiting, executed, rejected, expired, stopped, void",
		"get limits -o name":                       `output "name" is not one of text, json, yaml`,
		"watch device x --until happy":             `--until "happy": choose from: compliant, non-compliant, unknown, applied, enrolled, left, retired, wiped`,
		"watch wipes --until happy":                "choose from: pending, delivered, acknowledged, done, failed, cancelled, expired",
		"watch wipes --limit 0":                    "--limit must be 1 or more",
		"watch device x --interval 0s":             "--interval must be more than 0",
		"config use-context":                       "mdmctl config use-context takes one name, not 0",
		"completion tcsh":                          `mdmctl completion knows no "tcsh"; choose from: bash, fish, zsh`,
		"--context nowhere get devices":            `no such context: "nowhere"`,
		"--config /nowhere/x get devices":          "no configuration at /nowhere/x",
	} {
		t.Run(args, func(t *testing.T) {
			got := b.with(runOptions{}, strings.Fields(args)...)
			if got.code != 2 || got.out != "" || !strings.Contains(got.errOut, want) {
				t.Errorf("exit %d, out %q, err %q; want exit 2 and %q", got.code, got.out, got.errOut, want)
			}
		})
	}
	if n := len(b.requests); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestHelp(t *testing.T) {
	b := serve(t)
	for _, args := range [][]string{nil, {"help"}, {"--help"}, {"help", "wipe", "device"}, {"get", "devices", "-h"}} {
		if got := b.run(args...); got.code != 0 || !strings.Contains(got.out, "Usage:") {
			t.Errorf("%v: %d %s %s", args, got.code, got.out, got.errOut)
		}
	}
	if got := b.run("help"); !strings.Contains(got.out, "130 interrupted") {
		t.Error("the help has no exit codes")
	}
	if got := b.run("version"); got.out != "mdmctl dev\n" {
		t.Errorf("version: %q", got.out)
	}
}

// rewrite changes the one context of the bench.
func (b *bench) rewrite(change func(x *ctlconfig.Context)) {
	b.t.Helper()
	config, err := ctlconfig.Load(b.config)
	if err != nil {
		b.t.Fatal(err)
	}
	change(&config.Contexts[0])
	if err := ctlconfig.Save(b.config, config); err != nil {
		b.t.Fatal(err)
	}
}

func TestConnection(t *testing.T) {
	other := newAuthority(t)
	foreign, foreignKey := other.pair(&x509.Certificate{})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(x *ctlconfig.Context)
		code   int
		want   string
	}{
		{"nobody there", func(x *ctlconfig.Context) { x.Server = closed.Addr().String() }, 5, "cannot reach the server"},
		{"another CA", func(x *ctlconfig.Context) { x.CA = encode("CERTIFICATE", other.cert.Raw) }, 5, "signed by unknown authority"},
		{"another name", func(x *ctlconfig.Context) { x.Server = strings.Replace(x.Server, "127.0.0.1", "localhost", 1) }, 5, "cannot reach the server"},
		{"no credential", func(x *ctlconfig.Context) { x.Certificate, x.Key = "", "" }, 5, "cannot reach the server"},
		{"credential of another CA", func(x *ctlconfig.Context) { x.Certificate, x.Key = foreign, foreignKey }, 5, "cannot reach the server"},
		{"key of another", func(x *ctlconfig.Context) { x.Key = foreignKey }, 2, "private key does not match"},
		{"no key", func(x *ctlconfig.Context) { x.Key = "" }, 2, "certificate and key"},
		{"no CA", func(x *ctlconfig.Context) { x.CA = "" }, 2, "ca holds no certificate"},
		{"missing file", func(x *ctlconfig.Context) { x.CA, x.CAFile = "", "gone.pem" }, 2, "caFile"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := serve(t)
			b.rewrite(test.change)
			got := b.run("get", "devices")
			if got.code != test.code || got.out != "" || !strings.Contains(got.errOut, test.want) {
				t.Errorf("exit %d, out %q, err %q; want exit %d and %q", got.code, got.out, got.errOut, test.code, test.want)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	b := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	b.before = func(*fake, proto.Message) error { <-release; return nil }
	defer close(release)
	b.check(b.run("get", "devices", "--timeout", "50ms"), 5, "",
		"mdmctl: no answer in time\nhint: the server is slow or the network is: repeat, or give more time with --timeout\n")
	cancel()
	b.check(b.with(runOptions{ctx: ctx}, "get", "devices"), 130, "", "mdmctl: interrupted\n")
}

func TestExposedConfigurationIsWarnedOf(t *testing.T) {
	b := serve(t)
	if err := os.Chmod(b.config, 0o640); err != nil {
		t.Fatal(err)
	}
	b.check(b.run("get", "devices"), 0, "", "warning: "+b.config+" holds a credential and others may read it: chmod 600 it\nnone found\n")
}

// TestConfigurationIsFound: in the environment, then at home.
func TestConfigurationIsFound(t *testing.T) {
	b := serve(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("MDMCTL_CONFIG", b.config)
	data, err := os.ReadFile(b.config)
	if err != nil {
		t.Fatal(err)
	}
	b.config = "" // as if --config were not given
	b.check(b.run("get", "devices"), 0, "", "none found\n")
	t.Setenv("MDMCTL_CONFIG", "")
	if got := b.run("get", "devices"); got.code != 2 {
		t.Errorf("without a file: %+v", got)
	}
	path := filepath.Join(home, ".config", "mdmctl", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	b.check(b.run("get", "devices"), 0, "", "none found\n")
}
