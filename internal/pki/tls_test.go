package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"testing"
	"time"
)

func TestVerifyClient(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	for _, listener := range [][]Purpose{
		nil, {Server}, {Device}, {App}, {Admin}, {Profile}, {Orders}, {Leases}, {""},
		{Device, App}, {App, Device}, {Device, Profile}, {Device, Device},
	} {
		for _, purpose := range issuingPurposes {
			chain, leaf, _ := issue(t, a, purpose)
			got, err := a.VerifyClient(chain, noon, listener...)
			want := slices.Contains(listener, purpose) && (purpose == Device || purpose == App || purpose == Admin)
			if want && (err != nil || got.Purpose != purpose || !got.Leaf.Equal(leaf)) {
				t.Errorf("%s certificate as %s: as %s, %v", purpose, listener, got.Purpose, err)
			}
			if !want && (!errors.Is(err, ErrClient) || got != (Verified{})) {
				t.Errorf("%s certificate as %s: got %v, %v, want ErrClient", purpose, listener, got, err)
			}
		}
	}
	chain, _, _ := issue(t, a, Device)
	foreign, _, _ := issue(t, other, Device)
	tests := []struct {
		name string
		raw  [][]byte
		now  time.Time
	}{
		{"nothing", nil, noon},
		{"another installation's", foreign, noon},
		{"expired", chain, noon.Add(2 * day)},
		{"not yet valid", chain, noon.Add(-2 * time.Hour)},
		{"the issuing authority itself", chain[1:], noon},
		{"the root", a.Roots(), noon},
		{"garbage", [][]byte{{1, 2, 3}}, noon},
		{"oversized", [][]byte{make([]byte, maxCertificate+1)}, noon},
		{"endless chain", [][]byte{chain[0], chain[1], chain[1], chain[1], chain[1]}, noon},
	}
	for _, tt := range tests {
		if _, err := a.VerifyClient(tt.raw, tt.now, Device, App); !errors.Is(err, ErrClient) {
			t.Errorf("%s: got %v, want ErrClient", tt.name, err)
		}
	}
}

// handshake connects a client to a listener and gives what each side says.
func handshake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type result struct {
		state tls.ConnectionState
		err   error
	}
	done := make(chan result, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			done <- result{err: err}
			return
		}
		defer raw.Close()
		conn := tls.Server(raw, server)
		err = conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		done <- result{conn.ConnectionState(), err}
	}()
	conn, clientErr := tls.Dial("tcp", l.Addr().String(), client)
	if clientErr == nil {
		_, clientErr = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
	r := <-done
	return r.state, r.err, clientErr
}

func clientConfig(a *Authority, chain [][]byte, key *ecdsa.PrivateKey) *tls.Config {
	c := &tls.Config{RootCAs: a.Pool(), ServerName: "localhost", Time: a.now, MinVersion: tls.VersionTLS12}
	if chain != nil {
		// Shown whatever the server asks for.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{Certificate: chain, PrivateKey: key}, nil
		}
	}
	return c
}

func TestServerTLS(t *testing.T) {
	a := newAuthority(t)
	for _, listener := range [][]Purpose{{Device}, {App}, {Device, App}, {Admin}} {
		server, err := a.ServerTLS([]string{"LocalHost", "127.0.0.1", "::1"}, listener...)
		if err != nil {
			t.Fatal(err)
		}
		state, serverErr, clientErr := handshake(t, server, clientConfig(a, nil, nil))
		if serverErr != nil || clientErr != nil || len(state.VerifiedChains) != 0 {
			t.Errorf("%s listener without a certificate: %v, %v", listener, serverErr, clientErr)
		}
		for _, purpose := range issuingPurposes {
			chain, leaf, key := issue(t, a, purpose)
			state, serverErr, _ := handshake(t, server, clientConfig(a, chain, key))
			switch {
			case !slices.Contains(listener, purpose) && serverErr == nil:
				t.Errorf("%s listener let a %s certificate in", listener, purpose)
			case slices.Contains(listener, purpose) && serverErr != nil:
				t.Errorf("%s listener: %v", listener, serverErr)
			case slices.Contains(listener, purpose) && !state.VerifiedChains[0][0].Equal(leaf):
				t.Errorf("%s listener verified another certificate", listener)
			}
		}
	}
}

