package apprules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func itemNamed(t testing.TB, key string) *Item {
	t.Helper()
	item, known := mailSchema.Item(key)
	if !known {
		t.Fatalf("no item %s", key)
	}
	return item
}

func TestBundleAllows(t *testing.T) {
	long := strings.Repeat("x", maxConfigText+1)
	tests := []struct{ key, text, problem string }{
		{"vpn", `{}`, ""},
		{"vpn", ` { "port" : 1 } `, ""},
		{"vpn", `{"server":"{{user}}","port":65535,"split":false,"mode":"safe","domains":[]}`, ""},
		{"accounts", `[]`, ""},
		{"accounts", `[{"name":"a"},{"name":"a","keep":{"days":-1}}]`, ""},
		{"vpn", ``, "no JSON of the type"},
		{"vpn", `null`, "no JSON of the type"},
		{"vpn", `[]`, "no JSON of the type"},
		{"vpn", `{"port":1`, "no JSON of the type"},
		{"vpn", `{"port":1]`, "no JSON of the type"},
		{"vpn", `{"port":1}{}`, "goes on after its end"},
		{"vpn", `{"port":1}x`, "goes on after its end"},
		{"vpn", `{"port":1,"port":2}`, `"port": is there twice`},
		{"vpn", `{"host":"x"}`, `"host": is not in the app's schema`},
		{"vpn", `{"key":"x"}`, `"key": is not for administrators`},
		{"vpn", `{"port":"1"}`, `"port": is no JSON of the type`},
		{"vpn", `{"port":1.5}`, `"port": "1.5" is no integer`},
		{"vpn", `{"port":1e3}`, `"port": "1e3" is no integer`},
		{"vpn", `{"port":65536}`, `"port": "65536" is no integer`},
		{"vpn", `{"port":null}`, `"port": is no JSON of the type`},
		{"vpn", `{"split":"true"}`, `"split": is no JSON of the type`},
		{"vpn", `{"mode":"{{user}}"}`, `"mode": "{{user}}" is none of`},
		{"vpn", `{"server":"{{imei}}"}`, `"server": has the unknown token`},
		{"vpn", `{"server":"\u0000"}`, `"server": has control characters`},
		{"vpn", `{"server":"` + long + `"}`, `"server": is no text`},
		{"vpn", "{\"server\":\"\xff\"}", "is no JSON"},
		{"vpn", `{"server":{"server":"x"}}`, `"server": is no JSON of the type`},
		{"vpn", `{"domains":["ok",1]}`, `"domains": is no JSON of the type`},
		{"vpn", `{"domains":[` + strings.Repeat(`"x",`, maxListed) + `"x"]}`, `"domains": has more than`},
		{"accounts", `{}`, "no JSON of the type"},
		{"accounts", `[[]]`, "no JSON of the type"},
		{"accounts", `[{"keep":{"days":1,"weeks":1}}]`, `"keep": "weeks": is not in`},
		{"accounts", `[` + strings.Repeat(`{},`, maxListed) + `{}]`, "has more than"},
	}
	for _, tt := range tests {
		err := itemNamed(t, tt.key).Allows([]string{tt.text})
		if (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s=%.80s: %v, want %q", tt.key, tt.text, err, tt.problem)
		}
	}
	if err := itemNamed(t, "vpn").Allows([]string{"{}", "{}"}); err == nil {
		t.Error("two texts are a bundle")
	}
}

func TestBundleCombine(t *testing.T) {
	tests := []struct{ key, a, b, want string }{
		{"vpn", `{"port":443}`, `{"server":"x"}`, `{"port":443,"server":"x"}`},
		{"vpn", `{"port":443,"split":true,"mode":"fast"}`, `{"port":80,"split":false,"mode":"safe"}`, `{"mode":"safe","port":80,"split":false}`},
		{"vpn", `{"domains":["b","a"]}`, `{"domains":["c","b"]}`, `{"domains":["b"]}`},
		{"vpn", `{"server":"x"}`, `{ "server" : "x" }`, `{"server":"x"}`},
		{"vpn", `{"server":"x","port":1}`, `{"server":"y"}`, "conflict"},
		{"accounts", `[{"name":"a"},{"name":"b"}]`, `[ {"name":"a"}, {"name":"b"} ]`, `[{"name":"a"},{"name":"b"}]`},
		{"accounts", `[{"name":"a"},{"name":"b"}]`, `[{"name":"b"},{"name":"a"}]`, "conflict"},
	}
	for _, tt := range tests {
		for _, pair := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
			texts, ok := itemNamed(t, tt.key).Combine([]string{pair[0]}, []string{pair[1]})
			got := strings.Join(texts, "")
			if !ok {
				got = "conflict"
			}
			if got != tt.want {
				t.Errorf("%s and %s are %s, want %s", pair[0], pair[1], got, tt.want)
			}
		}
	}
}

