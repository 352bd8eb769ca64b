package appprotect

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/fault"
)

// TestSweepTime: what turns by time alone is found, told and recorded, once.
func TestSweepTime(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "launch.offline.block=2d; launch.offline.wipe=30d")
		a := w.joined(bob)
		if got := a.standing(); got != "ok " {
			t.Fatal(got)
		}
		id, from := a.admitted.ID, w.store.recorded()
		w.rings(id)
		steps := []struct {
			pass  time.Duration
			want  Swept
			stand string
			rings int
		}{
			{47 * time.Hour, Swept{}, "ok", 0},
			{time.Hour, Swept{Judged: 1, Turned: 1}, "block", 1},
			{time.Hour, Swept{}, "block", 0},
			{30 * 24 * time.Hour, Swept{Judged: 1, Turned: 1}, "wipe", 1},
			{time.Minute, Swept{Judged: 1}, "wipe", 0},
		}
		for i, step := range steps {
			w.pass(step.pass)
			got, err := w.s.Sweep(t.Context())
			must(t, err)
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("step %d (-want +got):\n%s", i, diff)
			}
			if s, n := a.kept().Verdict.Standing.String(), w.rings(id); s != step.stand || n != step.rings {
				t.Errorf("step %d: %s and %d rings, want %s and %d", i, s, n, step.stand, step.rings)
			}
		}
		want := []string{target(id) + ": ok to block: launch.offline", target(id) + ": block to wipe: launch.offline"}
		if diff := cmp.Diff(want, short(w.store.said(from))); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		// Its lease wipes it, wherever it is; an order would only wait.
		if got := w.ordered[epochOf(id, 1)]; got != "" {
			t.Errorf("ordered for %q", got)
		}
		// It was only switched off: as it speaks again it stands well.
		if got := a.standing(); got != "ok " {
			t.Errorf("online again: %s", got)
		}
	})
}

// TestSweepPolicies: another policy reaches also who is silent.
func TestSweepPolicies(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.joined(bob)
		silent := w.mail(bob)
		silent.tag = otherTag
		must(t, silent.register())
		if got := a.standing(rooted); got != "ok " {
			t.Fatal(got)
		}
		w.policy("strict", "launch.rooted=block")
		intended := a.kept().Intended
		got, err := w.s.Sweep(t.Context())
		must(t, err)
		if diff := cmp.Diff(Swept{Judged: 1, Turned: 1}, got); diff != "" {
			t.Errorf("swept (-want +got):\n%s", diff)
		}
		if s := a.kept(); s.Verdict.Standing != apprules.StandingBlock || s.Intended == intended || s.Number != 1 || !s.HeardAt.Equal(t0) {
			t.Errorf("state %+v", s)
		}
		// A policy for somebody else changes nothing, and is looked at once.
		w.apply("others", Spec{Target: Target{AppGroups: []string{"none"}, Include: Audience{Everyone: true}}})
		from := w.store.recorded()
		for _, want := range []Swept{{Judged: 1}, {}} {
			if got, err = w.s.Sweep(t.Context()); err != nil || got != want {
				t.Errorf("swept %+v, want %+v: %v", got, want, err)
			}
		}
		if got := w.store.said(from); got != nil {
			t.Errorf("recorded %q", got)
		}
	})
}

// TestSweepIsBounded: a large part is done in several, and wipes that cannot be
// ordered do not keep it from the rest.
func TestSweepIsBounded(t *testing.T) {
	w := newWorld(t, true)
	w.policy("all", "launch.rooted=wipe")
	w.refusing = fault.New(fault.Refused, "BREAKER_OPEN", "not now")
	a := w.joined(bob)
	if got := a.standing(rooted); got != "wipe launch.rooted" {
		t.Fatal(got)
	}
	// Many more such, without the trouble of registering.
	const many = sweepPage*sweepPages + 50
	state, r := a.kept(), w.store.byID[a.admitted.ID]
	for i := 2; i <= many; i++ {
		r.ID = device.ID(fmt.Sprintf("%032x", i))
		state.ID = r.ID
		w.store.byID[r.ID], w.store.states[r.ID] = r, state
	}
	for i, want := range []Swept{{Judged: many - 50, More: true}, {Judged: 50}, {Judged: many - 50, More: true}} {
		got, err := w.s.Sweep(t.Context())
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sweep %d (-want +got):\n%s", i, diff)
		}
	}
}

// TestSweepFails: one registration's trouble is told, and not the others'.
// TestManyPersonsChange: whoever changes a large group does not wait for all of
// it, and a sweep does no more than a part.
func TestManyPersonsChange(t *testing.T) {
	w := newWorld(t, true)
	w.policy("all", "launch.account_disabled=block")
	a := w.joined(bob)
	if got := a.standing(); got != "ok " {
		t.Fatal(got)
	}
	names := make([]string, 0, personsPerSweep+personsAtOnce+2)
	for i := range personsPerSweep + personsAtOnce {
		names = append(names, fmt.Sprintf("a%06d@example.com", i))
	}
	names = append(names, "bob@example.com") // the last
	w.setAccount("bob@example.com", Account{Known: true})
	w.store.count()
	w.s.PersonsChanged(t.Context(), names)
	if got := w.store.count()["Select"]; got != personsAtOnce {
		t.Errorf("whoever changed the directory waited for %d persons", got)
	}
	for _, want := range []struct {
		more     bool
		standing apprules.Standing
	}{{true, apprules.StandingOK}, {false, apprules.StandingBlock}} {
		swept, err := w.s.Sweep(t.Context())
		must(t, err)
		if got := a.kept().Verdict.Standing; swept.More != want.more || got != want.standing {
			t.Errorf("more: %t, standing %v; want %v", swept.More, got, want)
		}
	}
}

func TestSweepFails(t *testing.T) {
	w := newWorld(t, true)
	w.policy("all", "")
	a := w.joined(bob)
	if got := a.standing(); got != "ok " {
		t.Fatal(got)
	}
	w.policy("strict", "launch.rooted=block")
	for _, call := range []string{"SaveState", "Due", "Current"} {
		w.store.fail(call, errBroken)
		if got, err := w.s.Sweep(t.Context()); err == nil || got.Judged > 0 {
			t.Errorf("%s: %+v, %v", call, got, err)
		}
		w.store.fail(call, nil)
		w.s.catalog.forget()
	}
	w.directoryFails = errBroken
	if _, err := w.s.Sweep(t.Context()); err == nil {
		t.Error("the directory: nobody is told")
	}
	w.directoryFails = nil
	got, err := w.s.Sweep(t.Context())
	must(t, err)
	if diff := cmp.Diff(Swept{Judged: 1}, got); diff != "" {
		t.Errorf("swept (-want +got):\n%s", diff)
	}
}

// TestSweepMeetsAnEnd: what is over by then is left alone.
func TestSweepMeetsAnEnd(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.joined(bob)
		if got := a.standing(); got != "ok " {
			t.Fatal(got)
		}
		must(t, w.s.Leave(t.Context(), a.caller, nil))
		o, err := w.s.rejudge(t.Context(), a.admitted.ID)
		if err != nil || o != (outcome{}) {
			t.Errorf("got %+v, %v", o, err)
		}
		o, err = w.s.rejudge(t.Context(), "00000000000000000000000000000099")
		if err != nil || o != (outcome{}) {
			t.Errorf("one that never was: %+v, %v", o, err)
		}
	})
}
