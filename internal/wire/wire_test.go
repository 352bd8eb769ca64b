package wire_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"ringfence/internal/wire"
)

var t0 = time.Date(2026, time.March, 1, 12, 0, 0, 123456000, time.UTC)

func TestTime(t *testing.T) {
	for name, tt := range map[string]struct {
		is   time.Time
		want *timestamppb.Timestamp
	}{
		"none":         {time.Time{}, nil},
		"a time":       {t0, &timestamppb.Timestamp{Seconds: t0.Unix(), Nanos: 123456000}},
		"another zone": {t0.In(time.FixedZone("", 3600)), &timestamppb.Timestamp{Seconds: t0.Unix(), Nanos: 123456000}},
		"1970":         {time.Unix(0, 0), &timestamppb.Timestamp{}},
	} {
		got := wire.Time(tt.is)
		if diff := cmp.Diff(tt.want, got, protocmp.Transform()); diff != "" || (got == nil) != (tt.want == nil) {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		back, ok := wire.FromTime(got)
		if !ok || !back.Equal(tt.is) || back.Location() != time.UTC {
			t.Errorf("%s comes back as %v, %v", name, back, ok)
		}
	}
	for name, none := range map[string]*timestamppb.Timestamp{
		"no second": {Nanos: -1}, "a long second": {Nanos: 1e9}, "before our era": {Seconds: -1 << 40}, "after all": {Seconds: 1 << 60},
	} {
		if got, ok := wire.FromTime(none); ok {
			t.Errorf("%s is taken for %v", name, got)
		}
	}
}

func TestSpan(t *testing.T) {
	for is, want := range map[time.Duration]*durationpb.Duration{
		0: nil, -1: nil, -time.Hour: nil, 1: {Nanos: 1}, 90*time.Minute + 1: {Seconds: 5400, Nanos: 1},
	} {
		got := wire.Span(is)
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || (got == nil) != (want == nil) {
			t.Errorf("%v (-want +got):\n%s", is, diff)
		}
	}
}

func TestEach(t *testing.T) {
	for name, tt := range map[string]struct {
		list []int
		want []string
	}{
		"none": {nil, nil}, "an empty one": {[]int{}, nil}, "some": {[]int{3, 1, 2}, []string{"3", "1", "2"}},
	} {
		if diff := cmp.Diff(tt.want, wire.Each(tt.list, strconv.Itoa)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
