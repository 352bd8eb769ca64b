package access

import (
	"net/netip"
	"slices"
)

// place is a location ready to be asked.
type place struct {
	name string
	// networks are sorted, and none is within another.
	networks       []netip.Prefix
	countries      []string
	unknownCountry bool
	trusted        bool
}

func newPlace(l Location) *place {
	p := &place{
		name: folded(l.Name), countries: slices.Clone(l.Countries),
		unknownCountry: l.UnknownCountry, trusted: l.Trusted,
	}
	sorted := slices.Clone(l.Networks)
	slices.SortFunc(sorted, netip.Prefix.Compare)
	for _, n := range sorted {
		if last := len(p.networks) - 1; last < 0 || !p.networks[last].Overlaps(n) {
			p.networks = append(p.networks, n)
		}
	}
	return p
}

// has reports whether an address, or the country it is in, is within the place.
// Country is empty where it is not known.
func (p *place) has(address netip.Addr, country string) bool {
	if country == "" && p.unknownCountry || country != "" && slices.Contains(p.countries, country) {
		return true
	}
	// Of the networks that begin at or before the address, only the last can
	// have it in it.
	low, high := 0, len(p.networks)
	for low < high {
		middle := (low + high) / 2
		if p.networks[middle].Addr().Compare(address) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low > 0 && p.networks[low-1].Contains(address)
}

// places are the locations that one list of a policy names.
type places []*place

// has gives the first place that the sign-in comes from, nil if none.
func (p places) has(q *question) *place {
	for _, each := range p {
		if each.has(q.address, q.country) {
			return each
		}
	}
	return nil
}
