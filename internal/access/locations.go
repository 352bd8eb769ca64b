package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ringfence/internal/audit"
)

// ApplyLocation makes the location of that name be as given. It is compiled with
// all that is in force before it is stored. A dry run answers what would happen
// and changes nothing.
//
// Errors: Invalid (with the field), [ErrMoved].
func (s *Service) ApplyLocation(ctx context.Context, l Location, dryRun bool) (StoredLocation, Change, error) {
	if err := l.Validate(); err != nil {
		return StoredLocation{}, 0, err
	}
	l = l.canonical()
	var made StoredLocation
	var change Change
	err := s.change(func() (err error) {
		made, change, err = s.applyLocation(ctx, l, dryRun)
		return err
	})
	return made, change, err
}

func (s *Service) applyLocation(ctx context.Context, l Location, dryRun bool) (StoredLocation, Change, error) {
	stored, err := s.c.Policies.Current(ctx)
	if err != nil {
		return StoredLocation{}, 0, err
	}
	latest, deleted, err := s.c.Policies.Location(ctx, l.Name)
	if err != nil && !errors.Is(err, ErrNoLocation) {
		return StoredLocation{}, 0, err
	}
	live := err == nil && !deleted
	if live && latest.Location.equal(l) {
		return latest, Unchanged, nil
	}
	made, change := StoredLocation{Location: l, Version: latest.Version + 1, CreatedAt: latest.CreatedAt}, Revised
	made.ChangedAt, made.ChangedBy = s.clock(), actor(ctx)
	if !live {
		made.CreatedAt, change = made.ChangedAt, Created
	}
	stored.Locations = withLocations(stored.Locations, made)
	if _, err := s.compile(stored); err != nil || dryRun {
		return made, change, err
	}
	e := audit.Of(ctx, "access.location.apply", "access-location/"+l.Name, fmt.Sprintf("version %d", made.Version))
	err = s.c.Policies.SaveLocation(ctx, made, Step{From: stored.Generation, At: made.ChangedAt, Entry: e})
	return made, change, s.changed(ctx, err)
}

// withLocations puts locations in the places of those of the same names, or adds
// them.
func withLocations(all []StoredLocation, others ...StoredLocation) []StoredLocation {
	all = slices.Clone(all)
	for _, l := range others {
		if n := slices.IndexFunc(all, func(o StoredLocation) bool { return o.Name == l.Name }); n >= 0 {
			all[n] = l
		} else {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b StoredLocation) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// DeleteLocation takes a location out of force. One that is deleted already is no
// error.
//
// Errors: [ErrNoLocation] (never was), [ErrLocationUsed], [ErrMoved].
func (s *Service) DeleteLocation(ctx context.Context, name string) error {
	return s.change(func() error {
		stored, err := s.c.Policies.Current(ctx)
		if err != nil {
			return err
		}
		latest, deleted, err := s.c.Policies.Location(ctx, name)
		if err != nil || deleted {
			return err
		}
		if users := namedBy(stored.Policies, name); len(users) > 0 {
			used := *ErrLocationUsed
			used.Message = fmt.Sprintf("the location is named by %s: take it out of there first", users)
			return &used
		}
		e := audit.Of(ctx, "access.location.delete", "access-location/"+name, fmt.Sprintf("at version %d", latest.Version))
		return s.changed(ctx, s.c.Policies.DeleteLocation(ctx, name, Step{From: stored.Generation, At: s.clock(), Entry: e}))
	})
}

// mostNamed is how many policies a refusal names.
const mostNamed = 5

// namedBy gives the policies that name a location, those that are off as well, in
// words; "" where none does.
func namedBy(policies []Policy, name string) string {
	var users []string
	for _, p := range policies {
		c := &p.Spec.Conditions
		if containsFolded(c.IncludeLocations.Names, name) || containsFolded(c.ExcludeLocations.Names, name) {
			users = append(users, fmt.Sprintf("%q", p.Name))
		}
	}
	if n := len(users); n > mostNamed {
		users = append(users[:mostNamed], fmt.Sprintf("%d others", n-mostNamed))
	}
	return strings.Join(users, ", ")
}

// Location gives a location. Error: [ErrNoLocation].
func (s *Service) Location(ctx context.Context, name string) (StoredLocation, error) {
	l, deleted, err := s.c.Policies.Location(ctx, name)
	switch {
	case err != nil:
		return StoredLocation{}, err
	case deleted:
		return StoredLocation{}, ErrNoLocation
	}
	return l, nil
}

// ListLocations gives at most limit locations by name, after the given one.
func (s *Service) ListLocations(ctx context.Context, after string, limit int) ([]StoredLocation, error) {
	return s.c.Policies.ListLocations(ctx, after, limit)
}
