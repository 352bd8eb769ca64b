package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"ringfence/internal/signin/signintest"
	accessv1 "ringfence/proto/mdm/access/v1"
	enrollv1 "ringfence/proto/mdm/enroll/v1"
)

// The bounds of the chaos.
const (
	chaosPhones  = 50
	chaosHands   = 8
	chaosFor     = 3 * time.Second
	chaosAnswers = 50 // of each kind, at least, or nothing was tested
)

// The phases of a phone: a check-in is under way, or one stands. They follow each
// other in this order, for ever.
const (
	turningBad = iota
	standsBad
	turningGood
	standsGood
	phases
)

// flipper is a phone whose reports go from good to bad and back. Its steps are
// counted, so that whoever asks knows whether one has begun or ended meanwhile.
type flipper struct {
	*handset
	steps atomic.Int64
	one   *server

	mu sync.Mutex // guards outcomes
	// outcomes by what the answer says it was given on: doors keep answers by it.
	outcomes map[string]accessv1.Outcome
}

// flips makes a phone of the next phase.
func (f *flipper) flips(ctx context.Context) error {
	digits := uint32(4)
	if f.steps.Load()%phases == standsBad {
		digits = 8
	}
	f.steps.Add(1)
	_, err := f.compliance.CheckIn(ctx, report(f.one.clock.now(), digits, ""))
	f.steps.Add(1)
	return err
}

// asked asks at a door, and sees that the answer is right: where the same report
// stood before the question and after the answer, there is one only.
func (f *flipper) asked(ctx context.Context, door accessv1.AccessServiceClient) (phase int64, err error) {
	before := f.steps.Load()
	res, err := door.Decide(ctx, &accessv1.DecideRequest{SignIn: f.with("mail")})
	if err != nil {
		return 0, err
	}
	after, d := f.steps.Load(), res.GetDecision()
	if err := f.remember(d); err != nil {
		return 0, err
	}
	phase = before % phases
	switch lets := d.GetOutcome() == allow; {
	case before != after || phase == turningBad || phase == turningGood:
		return turningBad, nil // either will do
	case phase == standsBad && lets:
		return 0, fmt.Errorf("phone %s is let in at step %d, after its bad report was answered: %v", f.id, before, d)
	case phase == standsGood && !lets:
		return 0, fmt.Errorf("phone %s is kept out at step %d, after its good report was answered: %v", f.id, before, d)
	}
	return phase, nil
}

// remember sees that answers given on the same versions are the same.
func (f *flipper) remember(d *accessv1.Decision) error {
	key, err := proto.MarshalOptions{Deterministic: true}.Marshal(d.GetVersions())
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if kept, known := f.outcomes[string(key)]; known && kept != d.GetOutcome() {
		return fmt.Errorf("phone %s: the versions %v gave %v before, and %v now", f.id, d.GetVersions(), kept, d.GetOutcome())
	}
	f.outcomes[string(key)] = d.GetOutcome()
	return nil
}

// TestDecisionsInChaos: while phones turn bad and good in the hands of some, no
// door that others ask lets one in between the answer to its bad report and its
// next good one, nor keeps one out that stands; and who listens has the last word
// in the end.
func TestDecisionsInChaos(t *testing.T) {
	pairDoors(t, unhurried, func(t *testing.T, one, two *server, _ *signintest.Provider) {
		a := one.admin(t)
		a.apply(t, pinPolicy("all", 6))
		a.rule(t, accessPolicy("work", compliantDevice))
		secret := a.token(t, func(r *enrollv1.CreateTokenRequest) { r.MaxUses = chaosPhones })
		var phones []*flipper
		var signIns []*accessv1.SignIn
		for range chaosPhones {
			f := &flipper{handset: one.join(t, secret), one: one, outcomes: map[string]accessv1.Outcome{}}
			f.steps.Store(standsBad) // it has not reported
			if err := f.flips(t.Context()); err != nil {
				t.Fatal(err)
			}
			phones, signIns = append(phones, f), append(signIns, f.with("mail"))
		}
		g := one.doorkeeper(t, "edge").moves(t, two)
		ears := g.listens(t, signIns...)

		seen := flipAndAsk(t, phones, g, two)
		if t.Failed() {
			return
		}
		if seen[standsBad] < chaosAnswers || seen[standsGood] < chaosAnswers {
			t.Errorf("answers by phase: %v: too few", seen)
		}
		for i, f := range phones {
			want := owes
			if f.steps.Load()%phases == standsGood {
				want = allow
			}
			ears.hears(t, "the last word on phone "+f.id, uint32(i), want)
		}
	})
}

// flipAndAsk flips, and asks at a server, for some time, and counts right answers by
// phase.
func flipAndAsk(t *testing.T, phones []*flipper, g *doorkeeper, at *server) [phases]int64 {
	t.Helper()
	// Nothing is cut off: nobody would know what stands then.
	ctx, end := t.Context(), time.Now().Add(chaosFor)
	var seen [phases]atomic.Int64
	failed := make(chan error, 2*chaosHands)
	var all sync.WaitGroup
	for i := range chaosHands {
		all.Go(func() { // each flips phones of its own
			for time.Now().Before(end) {
				n := rand.IntN((len(phones)-i+chaosHands-1)/chaosHands)*chaosHands + i
				if err := phones[n].flips(ctx); err != nil {
					failed <- err
					return
				}
			}
		})
		ask := (&doorkeeper{certificate: g.certificate}).moves(t, at).ask // over a connection of its own
		all.Go(func() {
			for time.Now().Before(end) {
				phase, err := phones[rand.IntN(len(phones))].asked(ctx, ask)
				if err != nil {
					failed <- err
					return
				}
				seen[phase].Add(1)
			}
		})
	}
	all.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	var counts [phases]int64
	for i := range seen {
		counts[i] = seen[i].Load()
	}
	return counts
}
