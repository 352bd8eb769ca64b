package accessrpc

import (
	"fmt"
	"net/netip"
	"slices"

	"ringfence/internal/access"
	"ringfence/internal/fault"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// locationFromWire shares nothing with the request. Errors are Invalid and name
// the network below field.
func locationFromWire(name string, w *accessv1.LocationSpec, field string) (access.Location, error) {
	l := access.Location{
		Name: name, Countries: slices.Clone(w.GetCountries()), UnknownCountry: w.GetUnknownCountry(), Trusted: w.GetTrusted(),
	}
	for i, text := range w.GetNetworks() {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return access.Location{}, fault.InvalidField(fmt.Sprintf("%s.networks[%d]", field, i), "must be a network such as 192.0.2.0/24")
		}
		l.Networks = append(l.Networks, network)
	}
	return l, nil
}

func locationToWire(l access.StoredLocation) *accessv1.Location {
	return &accessv1.Location{
		Name: l.Name, Version: l.Version, ChangedAt: timeToWire(l.ChangedAt), ChangedBy: l.ChangedBy,
		Spec: &accessv1.LocationSpec{
			Networks: each(l.Networks, netip.Prefix.String), Countries: l.Countries,
			UnknownCountry: l.UnknownCountry, Trusted: l.Trusted,
		},
	}
}
