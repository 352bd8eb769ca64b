package enumname_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/enumname"
	accessv1 "ringfence/proto/mdm/access/v1"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func TestFind(t *testing.T) {
	tests := []struct {
		in   string
		want compliancev1.PinQuality
		ok   bool
	}{
		{"numeric-complex", compliancev1.PinQuality_PIN_QUALITY_NUMERIC_COMPLEX, true},
		{"numeric_complex", compliancev1.PinQuality_PIN_QUALITY_NUMERIC_COMPLEX, true},
		{"Numeric-Complex", compliancev1.PinQuality_PIN_QUALITY_NUMERIC_COMPLEX, true},
		{"PIN_QUALITY_NUMERIC_COMPLEX", compliancev1.PinQuality_PIN_QUALITY_NUMERIC_COMPLEX, true},
		{"unspecified", 0, false},
		{"PIN_QUALITY_UNSPECIFIED", 0, false},
		{"", 0, false},
		{"3", 0, false},
		{"numeric complex", 0, false},
	}
	d := compliancev1.PinQuality(0).Descriptor()
	for _, test := range tests {
		v, ok := enumname.Find(d, test.in)
		var got compliancev1.PinQuality
		if ok {
			got = compliancev1.PinQuality(v.Number())
		}
		if got != test.want || ok != test.ok {
			t.Errorf("%q: got %v, %v; want %v, %v", test.in, got, ok, test.want, test.ok)
		}
	}
}

func TestOf(t *testing.T) {
	tests := []struct {
		in   compliancev1.KeyType
		want string
	}{
		{compliancev1.KeyType_KEY_TYPE_UNSPECIFIED, ""},
		{compliancev1.KeyType_KEY_TYPE_EC_P256, "ec-p256"},
		{99, "unknown(99)"},
	}
	for _, test := range tests {
		if got := enumname.Of(test.in); got != test.want {
			t.Errorf("%v: got %q, want %q", test.in, got, test.want)
		}
	}
}

func TestChoices(t *testing.T) {
	got := enumname.Choices(compliancev1.PinScope(0).Descriptor())
	if diff := cmp.Diff([]string{"device", "work-profile"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestNamedZero: an enum whose zero value stands for something.
func TestNamedZero(t *testing.T) {
	d := accessv1.ClientApp(0).Descriptor()
	if diff := cmp.Diff([]string{"unknown", "browser", "native", "active-sync", "other"}, enumname.Choices(d)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"deny", "allow", "allow-with"}, enumname.Choices(accessv1.Outcome(0).Descriptor())); diff != "" {
		t.Error(diff)
	}
	for _, in := range []string{"unknown", "Unknown", "CLIENT_APP_UNKNOWN_UNSPECIFIED"} {
		if v, ok := enumname.Find(d, in); !ok || v.Number() != 0 {
			t.Errorf("%s: got %v, %v", in, v, ok)
		}
	}
	for _, in := range []string{"unspecified", "unknown-unspecified", "UNKNOWN_UNSPECIFIED", "", "app-unknown"} {
		if v, ok := enumname.Find(d, in); ok {
			t.Errorf("%s: found %v", in, v)
		}
	}
	if got := enumname.Of(accessv1.Flow_FLOW_ORDINARY_UNSPECIFIED); got != "ordinary" {
		t.Errorf("got %s", got)
	}
	if got := enumname.Short(d.Values().Get(0)); got != "unknown" {
		t.Errorf("got %s", got)
	}
}
