package signin

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// The claims that are read where an Issuer names none.
const (
	DefaultNameClaim   = "preferred_username"
	DefaultGroupsClaim = "groups"
)

// Issuer is one OpenID Connect provider at which people may sign in.
type Issuer struct {
	// URL is the issuer identifier, exactly as the provider writes it into its
	// tokens. https, without query or fragment.
	URL string
	// ClientIDs are the audiences that tokens may be for; at least one.
	ClientIDs []string
	// NameClaim holds a person's user name; empty means DefaultNameClaim. Where
	// it is "email", a token that says that the address is not verified is
	// refused.
	NameClaim string
	// GroupsClaim holds the names of a person's groups, a list or one string;
	// empty means DefaultGroupsClaim.
	GroupsClaim string
	// CAFile has the certificates, PEM, that the provider's certificate must
	// chain to; empty means those of the system.
	CAFile string
}

// Config says at whom people sign in.
type Config struct {
	// Issuers have different URLs.
	Issuers []Issuer
	// AllowHTTPLoopback also takes issuers at http://127.0.0.1, [::1] and
	// localhost: for tests and demonstrations, never for anything else.
	AllowHTTPLoopback bool
	// Now is the clock. Required.
	Now func() time.Time
}

func (i Issuer) withDefaults() Issuer {
	if i.NameClaim == "" {
		i.NameClaim = DefaultNameClaim
	}
	if i.GroupsClaim == "" {
		i.GroupsClaim = DefaultGroupsClaim
	}
	i.ClientIDs = slices.Clone(i.ClientIDs)
	return i
}

// check says what is wrong with an issuer, for whoever configures the server.
func (i Issuer) check(loopback bool) error {
	if err := checkURL(i.URL, loopback); err != nil {
		return fmt.Errorf("issuer %q: %w", i.URL, err)
	}
	if len(i.ClientIDs) == 0 || slices.Contains(i.ClientIDs, "") {
		return fmt.Errorf("issuer %q: name the client ids that tokens may be for", i.URL)
	}
	return nil
}

// checkURL says why the server must not speak to that address, if so.
func checkURL(text string, loopback bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || u.User != nil:
		return errors.New("is no URL with a host")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return errors.New("must have neither query nor fragment")
	case u.Scheme == "https" || u.Scheme == "http" && loopback && isLoopback(u.Hostname()):
		return nil
	default:
		return errors.New("must begin with https://")
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// roots reads the certificates to trust; nil means the system's.
func (i Issuer) roots() (*x509.CertPool, error) {
	if i.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(i.CAFile)
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", i.URL, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("issuer %q: %s holds no certificate in PEM", i.URL, i.CAFile)
	}
	return pool, nil
}
