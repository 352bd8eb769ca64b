package wipe

import (
	"context"
	"fmt"
)

// remove counts what the order takes away, writes that down, and takes it away
// step by step. Called again, it goes on where it was.
func (x *Executor) remove(ctx context.Context, j *Journal) error {
	if j.Current.Steps == nil {
		if err := x.measure(j); err != nil {
			return err
		}
	}
	for i := range j.Current.Steps {
		s := &j.Current.Steps[i]
		if s.Done {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		x.o.Progress("before " + s.Name)
		if err := x.o.Device.Remove(s.Name, func() { x.o.Progress("within " + s.Name) }); err != nil {
			return fmt.Errorf("remove %s: %w", s.Name, err)
		}
		s.Done = true
		if err := x.save(j, "done "+s.Name); err != nil {
			return err
		}
	}
	j.Current.Receipt = receiptFor(j.Current.Steps, x.o.Now())
	return x.enter(j, Removed)
}

// measure plans the steps and counts them all before the first one is taken.
// That a commitment has counted them before is no matter: the person may have
// worked on, and the receipt says what really went.
func (x *Executor) measure(j *Journal) error {
	steps, err := x.plan(j.Current.Scope)
	if err != nil {
		return err
	}
	j.Current.Steps = steps
	return x.save(j, "measured")
}

// plan names the steps for a scope, and counts what each would remove now.
func (x *Executor) plan(s Scope) ([]Step, error) {
	names, err := x.o.Device.Steps(s)
	if err != nil {
		return nil, fmt.Errorf("plan the removal: %w", err)
	}
	steps := make([]Step, len(names))
	for i, name := range names {
		removed, err := x.o.Device.Measure(name)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", name, err)
		}
		steps[i] = Step{Name: name, Removes: removed}
	}
	return steps, nil
}

// finish ends the order. With the work profile goes the enrolment.
func (x *Executor) finish(j *Journal) (ended bool, err error) {
	ended = j.Current.Scope.WorkProfile
	if ended {
		x.o.Progress("before identity")
		if err := x.o.Device.DestroyIdentity(); err != nil {
			return false, fmt.Errorf("destroy the enrolment's identity: %w", err)
		}
		x.o.Progress("after identity")
	}
	outcome := j.Current.Outcome
	if outcome == "" {
		outcome = "removed, and reported"
	}
	return ended, x.end(j, Finished, outcome)
}
