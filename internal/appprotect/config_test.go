package appprotect

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func configured(name, said string, t testing.TB) Named {
	return Named{Name: name, Spec: specOf(t, sayings(said))}
}

func TestMergeConfig(t *testing.T) {
	tests := []struct {
		name, a, b string
		want       Config
		conflicts  []Conflict
	}{
		{"any and all", "config.values.sync=true; config.values.beta=false", "config.values.sync=false; config.values.beta=true",
			Config{Values: map[string][]string{"sync": {"false"}, "beta": {"true"}}}, nil},
		{"least and most", "config.values.days=7; config.values.key_bits=256", "config.values.days=30; config.values.key_bits=128",
			Config{Values: map[string][]string{"days": {"7"}, "key_bits": {"256"}}}, nil},
		{"the strictest choice", "config.values.mode=poll", "config.values.mode=push", Config{Values: map[string][]string{"mode": {"poll"}}}, nil},
		{"common and union", "config.values.domains=a; config.values.domains=b; config.values.denied=x", "config.values.domains=b; config.values.denied=y",
			Config{Values: map[string][]string{"domains": {"b"}, "denied": {"x", "y"}}}, nil},
		{"the same", "config.values.server=s; config.custom.c=1", "config.values.server=s; config.custom.c=1",
			Config{Values: map[string][]string{"server": {"s"}}, Custom: map[string]string{"c": "1"}}, nil},
		{"not the same", "config.values.server=s; config.custom.c=1", "config.values.server=z; config.custom.c=2", Config{}, []Conflict{
			{"custom.c", []string{"a", "b"}, "policies say different things"},
			{"values.server", []string{"a", "b"}, "policies say different things"},
		}},
		{"not in the schema", "config.values.unheard=1", "config.values.days=0", Config{}, []Conflict{
			{"values.days", []string{"b"}, "the app's schema does not allow a value"},
			{"values.unheard", []string{"a"}, "the app's schema does not have it"},
		}},
		{"permissions", "config.permissions.a.B=grant; config.permissions.a.C=deny", "config.permissions.a.B=prompt; config.permissions.a.C=prompt",
			Config{Permissions: map[string]Grant{"a.B": GrantPrompt, "a.C": GrantDeny}}, nil},
		{"connected apps", "config.connected_apps=true", "config.connected_apps=false", Config{ConnectedApps: new(bool)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, list := range [][]Named{
				{configured("a", tt.a, t), configured("b", tt.b, t)},
				{configured("b", tt.b, t), configured("a", tt.a, t)},
			} {
				e := merged(list...)
				if diff := cmp.Diff(tt.want, e.Config, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("config (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.conflicts, e.Conflicts); diff != "" {
					t.Errorf("conflicts (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestMergeConfigIgnoresOrder also of three, and of steps where nothing is in
// conflict.
func TestMergeConfigIgnoresOrder(t *testing.T) {
	choose := func(values ...string) *rapid.Generator[string] { return rapid.SampledFrom(values) }
	g := rapid.Custom(func(t *rapid.T) Config {
		c := Config{Values: map[string][]string{}}
		for _, i := range mailSchema.Items {
			if i.Hidden || rapid.Bool().Draw(t, "skip") {
				continue
			}
			switch i.Kind {
			case ItemBool:
				c.Values[i.Key] = []string{choose("true", "false").Draw(t, i.Key)}
			case ItemInteger:
				c.Values[i.Key] = []string{choose("1", "2", "10").Draw(t, i.Key)}
			case ItemChoice:
				c.Values[i.Key] = []string{choose(i.Choices...).Draw(t, i.Key)}
			case ItemString:
				c.Values[i.Key] = []string{choose("same", "same", "same", "other").Draw(t, i.Key)}
			case ItemList:
				c.Values[i.Key] = rapid.SliceOfN(choose("a", "b", "c"), 0, 3).Draw(t, i.Key)
			}
		}
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		var list []Named
		for i, c := range rapid.SliceOfN(g, 2, 4).Draw(t, "configs") {
			list = append(list, Named{Name: string(rune('a' + i)), Spec: Spec{Target: everyone(), Config: c}})
		}
		want := merged(list...)
		got := merged(rapid.Permutation(list).Draw(t, "order")...)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Effective{})); diff != "" {
			t.Fatalf("in another order (-want +got):\n%s", diff)
		}
		if want.Conflicts != nil {
			return
		}
		step := Named{Name: "a", Spec: Spec{Target: everyone(), Config: merged(list[:2]...).Config}}
		if got := merged(append([]Named{step}, list[2:]...)...); got.Revision() != want.Revision() {
			t.Fatalf("in steps %+v, want %+v", got.Config, want.Config)
		}
	})
}

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
