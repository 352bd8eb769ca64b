package compliance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// both runs a test with and without trust in what is remembered.
func both(t *testing.T, run func(t *testing.T, w *world, s *Service)) {
	for _, cache := range []bool{false, true} {
		t.Run(fmt.Sprintf("cache=%v", cache), func(t *testing.T) {
			w := newWorld()
			run(t, w, w.service(cache))
		})
	}
}

func checkInAt(t *testing.T, s *Service, r Report, at time.Time) CheckInAnswer {
	t.Helper()
	r.ObservedAt = at
	answer, err := s.CheckIn(t.Context(), callerOf(phone()), r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestApplyPolicy(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		ctx := identity.With(t.Context(), identity.Caller{Kind: identity.Admin, Name: "ann", RequestID: "r1"})
		apply := func(a Application) (uint64, Change, error) {
			p, change, err := s.ApplyPolicy(ctx, a)
			return p.Revision, change, err
		}
		want := func(what string, revision uint64, change Change) func(uint64, Change, error) {
			return func(gotRevision uint64, gotChange Change, err error) {
				t.Helper()
				if err != nil || gotRevision != revision || gotChange != change {
					t.Errorf("%s: revision %d, change %d, error %v; want %d, %d", what, gotRevision, gotChange, err, revision, change)
				}
			}
		}
		other := fullSpec()
		other.Description = "other"
		want("dry run of a new one", 1, Created)(apply(Application{Name: "p", Spec: fullSpec(), DryRun: true}))
		want("new", 1, Created)(apply(Application{Name: "p", Spec: fullSpec()}))
		want("again", 1, Unchanged)(apply(Application{Name: "p", Spec: fullSpec()}))
		want("dry run of a change", 2, Revised)(apply(Application{Name: "p", Spec: other, DryRun: true}))
		want("change", 2, Revised)(apply(Application{Name: "p", Spec: other, Expected: 1}))
		want("retried change", 2, Unchanged)(apply(Application{Name: "p", Spec: other, Expected: 1}))
		if _, _, err := apply(Application{Name: "p", Spec: fullSpec(), Expected: 1}); !errors.Is(err, ErrRevisionMoved) {
			t.Errorf("change of an old revision: %v", err)
		}
		if _, _, err := apply(Application{Name: "q", Spec: fullSpec(), Expected: 1}); !errors.Is(err, ErrRevisionMoved) {
			t.Errorf("change of what never was: %v", err)
		}
		if w.rings.Load() != 2 {
			t.Errorf("%d rings for 2 changes", w.rings.Load())
		}
		if err := s.DeletePolicy(ctx, "p", 1); !errors.Is(err, ErrRevisionMoved) {
			t.Errorf("delete of an old revision: %v", err)
		}
		for range 2 { // the second time is a retry
			if err := s.DeletePolicy(ctx, "p", 2); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		wantFault(t, s.DeletePolicy(ctx, "q", 0), fault.NotFound, "")
		_, err := s.Policy(ctx, "p", 0)
		wantFault(t, err, fault.NotFound, "")
		if old, err := s.Policy(ctx, "p", 1); err != nil || !old.Spec.Equal(fullSpec()) || old.RevisedBy != "admin:ann" {
			t.Errorf("old revision = %+v, %v", old, err)
		}
		_, err = s.Policy(ctx, "p", 3)
		wantFault(t, err, fault.NotFound, "")
		want("once more", 3, Created)(apply(Application{Name: "p", Spec: other}))
		var actions []string
		for _, e := range w.entries {
			actions = append(actions, e.Actor+" "+e.Action+" "+e.Target+" "+e.Detail+" "+e.RequestID)
		}
		if diff := cmp.Diff([]string{
			"admin:ann compliance.policy.apply policy/p revision 1 r1",
			"admin:ann compliance.policy.apply policy/p revision 2 r1",
			"admin:ann compliance.policy.delete policy/p at revision 2 r1",
			"admin:ann compliance.policy.apply policy/p revision 3 r1",
		}, actions); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

func TestDesiredFollowsPolicies(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		caller := callerOf(phone())
		none, err := s.Desired(t.Context(), caller)
		if err != nil || none.Revision != "" {
			t.Fatalf("without policies: %+v, %v", none, err)
		}
		w.apply(t, s, "p", fullSpec())
		some, err := s.Desired(t.Context(), caller)
		if err != nil || some.Revision != fullManifest().Revision() || some.Generation == none.Generation {
			t.Errorf("with a policy: %+v, %v", some, err)
		}
		before := w.calls.Load()
		for range 10 {
			if _, err := s.Desired(t.Context(), caller); err != nil {
				t.Fatal(err)
			}
		}
		if calls := w.calls.Load() - before; s.config.Cache && calls > 0 {
			t.Errorf("%d store calls for what is remembered", calls)
		}
		if err := s.DeletePolicy(t.Context(), "p", 0); err != nil {
			t.Fatal(err)
		}
		if gone, err := s.Desired(t.Context(), caller); err != nil || gone.Revision != "" {
			t.Errorf("after the policy is gone: %+v, %v", gone, err)
		}
	})
}

// TestManyListenersShareAReading: ten thousand streams that hear one ring must
// not read the policies ten thousand times.
func TestManyListenersShareAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.service(false)
		w.apply(t, s, "p", fullSpec())
		before := w.calls.Load()
		w.gate = make(chan struct{})
		for range 500 {
			go func() {
				if _, err := s.Desired(t.Context(), callerOf(phone())); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait() // all have asked; the store has not answered
		close(w.gate)
		synctest.Wait()
		// One reading had begun before most had asked; one more is for them.
		if calls := w.calls.Load() - before; calls > 3 {
			t.Errorf("%d store calls for 500 listeners", calls)
		}
	})
}

func TestCheckIn(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "p", fullSpec())
		fit := fitReport(fullManifest(), t0)
		first := checkInAt(t, s, fit, t0)
		if first.Verdict.Standing != Compliant || first.Revision != fullManifest().Revision() || !first.NextCheckIn.Equal(t0.Add(time.Hour)) {
			t.Fatalf("first answer = %+v", first)
		}
		unfit := fitReport(fullManifest(), t0)
		unfit.Posture.Locks[1].Length = 4
		w.advance(time.Minute)
		if got := checkInAt(t, s, unfit, t0.Add(time.Minute)); got.Verdict.Standing != NonCompliant || !got.Verdict.Since.Equal(t0.Add(time.Minute)) {
			t.Fatalf("unfit answer = %+v", got)
		}
		// Too late: the answer judges the last report.
		if got := checkInAt(t, s, fit, t0.Add(30*time.Second)); got.Verdict.Standing != NonCompliant || !got.Verdict.EvidenceAt.Equal(t0.Add(time.Minute)) {
			t.Fatalf("answer to an older report = %+v", got)
		}
		w.advance(time.Minute)
		if got := checkInAt(t, s, fit, t0.Add(2*time.Minute)); got.Verdict.Standing != Compliant {
			t.Fatalf("answer to the cure = %+v", got)
		}
		want := []string{
			"device:phone-0001 unknown to compliant",
			"device:phone-0001 compliant to non-compliant: pin.work_profile.minimum_length",
			"device:phone-0001 non-compliant to compliant",
		}
		if diff := cmp.Diff(want, w.standings()); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

func TestCheckInRefusals(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		r := fitReport(Compile(nil, device.WorkProfile), t0)
		r.ObservedAt = t0.Add(day)
		_, err := s.CheckIn(t.Context(), callerOf(phone()), r)
		wantFault(t, err, fault.Invalid, "observed_at")
		if len(w.states) != 0 || w.calls.Load() != 0 {
			t.Error("a report that is refused left a trace")
		}
	})
}

