package apprules

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// genConfig draws configuration as a policy may say it of mailSchema.
var genConfig = rapid.Custom(func(t *rapid.T) Config {
	var c Config
	say := func(name string) bool { return rapid.Bool().Draw(t, "say "+name) }
	text := rapid.SampledFrom([]string{"", "a", "ü\n<&>", "{{user}}@x", "{{package}}"})
	for _, i := range mailSchema.Items {
		if i.Hidden || !say(i.Key) {
			continue
		}
		put(&c.Values, i.Key, map[ItemKind][]string{
			ItemBool: {"true"}, ItemInteger: {"7"}, ItemChoice: {"poll"}, ItemString: {text.Draw(t, i.Key)},
			ItemList:        rapid.SliceOfN(text, 0, 3).Draw(t, i.Key),
			ItemBundle:      {`{"server":"{{user}}", "port":8}`},
			ItemBundleArray: {`[{"name":"{{device_tag}}"}, {}]`},
		}[i.Kind])
	}
	for _, key := range []string{"color", "update_source"} {
		if say(key) {
			put(&c.Custom, key, "https://x.example")
		}
	}
	for _, name := range []string{"a.B", "a.C"} {
		if say(name) {
			put(&c.Permissions, name, Grant(rapid.IntRange(1, 3).Draw(t, name)))
		}
	}
	if say("connected") {
		connected := rapid.Bool().Draw(t, "connected")
		c.ConnectedApps = &connected
	}
	return c
})

// TestPlainConfigIsRead: what an Effective says survives the wire and storage,
// and so does its revision, before and after its tokens are expanded.
func TestPlainConfigIsRead(t *testing.T) {
	settings := genSettings("data.")
	rapid.Check(t, func(t *rapid.T) {
		c := genConfig.Draw(t, "config")
		if err := c.Validate(mailSchema); err != nil {
			t.Fatal(err)
		}
		e := Seal(Merge(settings.Draw(t, "settings")), c, true)
		expanded, problems := e.Expanded(adasTokens, mailSchema)
		if problems != nil {
			t.Fatal(problems)
		}
		for _, e := range []*Effective{e, expanded} {
			stored, err := json.Marshal(e.Config.Plain())
			if err != nil {
				t.Fatal(err)
			}
			var plain PlainConfig
			if err := json.Unmarshal(stored, &plain); err != nil {
				t.Fatal(err)
			}
			read, err := ParseConfig(plain)
			if err != nil || !read.Equal(e.Config) {
				t.Fatalf("%s is read as %+v, %v", stored, read, err)
			}
			said, err := ParseSettings(e.Settings.Plain())
			if err != nil || Restore(said, read).Revision() != e.Revision() {
				t.Fatalf("another revision of %s, %v", stored, err)
			}
		}
	})
}

func TestParseConfigRefuses(t *testing.T) {
	list := make([]string, maxListed+1)
	for key, p := range map[string]PlainConfig{
		"values.0":        {Values: map[string][]string{"0": {"x"}}},
		"values.a":        {Values: map[string][]string{"a": {"\x00"}}},
		"values.list":     {Values: map[string][]string{"list": list}},
		"values":          {Values: map[string][]string{"a": {strings.Repeat("x", maxSent)}}},
		"custom.a":        {Custom: map[string]string{"a": strings.Repeat("x", maxConfigText+1)}},
		"custom.b":        {Custom: map[string]string{"b": "\xff"}},
		"permissions.a.B": {Permissions: map[string]string{"a.B": "unknown"}},
		"permissions.a.C": {Permissions: map[string]string{"a.C": ""}},
		"permissions.C":   {Permissions: map[string]string{"C": "deny"}},
	} {
		c, err := ParseConfig(p)
		if bad, ok := errors.AsType[*SettingError](err); !ok || string(bad.Key) != key {
			t.Errorf("%s: %v, %v", key, c, err)
		}
	}
}

// TestFit: what is too much is left out and named, and the rest is read.
func TestFit(t *testing.T) {
	c := Config{Permissions: map[string]Grant{"a.B": GrantDeny}}
	for i := range 100 {
		put(&c.Values, fmt.Sprintf("v%02d", i), []string{strings.Repeat("x", maxConfigText)})
	}
	put(&c.Values, "z", []string{"small"})
	got, left := c.Fit()
	want := make([]string, 0, 100)
	for i := 63; i < 100; i++ {
		want = append(want, fmt.Sprintf("values.v%02d", i))
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if _, err := ParseConfig(got.Plain()); err != nil || got.Values["z"] == nil || got.Permissions["a.B"] != GrantDeny {
		t.Errorf("%d values, %v", len(got.Values), err)
	}
	if len(c.Values) != 101 {
		t.Error("the original was changed")
	}
	if err := c.Validate(nil); err == nil {
		t.Error("a policy may say as much")
	}
	if same, left := got.Fit(); left != nil || !same.Equal(got) {
		t.Errorf("what fits does not: %v", left)
	}
	_, problems := Seal(Settings{}, c, true).Expanded(adasTokens, nil)
	if len(problems) != len(want) || problems[0] != (Problem{"values.v63", TooMuch}) {
		t.Errorf("%d problems", len(problems))
	}
}
