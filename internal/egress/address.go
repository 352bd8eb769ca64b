package egress

import (
	"encoding/binary"
	"net/netip"
)

// reserved are networks that are no place of the public internet, beside those
// that netip knows by name.
var reserved = prefixes(
	"0.0.0.0/8",       // this network
	"100.64.0.0/10",   // shared by a provider's customers
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // relays of 6to4
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"240.0.0.0/4",     // reserved, and broadcast
	"::/96",           // IPv4-compatible
	"64:ff9b:1::/48",  // translation within a network
	"100::/64",        // discarded
	"2001::/23",       // protocol assignments, Teredo among them
	"2001:db8::/32",   // documentation
	"3fff::/20",       // documentation
	"5f00::/16",       // segment routing
	"fec0::/10",       // site-local, of old
)

func prefixes(all ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(all))
	for i, p := range all {
		parsed[i] = netip.MustParsePrefix(p)
	}
	return parsed
}

// Networks whose addresses have one of IPv4 inside, and where it begins.
var (
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	sixFour = netip.MustParsePrefix("2002::/16")
)

// plain gives the address behind the ways to write one.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if !a.Is6() {
		return a
	}
	raw := a.As16()
	switch {
	case nat64.Contains(a.WithZone("")):
		return netip.AddrFrom4([4]byte(raw[12:]))
	case sixFour.Contains(a.WithZone("")):
		var four [4]byte
		binary.BigEndian.PutUint32(four[:], binary.BigEndian.Uint32(raw[2:6]))
		return netip.AddrFrom4(four)
	}
	return a
}

// public says whether an address is a place of the public internet.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = plain(a)
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