// TestUnchangedReportCostsNothing: no store call, and the later look is not
// lost but written by the next flush.
func TestUnchangedReportCostsNothing(t *testing.T) {
	w := newWorld()
	s := w.service(true)
	w.apply(t, s, "p", fullSpec())
	fit := fitReport(fullManifest(), t0)
	checkInAt(t, s, fit, t0)
	before := w.calls.Load()
	for i := range 5 {
		w.advance(time.Minute)
		at := t0.Add(time.Duration(i+1) * time.Minute)
		if got := checkInAt(t, s, fit, at); !got.Verdict.EvidenceAt.Equal(at) || !got.Verdict.EvaluatedAt.Equal(at) {
			t.Errorf("answer = %+v", got)
		}
	}
	if calls := w.calls.Load() - before; calls != 0 {
		t.Errorf("%d store calls for reports that say nothing new", calls)
	}
	if got := w.states["phone-0001"]; !got.Report.ObservedAt.Equal(t0) {
		t.Errorf("stored look = %v before the flush", got.Report.ObservedAt)
	}
	for range 2 { // the second has nothing to do
		if err := s.FlushEvidence(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := w.states["phone-0001"]
	if at := t0.Add(5 * time.Minute); !got.Report.ObservedAt.Equal(at) || !got.Verdict.ChangesAt.Equal(at.Add(day)) || got.Version != 2 {
		t.Errorf("stored state after the flush = %+v", got)
	}
	// What follows is made from the flushed version.
	fit.Posture.OSVersion = "17"
	w.advance(time.Minute)
	checkInAt(t, s, fit, t0.Add(6*time.Minute))
	if got := w.states["phone-0001"]; got.Version != 3 || got.Report.Posture.OSVersion != "17" {
		t.Errorf("stored state after a change = %+v", got)
	}
}

func TestFailedFlushIsTriedAgain(t *testing.T) {
	w := newWorld()
	s := w.service(true)
	fit := fitReport(Compile(nil, device.WorkProfile), t0)
	checkInAt(t, s, fit, t0)
	w.advance(time.Minute)
	checkInAt(t, s, fit, t0.Add(time.Minute))
	w.fail = errors.New("disk")
	if err := s.FlushEvidence(t.Context()); err == nil {
		t.Fatal("no error")
	}
	w.fail = nil
	if err := s.FlushEvidence(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.states["phone-0001"].Report.ObservedAt; !got.Equal(t0.Add(time.Minute)) {
		t.Errorf("stored look = %v", got)
	}
}

// TestFailedWriteIsNotRemembered: what the database refused must not be
// answered from memory.
func TestFailedWriteIsNotRemembered(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		fit := fitReport(Compile(nil, device.WorkProfile), t0)
		checkInAt(t, s, fit, t0)
		w.fail = errors.New("disk")
		fit.Posture.OSVersion, fit.ObservedAt = "17", t0.Add(time.Second)
		if _, err := s.CheckIn(t.Context(), callerOf(phone()), fit); err == nil {
			t.Fatal("no error")
		}
		w.fail = nil
		checkInAt(t, s, fit, t0.Add(time.Second))
		if got := w.states["phone-0001"]; got.Report.Posture.OSVersion != "17" || got.Version != 2 {
			t.Errorf("stored = %+v", got)
		}
	})
}

func TestEpochs(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		fit := fitReport(Compile(nil, device.WorkProfile), t0)
		checkInAt(t, s, fit, t0)
		// The next enrolment starts anew, even with an older look.
		again := phone()
		again.Epoch = 2
		fit.ObservedAt = t0.Add(-time.Hour)
		answer, err := s.CheckIn(t.Context(), callerOf(again), fit)
		if err != nil || !answer.Verdict.EvidenceAt.Equal(t0.Add(-time.Hour)) || w.states["phone-0001"].Epoch != 2 {
			t.Fatalf("report of the next epoch: %+v, %v", answer, err)
		}
		fit.ObservedAt = t0
		if _, err := s.CheckIn(t.Context(), callerOf(phone()), fit); !errors.Is(err, ErrEnrollmentEnded) {
			t.Errorf("report of the last epoch: %v", err)
		}
	})
}

