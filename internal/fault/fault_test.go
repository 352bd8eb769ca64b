package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestKindOf(t *testing.T) {
	gone := New(Refused, "GONE", "it is gone")
	tests := []struct {
		name   string
		err    error
		want   Kind
		reason string
	}{
		{"plain error", io.EOF, Internal, ""},
		{"fault", gone, Refused, "GONE"},
		{"wrapped", fmt.Errorf("load: %w", gone), Refused, "GONE"},
		{"with cause", gone.WithCause(io.EOF), Refused, "GONE"},
		{"field", InvalidField("name", "is empty"), Invalid, ""},
		{"nil", nil, Internal, ""},
	}
	for _, tt := range tests {
		if got := KindOf(tt.err); got != tt.want {
			t.Errorf("%s: KindOf = %v, want %v", tt.name, got, tt.want)
		}
		if got := ReasonOf(tt.err); got != tt.reason {
			t.Errorf("%s: ReasonOf = %q, want %q", tt.name, got, tt.reason)
		}
	}
}

func TestIs(t *testing.T) {
	gone := New(Refused, "GONE", "it is gone")
	if !errors.Is(New(Refused, "GONE", "other words"), gone) {
		t.Error("same kind and reason should match")
	}
	if errors.Is(New(Refused, "LATE", "it is gone"), gone) {
		t.Error("another reason should not match")
	}
	if errors.Is(New(Refused, "", "a"), New(Refused, "", "b")) {
		t.Error("faults without a reason should not match each other")
	}
	if !errors.Is(gone.WithCause(io.EOF), io.EOF) {
		t.Error("the cause should be reachable")
	}
}
