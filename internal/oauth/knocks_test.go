package oauth

import (
	"fmt"
	"testing"
	"time"
)

// TestKnocksForget: neither those who fail nor what was good is remembered
// without end.
func TestKnocksForget(t *testing.T) {
	k := newKnocks(func() time.Time { return time.Unix(0, 0) })
	for i := range 3 * generation {
		k.bad(networkOf(fmt.Sprintf("10.%d.%d.1:1", i>>8, i&0xff)), proof{})
		k.good(proof{byte(i), byte(i >> 8)})
	}
	if got := len(k.young) + len(k.old); got > 2*generation {
		t.Errorf("%d networks are remembered", got)
	}
	if len(k.proofs) > mostGood {
		t.Errorf("%d proofs are remembered", len(k.proofs))
	}
}

func TestNetworkOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::/64",
		"[fe80::1%eth0]:80": "fe80::/64", "@": "@", "": "",
	} {
		if got := networkOf(remote); got != want {
			t.Errorf("networkOf(%q) = %q, want %q", remote, got, want)
		}
	}
}
