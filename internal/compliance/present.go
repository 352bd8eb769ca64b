package compliance

import (
	"context"
	"hash/fnv"
	"strconv"
	"time"

	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// Present is what other parts of the server go by: one device as it is judged
// now.
type Present struct {
	Verdict Verdict
	// Report is nil where the device has not reported in this epoch.
	Report *Report
	// Version changes whenever the verdict does, or the evidence it rests on.
	Version uint64
}

// Present judges a device now. It changes nothing, and asks for no caller: it is
// for other parts of the server, which have looked the device up.
func (s *Service) Present(ctx context.Context, facts Device) (Present, error) {
	i, state, err := s.judged(ctx, facts)
	if err != nil {
		return Present{}, err
	}
	p := Present{Verdict: i.Verdict, Report: i.Report}
	// A later look at the same changes no stored version.
	h := fnv.New64a()
	_, _ = h.Write([]byte(strconv.FormatUint(state.Version, 10) + i.Manifest.Revision() + i.Verdict.Standing.String() +
		strconv.FormatInt(i.Verdict.EvidenceAt.UnixMicro(), 10)))
	p.Version = h.Sum64()
	return p, nil
}

// Turn is a verdict that changes by itself.
type Turn struct {
	Device device.ID
	At     time.Time
}

// mostTurns bounds what Turns gives.
const mostTurns = 5000

// Turns gives verdicts that change by time alone before a time, at most 5,000.
func (s *Service) Turns(ctx context.Context, until time.Time) ([]Turn, error) {
	due := Due{Until: until, Limit: upkeepBatch}
	var turns []Turn
	for len(turns) < mostTurns {
		ids, err := s.config.Reports.Due(ctx, due)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			state, err := s.state(ctx, id)
			if err != nil {
				return nil, err
			}
			if at := state.Verdict.ChangesAt; !at.IsZero() && at.Before(until) {
				turns = append(turns, Turn{Device: id, At: at})
			}
		}
		if len(ids) < due.Limit {
			break
		}
		due.After = ids[len(ids)-1]
	}
	return turns, nil
}

// Judge judges a device again, stores its verdict and records it if its standing
// has turned.
func (s *Service) Judge(ctx context.Context, id device.ID) error {
	now := s.now()
	err := s.upkeepAll(ctx, []device.ID{id}, func(slot *slot, id device.ID) (Write, bool, error) {
		return s.rejudge(ctx, slot, id, now)
	})
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}
