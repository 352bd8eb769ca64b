package bell

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a stream does when it is rung, when nobody rings and when it may not go
// on is tested where one is served, in compliance on the wire. Here is the rest.

// TestHear is every reason to look by everything that may have changed since.
func TestHear(t *testing.T) {
	was := State{Revision: "r1", Generation: 1}
	tests := []struct {
		name string
		l    listener
		now  State
		send bool
		owed bool
	}{
		{"opened", listener{why: opened}, was, true, false},
		{"opened, nothing there", listener{why: opened}, State{}, true, false},
		{"rung, for this one", listener{why: rang, last: was}, was, true, false},
		{"rung, a new revision", listener{why: rang, last: was}, State{"r2", 2}, true, false},
		{"rung, a change for others", listener{why: rang, last: was}, State{"r1", 2}, false, true},
		{"rung twice, for others", listener{why: rang, last: was, owed: true}, State{"r1", 2}, false, true},
		{"rung for this one, and one is owed", listener{why: rang, last: was, owed: true}, was, true, false},
		{"ticked, nothing new", listener{why: ticked, last: was}, was, false, false},
		{"ticked, one is owed", listener{why: ticked, last: was, owed: true}, was, true, false},
		{"ticked, a new revision", listener{why: ticked, last: was}, State{"r2", 2}, true, false},
		{"ticked, a change for others", listener{why: ticked, last: was}, State{"r1", 2}, false, false},
	}
	for _, tt := range tests {
		l := tt.l
		if got := l.hear(tt.now); got != tt.send || l.owed != tt.owed || l.last != tt.now {
			t.Errorf("%s: sent %v, owed %v, last %v", tt.name, got, l.owed, l.last)
		}
	}
}

// TestRun: a change between subscribing and looking is not lost, an error of
// whatever it asks ends the stream, and nothing listens on after that.
func TestRun(t *testing.T) {
	broken := errors.New("broken")
	for name, spoil := range map[string]func(*Watch, *Stream){
		"not allowed": func(w *Watch, _ *Stream) { w.Recheck = func(context.Context) error { return broken } },
		"no state": func(_ *Watch, s *Stream) {
			s.State = func(context.Context) (State, error) { return State{}, broken }
		},
		"not sent": func(_ *Watch, s *Stream) { s.Send = func(string) error { return broken } },
		"draining": func(w *Watch, _ *Stream) {
			drain := make(chan struct{})
			close(drain)
			w.Draining = func(context.Context) <-chan struct{} { return drain }
			w.Drained = broken
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := new(Bell)
			w, s := endless(b, nil)
			spoil(&w, &s)
			if err := w.Run(t.Context(), s); !errors.Is(err, broken) {
				t.Errorf("ended with %v, want %v", err, broken)
			}
			if n := b.Listening(); n != 0 {
				t.Errorf("%d still listen", n)
			}
		})
	}
}

func endless(b *Bell, send func(string) error) (Watch, Stream) {
	if send == nil {
		send = func(string) error { return nil }
	}
	return Watch{
			Bell:     b,
			Recheck:  func(context.Context) error { return nil },
			Draining: func(context.Context) <-chan struct{} { return nil },
		}, Stream{
			ID:    "device-one",
			State: func(context.Context) (State, error) { return State{Revision: "r1"}, nil },
			Send:  send,
		}
}

func TestSubscribesBeforeItLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(Bell)
		var mu sync.Mutex // guards sent
		var sent []string
		w, s := endless(b, func(revision string) error {
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, revision)
			return nil
		})
		revision := "r1"
		s.State = func(context.Context) (State, error) {
			seen := State{Revision: revision}
			if revision == "r1" { // it changes while it is being read
				revision = "r2"
				b.Ring("device-one")
			}
			return seen, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx, s) }()
		synctest.Wait()
		mu.Lock()
		if diff := cmp.Diff([]string{"r1", "r2"}, sent); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		mu.Unlock()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestPauseIsSpread(t *testing.T) {
	for _, w := range []Watch{{Tick: time.Minute}, {}} {
		seen := map[time.Duration]bool{}
		for range 100 {
			p := w.pause()
			if p < 48*time.Second || p > 72*time.Second {
				t.Fatalf("pause of %v", p)
			}
			seen[p] = true
		}
		if len(seen) < 50 {
			t.Errorf("only %d different pauses", len(seen))
		}
	}
}
