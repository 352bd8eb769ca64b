package accessrpc

import (
	"errors"
	"fmt"

	"ringfence/internal/access"
	"ringfence/internal/fault"
	accessv1 "ringfence/proto/mdm/access/v1"
)

// candidatePolicies errors are Invalid and name the policy by its place. Rules
// are left to the slice, which compiles them.
func candidatePolicies(documents []*accessv1.AccessPolicyDocument) ([]access.Policy, error) {
	var policies []access.Policy
	names := map[string]bool{}
	for i, d := range documents {
		place := fmt.Sprintf("policies[%d].", i)
		p := access.Policy{Name: d.GetMetadata().GetName(), Revision: 1}
		if names[p.Name] {
			return nil, fault.InvalidField(place+"metadata.name", "%q is there twice", p.Name)
		}
		names[p.Name] = true
		var err error
		if p.Spec, err = specFromWire(d.GetSpec()); err == nil {
			err = p.Spec.Validate(unchecked{})
		}
		if err != nil {
			return nil, named(err, "spec.", place+"spec.")
		}
		policies = append(policies, p)
	}
	return policies, nil
}

// candidateLocations errors are Invalid and name the location by its place.
func candidateLocations(documents []*accessv1.LocationDocument) ([]access.Location, error) {
	var locations []access.Location
	names := map[string]bool{}
	for i, d := range documents {
		place := fmt.Sprintf("locations[%d].", i)
		l, err := locationFromWire(d.GetMetadata().GetName(), d.GetSpec(), place+"spec")
		if err != nil {
			return nil, err
		}
		if names[l.Name] {
			return nil, fault.InvalidField(place+"metadata.name", "%q is there twice", l.Name)
		}
		names[l.Name] = true
		if err := l.Validate(); err != nil {
			return nil, named(err, "location.name", place+"metadata.name", "location.", place+"spec.")
		}
		locations = append(locations, l)
	}
	return locations, nil
}

// unchecked takes every rule.
type unchecked struct{}

func (unchecked) DeviceFilter(string) (access.Filter, error) { return nil, nil }
func (unchecked) Condition(string) (access.Filter, error)    { return nil, nil }

// inWhole tells an Invalid fault together with what the slice has put before it:
// which of many policies it is about.
func inWhole(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid {
		return err
	}
	whole := *f
	whole.Message = err.Error()
	return &whole
}
