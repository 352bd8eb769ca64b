package compliance

import (
	"context"
	"fmt"

	"ringfence/internal/audit"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// maxTries bounds how often a change that lost a race is tried again.
const maxTries = 5

// Application is a policy as it should be.
type Application struct {
	Name string
	Spec Spec
	// Expected is the revision the change was made from; 0 does not check.
	Expected uint64
	// DryRun answers what would happen and changes nothing.
	DryRun bool
}

// ApplyPolicy makes the policy of that name be as given. Errors: Invalid,
// ErrRevisionMoved.
func (s *Service) ApplyPolicy(ctx context.Context, a Application) (Policy, Change, error) {
	if err := a.Spec.Validate(); err != nil {
		return Policy{}, 0, err
	}
	a.Spec = a.Spec.Canonical()
	for try := 1; ; try++ {
		p, change, err := s.applyOnce(ctx, a)
		// Somebody else was faster. Who has not said what the change was made
		// from does not mind from what.
		if fault.ReasonOf(err) == ReasonRevisionMoved && a.Expected == 0 && try < maxTries {
			continue
		}
		return p, change, err
	}
}

func (s *Service) applyOnce(ctx context.Context, a Application) (Policy, Change, error) {
	latest, deleted, err := s.config.Policies.Policy(ctx, a.Name, 0)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return Policy{}, 0, err
	}
	p, change, err := a.decide(latest, err == nil && !deleted)
	if err != nil || change == Unchanged {
		return p, change, err
	}
	p.RevisedAt, p.RevisedBy = s.now(), identity.From(ctx).Actor()
	if change == Created {
		p.CreatedAt = p.RevisedAt
	}
	if a.DryRun {
		return p, change, nil
	}
	detail := fmt.Sprintf("revision %d", p.Revision)
	err = s.config.Policies.Add(ctx, p, audit.By(ctx, "compliance.policy.apply", "policy/"+p.Name, detail))
	// Even an error may hide a change: what is remembered is not trusted.
	s.catalog.forget()
	if err != nil {
		return Policy{}, 0, err
	}
	s.config.Bell.RingAll()
	return p, change, nil
}

// decide says what applying does to the latest revision; live is false where
// there is no policy of that name (any more).
func (a Application) decide(latest Policy, live bool) (Policy, Change, error) {
	switch {
	case live && latest.Spec.Equal(a.Spec):
		// Also when the change was made from an older revision: the policy is
		// as it should be, as it is after a retry.
		return latest, Unchanged, nil
	case a.Expected != 0 && (!live || latest.Revision != a.Expected):
		return Policy{}, 0, ErrRevisionMoved
	}
	p := Policy{Name: a.Name, Revision: latest.Revision + 1, Spec: a.Spec, CreatedAt: latest.CreatedAt}
	if !live {
		return p, Created, nil
	}
	return p, Revised, nil
}

// DeletePolicy takes a policy off every device; expected 0 does not check.
// A policy that is deleted already is no error. Errors: NotFound (never was),
// ErrRevisionMoved.
func (s *Service) DeletePolicy(ctx context.Context, name string, expected uint64) error {
	for try := 1; ; try++ {
		err := s.deleteOnce(ctx, name, expected)
		if fault.ReasonOf(err) == ReasonRevisionMoved && expected == 0 && try < maxTries {
			continue
		}
		return err
	}
}

func (s *Service) deleteOnce(ctx context.Context, name string, expected uint64) error {
	latest, deleted, err := s.config.Policies.Policy(ctx, name, 0)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return errNoPolicy(name)
	case err != nil:
		return err
	case expected != 0 && latest.Revision != expected:
		return ErrRevisionMoved
	case deleted:
		return nil
	}
	detail := fmt.Sprintf("at revision %d", latest.Revision)
	err = s.config.Policies.Delete(ctx, name, latest.Revision, audit.By(ctx, "compliance.policy.delete", "policy/"+name, detail))
	s.catalog.forget()
	if err != nil {
		return err
	}
	s.config.Bell.RingAll()
	return nil
}

// Policy gives a policy at a revision; 0 is the latest, of a policy that is
// not deleted. NotFound otherwise.
func (s *Service) Policy(ctx context.Context, name string, revision uint64) (Policy, error) {
	p, deleted, err := s.config.Policies.Policy(ctx, name, revision)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound && revision != 0:
		return Policy{}, errNoRevision(name, revision)
	case err != nil && fault.KindOf(err) == fault.NotFound, err == nil && deleted && revision == 0:
		return Policy{}, errNoPolicy(name)
	}
	return p, err
}

// ListPolicies gives up to limit policies by name, starting after a name.
func (s *Service) ListPolicies(ctx context.Context, after string, limit int) ([]Policy, error) {
	return s.config.Policies.LivePage(ctx, after, limit)
}
