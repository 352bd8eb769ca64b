package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"ringfence/internal/pki"
)

// VerifyFunc verifies a client's certificates as they came, leaf first, and
// gives the leaf and what it was issued for.
type VerifyFunc func(raw [][]byte, now time.Time) (pki.Verified, error)

// connection is what is known of a client connection: it is made once, by the
// handshake, and read by every call.
type connection struct {
	credentials.TLSInfo
	// client is the verified client certificate; zero without one.
	client pki.Verified
	// problem says why the certificate that was shown does not count.
	problem error
	// peer is the remote address for the log, host that without the port,
	// network the part of it that counts as one anonymous caller.
	peer, host, network string

	mu       sync.Mutex    // guards refusals
	refusals *rate.Limiter // of calls whose caller was refused; nil before the first
}

// handshaker performs TLS and verifies the client's certificate. A certificate
// that does not verify does not end the handshake, which would tell the client
// nothing: it has every call answered with the reason.
type handshaker struct {
	credentials.TransportCredentials
	verify   VerifyFunc
	now      func() time.Time
	log      *slog.Logger
	metrics  *Metrics
	visitors *visitors
}

// newHandshaker takes the verification over from crypto/tls, which still
// proves that the client holds the key.
func newHandshaker(c Config) handshaker {
	config := c.TLS.Clone()
	if config.ClientAuth != tls.NoClientCert {
		config.ClientAuth = tls.RequestClientCert
		config.VerifyConnection = nil
	}
	return handshaker{
		TransportCredentials: credentials.NewTLS(config),
		verify:               c.Verify,
		now:                  c.Now,
		log:                  c.Log,
		metrics:              c.Metrics,
		visitors:             newVisitors(c.Limits),
	}
}

// Clone is part of credentials.TransportCredentials.
func (h handshaker) Clone() credentials.TransportCredentials {
	h.TransportCredentials = h.TransportCredentials.Clone()
	return h
}

// ServerHandshake is part of credentials.TransportCredentials.
func (h handshaker) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		h.metrics.reject(rejectHandshake)
		if !errors.Is(err, io.EOF) { // a port check, not an attempt
			h.log.LogAttrs(context.Background(), slog.LevelInfo, "handshake failed",
				slog.String("peer", raw.RemoteAddr().String()), slog.String("err", err.Error()))
		}
		return nil, nil, err
	}
	secured, ok := info.(credentials.TLSInfo)
	if !ok {
		_ = conn.Close()
		return nil, nil, errors.New("not a TLS connection")
	}
	c := &connection{TLSInfo: secured, peer: raw.RemoteAddr().String(), host: hostOf(raw.RemoteAddr()), network: networkOf(raw.RemoteAddr())}
	if shown := secured.State.PeerCertificates; len(shown) > 0 {
		c.client, c.problem = h.check(shown)
	}
	if c.client.Leaf == nil {
		if conn, ok = h.visitors.admit(conn, c.network); !ok {
			h.metrics.reject(rejectVisitor)
			_ = conn.Close()
			return nil, nil, errors.New("too many connections without a certificate from one network")
		}
	}
	// Only the leaf is needed from here on; a phone stays connected for days.
	c.State = tls.ConnectionState{}
	return conn, c, nil
}

func (h handshaker) check(shown []*x509.Certificate) (pki.Verified, error) {
	chain := make([][]byte, len(shown))
	for i, c := range shown {
		chain[i] = c.Raw
	}
	client, err := h.verify(chain, h.now())
	if err == nil {
		client.Leaf = shown[0] // not a second copy: TLS keeps this one anyway
		return client, nil
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return pki.Verified{}, errExpired
	}
	return pki.Verified{}, Unauthenticated(CertificateUnknown, "the client certificate was not issued for this listener")
}

var errExpired = Unauthenticated(CertificateExpired, "the client certificate is not valid at this time")

// certificate gives the client's certificate as it stands now: a connection
// outlives a certificate.
func (c *connection) certificate(now time.Time) (pki.Verified, error) {
	if c.problem != nil {
		return pki.Verified{}, c.problem
	}
	if c.client.Leaf != nil && now.After(c.client.Leaf.NotAfter) {
		return pki.Verified{}, errExpired
	}
	return c.client, nil
}

// refused notes that a call's caller was refused.
func (c *connection) refused(r Rate, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusals == nil {
		c.refusals = r.limiter()
	}
	c.refusals.AllowN(now, 1)
}

// spent reports whether a connection has been refused too often: asking again
// who it is would cost more than it deserves.
func (c *connection) spent(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusals != nil && c.refusals.TokensAt(now) < 1
}

// connectionOf gives the connection a call came on; nil where the handshake was
// not ours.
func connectionOf(ctx context.Context) *connection {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	c, _ := p.AuthInfo.(*connection)
	return c
}

// hostOf gives the address without its port.
func hostOf(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return a.String()
	}
	return tcp.AddrPort().Addr().Unmap().String()
}

// networkOf gives the address that counts as one anonymous caller: an IPv4
// address, or the /64 an IPv6 host chooses its addresses from.
func networkOf(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return a.String()
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
