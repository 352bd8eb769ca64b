package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
)

// Change says what applying did, or would do.
type Change uint8

// The changes.
const (
	Created Change = iota + 1
	Revised
	Unchanged
)

var changeNames = []string{"", "created", "revised", "unchanged"}

func (c Change) String() string { return nameOf(changeNames, c) }

// ApplyPolicy makes the policy of that name be as given, if the latest revision
// is the expected one; 0 does not check. It is compiled with all that is in force
// before it is stored. A dry run answers what would happen and changes nothing.
//
// Errors: Invalid (with the field), [ErrRevisionMoved], [ErrMoved].
func (s *Service) ApplyPolicy(ctx context.Context, name string, spec Spec, expected uint64, dryRun bool) (Policy, Change, error) {
	if !plain(name) {
		return Policy{}, 0, fault.InvalidField("name", "must be plain text of 1 to %d bytes", maxName)
	}
	if err := spec.Validate(s.c.Filters); err != nil {
		return Policy{}, 0, err
	}
	a := application{name: name, spec: spec.canonical(), expected: expected, dryRun: dryRun}
	var p Policy
	var change Change
	err := s.change(func() (err error) {
		p, change, err = s.applyOnce(ctx, a)
		return err
	})
	return p, change, err
}

// change makes a change, once more for each time it loses a race.
func (s *Service) change(once func() error) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	return fault.Retry(ErrMoved, once)
}

// application is a policy as it should be.
type application struct {
	name     string
	spec     Spec
	expected uint64
	dryRun   bool
}

func (s *Service) applyOnce(ctx context.Context, a application) (Policy, Change, error) {
	stored, err := s.c.Policies.Current(ctx)
	if err != nil {
		return Policy{}, 0, err
	}
	latest, deleted, err := s.c.Policies.Policy(ctx, a.name, 0)
	if err != nil && !errors.Is(err, ErrNoPolicy) {
		return Policy{}, 0, err
	}
	p, change, err := a.decide(latest, err == nil && !deleted)
	if err != nil || change == Unchanged {
		return p, change, err
	}
	p.RevisedAt, p.RevisedBy = s.clock(), actor(ctx)
	if change == Created {
		p.CreatedAt = p.RevisedAt
	}
	stored.Policies = withPolicies(stored.Policies, p)
	if _, err := s.compile(stored); err != nil || a.dryRun {
		return p, change, err
	}
	e := audit.Of(ctx, "access.policy.apply", "access-policy/"+p.Name, fmt.Sprintf("revision %d, %s", p.Revision, p.Spec.State))
	return p, change, s.changed(ctx, s.c.Policies.SavePolicy(ctx, p, Step{From: stored.Generation, At: p.RevisedAt, Entry: e}))
}

// decide says what applying does to the latest revision there ever was; live is
// false where there is no policy of that name (any more).
func (a application) decide(latest Policy, live bool) (Policy, Change, error) {
	switch {
	case live && latest.Spec.equal(a.spec):
		// Also when the change was made from an older revision: the policy is
		// as it should be, as it is after a retry.
		return latest, Unchanged, nil
	case a.expected != 0 && (!live || latest.Revision != a.expected):
		return Policy{}, 0, ErrRevisionMoved
	}
	p := Policy{Name: a.name, Revision: latest.Revision + 1, Spec: a.spec, CreatedAt: latest.CreatedAt}
	if !live {
		return p, Created, nil
	}
	return p, Revised, nil
}

// changed is to be called after each change, with its error: even that may hide
// a change. Whoever is woken decides by what is new.
func (s *Service) changed(ctx context.Context, err error) error {
	s.catalog.forget()
	if err != nil {
		return err
	}
	// Read now, so that no door waits for it; one that is faster reads by itself.
	_, _ = s.catalog.latest(ctx)
	s.c.Changed()
	return nil
}

// actor is how the record names the caller.
func actor(ctx context.Context) string {
	return audit.Of(ctx, "", "", "").Actor
}

// withPolicies puts policies in the places of those of the same names, or adds
// them.
func withPolicies(all []Policy, others ...Policy) []Policy {
	all = slices.Clone(all)
	for _, p := range others {
		if n := slices.IndexFunc(all, func(o Policy) bool { return o.Name == p.Name }); n >= 0 {
			all[n] = p
		} else {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Policy) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// DeletePolicy takes a policy out of force, if its latest revision is the
// expected one; 0 does not check. A policy that is deleted already is no error.
//
// Errors: [ErrNoPolicy] (never was), [ErrRevisionMoved], [ErrMoved].
func (s *Service) DeletePolicy(ctx context.Context, name string, expected uint64) error {
	return s.change(func() error {
		generation, err := s.c.Policies.Generation(ctx)
		if err != nil {
			return err
		}
		latest, deleted, err := s.c.Policies.Policy(ctx, name, 0)
		switch {
		case err != nil:
			return err
		case expected != 0 && latest.Revision != expected:
			return ErrRevisionMoved
		case deleted:
			return nil
		}
		e := audit.Of(ctx, "access.policy.delete", "access-policy/"+name, fmt.Sprintf("at revision %d", latest.Revision))
		return s.changed(ctx, s.c.Policies.DeletePolicy(ctx, name, Step{From: generation, At: s.clock(), Entry: e}))
	})
}

// Policy gives a policy at a revision; 0 is the latest, of a policy that is not
// deleted. Error: [ErrNoPolicy].
func (s *Service) Policy(ctx context.Context, name string, revision uint64) (Policy, error) {
	p, deleted, err := s.c.Policies.Policy(ctx, name, revision)
	switch {
	case err != nil:
		return Policy{}, err
	case deleted && revision == 0:
		return Policy{}, ErrNoPolicy
	}
	return p, nil
}

// ListPolicies gives at most limit policies at their latest revision, by name,
// after the given one.
func (s *Service) ListPolicies(ctx context.Context, after string, limit int) ([]Policy, error) {
	return s.c.Policies.ListPolicies(ctx, after, limit)
}
