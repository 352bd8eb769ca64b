package rpc

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringfence/internal/fault"
	"ringfence/internal/identity"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

func TestHostOf(t *testing.T) {
	for want, a := range map[string]net.Addr{
		"192.0.2.7":   &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1234},
		"2001:db8::1": &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1234},
		"fe80::1%en0": &net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 1, Zone: "en0"},
		"192.0.2.8":   &net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.8"), Port: 1},
		"a socket":    &net.UnixAddr{Name: "a socket", Net: "unix"},
	} {
		if got := hostOf(a); got != want {
			t.Errorf("%v: got %q, want %q", a, got, want)
		}
	}
}

// TestPeerIsNoPhone: an administrator's address gets to the handler, a phone's
// never does.
func TestPeerIsNoPhone(t *testing.T) {
	for name, want := range map[string]string{"admin": "127.0.0.1", "device-one": ""} {
		l := start(t, func(c *Config) {
			c.Rules = Rules{
				join: testRules[join], watch: testRules[watch],
				leave: {Callers: []identity.Kind{identity.Device, identity.Admin}, Verbs: []identity.Verb{identity.View}},
			}
		})
		l.phones.leave = func(ctx context.Context) error {
			if got := identity.From(ctx).Peer; got != want {
				t.Errorf("%s: peer %q, want %q", name, got, want)
			}
			return fault.New(fault.Refused, "SEEN", "it was looked at")
		}
		_, err := enrollv1.NewEnrollmentServiceClient(l.device(t, name)).Leave(t.Context(), &enrollv1.LeaveRequest{})
		if status.Code(err) != codes.FailedPrecondition {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
