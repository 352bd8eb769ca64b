package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"
)

func TestVerifyClient(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	for _, listener := range []Purpose{Server, Device, Admin, Profile, Orders} {
		for _, purpose := range issuingPurposes {
			chain, leaf, _ := issue(t, a, purpose)
			got, err := a.VerifyClient(listener, chain, noon)
			want := listener == purpose && (listener == Device || listener == Admin)
			if want && (err != nil || !got.Equal(leaf)) {
				t.Errorf("%s certificate as %s: %v", purpose, listener, err)
			}
			if !want && !errors.Is(err, ErrClient) {
				t.Errorf("%s certificate as %s: got %v, want ErrClient", purpose, listener, err)
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
		if _, err := a.VerifyClient(Device, tt.raw, tt.now); !errors.Is(err, ErrClient) {
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
	for _, listener := range []Purpose{Device, Admin} {
		server, err := a.ServerTLS([]string{"LocalHost", "127.0.0.1", "::1"}, listener)
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
			case purpose != listener && serverErr == nil:
				t.Errorf("%s listener let a %s certificate in", listener, purpose)
			case purpose == listener && serverErr != nil:
				t.Errorf("%s listener: %v", listener, serverErr)
			case purpose == listener && !state.VerifiedChains[0][0].Equal(leaf):
				t.Errorf("%s listener verified another certificate", listener)
			}
		}
	}
}

func TestServerTLSRefusesOldTLS(t *testing.T) {
	a := newAuthority(t)
	server, err := a.ServerTLS([]string{"localhost"}, "")
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
		if _, err := a.ServerTLS(names, ""); err == nil {
			t.Errorf("names %q accepted", names)
		}
	}
	if _, err := a.ServerTLS([]string{"localhost"}, Profile); err == nil {
		t.Error("a listener for profile certificates was made")
	}
}

func TestServerCertificateIsRenewed(t *testing.T) {
	now := noon
	a := newAuthority(t)
	a.now = func() time.Time { return now }
	server, err := a.ServerTLS([]string{"localhost"}, "")
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
