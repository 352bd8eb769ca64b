package appprotectdb_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"ringfence/internal/appprotect"
	"ringfence/internal/appprotect/appprotectdb"
	"ringfence/internal/fault"
	"ringfence/internal/sqldb"
)

func wantKind(t testing.TB, what string, err error) {
	t.Helper()
	if err == nil || fault.KindOf(err) != fault.Invalid {
		t.Errorf("%s: %v, want an Invalid fault", what, err)
	}
}

// race lets hands do the same at once. One of them wins, and gives which; the
// others hear one of the refusals.
func race(t testing.TB, hands int, do func(i int) error, refusals ...error) (winner int) {
	t.Helper()
	errs := make([]error, hands)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			winner = i
			won++
		case !slices.ContainsFunc(refusals, func(r error) bool { return errors.Is(err, r) }):
			t.Errorf("hand %d heard %v, want one of %v", i, err, refusals)
		}
	}
	if won != 1 {
		t.Fatalf("%d of %d won", won, hands)
	}
	return winner
}

// TestChallengeRace: a challenge is good for one Open, whoever else comes with it.
func TestChallengeRace(t *testing.T) {
	two(t, func(t *testing.T, stores []*appprotectdb.Store, db *sqldb.DB) {
		const rounds, hands = 5, 4
		for round := range rounds {
			openings := make([]appprotect.Opening, hands)
			for i := range openings {
				n := round*hands + i
				openings[i] = opening(t, stores[0], registration(n, fmt.Sprint("person-", n)), false)
				openings[i].Challenge = openings[0].Challenge
			}
			won := race(t, hands, func(i int) error { return stores[i%2].Open(t.Context(), openings[i]) }, appprotect.ErrChallenge)
			for i, o := range openings {
				_, err := stores[1].Registration(t.Context(), o.Registration.ID)
				if i == won {
					ok(t, err)
					continue
				}
				wants(t, "the loser's registration", err, appprotect.ErrNoRegistration)
			}
		}
		if got := len(recorded(t, db)); got != rounds {
			t.Errorf("%d entries, want %d", got, rounds)
		}
	})
}

// TestOpenRace: of many who register the same person, tag and package at once, for
// the first time and then again, one wins. What the winner was told is there.
func TestOpenRace(t *testing.T) {
	two(t, func(t *testing.T, stores []*appprotectdb.Store, db *sqldb.DB) {
		const epochs, hands = 5, 4
		r := registration(1, "ada")
		for epoch := range epochs {
			openings := make([]appprotect.Opening, hands)
			for i := range openings {
				r, name := r, fmt.Sprintf("%d.%d", epoch, i)
				if epoch == 0 {
					r.ID = registration(100+i, "").ID
				}
				r.RequestDigest = hash("request %s", name)
				openings[i] = named(t, stores[0], r, epoch > 0, name)
			}
			won := race(t, hands, func(i int) error { return stores[i%2].Open(t.Context(), openings[i]) }, appprotect.ErrMoved)
			r = openings[won].Registration
			wantRegistration(t, stores[1], r)
			got, c, err := stores[0].Opened(t.Context(), r.RequestDigest)
			ok(t, err)
			same(t, "opened", r, got)
			same(t, "certificate", openings[won].Certificate, c)
			r = next(r)
		}
		if n, err := stores[0].Count(t.Context()); err != nil || n != 1 {
			t.Errorf("%d registrations last, %v", n, err)
		}
		if got := len(recorded(t, db)); got != 2*epochs-1 {
			t.Errorf("%d entries, want %d that open and %d that displace", got, epochs, epochs-1)
		}
	})
}

// TestNameRace: two accounts of one name come at once. One has it from then on.
func TestNameRace(t *testing.T) {
	two(t, func(t *testing.T, stores []*appprotectdb.Store, _ *sqldb.DB) {
		for round := range 5 {
			openings := make([]appprotect.Opening, 4)
			for i := range openings {
				r := registration(round*len(openings)+i, fmt.Sprint("ada-", round))
				r.Person.Subject = fmt.Sprint("account ", i)
				openings[i] = opening(t, stores[0], r, false)
			}
			race(t, len(openings), func(i int) error { return stores[i%2].Open(t.Context(), openings[i]) }, appprotect.ErrNameTaken)
		}
	})
}

