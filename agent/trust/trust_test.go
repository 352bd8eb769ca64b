package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"ringfence/internal/pki"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func authority(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.OpenAuthority(t.TempDir(), clock)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func rootOf(a *pki.Authority) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Roots()[0]})
}

func pinOf(a *pki.Authority) string {
	sum := sha256.Sum256(a.Roots()[0])
	return "sha256:" + hex.EncodeToString(sum[:])
}

// TestAnchor: the root and its pin are the same anchor, of that server alone.
func TestAnchor(t *testing.T) {
	mine, other := authority(t), authority(t)
	root := func(a *pki.Authority) *x509.Certificate {
		c, err := x509.ParseCertificate(a.Roots()[0])
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	byRoot, err1 := NewAnchor(rootOf(mine), "")
	byPin, err2 := NewAnchor(nil, pinOf(mine))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for name, a := range map[string]Anchor{"the root": byRoot, "the pin": byPin} {
		if !a.Has(root(mine)) || a.Has(root(other)) {
			t.Errorf("%s is of another server", name)
		}
		config := a.TLS("mdm.example.com", clock)
		if config.RootCAs == nil || config.MinVersion != tls.VersionTLS13 || config.ServerName != "mdm.example.com" {
			t.Errorf("%s: %+v", name, config)
		}
		if config.InsecureSkipVerify && config.VerifyConnection == nil {
			t.Errorf("%s verifies nothing", name)
		}
	}
	if (Anchor{}).Has(root(mine)) {
		t.Error("no anchor is everybody's")
	}
	for name, c := range map[string]struct {
		roots []byte
		pin   string
	}{
		"nothing": {}, "both": {rootOf(mine), pinOf(mine)}, "no root": {[]byte("root"), ""}, "a short pin": {nil, "sha256:00"},
		"another digest": {nil, "md5:" + strings.Repeat("0", 64)}, "no digits": {nil, "sha256:" + strings.Repeat("x", 64)},
	} {
		if _, err := NewAnchor(c.roots, c.pin); err == nil {
			t.Errorf("%s is an anchor", name)
		}
	}
}

// TestPinnedHandshake: under a pin the whole chain is verified, for this host and
// this time.
func TestPinnedHandshake(t *testing.T) {
	mine := authority(t)
	chain, leaf := issue(t, mine, pki.App) // for clients, by the same root
	anchor, err := NewAnchor(nil, pinOf(mine))
	if err != nil {
		t.Fatal(err)
	}
	presented := []*x509.Certificate{leaf}
	for _, der := range append(chain[1:], mine.Roots()...) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		presented = append(presented, c)
	}
	verify := anchor.TLS("127.0.0.1", clock).VerifyConnection
	if err := verify(tls.ConnectionState{PeerCertificates: presented}); err == nil {
		t.Error("an app's certificate is a server's")
	}
	if err := verify(tls.ConnectionState{PeerCertificates: presented[:1]}); err == nil {
		t.Error("a chain without the root is one")
	}
}

func issue(t *testing.T, a *pki.Authority, purpose pki.Purpose) ([][]byte, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain, leaf, err := a.Issue(purpose, pki.Template{
		PublicKey: key.Public(), Subject: pkix.Name{CommonName: "app"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return chain, leaf
}

// TestCheckChain: what is not a certificate for the key is not taken, and the time
// to renew is within its life and not at once.
func TestCheckChain(t *testing.T) {
	chain, leaf := issue(t, authority(t), pki.App)
	_, stranger := issue(t, authority(t), pki.App)
	for name, c := range map[string]struct {
		chain      [][]byte
		key        any
		renew, now time.Time
		want       time.Time // zero: refused
	}{
		"as the server says":      {chain, leaf.PublicKey, now.Add(16 * time.Hour), now, now.Add(16 * time.Hour)},
		"at once":                 {chain, leaf.PublicKey, now, now, now.Add(time.Hour)},
		"never":                   {chain, leaf.PublicKey, now.Add(9000 * time.Hour), now, now.Add(15*time.Hour + 40*time.Minute)},
		"not said":                {chain, leaf.PublicKey, time.Time{}, now, now.Add(15*time.Hour + 40*time.Minute)},
		"for another key":         {chain, stranger.PublicKey, now, now, time.Time{}},
		"none":                    {nil, leaf.PublicKey, now, now, time.Time{}},
		"six":                     {[][]byte{chain[0], chain[0], chain[0], chain[0], chain[0], chain[0]}, leaf.PublicKey, now, now, time.Time{}},
		"something else":          {[][]byte{[]byte("certificate")}, leaf.PublicKey, now, now, time.Time{}},
		"one whose time has gone": {chain, leaf.PublicKey, now, now.Add(25 * time.Hour), time.Time{}},
	} {
		got, err := CheckChain(c.chain, c.key, c.renew, c.now)
		if (err != nil) != c.want.IsZero() || err == nil && !got.Equal(c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}

// TestRootsAndHosts: what comes over the wire, and what a person types.
func TestRootsAndHosts(t *testing.T) {
	a := authority(t)
	chain, _ := issue(t, a, pki.App)
	for name, c := range map[string]struct {
		bundle [][]byte
		good   bool
	}{
		"a root": {a.Roots(), true}, "nothing": {nil, false}, "a leaf": {chain[:1], false}, "garbage": {[][]byte{{1}}, false},
		"too many": {make([][]byte, maxRoots+1), false},
	} {
		if _, err := ParseRoots(c.bundle); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	for address, want := range map[string]string{
		"mdm.example.com:8443": "mdm.example.com", "[::1]:8443": "::1", "mdm.example.com": "", ":8443": "", "mdm:": "",
		"https://mdm.example.com:8443": "", "mdm example:1": "",
	} {
		if got, err := Host(address); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", address, got, err)
		}
	}
}
