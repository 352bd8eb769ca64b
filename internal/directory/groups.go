package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
)

// CreateGroup adds a group with these users as members.
//
// Errors: Invalid (with the field), [ErrGroupExists], [ErrNoMember],
// [ErrTooManyMembers].
func (s *Service) CreateGroup(ctx context.Context, spec GroupSpec, members []string) (Group, error) {
	if err := spec.check(); err != nil {
		return Group{}, err
	}
	members = slices.Compact(slices.Sorted(slices.Values(members)))
	if len(members) > MaxMembers {
		return Group{}, ErrTooManyMembers
	}
	now := s.clock()
	g := Group{ID: s.c.NewID(), GroupSpec: spec, CreatedAt: now, UpdatedAt: now, Version: 1}
	detail := fmt.Sprintf("%q: %d members", g.DisplayName, len(members))
	names, err := s.c.Store.CreateGroup(ctx, g, members, by(ctx, "directory.group.create", g.target(), detail))
	s.settle(ctx, names, err)
	if err != nil {
		return Group{}, err
	}
	return g, nil
}

// Group gives one group, or [ErrNoGroup].
func (s *Service) Group(ctx context.Context, id string) (Group, error) {
	return s.c.Store.Group(ctx, id)
}

// Members gives the ids of a group's members, sorted; none also where there is
// no such group.
func (s *Service) Members(ctx context.Context, id string) ([]string, error) {
	return s.c.Store.Members(ctx, id)
}

// ListGroups gives the groups that a query asks for, and how many its filter
// lets through in all.
func (s *Service) ListGroups(ctx context.Context, q Query) ([]Group, int, error) {
	return s.c.Store.ListGroups(ctx, q)
}

// GroupEdit says what a group is to be.
type GroupEdit func(GroupSpec) (GroupSpec, Membership, error)

// ChangeGroup makes of a group what edit says, and gives it as it is then. edit
// may be called more than once; an error of its own is passed on. version is the
// one the caller has seen; 0 is any. What changes nothing leaves no trace.
//
// Errors: [ErrNoGroup], [ErrVersion], [ErrGroupExists], [ErrNoMember],
// [ErrTooManyMembers], Invalid (with the field).
func (s *Service) ChangeGroup(ctx context.Context, id string, version uint64, edit GroupEdit) (Group, error) {
	var g Group
	err := fault.Retry(ErrMoved, func() error {
		before, err := s.groupAt(ctx, id, version)
		if err != nil {
			return err
		}
		spec, members, err := edit(before.GroupSpec)
		if err != nil {
			return err
		}
		if err := spec.check(); err != nil {
			return err
		}
		var names []string
		g, names, err = s.c.Store.SaveGroup(ctx, GroupChange{
			Before: before, Spec: spec, Members: members, At: later(s.clock(), before.UpdatedAt),
			Explain: func(added, removed []string) audit.Entry {
				detail := before.describe(spec, added, removed)
				return by(ctx, "directory.group.update", before.target(), detail)
			},
		})
		s.settle(ctx, names, err)
		return err
	})
	if err != nil {
		return Group{}, err
	}
	return g, nil
}

// DeleteGroup deletes a group. version is as in ChangeGroup.
//
// Errors: [ErrNoGroup], [ErrVersion].
func (s *Service) DeleteGroup(ctx context.Context, id string, version uint64) error {
	return fault.Retry(ErrMoved, func() error {
		g, err := s.groupAt(ctx, id, version)
		if err != nil {
			return err
		}
		e := by(ctx, "directory.group.delete", g.target(), fmt.Sprintf("%q", g.DisplayName))
		names, err := s.c.Store.DeleteGroup(ctx, g, e)
		s.settle(ctx, names, err)
		return err
	})
}

// groupAt gives a group in the version that the caller has seen.
func (s *Service) groupAt(ctx context.Context, id string, version uint64) (Group, error) {
	g, err := s.c.Store.Group(ctx, id)
	if err == nil && version != 0 && version != g.Version {
		return Group{}, ErrVersion
	}
	return g, err
}

// target is how the record names the group: by its id, for names change.
func (g Group) target() string { return "group/" + g.ID }

// later gives the time of a change: clocks of several servers may be apart, and
// what is changed later is not older.
func later(now, before time.Time) time.Time {
	if now.Before(before) {
		return before
	}
	return now
}