// TestVerifyConnection: the second lock holds alone, where the first one had let
// in every certificate of this installation.
func TestVerifyConnection(t *testing.T) {
	a := newAuthority(t)
	for _, listener := range [][]Purpose{nil, {Device}, {App}, {Device, App}, {Admin}} {
		verify := a.verifyConnection(listener)
		for _, purpose := range issuingPurposes {
			_, leaf, _ := issue(t, a, purpose)
			state := tls.ConnectionState{
				PeerCertificates: []*x509.Certificate{leaf},
				VerifiedChains:   [][]*x509.Certificate{{leaf, a.Issuer(purpose)}},
			}
			if err := verify(state); (err == nil) != slices.Contains(listener, purpose) {
				t.Errorf("%s certificate on a listener for %s: %v", purpose, listener, err)
			}
		}
	}
	_, phone, _ := issue(t, a, Device)
	mixed := [][]*x509.Certificate{{phone, a.Issuer(Device)}, {phone, a.Issuer(App)}}
	for name, chains := range map[string][][]*x509.Certificate{
		"of two purposes": mixed, "not verified": nil, "under the root": {{phone, a.root.certificate}},
		"with the root": {{phone, a.Issuer(Device), a.root.certificate}}, "an authority": {{a.Issuer(Device), a.Issuer(Device)}},
	} {
		state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{phone}, VerifiedChains: chains}
		if err := a.verifyConnection([]Purpose{Device, App})(state); !errors.Is(err, ErrClient) {
			t.Errorf("%s: got %v, want ErrClient", name, err)
		}
	}
	if err := a.verifyConnection([]Purpose{Device})(tls.ConnectionState{}); err != nil {
		t.Errorf("without a certificate: %v", err)
	}
}

func TestServerTLSRefusesOldTLS(t *testing.T) {
	a := newAuthority(t)
	server, err := a.ServerTLS([]string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	client := clientConfig(a, nil, nil)
	client.MaxVersion = tls.VersionTLS12
	if _, serverErr, clientErr := handshake(t, server, client); serverErr == nil || clientErr == nil {
		t.Error("TLS 1.2 was accepted")
	}
}

func TestServerTLSNames(t *testing.T) {
	a := newAuthority(t)
	for _, names := range [][]string{nil, {""}, {"a b"}, {"../etc"}, {"host:443"}, {"-a"}} {
		if _, err := a.ServerTLS(names); err == nil {
			t.Errorf("names %q accepted", names)
		}
	}
	for _, clients := range [][]Purpose{{Profile}, {Server}, {Orders}, {Leases}, {""}, {Device, Profile}, {Device, Admin}, {Admin, App}} {
		if _, err := a.ServerTLS([]string{"localhost"}, clients...); err == nil {
			t.Errorf("a listener for %q was made", clients)
		}
	}
}

func TestServerCertificateIsRenewed(t *testing.T) {
	now := noon
	a := newAuthority(t)
	a.now = func() time.Time { return now }
	server, err := a.ServerTLS([]string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	show := func() *x509.Certificate {
		t.Helper()
		c, err := server.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf
	}
	first := show()
	now = noon.Add(serverLife*2/3 - time.Second)
	if !show().Equal(first) {
		t.Error("renewed too early")
	}
	now = noon.Add(serverLife * 2 / 3)
	second := show()
	if second.Equal(first) || !second.NotAfter.Equal(now.Add(serverLife)) {
		t.Errorf("not renewed after two thirds: valid until %v", second.NotAfter)
	}
	// The issuing authority has ended: the last certificate is shown while it lasts.
	now = a.Issuer(Server).NotAfter.Add(-time.Hour)
	last := show()
	now = a.Issuer(Server).NotAfter.Add(-time.Minute)
	if !show().Equal(last) {
		t.Error("want the last certificate")
	}
}