// TestFinishRace: an epoch ends once, while check-ins are stored and certificates
// issued. What was stored of it before is gone, and nothing comes after.
func TestFinishRace(t *testing.T) {
	two(t, func(t *testing.T, stores []*appprotectdb.Store, db *sqldb.DB) {
		ctx, certified := t.Context(), make([]bool, 20)
		entries := 0
		for round := range 10 {
			r := opened(t, stores[0], round, "ada")
			saved(t, stores[0], state(r, 1))
			var hands sync.WaitGroup
			for i := range 2 {
				hands.Go(func() {
					_, err := stores[i].SaveState(ctx, state(r, 2))
					if err != nil {
						wants(t, "save", err, appprotect.ErrEnded)
					}
				})
				hands.Go(func() {
					err := stores[i].Certify(ctx, certificate(r, fmt.Sprintf("renewed %d.%d", round, i)), entry("certify"))
					if certified[round*2+i] = err == nil; err != nil {
						wants(t, "certify", err, appprotect.ErrEnded)
					}
				})
			}
			race(t, 4, func(i int) error {
				end := signedOut()
				if i%2 == 0 {
					end = selfWiped(r)
				}
				return stores[i%2].Finish(ctx, finished(r, end), entry("finish"))
			}, appprotect.ErrMoved)
			hands.Wait()
			entries += 2
			for i := range 2 {
				_, _, err := stores[1].BySerial(ctx, fmt.Sprintf("renewed %d.%d", round, i))
				if certified[round*2+i] {
					ok(t, err)
					entries++
				} else {
					wants(t, "by serial", err, appprotect.ErrNoCertificate)
				}
			}
			wantState(t, stores[0], appprotect.State{ID: r.ID})
			if _, err := stores[0].SaveState(ctx, state(r, 1)); !errors.Is(err, appprotect.ErrEnded) {
				t.Errorf("a state of an epoch that is over: %v", err)
			}
		}
		if got := len(recorded(t, db)); got != entries {
			t.Errorf("%d entries, want %d", got, entries)
		}
	})
}

// TestOpenOrFinish: an epoch is ended by its app or by the next, never by both.
func TestOpenOrFinish(t *testing.T) {
	two(t, func(t *testing.T, stores []*appprotectdb.Store, db *sqldb.DB) {
		for round := range 10 {
			r := opened(t, stores[0], round, "ada")
			again := opening(t, stores[0], next(r), true)
			won := race(t, 2, func(i int) error {
				if i == 0 {
					return stores[0].Open(t.Context(), again)
				}
				return stores[1].Finish(t.Context(), finished(r, signedOut()), entry("finish"))
			}, appprotect.ErrMoved)
			want := again.Registration
			if won == 1 {
				want = finished(r, signedOut())
			}
			wantRegistration(t, stores[0], want)
		}
		if got := len(recorded(t, db)); got < 20 || got > 30 {
			t.Errorf("%d entries, want 10 that open and one or two that end each", got)
		}
	})
}

// TestStateRace: many check-ins and sweeps of one epoch, each of which makes the
// next state of what it found. Each that was told so is stored, none twice.
func TestStateRace(t *testing.T) {
	two(t, func(t *testing.T, stores []*appprotectdb.Store, db *sqldb.DB) {
		const hands, times = 6, 8
		r := opened(t, stores[0], 1, "ada")
		var wg sync.WaitGroup
		for i := range hands {
			s := stores[i%2]
			wg.Go(func() {
				for done := 0; done < times; {
					st, err := s.State(t.Context(), r.ID)
					if err != nil {
						t.Error(err)
						return
					}
					stored, err := s.SaveState(t.Context(), state(r, st.Version+1), entry("turned"))
					if err != nil {
						t.Error(err)
						return
					}
					if stored {
						done++
					}
				}
			})
		}
		wg.Wait()
		wantState(t, stores[1], state(r, hands*times))
		if got := len(recorded(t, db)); got != hands*times+1 {
			t.Errorf("%d entries, want %d", got, hands*times+1)
		}
	})
}
