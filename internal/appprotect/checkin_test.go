package appprotect

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/apprules"
	"ringfence/internal/fault"
)

func TestCheckIn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "launch.rooted=block; launch.offline.wipe=30d; config.custom.greeting={{user}} on {{device_tag}}")
		a := w.joined(bob)
		w.pass(time.Minute)
		from := w.store.recorded()
		answer, err := a.checkIn()
		must(t, err)
		now := t0.Add(time.Minute)
		revision := answer.Policy.Revision()
		want := CheckInAnswer{
			Verdict: apprules.Verdict{
				Standing: apprules.StandingOK, EvaluatedAt: now, EvidenceAt: now, Since: now, ChangesAt: now.Add(24 * time.Hour),
			},
			Policy: answer.Policy, Changed: true, NextCheckIn: 30 * time.Minute, At: now,
			Lease: []byte(fmt.Sprintf("01/1 #1 at 09:01:00: ok, block after 24h0m0s, wipe after 720h0m0s, %.8s", revision)),
		}
		if diff := cmp.Diff(want, answer, cmp.Comparer(sameRevision)); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
		if got := answer.Policy.Config.Custom["greeting"]; got != "bob@example.com on "+oneTag {
			t.Errorf("greeting %q", got)
		}
		report := w.report()
		kept := a.kept()
		if diff := cmp.Diff(State{
			ID: a.admitted.ID, Epoch: 1, Number: 1, ReportDigest: kept.ReportDigest, Report: &report, HeardAt: now,
			Verdict: want.Verdict, Intended: revision, Generation: 1, Version: 1,
		}, kept); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{target(a.admitted.ID) + ": ok"}, short(w.store.said(from))); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		// What the app has is not changed, and no entry is made.
		a.number++
		answer, err = w.s.CheckIn(t.Context(), a.caller, CheckInRequest{Number: a.number, Report: w.report(), Known: revision})
		must(t, err)
		if answer.Changed || w.store.recorded() != from+1 {
			t.Errorf("changed %t, entries %q", answer.Changed, w.store.said(from))
		}
	})
}

// short leaves of entries what follows the action.
func short(entries []string) []string {
	for i, e := range entries {
		entries[i] = strings.SplitN(e, " ", 3)[2]
	}
	return entries
}

func sameRevision(a, b *apprules.Effective) bool { return a.Revision() == b.Revision() }

// TestCheckInNumbers: a report is known by its number. One that is repeated is
// answered, one that was overtaken changes nothing.
func TestCheckInNumbers(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "launch.rooted=block")
		a := w.joined(bob)
		good, bad := w.report(), w.report()
		rooted(&bad)
		steps := []struct {
			number uint64
			report apprules.Report
			want   string
			stored uint64
		}{
			{5, good, "ok", 5},
			{5, good, "ok", 5}, // a retry
			{5, bad, "REPORT_OVERTAKEN", 5},
			{4, good, "REPORT_OVERTAKEN", 5},
			{7, bad, "block", 7}, // numbers may be left out
			{5, good, "REPORT_OVERTAKEN", 7},
			{7, good, "REPORT_OVERTAKEN", 7},
			{7, bad, "block", 7},
			{8, good, "ok", 8},
		}
		for i, step := range steps {
			w.pass(time.Second)
			before := a.kept()
			answer, err := w.s.CheckIn(t.Context(), a.caller, CheckInRequest{Number: step.number, Report: step.report})
			got := fault.ReasonOf(err)
			if err == nil {
				got = answer.Verdict.Standing.String()
			}
			if got != step.want || a.kept().Number != step.stored {
				t.Errorf("step %d: %s with number %d, want %s with %d", i, got, a.kept().Number, step.want, step.stored)
			}
			if diff := cmp.Diff(before, a.kept()); err != nil && diff != "" {
				t.Errorf("step %d: it was refused, and changed:\n%s", i, diff)
			}
		}
		for _, number := range []uint64{0, 1 << 63} {
			_, err := w.s.CheckIn(t.Context(), a.caller, CheckInRequest{Number: number, Report: good})
			wantInvalid(t, err, "number")
		}
		_, err := w.s.CheckIn(t.Context(), a.caller, CheckInRequest{Number: 9})
		wantInvalid(t, err, "report.observed_at")
	})
}

