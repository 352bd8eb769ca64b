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
		{AppAccount, Personal, true},
		{AppAccount, Company, false},
		{AppAccount, "", false},
		{"", Company, false},
		{WorkProfile, "", false},
	}
	for _, tt := range tests {
		if got := tt.mode.Allowed(tt.ownership); got != tt.want {
			t.Errorf("%q.Allowed(%q) = %v, want %v", tt.mode, tt.ownership, got, tt.want)
		}
	}
}

// TestModeEnrols: a work account in an app is managed, and no phone is enrolled for
// it; nor has it a profile of its own.
func TestModeEnrols(t *testing.T) {
	for mode, want := range map[Mode]struct{ enrols, profile bool }{
		WorkProfile: {true, true}, FullyManaged: {true, false}, Dedicated: {true, false}, AppAccount: {}, "": {}, "other": {},
	} {
		if mode.Enrols() != want.enrols || mode.HasWorkProfile() != want.profile {
			t.Errorf("%q: Enrols = %t, HasWorkProfile = %t, want %+v", mode, mode.Enrols(), mode.HasWorkProfile(), want)
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
