package page

import (
	"testing"

	"ringfence/internal/fault"
)

func TestRoundTrip(t *testing.T) {
	s := Encode("cursor-7", "devices", "group=a")
	got, err := Decode(s, "devices", "group=a")
	if err != nil || got != "cursor-7" {
		t.Fatalf("Decode = %q, %v", got, err)
	}
	if Encode("", "devices") != "" {
		t.Error("no cursor should give no token")
	}
	if got, err := Decode("", "devices"); got != "" || err != nil {
		t.Errorf("empty token = %q, %v", got, err)
	}
}

func TestForeignTokens(t *testing.T) {
	s := Encode("cursor-7", "devices", "group=a")
	for name, try := range map[string]func() error{
		"other filter":     func() error { _, err := Decode(s, "devices", "group=b"); return err },
		"other listing":    func() error { _, err := Decode(s, "tokens"); return err },
		"joined filters":   func() error { _, err := Decode(s, "devicesgroup=a"); return err },
		"not base64":       func() error { _, err := Decode("%%%", "devices"); return err },
		"not json":         func() error { _, err := Decode("aGVsbG8", "devices"); return err },
		"json of no token": func() error { _, err := Decode("e30", "devices"); return err },
	} {
		if got := fault.KindOf(try()); got != fault.Invalid {
			t.Errorf("%s: kind = %v, want invalid", name, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("")
	f.Add("e30")
	f.Add(Encode("c", "devices"))
	f.Fuzz(func(t *testing.T, s string) {
		cursor, err := Decode(s, "devices")
		if err != nil || s == "" {
			return
		}
		if again, err := Decode(Encode(cursor, "devices"), "devices"); err != nil || again != cursor {
			t.Errorf("round trip of %q: %q, %v", cursor, again, err)
		}
	})
}
