package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/ctlconfig"
	wipev1 "ringfence/proto/mdm/wipe/v1"
)

func TestConfig(t *testing.T) {
	b := serve(t)
	server := b.address
	table := func(current, server string) string {
		mark := map[bool]string{true: "*", false: "-"}
		return "CURRENT   NAME   SERVER\n" + mark[current == "test"] + "         test   " + server + "\n" +
			mark[current == "lab"] + "         lab    lab.example.com\n"
	}
	b.check(b.run("config", "current-context"), 0, "test\n", "")
	b.check(b.run("config", "set-context", "lab", "--server", "lab.example.com"), 0, "context lab is set\n", "")
	b.check(b.run("config", "get-contexts"), 0, table("test", server), "")
	b.check(b.run("config", "use-context", "lab"), 0, "current context is lab\n", "")
	b.check(b.run("config", "get-contexts"), 0, table("lab", server), "")
	b.check(b.run("config", "get-contexts", "-o", "name"), 0, "test\nlab\n", "")
	b.check(b.run("config", "use-context", "nope"), 3, "", "mdmctl: no such context: \"nope\"\n")
	b.check(b.run("get", "devices", "--context", "test"), 0, "", "none found\n")
	b.check(b.run("config", "delete-context", "lab"), 0, "context lab is gone\n", "")
	b.check(b.run("config", "delete-context", "lab"), 3, "", "mdmctl: no such context: \"lab\"\n")
	b.check(b.run("config", "set-context", "bad", "--server", "https://x"), 2, "",
		"mdmctl: context \"bad\": server: \"https://x\" is not host:port\n")
}

func TestConfigViewWithholdsKeys(t *testing.T) {
	b := serve(t)
	got := b.run("config", "view")
	if got.code != 0 || strings.Contains(got.out, "PRIVATE KEY") || !strings.Contains(got.out, "key: WITHHELD") ||
		!strings.Contains(got.out, "BEGIN CERTIFICATE") {
		t.Error(got.out)
	}
}

// TestConfigFromNothing makes a context out of files, in a folder that is not
// there yet, and uses it.
func TestConfigFromNothing(t *testing.T) {
	for _, embed := range []bool{false, true} {
		b := serve(t)
		config, err := ctlconfig.Load(b.config)
		if err != nil {
			t.Fatal(err)
		}
		x, err := config.Current()
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		t.Chdir(dir)
		for name, text := range map[string]string{"ca.pem": x.CA, "me.pem": x.Certificate, "me.key": x.Key} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b.config = filepath.Join(dir, "deep", "er", "config.yaml")
		args := []string{"config", "set-context", "new", "--server", x.Server, "--ca", "ca.pem", "--certificate", "me.pem", "--key", "me.key"}
		if embed {
			args = append(args, "--embed")
		}
		b.check(b.run(args...), 0, "context new is set\n", "")
		t.Chdir("/") // the files are found from anywhere
		if embed {
			if err := os.Remove(filepath.Join(dir, "me.key")); err != nil {
				t.Fatal(err)
			}
		}
		b.check(b.run("get", "devices"), 0, "", "none found\n")
		info, err := os.Stat(b.config)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := info.Mode().Perm(), fs.FileMode(0o600); got != want {
			t.Errorf("mode %v, want %v", got, want)
		}
	}
}

