package appprotect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ringfence/internal/apprules"
	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// Change says what applying did, or would do.
type Change uint8

// The changes.
const (
	Created Change = iota + 1
	Revised
	Unchanged
)

// ApplyPolicy makes the policy of that name be as given, if the latest revision
// is the expected one; 0 does not check. A dry run answers what would happen and
// changes nothing.
//
// Errors: Invalid (with the field), [ErrRevisionMoved], [ErrMoved].
func (s *Service) ApplyPolicy(ctx context.Context, name string, spec Spec, expected uint64, dryRun bool) (Policy, Change, error) {
	spec.Target.Include, spec.Target.Exclude = spec.Target.Include.lowered(), spec.Target.Exclude.lowered()
	if err := s.validate(ctx, spec); err != nil {
		return Policy{}, 0, err
	}
	a := application{name: name, spec: spec.Canonical(), expected: expected, dryRun: dryRun}
	var p Policy
	var change Change
	err := fault.Retry(ErrMoved, func() error {
		var err error
		p, change, err = s.applyOnce(ctx, a)
		return err
	})
	return p, change, err
}

// lowered gives the audience with persons as they are compared.
func (a Audience) lowered() Audience {
	users := make([]string, len(a.Users))
	for i, name := range a.Users {
		users[i] = strings.ToLower(name)
	}
	a.Users = users
	return a
}

// validate checks a spec. Where it sets what apps declare, it must fit each of
// the apps that it names.
func (s *Service) validate(ctx context.Context, spec Spec) error {
	var schemas []*apprules.Schema
	if len(spec.Config.Values) > 0 {
		for _, named := range spec.Target.Apps {
			a, deleted, err := s.c.Policies.App(ctx, named.Package)
			if err != nil && !errors.Is(err, ErrNoApp) {
				return err
			}
			if err != nil || deleted {
				a.Schema = nil
			}
			schemas = append(schemas, a.Schema)
		}
	}
	if schemas == nil {
		schemas = []*apprules.Schema{nil}
	}
	for _, schema := range schemas {
		if err := spec.Validate(schema); err != nil {
			return err
		}
	}
	return nil
}

// application is a policy as it should be.
type application struct {
	name     string
	spec     Spec
	expected uint64
	dryRun   bool
}

func (s *Service) applyOnce(ctx context.Context, a application) (Policy, Change, error) {
	latest, deleted, err := s.c.Policies.Policy(ctx, a.name, 0)
	if err != nil && !errors.Is(err, ErrNoPolicy) {
		return Policy{}, 0, err
	}
	p, change, err := a.decide(latest, err == nil && !deleted)
	if err != nil || change == Unchanged {
		return p, change, err
	}
	p.RevisedAt, p.RevisedBy = s.clock(), identity.From(ctx).Actor()
	if change == Created {
		p.CreatedAt = p.RevisedAt
	}
	if a.dryRun {
		return p, change, nil
	}
	e := audit.Of(ctx, "appprotect.policy.apply", "app-policy/"+p.Name, fmt.Sprintf("revision %d", p.Revision))
	err = s.c.Policies.SavePolicy(ctx, p, e)
	return p, change, s.policiesChanged(err)
}

// decide says what applying does to the latest revision there ever was; live is
// false where there is no policy of that name (any more).
func (a application) decide(latest Policy, live bool) (Policy, Change, error) {
	switch {
	case live && latest.Spec.Equal(a.spec):
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

// policiesChanged is to be called after each change of what every app is judged
// by, with its error: even that may hide a change.
func (s *Service) policiesChanged(err error) error {
	s.catalog.forget()
	if err == nil {
		s.c.Bell.RingAll()
	}
	return err
}

// DeletePolicy takes a policy off every app, if its latest revision is the
// expected one; 0 does not check. A policy that is deleted already is no error.
//
// Errors: [ErrNoPolicy] (never was), [ErrRevisionMoved], [ErrMoved].
func (s *Service) DeletePolicy(ctx context.Context, name string, expected uint64) error {
	return fault.Retry(ErrMoved, func() error {
		latest, deleted, err := s.c.Policies.Policy(ctx, name, 0)
		switch {
		case err != nil:
			return err
		case expected != 0 && latest.Revision != expected:
			return ErrRevisionMoved
		case deleted:
			return nil
		}
		e := audit.Of(ctx, "appprotect.policy.delete", "app-policy/"+name, fmt.Sprintf("at revision %d", latest.Revision))
		return s.policiesChanged(s.c.Policies.DeletePolicy(ctx, name, latest.Revision, e))
	})
}

// GetPolicy gives a policy at a revision; 0 is the latest, of a policy that is not
// deleted. Error: [ErrNoPolicy].
func (s *Service) GetPolicy(ctx context.Context, name string, revision uint64) (Policy, error) {
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
