package rpc

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"ringfence/internal/fault"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

// TestValidationIsBounded: to say all that is wrong with a message must not
// cost out of proportion to sending it.
func TestValidationIsBounded(t *testing.T) {
	v, err := newValidators()
	if err != nil {
		t.Fatal(err)
	}
	broken := func(results, locks int) *compliancev1.CheckInRequest {
		return &compliancev1.CheckInRequest{
			Posture: &compliancev1.Posture{Locks: slices.Repeat([]*compliancev1.LockState{{}}, locks)},
			Results: slices.Repeat([]*compliancev1.SettingResult{{}}, results),
		}
	}
	for _, c := range []struct {
		name string
		m    proto.Message
		all  bool
	}{
		{"few items", broken(3, 2), true},
		{"as many items as are few", broken(manyItems-2, 2), true},
		{"one more", broken(manyItems-1, 2), false},
		{"half a million", broken(500_000, 0), false},
		{"half a million, further in", broken(0, 500_000), false},
	} {
		err := validate(v, c.m)
		invalid, ok := errors.AsType[*fault.Error](err)
		if !ok || invalid.Kind != fault.Invalid {
			t.Errorf("%s: %v, want an Invalid fault", c.name, err)
			continue
		}
		if got := len(invalid.Fields) > 1; got != c.all {
			t.Errorf("%s: names %d fields, want all: %v", c.name, len(invalid.Fields), c.all)
		}
	}
}
