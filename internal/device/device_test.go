package device

import (
	"strings"
	"testing"
)

func TestModeAllowed(t *testing.T) {
	tests := []struct {
		mode      Mode
		ownership Ownership
		want      bool
	}{
		{WorkProfile, Personal, true},
		{WorkProfile, Company, true},
		{FullyManaged, Personal, false},
		{FullyManaged, Company, true},
		{Dedicated, Personal, false},
		{Dedicated, Company, true},
		{"", Company, false},
		{WorkProfile, "", false},
	}
	for _, tt := range tests {
		if got := tt.mode.Allowed(tt.ownership); got != tt.want {
			t.Errorf("%q.Allowed(%q) = %v, want %v", tt.mode, tt.ownership, got, tt.want)
		}
	}
}

func TestParseID(t *testing.T) {
	for _, s := range []string{"", "short", "../../etc/passwd", "UPPERCASE1", strings.Repeat("a", 65), "a' OR '1'='1"} {
		if _, err := ParseID(s); err == nil {
			t.Errorf("ParseID(%q) accepted", s)
		}
	}
	if got, err := ParseID("0123456789abcdef"); err != nil || got != "0123456789abcdef" {
		t.Errorf("ParseID = %q, %v", got, err)
	}
}
