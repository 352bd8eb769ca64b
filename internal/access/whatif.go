package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// Supposition is a question with other policies, other facts, or at another time.
type Supposition struct {
	// Question is as a door would ask it, but for one thing: groups or roles that
	// are given count, whatever the directory says.
	Question
	// Facts take the place of what is known of the phone and of the app, as they
	// are; nil is what is known.
	Facts *Facts
	// AsOf is the time at which to decide, by the policies, locations, phones and
	// apps as they were stored then; of people nothing is stored. Zero is now. In
	// the future there is only what there is now.
	AsOf time.Time
	// Promote names policies that only report, to be taken as on.
	Promote []string
	// Policies and Locations take the place of those stored under the same names,
	// or are there as well. With Only, nothing else is.
	Policies  []Policy
	Locations []Location
	Only      bool
}

// WhatIf answers a supposition. Nothing follows from it, and it is no sample.
//
// Errors: Invalid (with the field) where what is given does not compile.
func (s *Service) WhatIf(ctx context.Context, w Supposition) (Answer, error) {
	now := s.clock()
	at, past := now, !w.AsOf.IsZero() && w.AsOf.Before(now)
	if !w.AsOf.IsZero() {
		at = w.AsOf.UTC()
	}
	snapshot, err := s.supposed(ctx, w, past)
	if err != nil {
		return Answer{}, err
	}
	a := &Answer{SignIn: w.SignIn}
	switch {
	case w.Facts != nil:
		a.Facts = *w.Facts
	case past:
		a.Facts, a.FactsAt, err = s.remembered(ctx, w.Question, at)
	default:
		a.Facts, err = s.present(ctx, w.Device, w.Registration)
	}
	if err != nil {
		return Answer{}, err
	}
	a.name()
	if w.Facts == nil {
		a.disown()
	}
	if err := s.describe(ctx, &a.SignIn.Person); err != nil {
		return Answer{}, err
	}
	if given := w.SignIn.Person; len(given.Groups)+len(given.Roles) > 0 {
		a.SignIn.Person.Groups, a.SignIn.Person.Roles, a.SignIn.Person.Version = given.Groups, given.Roles, 0
	}
	a.decide(snapshot, at)
	return *a, nil
}

// supposed gives the policies by which to decide.
func (s *Service) supposed(ctx context.Context, w Supposition, past bool) (*Snapshot, error) {
	if !past && !w.Only && len(w.Promote)+len(w.Policies)+len(w.Locations) == 0 {
		return s.catalog.latest(ctx)
	}
	var stored Stored
	var err error
	switch {
	case w.Only:
	case past:
		stored, err = s.c.Policies.AsOf(ctx, w.AsOf.UTC())
	default:
		stored, err = s.c.Policies.Current(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := distinct(w); err != nil {
		return nil, err
	}
	stored.Policies = withPolicies(stored.Policies, w.Policies...)
	for _, l := range w.Locations {
		stored.Locations = withLocations(stored.Locations, StoredLocation{Location: l})
	}
	if stored.Policies, err = promoted(stored.Policies, w.Promote); err != nil {
		return nil, err
	}
	return s.compile(stored)
}

// distinct sees to it that no candidate takes the place of another.
func distinct(w Supposition) error {
	names := map[string]bool{}
	for i, p := range w.Policies {
		field := fmt.Sprintf("policies[%d].name", i)
		switch {
		case !plain(p.Name):
			return fault.InvalidField(field, "must be plain text of 1 to %d bytes", maxName)
		case names[p.Name]:
			return fault.InvalidField(field, "%q is there twice", p.Name)
		}
		names[p.Name] = true
	}
	clear(names)
	for i, l := range w.Locations {
		if names[l.Name] {
			return fault.InvalidField(fmt.Sprintf("locations[%d].name", i), "%q is there twice", l.Name)
		}
		names[l.Name] = true
	}
	return nil
}

// promoted gives the policies with some of those that only report taken as on.
func promoted(policies []Policy, names []string) ([]Policy, error) {
	policies = slices.Clone(policies)
	for i, name := range names {
		n := slices.IndexFunc(policies, func(p Policy) bool { return p.Name == name })
		field := fmt.Sprintf("promote[%d]", i)
		switch {
		case n < 0:
			return nil, fault.InvalidField(field, "there is no policy %q", name)
		case policies[n].Spec.State == Off:
			return nil, fault.InvalidField(field, "policy %q is off, and does not report", name)
		}
		policies[n].Spec.State = On
	}
	return policies, nil
}

// remembered gives what was known at a time under two ids, and when the latest of
// it was stored.
func (s *Service) remembered(ctx context.Context, q Question, at time.Time) (f Facts, stored time.Time, err error) {
	ids := slices.DeleteFunc([]device.ID{q.Device, q.Registration}, func(id device.ID) bool { return id == "" })
	if len(ids) == 0 {
		return f, stored, nil
	}
	moments, err := s.c.History.Moments(ctx, ids, at)
	for _, m := range moments {
		if m.At.After(stored) {
			stored = m.At
		}
		if m.ID == q.Device {
			f.Device = m.Device
		}
		if m.ID == q.Registration {
			f.Registration = m.Registration
		}
	}
	return f, stored, err
}
