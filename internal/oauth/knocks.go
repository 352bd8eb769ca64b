package oauth

import (
	"crypto/sha256"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often a network may fail, and how many are remembered. Those of the last
// one to two generations are: whoever is forgotten starts anew.
const (
	failuresPerSecond = 0.5
	failuresAtOnce    = 10
	generation        = 1 << 12
	mostGood          = 4 * MaxClients
)

// proof names what somebody showed, without being it.
type proof [sha256.Size]byte

func proofOf(id, secret string) proof { return sha256.Sum256([]byte(id + "\x00" + secret)) }

// knocks counts failures by network, and remembers what let somebody in: behind
// one address there may be others than who fails.
type knocks struct {
	now func() time.Time

	mu         sync.Mutex // guards all below
	young, old map[string]*rate.Limiter
	proofs     map[proof]bool
}

func newKnocks(now func() time.Time) *knocks {
	return &knocks{now: now, young: make(map[string]*rate.Limiter), proofs: make(map[proof]bool)}
}

// spent reports whether a network has no failure left.
func (k *knocks) spent(network string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.young[network]
	if !ok {
		b, ok = k.old[network]
	}
	return ok && b.TokensAt(k.now()) < 1
}

// bad counts a failure. What does not work any more is not known as good.
func (k *knocks) bad(network string, p proof) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.proofs, p)
	b, ok := k.young[network]
	if !ok {
		if b, ok = k.old[network]; !ok {
			b = rate.NewLimiter(failuresPerSecond, failuresAtOnce)
		}
		if len(k.young) >= generation {
			k.old, k.young = k.young, make(map[string]*rate.Limiter)
		}
		k.young[network] = b
	}
	b.AllowN(k.now(), 1)
}

func (k *knocks) good(p proof) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.proofs) >= mostGood {
		clear(k.proofs)
	}
	k.proofs[p] = true
}

func (k *knocks) wasGood(p proof) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.proofs[p]
}

// peerOf is an address without the port.
func peerOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}

// networkOf is an address, or its network where an address is one of many that
// somebody has.
func networkOf(remote string) string {
	peer := peerOf(remote)
	addr, err := netip.ParseAddr(peer)
	if err != nil {
		return peer
	}
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}
