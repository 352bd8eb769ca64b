package rpc

import (
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"ringfence/internal/fault"
	compliancev1 "ringfence/proto/mdm/compliance/v1"
)

func TestNetworkOf(t *testing.T) {
	tests := []struct {
		ip   string
		want string
	}{
		{"192.0.2.7", "192.0.2.7"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"},
	}
	for _, tt := range tests {
		if got := networkOf(&net.TCPAddr{IP: net.ParseIP(tt.ip), Port: 5}); got != tt.want {
			t.Errorf("networkOf(%s) = %s, want %s", tt.ip, got, tt.want)
		}
	}
	if got := networkOf(&net.UnixAddr{Name: "/socket"}); got != "/socket" {
		t.Errorf("got %s", got)
	}
}

func TestDetailsAreBounded(t *testing.T) {
	f := fault.InvalidField("a", "b")
	for range 1000 {
		f.Fields = append(f.Fields, fault.Field{Name: strings.Repeat("é", 1000), Problem: strings.Repeat("x", 1000)})
	}
	s := status.Convert(outcomeOf(f).err("id"))
	bad, ok := s.Details()[0].(*errdetails.BadRequest)
	if !ok || len(bad.GetFieldViolations()) != maxFields {
		t.Fatalf("details %v", s.Details())
	}
	if size := proto.Size(s.Proto()); size > 10<<10 {
		t.Errorf("the status has %d octets", size)
	}
}

func TestBadText(t *testing.T) {
	good := &compliancev1.CheckInRequest{
		AppliedRevision: "ab",
		Posture:         &compliancev1.Posture{Locks: []*compliancev1.LockState{{Length: 4}}, Vpns: []*compliancev1.VpnState{{Name: "corp"}}},
	}
	data, err := proto.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	md := good.ProtoReflect().Descriptor()
	if got := badText(md, data, maxTextDepth); got != "" {
		t.Errorf("good message: %q", got)
	}
	broken := []byte(strings.Replace(string(data), "corp", "c\xffrp", 1))
	if got := badText(md, broken, maxTextDepth); got != "posture.vpns.name" {
		t.Errorf("got %q", got)
	}
	if got := badText(md, broken, 2); got != "" {
		t.Errorf("looked too deep: %q", got)
	}
	group := protowire.AppendTag(nil, 99, protowire.StartGroupType)
	for name, data := range map[string][]byte{"open group": group, "half a tag": {0xff}, "half a value": broken[:3]} {
		if got := badText(md, data, maxTextDepth); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestLimitsDefaults(t *testing.T) {
	got := Limits{CallerStreams: 9}.withDefaults()
	want := Limits{
		Device: Rate{50, 200}, Admin: Rate{200, 400}, Anonymous: Rate{10, 50},
		CallerStreams: 9, ConnectionStreams: 16, AnonymousConnections: 256, AnonymousStay: 120e9,
		MessageSize: 1 << 20, CallTime: 30e9,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
