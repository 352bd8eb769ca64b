package egress

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

func guard(t *testing.T, c Config) *Guard {
	t.Helper()
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// never are addresses that no event goes to, whatever way they are written.
var never = []string{
	"127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
	"169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
	"224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
	"::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1", "2001::1", "100::1", "3fff::1",
	"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
	"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::", "2002:a9fe:a9fe::",
	"fe80::1%eth0", "2606:4700::1111%eth0",
}

var public4 = []string{"8.8.8.8", "203.0.114.1", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::"}

func TestPublic(t *testing.T) {
	for _, text := range never {
		if public(netip.MustParseAddr(text)) {
			t.Errorf("%s is taken for public", text)
		}
	}
	for _, text := range public4 {
		if !public(netip.MustParseAddr(text)) {
			t.Errorf("%s is not taken for public", text)
		}
	}
}

func TestCheck(t *testing.T) {
	g := guard(t, Config{AllowPrivate: []string{"10.1.0.0/16", "127.0.0.1", "::ffff:192.168.7.7", "Hooks.Corp.example"}})
	for _, text := range []string{
		"https://example.com/hook?x=y", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/", "https://10.1.2.3/", "https://127.0.0.1/",
		"https://[::ffff:10.1.2.3]/", "https://192.168.7.7/", "https://hooks.corp.example/", "https://hooks.corp.example.:444/",
	} {
		if err := g.Check(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		"", "x", "http://example.com", "ftp://example.com", "https:", "https://", "https:///path", "https:example.com", "//example.com",
		"https://user:secret@example.com", "https://user@example.com", "https://example.com/#a", "https://example.com/#", "https://:443/",
		"https://10.2.0.1/", "https://127.0.0.2/", "https://localhost/", "https://LOCALHOST./", "https://a.localhost/", "https://[::1]/",
		"https://[::ffff:127.0.0.2]/", "https://169.254.169.254/latest/meta-data", "https://exa mple.com/", "https://example.com/\nx",
		"https://[fe80::1%25eth0]/", "https://0.0.0.0/", "https://" + strings.Repeat("a", maxURL),
	} {
		err := g.Check(text)
		if err == nil {
			t.Errorf("%s is let through", text)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error says too much: %v", text, err)
		}
	}
}

func TestExceptions(t *testing.T) {
	for _, text := range []string{"", "10.0.0.0/33", "https://x", "*.example.com", "a b", "host:443", "user@host"} {
		if _, err := New(Config{AllowPrivate: []string{text}}); err == nil {
			t.Errorf("%q is taken for an exception", text)
		}
	}
}

// site is a server of this machine that counts who calls.
type site struct {
	*httptest.Server
	calls atomic.Int64
	port  string
}

func newSite(t *testing.T, h http.HandlerFunc) *site {
	t.Helper()
	s := new(site)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		h(w, r)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.port = u.Port()
	return s
}

func (s *site) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

// names resolves every host to the addresses of a test.
func names(addrs ...string) func(context.Context, string) ([]netip.Addr, error) {
	return func(context.Context, string) ([]netip.Addr, error) {
		var all []netip.Addr
		for _, a := range addrs {
			all = append(all, netip.MustParseAddr(a))
		}
		return all, nil
	}
}

func get(t *testing.T, g *Guard, target string) (status int, err error) {
	t.Helper()
	client := g.Client()
	t.Cleanup(client.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, nil
}

// TestDial: a name is let through by what it resolves to, at the time of the
// call.
func TestDial(t *testing.T) {
	s := newSite(t, func(http.ResponseWriter, *http.Request) {})
	for _, c := range []struct {
		name  string
		host  string
		to    []string
		allow []string
		want  error
		calls int64
	}{
		{"resolves to this machine", "example.com", []string{"127.0.0.1"}, nil, ErrPrivate, 0},
		{"resolves to it, written otherwise", "example.com", []string{"::ffff:127.0.0.1"}, nil, ErrPrivate, 0},
		{"resolves to a private network", "example.com", []string{"10.0.0.1", "192.168.0.1", "::1"}, nil, ErrPrivate, 0},
		{"is this machine", "127.0.0.1", nil, nil, ErrPrivate, 0},
		{"another exception", "example.com", []string{"127.0.0.1"}, []string{"other.example", "10.0.0.0/8"}, ErrPrivate, 0},
		{"an exception by address", "example.com", []string{"127.0.0.1"}, []string{"127.0.0.0/8"}, nil, 1},
		{"an exception by name", "example.com", []string{"127.0.0.1"}, []string{"EXAMPLE.com"}, nil, 1},
		{"only the one that is allowed", "example.com", []string{"10.0.0.1", "127.0.0.1"}, []string{"127.0.0.1"}, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.calls.Store(0)
			g := guard(t, Config{AllowPrivate: c.allow, Roots: s.roots(), Lookup: names(c.to...)})
			_, err := get(t, g, "https://"+c.host+":"+s.port+"/")
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if got := s.calls.Load(); got != c.calls {
				t.Errorf("called %d times, want %d", got, c.calls)
			}
		})
	}
}

// TestRebinding: a name that resolves to something else the second time is
// called at the address that was looked at, or not at all.
func TestRebinding(t *testing.T) {
	s := newSite(t, func(http.ResponseWriter, *http.Request) {})
	asked := 0
	g := guard(t, Config{Roots: s.roots(), Lookup: func(context.Context, string) ([]netip.Addr, error) {
		asked++
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}})
	if _, err := get(t, g, "https://example.com:"+s.port+"/"); !errors.Is(err, ErrPrivate) || asked != 1 {
		t.Errorf("%v after %d questions", err, asked)
	}
	g = guard(t, Config{Lookup: names()})
	if _, err := get(t, g, "https://example.com/"); err == nil {
		t.Error("a name without an address is called")
	}
}

// TestRedirect: nobody is sent on, least of all to this machine.
func TestRedirect(t *testing.T) {
	inside := newSite(t, func(http.ResponseWriter, *http.Request) {})
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL, http.StatusTemporaryRedirect)
	})
	g := guard(t, Config{AllowPrivate: []string{"127.0.0.1"}, Roots: s.roots()})
	res, err := get(t, g, s.URL)
	if err != nil || res != http.StatusTemporaryRedirect || inside.calls.Load() != 0 {
		t.Errorf("%v, %v, %d calls", res, err, inside.calls.Load())
	}
}

// TestProxyIsNotAsked: what the environment says does not go round the guard.
func TestProxyIsNotAsked(t *testing.T) {
	if guard(t, Config{}).Client().Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy would call for the server, and look at no address")
	}
}

// TestLongHeader: an answer that never ends its header is cut off.
func TestLongHeader(t *testing.T) {
	s := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("a", maxHeader+1))
	})
	g := guard(t, Config{AllowPrivate: []string{"127.0.0.1"}, Roots: s.roots()})
	if res, err := get(t, g, s.URL); err == nil {
		t.Errorf("taken: %d", res)
	}
}
