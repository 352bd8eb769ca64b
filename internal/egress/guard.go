package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// The bounds of a call.
const (
	dialWithin   = 5 * time.Second
	answerWithin = 15 * time.Second
	// MaxBody is how much of an answer is worth reading, in bytes.
	MaxBody   = 64 << 10
	maxHeader = 16 << 10
	maxURL    = 2048
)

// Config is what a Guard is made of. The zero value calls public addresses only.
type Config struct {
	// AllowPrivate are exceptions: networks ("10.1.0.0/16"), addresses
	// ("127.0.0.1"), or hosts by their exact name ("hooks.corp.example"), which
	// may then resolve to any address.
	AllowPrivate []string
	// Roots are whom receivers' certificates must come from; nil means the
	// system's.
	Roots *x509.CertPool
	// Lookup resolves a host; nil means the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Guard says what may be called.
type Guard struct {
	lookup   func(ctx context.Context, host string) ([]netip.Addr, error)
	roots    *x509.CertPool
	networks []netip.Prefix
	hosts    map[string]bool
}

// ErrPrivate says that a host is, or resolves to, no public address.
var ErrPrivate = errors.New("is no public address, and the server is not told to allow it")

// New makes a Guard. It refuses exceptions that it cannot read.
func New(c Config) (*Guard, error) {
	g := &Guard{lookup: c.Lookup, roots: c.Roots, hosts: map[string]bool{}}
	if g.lookup == nil {
		g.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	for _, text := range c.AllowPrivate {
		if p, err := netip.ParsePrefix(text); err == nil {
			g.networks = append(g.networks, p.Masked())
		} else if a, err := netip.ParseAddr(text); err == nil {
			g.networks = append(g.networks, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
		} else if text == "" || strings.ContainsAny(text, "/:*@ \t") {
			return nil, fmt.Errorf("%q is no network, address or host name", text)
		} else {
			g.hosts[hostName(text)] = true
		}
	}
	return g, nil
}

// hostName is a name as it is compared.
func hostName(h string) string { return strings.TrimSuffix(strings.ToLower(h), ".") }

// allows says whether an address may be called.
func (g *Guard) allows(a netip.Addr) bool {
	if public(a) {
		return true
	}
	for _, p := range g.networks {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// Check gives an error for a URL that is never called: fit for whoever named the
// URL, and without a word of it. What a name resolves to is seen at each call.
func (g *Guard) Check(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL:
		return errors.New("is no URL")
	case u.Scheme != "https":
		return errors.New("must be an https URL")
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return errors.New("must name a host")
	case u.User != nil:
		return errors.New("must not hold a user or password")
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return errors.New("must not have a fragment: it would not be sent")
	}
	host := hostName(u.Hostname())
	if g.hosts[host] {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil && !g.allows(a) {
		return ErrPrivate
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return ErrPrivate
	}
	return nil
}

// Client makes a client that calls what the guard lets it. It keeps connections,
// so that an event is not delayed by a handshake.
func (g *Guard) Client() *http.Client {
	return &http.Client{
		Timeout: answerWithin,
		Transport: &http.Transport{
			DialContext:            g.dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: g.roots},
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    dialWithin,
			ResponseHeaderTimeout:  answerWithin,
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConnsPerHost:    8,
			MaxConnsPerHost:        16,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true, // a small answer could unpack into a large one
		},
		// A redirect would take event and signature to where nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dial resolves, looks, and calls the very addresses it looked at.
func (g *Guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errors.New("is no address")
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	addrs, err := g.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	trusted := g.hosts[hostName(host)]
	d := net.Dialer{Timeout: dialWithin, Control: func(_, address string, _ syscall.RawConn) error {
		// Once more, of the address that the system is about to call.
		at, err := netip.ParseAddrPort(address)
		if err != nil || !trusted && !g.allows(at.Addr()) {
			return ErrPrivate
		}
		return nil
	}}
	last := ErrPrivate
	for _, a := range addrs {
		if !trusted && !g.allows(a) {
			continue
		}
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, last
}

func (g *Guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := g.lookup(ctx, host)
	if err != nil {
		return nil, errors.New("the host's name does not resolve")
	}
	if len(addrs) == 0 {
		return nil, errors.New("the host's name has no address")
	}
	return addrs, nil
}
