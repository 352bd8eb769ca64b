package extauthz

import (
	"net/netip"
	"strings"

	"ringfence/internal/fault"
)

// appOf gives the app that a route names, else the host. There is one way to
// write a host: other ways must not lead past policies that name it.
func appOf(named, host string) (string, error) {
	if named != "" {
		return named, nil
	}
	host, port := cutPort(strings.ToLower(host))
	if address, err := netip.ParseAddr(host); err == nil && isNumber(port) {
		return address.String(), nil
	}
	host = strings.TrimSuffix(host, ".")
	// A name with an empty part is the same name to some, and none to others.
	empty := strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") || strings.Contains(host, "..")
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	}
	if host == "" || empty || len(host) > 253 || strings.ContainsFunc(host, odd) || !isNumber(port) {
		return "", fault.InvalidField("host", "is no host name")
	}
	return host, nil
}

func isNumber(port string) bool { return strings.Trim(port, "0123456789") == "" }

// cutPort gives a host without its port and without the brackets of IPv6.
func cutPort(host string) (name, port string) {
	if inside, found := strings.CutPrefix(host, "["); found {
		name, port, found = strings.Cut(inside, "]")
		if !found {
			return "", ""
		}
		return name, strings.TrimPrefix(port, ":")
	}
	name, port, _ = strings.Cut(host, ":")
	return name, port
}
