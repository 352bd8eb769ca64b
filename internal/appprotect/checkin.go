package appprotect

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"math"
	"time"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// CheckInRequest is one report.
type CheckInRequest struct {
	// Number grows with each report of an epoch, from 1.
	Number uint64
	Report apprules.Report
	// Known is the revision of the policy that the app keeps; empty for none.
	Known string
}

// CheckInAnswer is the answer to it.
type CheckInAnswer struct {
	Verdict apprules.Verdict
	// Policy is what the app shall hold to; Changed says that it keeps another.
	Policy  *apprules.Effective
	Changed bool
	// OrdersWaiting: there are orders to fetch.
	OrdersWaiting bool
	// NextCheckIn is when to report again at the latest, while in use.
	NextCheckIn time.Duration
	// Lease is signed.
	Lease []byte
	// At is the instant of the answer.
	At time.Time
}

// CheckIn hears the caller's report, judges it and stores both. A report that is
// repeated, word for word, is answered by how things are now; one that was
// overtaken changes nothing.
//
// Errors: Invalid (with the field), [ErrReportOvertaken], [ErrEnded], [ErrMoved].
func (s *Service) CheckIn(ctx context.Context, caller identity.Caller, r CheckInRequest) (CheckInAnswer, error) {
	if r.Number == 0 || r.Number > math.MaxInt64 {
		return CheckInAnswer{}, fault.InvalidField("number", "must be between 1 and %d", math.MaxInt64)
	}
	if err := r.Report.Validate(); err != nil {
		return CheckInAnswer{}, err
	}
	digest, err := digestReport(r.Report)
	if err != nil {
		return CheckInAnswer{}, err
	}
	h := &hearing{caller: caller, number: r.Number, digest: digest, now: s.clock()}
	h.report = r.Report.Received(h.now)
	if err := s.hear(ctx, h); err != nil {
		return CheckInAnswer{}, err
	}
	return s.answer(ctx, h, r.Known)
}

// endOfTime is after anything a report can hold.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// digestReport is of what a report says, however and whenever it comes: a retry
// has the same.
func digestReport(r apprules.Report) (Digest, error) {
	text, err := json.Marshal(r.Received(endOfTime))
	if err != nil {
		return Digest{}, fault.InvalidField("report", "has a time that is none").WithCause(err)
	}
	return sha256.Sum256(text), nil
}

// hearing is one report on its way to a verdict.
type hearing struct {
	caller identity.Caller
	number uint64
	digest Digest
	report apprules.Report
	now    time.Time

	// at, sent and state are what comes of it.
	at    bearings
	sent  *apprules.Effective
	state *State
}

// hear judges the report on what is stored, and stores what comes of it.
func (s *Service) hear(ctx context.Context, h *hearing) error {
	slot := s.memory.lock(h.caller.Device)
	defer slot.mu.Unlock()
	return fault.Retry(ErrMoved, func() error {
		if err := s.load(ctx, slot, h.caller); err != nil {
			return err
		}
		before := slot.state.of(slot.registration)
		err := h.follows(before)
		if err != nil {
			return err
		}
		if h.at, err = s.bearings(ctx, slot.registration); err != nil {
			return err
		}
		h.sent = slot.expanded(h.at.ruling)
		next := h.next(before)
		h.state = next
		return s.keep(ctx, slot, next, turned(byApp(h.caller, "", ""), before, next))
	})
}

// follows refuses a report that does not follow the state.
func (h *hearing) follows(before *State) error {
	if h.number < before.Number || h.number == before.Number && h.digest != before.ReportDigest {
		return ErrReportOvertaken
	}
	return nil
}

// next gives the state after the report. One that was heard before is not heard
// again: what the clock of the app said then must not be held against a later
// time of receipt.
func (h *hearing) next(before *State) *State {
	n := *before
	if h.number > before.Number {
		n.Number, n.ReportDigest, n.Report = h.number, h.digest, &h.report
	}
	n.HeardAt = h.now
	n.judge(h.at, h.now, h.now)
	n.Intended = h.sent.Revision()
	return &n
}

// answer makes the answer of what is stored.
func (s *Service) answer(ctx context.Context, h *hearing, known string) (CheckInAnswer, error) {
	a := CheckInAnswer{
		Verdict: h.state.Verdict, Policy: h.sent, Changed: known != h.sent.Revision(),
		NextCheckIn: s.c.Limits.CheckIn, At: h.now,
	}
	if !h.sent.Governed() {
		a.NextCheckIn = s.c.Limits.Ungoverned
	}
	if a.Verdict.Standing == apprules.StandingWipe {
		// While no order can be given the app stays shut, and the sweep tries
		// again: there, who cares about servers sees why.
		_, _ = s.wipe(ctx, h.state)
	}
	var err error
	if a.OrdersWaiting, err = s.c.Orders.Waiting(ctx, h.state.ID, h.state.Epoch); err != nil {
		return CheckInAnswer{}, err
	}
	a.Lease, err = s.c.Leases.SignLease(h.lease())
	return a, err
}

// lease is how long the app may go on with this answer.
func (h *hearing) lease() Lease {
	l := Lease{
		ID: h.state.ID, Epoch: h.state.Epoch, Number: h.state.Number, IssuedAt: h.now,
		PolicyRevision: h.sent.Revision(), Standing: h.state.Verdict.Standing,
	}
	if h.sent.Governed() {
		l.BlockAfter = apprules.Offline.Block.Of(h.sent.Settings)
		l.WipeAfter = apprules.Offline.Wipe.Of(h.sent.Settings)
	}
	return l
}

// Desired is what an app shall hold to, for its doorbell.
type Desired struct {
	// Revision is that of the policy.
	Revision string
	// Generation is that of the policies it was made of: where it is another,
	// every app was rung.
	Generation uint64
	// Disabled: the person's account is. An app looks again where that turns.
	Disabled bool
}

// Desired says what the caller shall hold to, by policies that are not older than
// the call. Error: [ErrEnded].
func (s *Service) Desired(ctx context.Context, caller identity.Caller) (Desired, error) {
	slot := s.memory.lock(caller.Device)
	defer slot.mu.Unlock()
	if err := s.loadCaller(ctx, slot, caller); err != nil {
		return Desired{}, err
	}
	at, err := s.bearings(ctx, slot.registration)
	if err != nil {
		return Desired{}, err
	}
	return Desired{Revision: slot.expanded(at.ruling).Revision(), Generation: at.generation, Disabled: at.disabled}, nil
}
