package wipe

import (
	"context"
	"errors"
	"fmt"
)

// errNotCompany is a journal that names a whole device on a phone that is not
// the company's. Nothing here writes that.
var errNotCompany = errors.New("this phone is not the company's: there is no such order for it")

// taker gives the steps of a scope, and who takes them. Those of a whole device
// are the company's phone's alone.
func (x *Executor) taker(s Scope) (taker Taker, steps func() ([]string, error), err error) {
	if s.Kind != WholeDevice {
		return x.o.Device, func() ([]string, error) { return x.o.Device.Steps(s) }, nil
	}
	e, err := x.o.Device.Enrollment()
	if err != nil {
		return nil, nil, err
	}
	c, ok := e.company()
	if !ok {
		return nil, nil, errNotCompany
	}
	return c.device, c.device.ResetSteps, nil
}

// remove counts what the order takes away, writes that down, and takes it away
// step by step. Called again, it goes on where it was.
func (x *Executor) remove(ctx context.Context, j *Journal) error {
	taker, _, err := x.taker(j.Current.Scope)
	if errors.Is(err, errNotCompany) {
		return x.end(j, Refused, err.Error())
	}
	if err != nil {
		return err
	}
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
		if err := taker.Remove(s.Name, func() { x.o.Progress("within " + s.Name) }); err != nil {
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
	taker, namer, err := x.taker(s)
	if err != nil {
		return nil, err
	}
	names, err := namer()
	if err != nil {
		return nil, fmt.Errorf("plan the removal: %w", err)
	}
	steps := make([]Step, len(names))
	for i, name := range names {
		removed, err := taker.Measure(name)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", name, err)
		}
		steps[i] = Step{Name: name, Removes: removed}
	}
	return steps, nil
}

// finish ends the order, and the enrolment where it goes with it.
func (x *Executor) finish(j *Journal) (ended bool, err error) {
	ended = j.Current.Scope.Ends()
	if ended {
		x.o.Progress("before identity")
		if err := x.o.Device.DestroyIdentity(j.Current.why()); err != nil {
			return false, fmt.Errorf("destroy the enrolment's identity: %w", err)
		}
		x.o.Progress("after identity")
	}
	outcome := j.Current.Outcome
	if outcome == "" {
		outcome = "removed, and reported"
		if j.Current.Scope.Kind == Lock {
			outcome = "locked, and reported"
		}
	}
	return ended, x.end(j, Finished, outcome)
}

// why says for people what ended the enrolment.
func (e *Entry) why() string {
	switch {
	case e.Lease:
		return "the lease ran out, and the phone removed the work profile"
	case e.Scope.Kind == Relinquish:
		return "an order removed the work profile, and the company has given the phone up"
	case e.Scope.Kind == WholeDevice:
		return "an order put the phone back to how it left the factory"
	default:
		return "an order removed the work profile"
	}
}
