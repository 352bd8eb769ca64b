package compliance

import (
	"context"

	"ringfence/internal/device"
)

// Inspection is what is known of a device's fitness.
type Inspection struct {
	// Verdict is given now, on the last report.
	Verdict Verdict
	// Manifest is what is asked now; Policies are the names it came from.
	Manifest *Manifest
	Policies []string
	// Report is nil where the device has not reported in this epoch.
	Report *Report
}

// Inspect judges a device now and shows on what. It changes nothing. ErrNoDevice
// where there is none that the caller reaches.
func (s *Service) Inspect(ctx context.Context, id device.ID) (Inspection, error) {
	facts, err := s.reached(ctx, id)
	if err != nil {
		return Inspection{}, err
	}
	i, _, err := s.judged(ctx, facts)
	return i, err
}

// judged judges a device now, on its stored state, and gives that state too.
func (s *Service) judged(ctx context.Context, facts Device) (Inspection, State, error) {
	now := s.now()
	if !facts.Enrolled {
		v := unheard(now)
		v.Findings[0] = Finding{
			Rule: "enrollment", Expected: "an enrolled device", Actual: "left",
			Since: now, Remedy: "enrol the phone again",
		}
		return Inspection{Verdict: v, Manifest: Compile(nil, facts.Mode)}, State{}, nil
	}
	snap, err := s.catalog.latest(ctx)
	if err != nil {
		return Inspection{}, State{}, err
	}
	state, err := s.state(ctx, facts.ID)
	if err != nil {
		return Inspection{}, State{}, err
	}
	d, err := s.demand(ctx, snap, facts)
	if err != nil {
		return Inspection{}, State{}, err
	}
	i := Inspection{Manifest: d.manifest, Policies: d.policies}
	e := Evidence{Manifest: d.manifest, Limits: s.config.Limits}
	if state.Version > 0 && state.Epoch == facts.Epoch {
		i.Report, e.Report, e.Previous = &state.Report, &state.Report, state.Verdict
	}
	i.Verdict = Evaluate(e, now)
	return i, state, nil
}

// state gives the last state of a device.
func (s *Service) state(ctx context.Context, id device.ID) (State, error) {
	slot := s.memory.lock(id)
	defer slot.mu.Unlock()
	if _, err := s.load(ctx, slot, id); err != nil {
		return State{}, err
	}
	return slot.state, nil
}
