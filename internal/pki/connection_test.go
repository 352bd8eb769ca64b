package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"
)

// TestConnectionHolds: what a connection has shown holds as long as it does, for
// its own purpose and no other, on resumed connections too.
func TestConnectionHolds(t *testing.T) {
	a := newAuthority(t)
	server, err := a.ServerTLS([]string{"localhost"}, Admin)
	if err != nil {
		t.Fatal(err)
	}
	chain, leaf, key := issue(t, a, Admin)
	client := clientConfig(a, chain, key)
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for _, resumed := range []bool{false, true} {
		state, serverErr, clientErr := handshake(t, server, client)
		if serverErr != nil || clientErr != nil || state.DidResume != resumed {
			t.Fatalf("%v, %v, resumed %v", serverErr, clientErr, state.DidResume)
		}
		got, err := a.VerifyConnection(&state, noon, Admin)
		if err != nil || got.Purpose != Admin || !got.Leaf.Equal(leaf) {
			t.Errorf("got %v, %v", got, err)
		}
		for name, ask := range map[string]func() (Verified, error){
			"before it holds": func() (Verified, error) { return a.VerifyConnection(&state, noon.Add(-2*time.Hour), Admin) },
			"afterwards":      func() (Verified, error) { return a.VerifyConnection(&state, noon.Add(2*day), Admin) },
			"for a device":    func() (Verified, error) { return a.VerifyConnection(&state, noon, Device, App) },
			"for nothing":     func() (Verified, error) { return a.VerifyConnection(&state, noon) },
			"not verified": func() (Verified, error) {
				return a.VerifyConnection(&tls.ConnectionState{PeerCertificates: state.PeerCertificates}, noon, Admin)
			},
			"by the root": func() (Verified, error) {
				long := []*x509.Certificate{leaf, a.issuers[Admin].certificate, a.root.certificate}
				return a.VerifyConnection(&tls.ConnectionState{PeerCertificates: long, VerifiedChains: [][]*x509.Certificate{long}}, noon, Admin)
			},
		} {
			if got, err := ask(); !errors.Is(err, ErrClient) || got != (Verified{}) {
				t.Errorf("%s: got %v, %v, want ErrClient", name, got, err)
			}
		}
	}
	for _, none := range []*tls.ConnectionState{nil, {}} {
		if _, err := a.VerifyConnection(none, noon, Admin); !errors.Is(err, ErrClient) {
			t.Errorf("without a certificate: %v, want ErrClient", err)
		}
	}
}