// TestRetryIsKnownByItsContent: however its times are written, and also if the
// first answer came before the time at which the app says it looked.
func TestRetryIsKnownByItsContent(t *testing.T) {
	w := newWorld(t, true)
	w.policy("all", "")
	a := w.joined(bob)
	r := w.report()
	r.ObservedAt = t0.Add(time.Hour + 7*time.Nanosecond)
	r.DoneWipes = []string{"order-0002", "order-0001"}
	request := CheckInRequest{Number: 1, Report: r}
	_, err := w.s.CheckIn(t.Context(), a.caller, request)
	must(t, err)
	if got := a.kept().Report.ObservedAt; !got.Equal(t0) {
		t.Errorf("observed at %v, which is yet to come", got)
	}
	w.pass(time.Minute)
	request.Report.ObservedAt = r.ObservedAt.In(time.FixedZone("", 3600))
	_, err = w.s.CheckIn(t.Context(), a.caller, request)
	must(t, err)
	if got := a.kept(); !got.Report.ObservedAt.Equal(t0) || !got.HeardAt.Equal(t0.Add(time.Minute)) {
		t.Errorf("observed at %v, heard at %v", got.Report.ObservedAt, got.HeardAt)
	}
}

// TestRetryOfAnOlderReport: one that says nothing of unsynced changes is known by
// what it was known by before there was a word for them.
func TestRetryOfAnOlderReport(t *testing.T) {
	for unsynced, want := range map[uint32]bool{0: false, 3: true} {
		text, err := json.Marshal(apprules.Report{UnsyncedChanges: unsynced})
		must(t, err)
		if got := strings.Contains(string(text), "Unsynced"); got != want {
			t.Errorf("%d unsynced changes are digested as %s", unsynced, text)
		}
	}
}

// TestTurns: each turn of the standing has its entry, which names checks and no
// values.
func TestTurns(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "launch.rooted=block; launch.os_version.warn=15")
		a := w.joined(bob)
		old := func(r *apprules.Report) { r.OSVersion = apprules.Version{14} }
		from := w.store.recorded()
		for _, edit := range [][]func(*apprules.Report){{}, {}, {old}, {old, rooted}, {rooted}, {}} {
			_, err := a.checkIn(edit...)
			must(t, err)
			w.pass(time.Minute)
		}
		prefix := target(a.admitted.ID) + ": "
		want := []string{
			prefix + "ok",
			prefix + "ok to warn: launch.os_version",
			prefix + "warn to block: launch.rooted, launch.os_version",
			prefix + "block to ok",
		}
		if diff := cmp.Diff(want, short(w.store.said(from))); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		if got, want := a.kept().Verdict.Since, t0.Add(5*time.Minute); !got.Equal(want) {
			t.Errorf("since %v, want %v", got, want)
		}
	})
}

// TestPolicyFollows: a change of policies reaches the next check-in of every
// server, and a registration that none is for is shut.
func TestPolicyFollows(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		other := w.s
		if !w.s.c.Cache {
			other = w.replica(false)
		}
		signed := func(signers ...string) Spec {
			return Spec{Target: Target{Apps: []TargetApp{{mailApp, signers}}, Include: Audience{Everyone: true}}}
		}
		w.apply("mail", signed(signer))
		a := w.joined(bob)
		if got := a.standing(); got != "ok " {
			t.Fatal(got)
		}
		before, err := other.Desired(t.Context(), a.caller)
		must(t, err)
		// The policy is for another signer now: this app is no longer the one.
		w.apply("mail", signed(otherSigner))
		after, err := other.Desired(t.Context(), a.caller)
		must(t, err)
		if before.Revision == after.Revision || after.Generation != before.Generation+1 {
			t.Errorf("desired %+v, then %+v", before, after)
		}
		a.s = other
		answer, err := a.checkIn()
		must(t, err)
		if answer.Verdict.Standing != apprules.StandingBlock || answer.Policy.Governed() || !answer.Changed || answer.NextCheckIn != 12*time.Hour {
			t.Errorf("an app that no policy is for: %+v", answer)
		}
		if got := string(answer.Lease); !strings.Contains(got, "block, block after 0s, wipe after 0s") {
			t.Errorf("lease %s", got)
		}
		if answer.OrdersWaiting || len(w.ordered) > 0 {
			t.Error("it is wiped for that")
		}
		w.apply("mail", signed(signer))
		if got := a.standing(); got != "ok " {
			t.Errorf("back again: %s", got)
		}
	})
}