// TestBundlesExpand: a token's value cannot break out of the JSON, and what has
// no value takes the whole bundle away.
func TestBundlesExpand(t *testing.T) {
	e := effective(t, `config.values.vpn={"server":"{{user}}"}; config.values.accounts=[{"name":"{{user_id}}"}]`)
	got, problems := e.Expanded(Tokens{User: `","port":1,"x":"`}, mailSchema)
	want := []string{`{"server":"\",\"port\":1,\"x\":\""}`}
	if diff := cmp.Diff(want, got.Config.Values["vpn"]); diff != "" {
		t.Errorf("bundle (-want +got):\n%s", diff)
	}
	if _, there := got.Config.Values["accounts"]; there || len(problems) != 1 || problems[0].Key != "values.accounts" {
		t.Errorf("problems %v", problems)
	}
}

func TestSchemaBundles(t *testing.T) {
	nest := func(depth int) Item {
		item := Item{Key: "leaf", Kind: ItemBool}
		for range depth {
			item = Item{Key: "b", Kind: ItemBundleArray, Items: []Item{item}}
		}
		return item
	}
	many := func(n int) []Item {
		items := make([]Item, n)
		for i := range items {
			items[i] = Item{Key: fmt.Sprintf("k%d", i), Kind: ItemBool}
		}
		return items
	}
	tests := []struct {
		name string
		item Item
		want Key
	}{
		{"three deep", nest(3), ""},
		{"four deep", nest(4), "b.b.b.b"},
		{"a bundle of nothing", Item{Key: "b", Kind: ItemBundle}, "b"},
		{"items of a string", Item{Key: "s", Kind: ItemString, Items: many(1)}, "s"},
		{"a rule for bundles", Item{Key: "b", Kind: ItemBundle, Items: many(1), Merge: MergeUnion}, "b"},
		{"a key twice", Item{Key: "b", Kind: ItemBundle, Items: slices.Concat(many(1), many(1))}, "b.k0"},
		{"as many as there may be", Item{Key: "b", Kind: ItemBundle, Items: many(maxItems - 1)}, ""},
		{"one more", Item{Key: "b", Kind: ItemBundle, Items: many(maxItems)}, "b.k511"},
		{"a choice twice", Item{Key: "c", Kind: ItemChoice, Choices: []string{"a", "a"}}, "c"},
		{"a title of two lines", Item{Key: "c", Kind: ItemBool, Title: "a\nb"}, "c"},
		{"a default that is no text", Item{Key: "c", Kind: ItemString, Default: []string{"\x00"}}, "c"},
	}
	for _, tt := range tests {
		err := (&Schema{Package: "a.a", Items: []Item{tt.item}}).Validate()
		got := Key("")
		if bad, ok := err.(*SettingError); ok {
			got = bad.Key
		}
		if got != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// FuzzBundle: whatever a bundle is said to be is refused, or has one form, and
// is JSON for the app.
func FuzzBundle(f *testing.F) {
	for _, text := range []string{
		`{"port":443,"server":"{{user}}","split":true,"domains":["b","a"]}`, `[{"name":"a","keep":{"days":7}}]`, `{"mode":"safe"}`, `{"a":[{`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, key := range []string{"vpn", "accounts"} {
			item := itemNamed(t, key)
			if item.Allows([]string{text}) != nil {
				continue
			}
			once := item.Canonical([]string{text})
			if twice := item.Canonical(once); !slices.Equal(once, twice) {
				t.Errorf("%q is %q, and then %q", text, once, twice)
			}
			if both, ok := item.Combine([]string{text}, once); !ok || !slices.Equal(both, once) {
				t.Errorf("%q with itself is %q", text, both)
			}
			payload, err := Config{Values: map[string][]string{key: once}}.Payload(mailSchema)
			if err != nil || !json.Valid(payload) || string(payload) != fmt.Sprintf(`{%q:%s}`, key, once[0]) {
				t.Errorf("%q is sent as %s, %v", text, payload, err)
			}
		}
	})
}