func TestSweepFollowsTime(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		checkInAt(t, s, fitReport(Compile(nil, device.WorkProfile), t0), t0)
		w.advance(25 * time.Hour)
		for range 2 {
			if err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		got := w.states["phone-0001"].Verdict
		if got.Standing != NonCompliant || !got.Since.Equal(t0.Add(day)) || !got.ChangesAt.IsZero() {
			t.Errorf("verdict = %+v", got)
		}
		want := []string{"device:phone-0001 unknown to compliant", "server compliant to non-compliant: evidence.age"}
		if diff := cmp.Diff(want, w.standings()); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestLapseIsRecorded: a device that was stale for a while and reports before
// any sweep was non-compliant all the same.
func TestLapseIsRecorded(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		fit := fitReport(Compile(nil, device.WorkProfile), t0)
		checkInAt(t, s, fit, t0)
		w.advance(25 * time.Hour)
		got := checkInAt(t, s, fit, t0.Add(25*time.Hour))
		if got.Verdict.Standing != Compliant || !got.Verdict.Since.Equal(t0.Add(25*time.Hour)) {
			t.Errorf("answer = %+v", got)
		}
		want := []string{
			"device:phone-0001 unknown to compliant",
			"server compliant to non-compliant: evidence.age",
			"device:phone-0001 non-compliant to compliant",
		}
		if diff := cmp.Diff(want, w.standings()); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestSweepFollowsPolicies: a device that does not report is judged by a new
// policy all the same, and its grace runs.
func TestSweepFollowsPolicies(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		checkInAt(t, s, fitReport(Compile(nil, device.WorkProfile), t0), t0)
		w.apply(t, s, "p", Spec{Pins: []PinRule{{Scope: PinDevice}}, Assignments: everyone()})
		for range 3 {
			if err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.advance(40 * time.Minute)
		}
		want := []string{
			"device:phone-0001 unknown to compliant",
			"server compliant to non-compliant: manifest.revision",
		}
		if diff := cmp.Diff(want, w.standings()); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

func TestSweepForgetsWhoLeft(t *testing.T) {
	for name, change := range map[string]func(*world){
		"left":       func(w *world) { d := phone(); d.Enrolled = false; w.devices[d.ID] = d },
		"next epoch": func(w *world) { d := phone(); d.Epoch = 2; w.devices[d.ID] = d },
		"unknown":    func(w *world) { clear(w.devices) },
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, w *world, s *Service) {
				checkInAt(t, s, fitReport(Compile(nil, device.WorkProfile), t0), t0)
				change(w)
				w.advance(25 * time.Hour)
				if err := s.Sweep(t.Context()); err != nil || len(w.states) != 0 {
					t.Errorf("states = %v, %v", w.states, err)
				}
			})
		})
	}
}