// TestWipeByVerdict: the app is shut at once; the order comes when it can be given.
func TestWipeByVerdict(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "launch.rooted=wipe; launch.device_lock.warn=high")
		a := w.joined(bob)
		w.refusing = fault.New(fault.Refused, "BREAKER_OPEN", "not now")
		answer, err := a.checkIn(rooted, func(r *apprules.Report) { r.Lock = apprules.LockNone })
		must(t, err)
		if answer.Verdict.Standing != apprules.StandingWipe || answer.OrdersWaiting {
			t.Errorf("while none can be given: %+v", answer)
		}
		swept, err := w.s.Sweep(t.Context())
		must(t, err)
		if diff := cmp.Diff(Swept{Judged: 1}, swept); diff != "" {
			t.Errorf("the sweep (-want +got):\n%s", diff)
		}
		version := a.kept().Version
		w.refusing = nil
		swept, err = w.s.Sweep(t.Context())
		must(t, err)
		if diff := cmp.Diff(Swept{Judged: 1, Ordered: 1}, swept); diff != "" {
			t.Errorf("the next sweep (-want +got):\n%s", diff)
		}
		if got := a.kept().Version; got != version {
			t.Errorf("it wrote what was so already: version %d, then %d", version, got)
		}
		if diff := cmp.Diff(map[string]string{epochOf(a.admitted.ID, 1): "launch.rooted"}, w.ordered); diff != "" {
			t.Errorf("orders (-want +got):\n%s", diff)
		}
		answer, err = a.checkIn(rooted)
		must(t, err)
		if !answer.OrdersWaiting || !strings.Contains(string(answer.Lease), "wipe, ") {
			t.Errorf("now: %+v", answer)
		}
		w.refusing = errBroken
		if _, err := a.checkIn(rooted); err != nil {
			t.Errorf("a verdict is not told because no order can be given: %v", err)
		}
		if _, err := w.s.Sweep(t.Context()); err == nil {
			t.Error("nobody is told why")
		}
	})
}

// TestHotPath: a check-in where this process alone writes is one write, and reads
// nothing but what other rooms know.
func TestHotPath(t *testing.T) {
	for cached, want := range map[bool]map[string]int{
		true:  {"SaveState": 1},
		false: {"Generation": 1, "Standing": 1, "SaveState": 1},
	} {
		w := newWorld(t, cached)
		w.policy("all", "")
		a := w.joined(bob)
		for range 2 {
			w.store.count()
			_, err := a.checkIn()
			must(t, err)
		}
		if diff := cmp.Diff(want, w.store.count()); diff != "" {
			t.Errorf("cache=%t: calls (-want +got):\n%s", cached, diff)
		}
	}
}

// TestCheckInAtOnce: of reports that come together each is answered by its number,
// also by two servers.
func TestCheckInAtOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "")
		a := w.joined(bob)
		replicas := []*Service{w.s}
		if !w.s.c.Cache {
			replicas = append(replicas, w.replica(false))
		}
		var crew sync.WaitGroup
		for i := range 8 {
			crew.Go(func() {
				_, err := replicas[i%len(replicas)].CheckIn(t.Context(), a.caller, CheckInRequest{Number: uint64(i + 1), Report: w.report()})
				if err != nil && fault.ReasonOf(err) != "REPORT_OVERTAKEN" {
					t.Error(err)
				}
			})
		}
		crew.Wait()
		if got := a.kept().Number; got != 8 {
			t.Errorf("the last number is %d", got)
		}
	})
}

