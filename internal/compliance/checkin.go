package compliance

import (
	"context"
	"strings"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// CheckInAnswer is the answer to a report.
type CheckInAnswer struct {
	Verdict Verdict
	// Revision is the manifest's, to look for.
	Revision string
	// NextCheckIn is when the device should report again at the latest.
	NextCheckIn time.Time
	// At is when it is given.
	At time.Time
}

// CheckIn hears the caller's report and judges it. A report older than the
// last one is not stored; the answer then judges the last one. Errors: Invalid,
// ErrEnrollmentEnded (a later enrolment of the device has reported).
func (s *Service) CheckIn(ctx context.Context, caller identity.Caller, r Report) (CheckInAnswer, error) {
	c := &checkIn{
		device: factsOf(caller), report: r.Normalize(), now: s.now(), limits: s.config.Limits,
		actor: audit.Entry{Actor: caller.Actor(), RequestID: caller.RequestID, Credential: caller.Serial},
	}
	if err := c.report.Validate(c.now); err != nil {
		return CheckInAnswer{}, err
	}
	return s.hear(ctx, c)
}

// hear judges a report on what is stored, and stores what comes of it. This is
// the path of every check-in, on a goroutine that begins with a small stack:
// what is large travels by pointer, or each call would pay for a larger one.
func (s *Service) hear(ctx context.Context, c *checkIn) (CheckInAnswer, error) {
	slot := s.memory.lock(c.device.ID)
	defer slot.mu.Unlock()
	for try := 1; ; try++ {
		snap, err := s.load(ctx, slot, c.device.ID)
		if err != nil {
			return CheckInAnswer{}, err
		}
		if slot.state.Epoch > c.device.Epoch {
			return CheckInAnswer{}, ErrEnrollmentEnded
		}
		d, err := s.demand(ctx, snap, c.device)
		if err != nil {
			return CheckInAnswer{}, err
		}
		c.manifest, c.generation = d.manifest, snap.generation
		next := c.judge(&slot.state)
		stored, err := s.keep(ctx, slot, next)
		if err != nil {
			return CheckInAnswer{}, err
		}
		if stored {
			return s.answer(&next.write.State.Verdict, c.manifest), nil
		}
		// Another server stored a report of this device meanwhile.
		if try == maxTries {
			return CheckInAnswer{}, fault.New(fault.Conflict, "", "the device reports from several places at once")
		}
	}
}

// load fills the slot and gives the policies to judge by.
func (s *Service) load(ctx context.Context, slot *slot, id device.ID) (*snapshot, error) {
	if slot.loaded {
		return s.catalog.latest(ctx)
	}
	state, marks, err := s.config.Reports.State(ctx, id)
	if err != nil {
		return nil, err
	}
	state.Device = id
	slot.state, slot.loaded = state, true
	return s.catalog.at(ctx, marks)
}

// keep stores what a judgement has changed. It is false where the stored state
// is no longer the one that was judged. The caller holds the slot's lock.
func (s *Service) keep(ctx context.Context, slot *slot, o *outcome) (bool, error) {
	switch {
	case o.change == nothing:
		return true, nil
	case o.change == laterLook && s.config.Cache:
		slot.state = o.write.State
		if !slot.dirty {
			slot.dirty = true
			s.memory.markUnwritten(slot.state.Device)
		}
		return true, nil
	}
	saved, err := s.config.Reports.Save(ctx, o.write)
	if err != nil || !saved {
		slot.unload()
		return false, err
	}
	slot.written(&o.write.State)
	s.retired(&o.write)
	return true, nil
}

// retired lets what follows know that a write may have recalled certificates.
func (s *Service) retired(w *Write) {
	if w.Retirement != nil && w.Retirement.Recall {
		s.catalog.forget()
	}
}

// written notes that the database has the state. The caller holds the lock.
func (s *slot) written(state *State) {
	s.state, s.dirty = *state, false
	s.state.Version++
}

func (s *Service) answer(v *Verdict, m *Manifest) CheckInAnswer {
	now := s.now()
	next := now.Add(s.config.Limits.CheckInEvery)
	if !v.ChangesAt.IsZero() && v.ChangesAt.Before(next) {
		next = v.ChangesAt
	}
	return CheckInAnswer{Verdict: *v, Revision: m.Revision(), NextCheckIn: next, At: now}
}

// changeKind says what of a state has changed.
type changeKind uint8

const (
	// nothing is worth storing.
	nothing changeKind = iota
	// laterLook: the device has seen the same as before, later.
	laterLook
	// substance: the report or the verdict is another.
	substance
)

// outcome is what a judgement comes to.
type outcome struct {
	write  Write
	change changeKind
}

// checkIn is one report on its way to a verdict.
type checkIn struct {
	device Device
	// manifest is what is asked of the device, by policies of this generation.
	manifest   *Manifest
	generation uint64
	report     Report
	now        time.Time
	limits     Limits
	// actor names who caused what happens now.
	actor audit.Entry
}

// judge gives the state that follows the stored one.
func (c *checkIn) judge(stored *State) *outcome {
	if stored.Epoch != c.device.Epoch {
		// What an earlier enrolment reported is void.
		stored = &State{Device: c.device.ID, Epoch: c.device.Epoch, Version: stored.Version, Verdict: Verdict{Standing: Unknown}}
	}
	heard := stored.Verdict.Standing != Unknown
	o := &outcome{write: Write{State: *stored}}
	next := &o.write.State
	if heard {
		c.lapse(&o.write)
	}
	switch {
	case !heard || !c.report.ObservedAt.Before(stored.Report.ObservedAt) && !c.report.SameContent(&stored.Report):
		next.Report, o.change = c.report, substance
	case c.report.ObservedAt.After(stored.Report.ObservedAt):
		next.Report.ObservedAt, o.change = c.report.ObservedAt, laterLook
	}
	before := next.Verdict.Standing
	next.Verdict = Evaluate(Evidence{
		Manifest: c.manifest, Report: &next.Report, Previous: next.Verdict, Limits: c.limits,
	}, c.now)
	next.Generation, next.Group = c.generation, c.device.Group
	c.record(&o.write, &c.actor, before)
	if !next.Verdict.sameSubstance(&stored.Verdict) {
		o.change = substance
	}
	c.retire(stored, o)
	return o
}

// lapse lets the time catch up that has passed since the stored verdict: if it
// has turned meanwhile, that is recorded before anything new is heard.
func (c *checkIn) lapse(w *Write) {
	v := &w.State.Verdict
	if v.ChangesAt.IsZero() || c.now.Before(v.ChangesAt) {
		return
	}
	before := v.Standing
	*v = Evaluate(Evidence{Manifest: c.manifest, Report: &w.State.Report, Previous: *v, Limits: c.limits}, c.now)
	c.record(w, &audit.Entry{Actor: "server"}, before)
}

// record adds the entry that explains a change of standing.
func (c *checkIn) record(w *Write, actor *audit.Entry, before Standing) {
	v := &w.State.Verdict
	if v.Standing == before {
		return
	}
	by := *actor
	by.Action, by.Target = "compliance.standing", "device/"+string(c.device.ID)
	by.Detail = before.String() + " to " + v.Standing.String()
	if rules := rulesInForce(v); rules != "" {
		by.Detail += ": " + rules
	}
	w.Entries = append(w.Entries, by)
}

// rulesInForce names what makes a device non-compliant, at most ten rules: no
// values, because the record holds no personal data.
func rulesInForce(v *Verdict) string {
	var rules []string
	for i := range v.Findings {
		if f := &v.Findings[i]; f.inForce() {
			rules = append(rules, f.Rule)
		}
	}
	if len(rules) > 10 {
		rules = append(rules[:10], "and more")
	}
	return strings.Join(rules, ", ")
}