func TestInspect(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		w.apply(t, s, "b", Spec{Pins: []PinRule{{Scope: PinDevice}}, Assignments: everyone()})
		w.apply(t, s, "a", Spec{Assignments: []Assignment{{Kind: TargetGroup, Name: "sales"}}})
		w.apply(t, s, "c", Spec{Assignments: []Assignment{{Kind: TargetGroup, Name: "hr"}}})
		silent, err := s.Inspect(adminContext(t), "phone-0001")
		if err != nil || silent.Verdict.Standing != Unknown || silent.Report != nil {
			t.Fatalf("before a report: %+v, %v", silent, err)
		}
		if diff := cmp.Diff([]string{"a", "b"}, silent.Policies); diff != "" {
			t.Error(diff)
		}
		checkInAt(t, s, Report{AppliedRevision: silent.Manifest.Revision()}, t0)
		w.advance(time.Hour)
		heard, err := s.Inspect(adminContext(t), "phone-0001")
		if err != nil || heard.Verdict.Standing != NonCompliant || heard.Report == nil || heard.Verdict.Findings[0].EvidenceAge != time.Hour {
			t.Errorf("after a report: %+v, %v", heard, err)
		}
		_, err = s.Inspect(adminContext(t), "phone-9999")
		wantFault(t, err, fault.NotFound, "")
		d := phone()
		d.Enrolled = false
		w.devices[d.ID] = d
		gone, err := s.Inspect(adminContext(t), d.ID)
		if err != nil || gone.Verdict.Standing != Unknown || gone.Manifest.Revision() != "" {
			t.Errorf("after it left: %+v, %v", gone, err)
		}
	})
}

// TestMemoryIsBounded: more devices than slots, no state lost.
func TestMemoryIsBounded(t *testing.T) {
	w := newWorld()
	s := w.service(true)
	s.memory.max = 4
	report := fitReport(Compile(nil, device.WorkProfile), t0)
	for round := range 3 {
		for i := range 20 {
			d := phone()
			d.ID = device.ID(fmt.Sprintf("phone-%04d", i))
			report.ObservedAt = t0.Add(time.Duration(round) * time.Second)
			if _, err := s.CheckIn(t.Context(), callerOf(d), report); err != nil {
				t.Fatal(err)
			}
			if err := s.FlushEvidence(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(s.memory.slots); n > 4 {
				t.Fatalf("%d slots", n)
			}
		}
	}
	for id, state := range w.states {
		if state.Version != 3 || !state.Report.ObservedAt.Equal(t0.Add(2*time.Second)) {
			t.Errorf("%s: %+v", id, state)
		}
	}
}

// TestConcurrentCheckIns: whatever the order, the newest report stays.
func TestConcurrentCheckIns(t *testing.T) {
	both(t, func(t *testing.T, w *world, s *Service) {
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				r := fitReport(Compile(nil, device.WorkProfile), t0.Add(time.Duration(i)*time.Second))
				r.Posture.OSVersion = fmt.Sprint(i)
				_, err := s.CheckIn(context.Background(), callerOf(phone()), r)
				if err != nil && fault.KindOf(err) != fault.Conflict {
					t.Error(err)
				}
			})
			if i%8 == 0 {
				wg.Go(func() { _ = s.FlushEvidence(context.Background()) })
				wg.Go(func() { _ = s.Sweep(context.Background()) })
			}
		}
		w.advance(time.Minute)
		wg.Wait()
		final := fitReport(Compile(nil, device.WorkProfile), t0)
		final.Posture.OSVersion = "39"
		checkInAt(t, s, final, t0.Add(39*time.Second))
		if got := w.states["phone-0001"]; got.Report.Posture.OSVersion != "39" {
			t.Errorf("stored = %+v", got)
		}
	})
}