// TestCheckInLosesARace: what another server has stored meanwhile is looked at
// again.
func TestCheckInLosesARace(t *testing.T) {
	w := newWorld(t, true)
	w.policy("all", "")
	a := w.joined(bob)
	if got := a.standing(); got != "ok " {
		t.Fatal(got)
	}
	a.s = w.replica(false)
	if got := a.standing(); got != "ok " {
		t.Fatal(got)
	}
	a.s = w.s
	if got := a.standing(); got != "ok " || a.kept().Number != 3 {
		t.Errorf("got %q, and number %d is stored", got, a.kept().Number)
	}
}

// TestCheckInFails: what could not be stored was not heard.
func TestCheckInFails(t *testing.T) {
	for _, call := range []string{"Standing", "SaveState", "Generation"} {
		w := newWorld(t, false)
		w.policy("all", "")
		a := w.joined(bob)
		w.store.fail(call, errBroken)
		if _, err := a.checkIn(); fault.KindOf(err) != fault.Internal {
			t.Errorf("%s: got %v", call, err)
		}
		w.store.fail(call, nil)
		if diff := cmp.Diff(State{}, a.kept()); diff != "" {
			t.Errorf("%s: it was stored:\n%s", call, diff)
		}
		a.number--
		if got := a.standing(); got != "ok " {
			t.Errorf("%s: the retry: %s", call, got)
		}
	}
}

// TestAccountLife: the directory's word counts at the next check-in, and at once
// where it says that it has changed.
func TestAccountLife(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.policy("all", "launch.account_disabled=wipe")
		a := w.joined(bob)
		elsewhere := w.mail(bob)
		elsewhere.tag = otherTag
		must(t, elsewhere.register())
		eve := w.joined(Person{Issuer: issuer, Subject: "sub-eve", Name: "eve@example.com"})
		for _, each := range []*app{a, elsewhere, eve} {
			if got := each.standing(); got != "ok " {
				t.Fatal(got)
			}
			w.rings(each.admitted.ID)
		}
		w.setAccount("bob@example.com", Account{Known: true})
		if got := a.standing(); got != "wipe launch.account_disabled" {
			t.Errorf("at the next check-in: %s", got)
		}
		w.s.PersonsChanged(t.Context(), []string{"Bob@example.com"})
		if got := elsewhere.kept().Verdict.Standing; got != apprules.StandingWipe {
			t.Errorf("at once: %s", got)
		}
		if diff := cmp.Diff(map[string]string{
			epochOf(a.admitted.ID, 1): "launch.account_disabled", epochOf(elsewhere.admitted.ID, 1): "launch.account_disabled",
		}, w.ordered); diff != "" {
			t.Errorf("orders (-want +got):\n%s", diff)
		}
		if w.rings(a.admitted.ID) == 0 || w.rings(elsewhere.admitted.ID) == 0 || w.rings(eve.admitted.ID) != 0 {
			t.Error("not those were rung whom it concerns")
		}
		w.setAccount("bob@example.com", Account{Known: true, Active: true})
		w.s.PersonsChanged(t.Context(), []string{"bob@example.com"})
		if got := elsewhere.kept().Verdict.Standing; got != apprules.StandingOK {
			t.Errorf("back again: %s", got)
		}
	})
}

// TestChangeIsOwed: what could not be done when the directory changed, the sweep
// does.
func TestChangeIsOwed(t *testing.T) {
	for _, call := range []string{"Select", "SaveState"} {
		w := newWorld(t, true)
		w.policy("all", "launch.account_disabled=block")
		a := w.joined(bob)
		if got := a.standing(); got != "ok " {
			t.Fatal(got)
		}
		w.setAccount("bob@example.com", Account{Known: true})
		w.store.fail(call, errBroken)
		w.s.PersonsChanged(t.Context(), []string{"bob@example.com"})
		if _, err := w.s.Sweep(t.Context()); err == nil {
			t.Error("nobody is told")
		}
		w.store.fail(call, nil)
		swept, err := w.s.Sweep(t.Context())
		must(t, err)
		if diff := cmp.Diff(Swept{Judged: 1, Turned: 1}, swept); diff != "" {
			t.Errorf("%s: swept (-want +got):\n%s", call, diff)
		}
		if got := a.kept().Verdict.Standing; got != apprules.StandingBlock {
			t.Errorf("%s: stands on %s", call, got)
		}
	}
}
