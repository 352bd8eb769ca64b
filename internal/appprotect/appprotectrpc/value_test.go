package appprotectrpc

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
)

func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != field {
		t.Errorf("got error %v, want one about %s", err, field)
	}
}

func value(t *testing.T, v any) *structpb.Value {
	t.Helper()
	made, err := structpb.NewValue(v)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestValues: what people write, its plain form, and what they are shown again.
func TestValues(t *testing.T) {
	for _, tt := range []struct {
		wire  any
		plain []string
		list  bool
		shown any // nil: as written
	}{
		{wire: "managed-apps", plain: []string{"managed-apps"}},
		{wire: "", plain: []string{""}},
		{wire: true, plain: []string{"true"}},
		{wire: "false", plain: []string{"false"}, shown: false},
		{wire: 6, plain: []string{"6"}},
		{wire: -3, plain: []string{"-3"}},
		{wire: math.Copysign(0, -1), plain: []string{"0"}, shown: 0},
		{wire: "6", plain: []string{"6"}, shown: 6},
		{wire: "06", plain: []string{"06"}},
		{wire: "14.10", plain: []string{"14.10"}},
		{wire: float64(exact), plain: []string{"9007199254740992"}},
		{wire: "9007199254740993", plain: []string{"9007199254740993"}},
		{wire: []any{"a", "6"}, plain: []string{"a", "6"}},
		{wire: []any{"a"}, plain: []string{"a"}, list: true},
		{wire: []any{"true"}, plain: []string{"true"}, shown: true},
		{wire: []any{}, plain: []string{}},
	} {
		v := value(t, tt.wire)
		plain, err := textsFromValue(v, "f")
		if diff := cmp.Diff(tt.plain, plain); diff != "" || err != nil {
			t.Errorf("%v: %v (-want +got):\n%s", tt.wire, err, diff)
		}
		want := v
		if tt.shown != nil {
			want = value(t, tt.shown)
		}
		if diff := cmp.Diff(want, valueFromTexts(plain, tt.list), protocmp.Transform()); diff != "" {
			t.Errorf("%v as shown (-want +got):\n%s", tt.wire, diff)
		}
	}
}

func TestValuesThatAreNone(t *testing.T) {
	for field, v := range map[string]*structpb.Value{
		"f":    structpb.NewNumberValue(14.1),
		"f[1]": value(t, []any{"a", 6}),
		"f[0]": value(t, []any{[]any{"a"}}),
	} {
		_, err := textsFromValue(v, "f")
		wantInvalid(t, err, field)
	}
	for _, v := range []*structpb.Value{
		structpb.NewNumberValue(math.NaN()), structpb.NewNumberValue(math.Inf(-1)), structpb.NewNumberValue(1 << 54),
		structpb.NewNullValue(), {}, nil, value(t, map[string]any{"a": "b"}),
	} {
		_, err := textsFromValue(v, "f")
		wantInvalid(t, err, "f")
	}
}

// TestBundles: the plain form of a bundle is its JSON, and it is shown as a bundle.
func TestBundles(t *testing.T) {
	for _, tt := range []struct {
		wire  any
		plain string
	}{
		{map[string]any{"port": 443, "on": true, "hosts": []any{"b", "a"}, "inner": map[string]any{"x": "<>"}},
			`{"hosts":["b","a"],"inner":{"x":"\u003c\u003e"},"on":true,"port":443}`},
		{[]any{map[string]any{"a": 1}, map[string]any{"a": 2}}, `[{"a":1},{"a":2}]`},
		{map[string]any{}, `{}`},
		{[]any{map[string]any{}}, `[{}]`},
	} {
		v := value(t, tt.wire)
		plain, err := configFromValue(v, "f")
		if diff := cmp.Diff([]string{tt.plain}, plain); diff != "" || err != nil {
			t.Errorf("%v: %v (-want +got):\n%s", tt.wire, err, diff)
		}
		if diff := cmp.Diff(v, valueFromConfig(plain), protocmp.Transform()); diff != "" {
			t.Errorf("%v as shown (-want +got):\n%s", tt.wire, diff)
		}
	}
	// What only looks like a bundle, or would not be read as the same, is a text.
	for _, text := range []string{"{", `{"a": 1}`, `{"a":1.5}`, `{"a":null}`, `{"b":1,"a":1}`, `{"a":9007199254740993}`, "[]", `[{"a":1},2`} {
		if got := valueFromConfig([]string{text}); got.GetStringValue() != text {
			t.Errorf("%s is shown as %v", text, got)
		}
	}
}

func TestBundlesThatAreNone(t *testing.T) {
	deep := any("x")
	for range 7 {
		deep = map[string]any{"a": deep}
	}
	for field, v := range map[string]any{
		"f.a":             map[string]any{"a": 1.5},
		"f.a[1]":          map[string]any{"a": []any{"x", nil}},
		"f[1].b":          []any{map[string]any{}, map[string]any{"b": nil}},
		"f.a.a.a.a.a.a.a": deep,
	} {
		_, err := configFromValue(value(t, v), "f")
		wantInvalid(t, err, field)
	}
	// A setting is no bundle.
	_, err := settingsFromWire(map[string]*structpb.Value{"data.send_to": value(t, map[string]any{"a": "b"})})
	wantInvalid(t, err, "spec.settings.data.send_to")
}

// TestListed: a list of one thing is still shown as a list.
func TestListed(t *testing.T) {
	want := map[apprules.Key]bool{
		"data.exempt_apps": true, "data.storage_locations": true, "data.send_to": false,
		"access.pin_length": false, "launch.offline.block": false,
	}
	for key, list := range want {
		if listed()[key] != list {
			t.Errorf("%s is a list: %v, want %v", key, !list, list)
		}
	}
}
