package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestFollowerTells(t *testing.T) {
	record, cursors, to := new(book), newDesk(), new(receiver)
	record.write(ActionBudget, "wipe.order") // before there was a channel
	s := newServer(t, "one", record, cursors, Channel{"webhook", to})
	if err := s.f.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	record.write("compliance.verdict", ActionRequest, "wipe.order", ActionApprove)
	if err := s.f.Begin(t.Context()); err != nil { // it has begun
		t.Fatal(err)
	}
	s.run()
	check(t, "first wait", every, s.idle())
	check(t, "told", []uint64{4, 6}, to.taken())
	s.again()
	check(t, "told after another look", []uint64{4, 6}, to.taken())
	record.write(ActionBreaker)
	s.again()
	check(t, "told in the end", []uint64{4, 6, 7}, to.taken())
	check(t, "cursor", Move{Channel: "webhook", Holder: "one", From: 6, To: 7, Now: noon}, cursors.cursors["webhook"])
	check(t, "tries", map[outcome]int{sent: 3}, s.tries("webhook"))
	check(t, "log", "", s.log.String())
}

func TestFollowerReadsInBatches(t *testing.T) {
	record, cursors, to := new(book), newDesk(), new(receiver)
	s := newServer(t, "one", record, cursors, Channel{"webhook", to})
	s.run()
	s.idle()
	var want []uint64
	for i := range 2*batch + 3 {
		record.write(ActionStop)
		want = append(want, uint64(i+1))
	}
	check(t, "wait", every, s.again())
	check(t, "told", want, to.taken())
}

// TestFollowerPassesOver: what is not told costs no write, until it is much.
func TestFollowerPassesOver(t *testing.T) {
	record, cursors := new(book), newDesk()
	s := newServer(t, "one", record, cursors, Channel{"webhook", new(receiver)})
	s.run()
	s.idle()
	for range stride - 1 {
		record.write("compliance.verdict")
	}
	s.again()
	check(t, "moves after little", 0, cursors.moves)
	record.write("compliance.verdict")
	s.again()
	check(t, "moves after much", 1, cursors.moves)
	check(t, "cursor", uint64(stride), cursors.at("webhook"))
}

func TestFollowerTriesAgain(t *testing.T) {
	record, cursors, to := new(book), newDesk(), new(receiver)
	down := errors.New("nobody there")
	to.answer = func(n Notice) error {
		if n.Sequence >= 2 {
			return down
		}
		return nil
	}
	s := newServer(t, "one", record, cursors, Channel{"webhook", to})
	s.run()
	s.idle()
	record.write(ActionBudget, ActionBreaker, ActionResume)
	check(t, "waits", []time.Duration{time.Second, 2 * time.Second, 4 * time.Second},
		[]time.Duration{s.again(), s.again(), s.again()})
	check(t, "told", []uint64{1}, to.taken())
	check(t, "claim is given up", time.Time{}, cursors.cursors["webhook"].Until)
	if want := `msg="notices are held up" channel=webhook failures=3 again_in=4s err="entry 2: nobody there"`; !strings.Contains(s.log.String(), want) {
		t.Errorf("the log does not say %s:\n%s", want, s.log.String())
	}
	to.mu.Lock()
	to.answer = nil
	to.mu.Unlock()
	check(t, "wait in the end", every, s.again())
	check(t, "told in order", []uint64{1, 2, 3}, to.taken())
	check(t, "tries", map[outcome]int{sent: 3, failed: 3}, s.tries("webhook"))
	record.write(ActionStop)
	to.mu.Lock()
	to.answer = func(Notice) error { return down }
	to.mu.Unlock()
	check(t, "the wait begins anew", time.Second, s.again())
}

