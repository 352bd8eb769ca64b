package ctlconfig_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/ctlconfig"
)

const pemText = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

func TestSaveLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "config.yaml")
	want := ctlconfig.Config{
		CurrentContext: "main",
		Contexts: []ctlconfig.Context{
			{Name: "main", Server: "mdm.example.com:9443", CA: pemText, Certificate: pemText, Key: "k\n"},
			{Name: "lab", Server: "localhost", DeviceServer: "phones:1", CAFile: "ca.pem"},
		},
	}
	if err := ctlconfig.Save(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := ctlconfig.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode().Perm(), fs.FileMode(0o600); got != want {
		t.Errorf("mode %v, want %v", got, want)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSaveClosesAnOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if open, err := ctlconfig.Exposed(path); err != nil || !open {
		t.Errorf("before: exposed %v, %v; want true", open, err)
	}
	if err := ctlconfig.Save(path, ctlconfig.Config{}); err != nil {
		t.Fatal(err)
	}
	if open, err := ctlconfig.Exposed(path); err != nil || open {
		t.Errorf("after: exposed %v, %v; want false", open, err)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"unknown field", "contexts:\n- name: a\n  server: h\n  colour: red\n", "line 4: field colour not found"},
		{"no name", "contexts:\n- server: h\n", "name is missing"},
		{"no server", "contexts:\n- name: a\n", "server: address is missing"},
		{"url", "contexts:\n- name: a\n  server: https://h:1\n", "is not host:port"},
		{"port", "contexts:\n- name: a\n  server: h:99999\n", "is not host:port"},
		{"bad device server", "contexts:\n- name: a\n  server: h\n  deviceServer: h:0\n", "deviceServer"},
		{"shell in address", "contexts:\n- name: a\n  server: \"h;reboot:1\"\n", "is not host:port"},
		{"doubled", "contexts:\n- {name: a, server: h}\n- {name: a, server: h}\n", "is there twice"},
		{"both", "contexts:\n- {name: a, server: h, ca: x, caFile: y}\n", "ca and caFile are both given"},
		{"two documents", "contexts: []\n---\ncontexts: []\n", "more than one document"},
		{"not YAML", "contexts: [", "did not find expected node content"},
		{"large", strings.Repeat("#", 2<<20), "larger than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ctlconfig.Parse([]byte(test.in))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	a := ctlconfig.Context{Name: "a", Server: "h"}
	b := ctlconfig.Context{Name: "b", Server: "h"}
	tests := []struct {
		name string
		in   ctlconfig.Config
		ask  string
		want string
		err  error
	}{
		{"the only one", ctlconfig.Config{Contexts: []ctlconfig.Context{a}}, "", "a", nil},
		{"current", ctlconfig.Config{CurrentContext: "b", Contexts: []ctlconfig.Context{a, b}}, "", "b", nil},
		{"asked", ctlconfig.Config{CurrentContext: "b", Contexts: []ctlconfig.Context{a, b}}, "a", "a", nil},
		{"none chosen", ctlconfig.Config{Contexts: []ctlconfig.Context{a, b}}, "", "", ctlconfig.ErrNoContext},
		{"unknown", ctlconfig.Config{Contexts: []ctlconfig.Context{a}}, "z", "", ctlconfig.ErrNoContext},
		{"current is gone", ctlconfig.Config{CurrentContext: "z", Contexts: []ctlconfig.Context{a}}, "", "", ctlconfig.ErrNoContext},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.in.Find(test.ask)
			if got.Name != test.want || !errors.Is(err, test.err) {
				t.Errorf("got %q, %v; want %q, %v", got.Name, err, test.want, test.err)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	tests := []struct{ server, device, wantAdmin, wantDevice string }{
		{"h", "", "h:9443", "h:8443"},
		{"h:1", "", "h:1", "h:8443"},
		{"h:1", "p", "h:1", "p:8443"},
		{"::1", "", "[::1]:9443", "[::1]:8443"},
		{"[::1]", "", "[::1]:9443", "[::1]:8443"},
		{"[::1]:5", "[::1]:6", "[::1]:5", "[::1]:6"},
	}
	for _, test := range tests {
		x := ctlconfig.Context{Server: test.server, DeviceServer: test.device}
		admin, err1 := x.Address()
		dev, err2 := x.DeviceAddress()
		if err := errors.Join(err1, err2); err != nil || admin != test.wantAdmin || dev != test.wantDevice {
			t.Errorf("%+v: got %q, %q, %v; want %q, %q", test, admin, dev, err, test.wantAdmin, test.wantDevice)
		}
	}
}

func TestSetRemove(t *testing.T) {
	c := ctlconfig.Config{CurrentContext: "a"}
	c.Set(ctlconfig.Context{Name: "a", Server: "one"})
	c.Set(ctlconfig.Context{Name: "a", Server: "two"})
	want := ctlconfig.Config{CurrentContext: "a", Contexts: []ctlconfig.Context{{Name: "a", Server: "two"}}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	if !c.Remove("a") || c.Remove("a") || c.CurrentContext != "" || len(c.Contexts) != 0 {
		t.Errorf("after Remove: %+v", c)
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(pemText), 0o600); err != nil {
		t.Fatal(err)
	}
	x := ctlconfig.Context{Name: "a", CAFile: "ca.pem", KeyFile: filepath.Join(dir, "ca.pem")}
	got, err := x.Resolve(dir)
	want := ctlconfig.Context{Name: "a", CA: pemText, Key: pemText}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if x.CAFile == "" {
		t.Error("Resolve changed its receiver")
	}
	x.KeyFile = "gone"
	if _, err := x.Resolve(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "keyFile") {
		t.Errorf("missing file: %v", err)
	}
}
