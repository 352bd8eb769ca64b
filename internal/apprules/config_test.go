package apprules

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestExpanded(t *testing.T) {
	e := effective(t, "config.values.server={{user}}.mail.example.com; config.values.domains={{user_id}}; config.custom.tag=<{{device_tag}}|{{package}}>; config.values.days=5")
	got, problems := e.Expanded(adasTokens, mailSchema)
	want := Config{
		Values: map[string][]string{"server": {"ada@example.com.mail.example.com"}, "domains": {"u-1"}, "days": {"5"}},
		Custom: map[string]string{"tag": "<tag-1|com.example.mail>"},
	}
	if diff := cmp.Diff(want, got.Config, cmpopts.EquateEmpty()); diff != "" || problems != nil {
		t.Errorf("problems %v, config (-want +got):\n%s", problems, diff)
	}
	if got.Revision() == e.Revision() || e.Config.Custom["tag"] != "<{{device_tag}}|{{package}}>" {
		t.Error("the template was changed, or its revision kept")
	}
	someone := adasTokens
	someone.User = "bob@example.com"
	if other, _ := e.Expanded(someone, mailSchema); other.Revision() == got.Revision() {
		t.Error("two people get one revision for different things")
	}
}

// TestTokensInjectNothing: a value is put in once, as it is, and cannot break
// out of where it was put.
func TestTokensInjectNothing(t *testing.T) {
	e := effective(t, `config.custom.who={{user}}; config.custom.fixed=x`)
	for user, want := range map[string]string{
		`{{device_tag}}`: `{"fixed":"x","who":"{{device_tag}}"}`,
		`","admin":"yes`: `{"fixed":"x","who":"\",\"admin\":\"yes"}`,
		"a\x00b":         `{"fixed":"x"}`,
		"a\nb":           `{"fixed":"x"}`,
		"a\u202eb":       `{"fixed":"x"}`,
		"":               `{"fixed":"x"}`,
		"\xff":           `{"fixed":"x"}`,
	} {
		got, problems := e.Expanded(Tokens{User: user, DeviceTag: "tag"}, mailSchema)
		payload, err := got.Config.Payload(mailSchema)
		if err != nil || string(payload) != want {
			t.Errorf("%q: %s, %v, want %s", user, payload, err, want)
		}
		if left := want == `{"fixed":"x"}`; left != (len(problems) == 1) {
			t.Errorf("%q: problems %v", user, problems)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	long := strings.Repeat("x", maxConfigText+1)
	tests := []struct {
		key    string
		config Config
	}{
		{"values.unheard", Config{Values: map[string][]string{"unheard": {"x"}}}},
		{"values.secret", Config{Values: map[string][]string{"secret": {"x"}}}},
		{"values.days", Config{Values: map[string][]string{"days": {"366"}}}},
		{"values.days", Config{Values: map[string][]string{"days": {"007"}}}},
		{"values.days", Config{Values: map[string][]string{"days": {"{{user}}"}}}},
		{"values.days", Config{Values: map[string][]string{"days": {"1", "2"}}}},
		{"values.sync", Config{Values: map[string][]string{"sync": {"yes"}}}},
		{"values.mode", Config{Values: map[string][]string{"mode": {"{{user}}"}}}},
		{"values.server", Config{Values: map[string][]string{"server": {"{{imei}}"}}}},
		{"values.server", Config{Values: map[string][]string{"server": {"{{user"}}}},
		{"values.server", Config{Values: map[string][]string{"server": {long}}}},
		{"values.domains", Config{Values: map[string][]string{"domains": {"ok", "user}}"}}}},
		{"custom.server", Config{Custom: map[string]string{"server": "x"}}},
		{"custom.0", Config{Custom: map[string]string{"0": "x"}}},
		{"custom.a", Config{Custom: map[string]string{"a": "\x1b[0m"}}},
		{"custom.update_source", Config{Custom: map[string]string{"update_source": "http://apps.example.com"}}},
		{"custom.update_source", Config{Custom: map[string]string{"update_source": "https://{{user}}.example.com"}}},
		{"permissions.CAMERA", Config{Permissions: map[string]Grant{"CAMERA": GrantDeny}}},
		{"permissions.a.B", Config{Permissions: map[string]Grant{"a.B": 4}}},
	}
	for _, tt := range tests {
		err := tt.config.Validate(mailSchema)
		if bad, ok := errors.AsType[*SettingError](err); !ok || string(bad.Key) != tt.key {
			t.Errorf("%+v: %v", tt.config, err)
		}
	}
	if err := (Config{Values: map[string][]string{"days": {"5"}}}).Validate(nil); err == nil {
		t.Error("values without a schema pass")
	}
}

func TestSchemaValidate(t *testing.T) {
	if err := mailSchema.Validate(); err != nil {
		t.Error(err)
	}
	for name, item := range map[string]Item{
		"key":     {Key: "0", Kind: ItemBool},
		"type":    {Key: "a"},
		"merge":   {Key: "a", Kind: ItemBool, Merge: MergeLeast},
		"choices": {Key: "a", Kind: ItemChoice},
		"range":   {Key: "a", Kind: ItemInteger, Min: 2, Max: 1},
	} {
		if err := (&Schema{Package: "a.a", Items: []Item{item}}).Validate(); err == nil {
			t.Errorf("%s: %+v passes", name, item)
		}
	}
	twice := Item{Key: "a", Kind: ItemBool}
	if err := (&Schema{Package: "a.a", Items: []Item{twice, twice}}).Validate(); err == nil {
		t.Error("one key twice passes")
	}
}