// TestFollowerCrash: the server dies between sending and saving. Another one
// takes over once the claim has run out, and sends again, in order.
func TestFollowerCrash(t *testing.T) {
	record, cursors, to := new(book), newDesk(), new(receiver)
	channel := Channel{"webhook", to}
	one := newServer(t, "one", record, cursors, channel)
	one.run()
	one.idle()
	record.write(ActionBudget, ActionBreaker, ActionResume)
	cursors.moving = func(m Move) error {
		if m.Holder == "one" && m.From == 1 {
			return errors.New("killed")
		}
		return nil
	}
	one.again()
	check(t, "told by the first", []uint64{1, 2}, to.taken())
	one.stop()

	two := newServer(t, "two", record, cursors, channel)
	two.run()
	check(t, "wait", every, two.idle())
	two.again()
	check(t, "told while the claim holds", []uint64{1, 2}, to.taken())
	two.now = noon.Add(claimFor)
	two.again()
	check(t, "told in the end", []uint64{1, 2, 2, 3}, to.taken())
	check(t, "cursor", uint64(3), cursors.at("webhook"))
}

// TestFollowerLosesClaim: a server that was away for longer than its claim
// leaves the rest to the one that has it now.
func TestFollowerLosesClaim(t *testing.T) {
	record, cursors, to := new(book), newDesk(), new(receiver)
	s := newServer(t, "one", record, cursors, Channel{"webhook", to})
	s.run()
	s.idle()
	record.write(ActionBudget, ActionBreaker)
	to.answer = func(n Notice) error { // meanwhile
		cursors.mu.Lock()
		defer cursors.mu.Unlock()
		cursors.cursors["webhook"] = Move{Holder: "two", To: 0, Until: noon.Add(time.Hour)}
		return nil
	}
	check(t, "wait", every, s.again())
	check(t, "told", []uint64{1}, to.taken())
	check(t, "who has it", "two", cursors.cursors["webhook"].Holder)
}

// TestFollowerStops: what is being sent when the server stops is saved, and
// nothing more is sent.
func TestFollowerStops(t *testing.T) {
	record, cursors, to := new(book), newDesk(), new(receiver)
	if err := cursors.Begin(t.Context(), "webhook", 0); err != nil {
		t.Fatal(err)
	}
	record.write(ActionBudget, ActionBreaker)
	ctx, cancel := context.WithCancel(t.Context())
	to.answer = func(Notice) error {
		cancel()
		return nil
	}
	s := newServer(t, "one", record, cursors, Channel{"webhook", to})
	s.f.Run(ctx)
	check(t, "told", []uint64{1}, to.taken())
	got := cursors.cursors["webhook"]
	check(t, "cursor", Move{Channel: "webhook", Holder: "one", From: 1, To: 1, Now: noon}, got)
	check(t, "log", "", s.log.String())
}

// TestChannelsKeepApart: one that fails holds up no other.
func TestChannelsKeepApart(t *testing.T) {
	record, cursors, good := new(book), newDesk(), new(receiver)
	bad := &receiver{answer: func(Notice) error { return errors.New("down") }}
	for _, name := range []string{"webhook", "mail"} {
		if err := cursors.Begin(t.Context(), name, 0); err != nil {
			t.Fatal(err)
		}
	}
	record.write(ActionBudget, ActionBreaker)
	s := newServer(t, "one", record, cursors, Channel{"mail", bad}, Channel{"webhook", good})
	s.run()
	waits := map[time.Duration]bool{s.idle(): true, s.idle(): true}
	check(t, "waits", map[time.Duration]bool{every: true, time.Second: true}, waits)
	check(t, "told by the good one", []uint64{1, 2}, good.taken())
	check(t, "cursors", []uint64{0, 2}, []uint64{cursors.at("mail"), cursors.at("webhook")})
}

