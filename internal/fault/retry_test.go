package fault

import (
	"errors"
	"testing"
)

func TestRetry(t *testing.T) {
	moved, other := New(Conflict, "MOVED", "moved"), New(Refused, "OTHER", "another")
	for _, tt := range []struct {
		lost  int
		last  error
		want  error
		times int
	}{
		{0, nil, nil, 1}, {3, nil, nil, 4}, {3, other, other, 4}, {Attempts, nil, moved, Attempts},
	} {
		times := 0
		err := Retry(moved, func() error {
			if times++; times <= tt.lost {
				return moved.WithCause(errors.New("somebody was faster"))
			}
			return tt.last
		})
		if !errors.Is(err, tt.want) || times != tt.times {
			t.Errorf("%d times lost, then %v: %v after %d, want %v after %d", tt.lost, tt.last, err, times, tt.want, tt.times)
		}
	}
}