func TestCompletion(t *testing.T) {
	b := serve(t).fill()
	b.asked = []*wipev1.WipeRequest{{Id: request, State: wipev1.RequestState_REQUEST_STATE_WAITING, Summary: "a lock"}}
	for args, want := range map[string]string{
		"describe device ":         "device-00000001\tPixel 9 maria@example.com\ndevice-00000002\tTab\n:4\n",
		"get tokens ":              "token-00000007\tsales\ntoken-00000008\tkiosks lobby screens\n:4\n",
		"delete policy ":           "sales\tfor sales\n:4\n",
		"cancel wipe ":             "--reason\twhy, for the record\norder-00000009\tapp-data com.example.mail of device-00000001\n:4\n",
		"revoke certificate be":    "beef\twork of device-00000001\ndead\twork of device-00000002\n:4\n",
		"get wipes --device ":      "device-00000001\tPixel 9 maria@example.com\ndevice-00000002\tTab\n:4\n",
		"get devices --ownership ": "personal\ncompany\n:4\n",
		"get devices -o ":          "table\nwide\njson\nyaml\nname\n:4\n",
		"get devices --context ":   "test\t" + b.address + "\n:4\n",
		"wipe device x --scope ":   "work-profile\napp-data\nrelinquish\n:4\n",
		"wipe device --group ":     "kiosks\nsales\n:4\n",
		"get wipes --request ":     "request-00000001\twaiting: a lock\n:4\n",
		"approve request ":         "request-00000001\twaiting: a lock\n:4\n",
		"get requests --state ":    "waiting\nexecuted\nrejected\nexpired\nstopped\nvoid\n:4\n",
		"config use-context ":      "test\t" + b.address + "\n:4\n",
		"watch device x --until c": "compliant\nnon-compliant\nunknown\napplied\nenrolled\nleft\nretired\nwiped\n:4\n",
	} {
		got := b.run(append([]string{"__complete"}, strings.Split(args, " ")...)...)
		// cobra filters fixed words by what was typed; the shell filters the rest.
		if got.code != 0 || got.out != want {
			t.Errorf("%q: got %q, want %q", args, got.out, want)
		}
	}
	b.rewrite(func(x *ctlconfig.Context) { x.CA = "" })
	if got := b.run("__complete", "describe", "device", ""); got.code != 0 || got.out != ":4\n" {
		t.Errorf("without a server: %+v", got)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if got := b.run("completion", shell); got.code != 0 || !strings.Contains(got.out, "__complete") {
			t.Errorf("%s: %d %s", shell, got.code, got.errOut)
		}
	}
}

func TestSpan(t *testing.T) {
	tests := []struct {
		in   time.Duration
		want string
	}{
		{0, "0s"},
		{119 * time.Second, "119s"},
		{2 * time.Minute, "2m"},
		{119 * time.Minute, "119m"},
		{47 * time.Hour, "47h"},
		{48 * time.Hour, "2d"},
		{729 * day, "729d"},
		{730 * day, "2y"},
		{-time.Hour, "-60m"},
	}
	for _, test := range tests {
		if got := span(test.in); got != test.want {
			t.Errorf("%v: got %s, want %s", test.in, got, test.want)
		}
	}
}

func TestAge(t *testing.T) {
	tests := []struct {
		in             *timestamppb.Timestamp
		age, due, full string
	}{
		{nil, "", "", ""},
		{ago(time.Hour), "60m", "60m ago", "2026-11-22 11:00:00Z (60m ago)"},
		{in(time.Hour), "in 60m", "in 60m", "2026-11-22 13:00:00Z (in 60m)"},
		{ago(0), "0s", "0s ago", "2026-11-22 12:00:00Z (0s ago)"},
	}
	for _, test := range tests {
		if a, d, m := age(test.in, now), due(test.in, now), moment(test.in, now); a != test.age || d != test.due || m != test.full {
			t.Errorf("%v: got %q, %q, %q; want %q, %q, %q", test.in, a, d, m, test.age, test.due, test.full)
		}
	}
}

func TestLifetime(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"24h": 24 * time.Hour, "90m": 90 * time.Minute, "7d": 7 * day, "2w": 14 * day,
		"": 0, "7": 0, "-1h": 0, "0s": 0, "d": 0, "1.5d": 0, "99999999d": 0, "tomorrow": 0,
	} {
		var got lifetime
		if err := got.Set(in); time.Duration(got) != want || (err == nil) != (want != 0) {
			t.Errorf("%q: got %v, %v; want %v", in, time.Duration(got), err, want)
		}
	}
}