// TestWordsCannotSilence: a notice whose words the receiver refuses is sent
// without them, and those behind it are told.
func TestWordsCannotSilence(t *testing.T) {
	record, cursors, to := new(book), newDesk(), new(receiver)
	to.answer = func(n Notice) error {
		if n.Sequence == 1 && n.Detail != leftOut {
			return fmt.Errorf("%w: answered 403", ErrRefused)
		}
		return nil
	}
	s := newServer(t, "one", record, cursors, Channel{"webhook", to})
	s.run()
	s.idle()
	record.write(ActionRequest, ActionBreaker)
	check(t, "wait", every, s.again())
	check(t, "told", []uint64{1, 2}, to.taken())
	check(t, "tries", map[outcome]int{sent: 1, bare: 1}, s.tries("webhook"))
}

func TestRefusedAltogether(t *testing.T) {
	record, cursors := new(book), newDesk()
	to := &receiver{answer: func(Notice) error { return fmt.Errorf("%w: answered 404", ErrRefused) }}
	s := newServer(t, "one", record, cursors, Channel{"webhook", to})
	s.run()
	s.idle()
	record.write(ActionRequest)
	check(t, "wait", time.Second, s.again())
	check(t, "cursor", uint64(0), cursors.at("webhook"))
	check(t, "tries", map[outcome]int{failed: 1}, s.tries("webhook"))
}

func TestPartly(t *testing.T) {
	record, cursors := new(book), newDesk()
	to := &receiver{answer: func(Notice) error { return fmt.Errorf("%w: RCPT 2: answered 550", ErrPartly) }}
	s := newServer(t, "one", record, cursors, Channel{"mail", to})
	s.run()
	s.idle()
	record.write(ActionRequest)
	check(t, "wait", every, s.again())
	check(t, "cursor", uint64(1), cursors.at("mail"))
	check(t, "tries", map[outcome]int{partly: 1}, s.tries("mail"))
	if !strings.Contains(s.log.String(), "RCPT 2: answered 550") {
		t.Errorf("the log does not say who was missed:\n%s", s.log.String())
	}
}

// TestShortRecord: a cursor beyond the record would stay silent for long.
func TestShortRecord(t *testing.T) {
	record, cursors := new(book), newDesk()
	if err := cursors.Begin(t.Context(), "webhook", 100); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, "one", record, cursors, Channel{"webhook", new(receiver)})
	s.run()
	check(t, "wait", time.Second, s.idle())
	if !strings.Contains(s.log.String(), errShort.Error()) {
		t.Errorf("the log does not say that the record is short:\n%s", s.log.String())
	}
}

func TestDatabaseDown(t *testing.T) {
	record, cursors := new(book), newDesk()
	record.broken = errors.New("no database")
	s := newServer(t, "one", record, cursors, Channel{"webhook", new(receiver)})
	s.run()
	check(t, "waits", []time.Duration{time.Second, 2 * time.Second}, []time.Duration{s.idle(), s.again()})
	record.mu.Lock()
	record.broken = nil
	record.mu.Unlock()
	check(t, "wait when it is back", every, s.again())
}

func TestLog(t *testing.T) {
	record, cursors := new(book), newDesk()
	s := newServer(t, "one", record, cursors)
	s.f = NewFollower(func() Config {
		c := s.f.c
		c.Channels = []Channel{{"log", NewLog(c.Log, c.Metrics)}}
		return c
	}())
	s.run()
	s.idle()
	record.write(ActionRequest, ActionBreaker, ActionBudget, ActionBreaker)
	s.again()
	check(t, "alerts", map[string]int{"breaker": 2, "budget": 1}, s.counted("mdm_alerts_total"))
	log := s.log.String()
	for _, want := range []string{
		"level=INFO msg=notice kind=approval action=wipe.request sequence=1 request_id=r-1",
		"level=WARN msg=notice kind=breaker action=wipe.breaker sequence=4",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %s:\n%s", want, log)
		}
	}
	for _, never := range []string{"alice", "fair"} {
		if strings.Contains(log, never) {
			t.Errorf("the log says %q:\n%s", never, log)
		}
	}
}
