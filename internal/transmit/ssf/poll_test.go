package ssf_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"ringfence/internal/transmit"
	"ringfence/internal/transmit/ssf"
)

// polled is the answer to a poll, opened.
type polled struct {
	sets map[string]set
	more bool
}

func (p polled) jtis() []string { return slices.Sorted(maps.Keys(p.sets)) }

func (w *world) poll(at string, body say) polled {
	w.t.Helper()
	r := w.call("POST", at, body).is(http.StatusOK)
	w.check("type", "application/json", r.header.Get("Content-Type"))
	o := r.object()
	p := polled{sets: map[string]set{}}
	p.more, _ = o["moreAvailable"].(bool)
	tokens, ok := o["sets"].(map[string]any)
	if !ok {
		w.t.Fatalf("no sets: %s", r.body)
	}
	for jti, token := range tokens {
		p.sets[jti] = w.open(fmt.Sprint(token))
		w.check("the name of a set", any(jti), p.sets[jti].claims["jti"])
	}
	return p
}

// pollStream makes a stream that is polled, with events that wait.
func pollStream(w *world, n int) (id, at string) {
	w.t.Helper()
	id, stream := w.create(say{"events_requested": []string{revoked}})
	for range n {
		w.record(wiped)
	}
	w.pending(id, n)
	return id, stream["delivery"].(map[string]any)["endpoint_url"].(string)
}

// TestPollOnly: events are given until they are acknowledged.
func TestPollOnly(t *testing.T) {
	w := newWorld(t)
	_, at := pollStream(w, 3)
	first := w.poll(at, say{"maxEvents": 2, "returnImmediately": true})
	w.check("two of three", []any{2, true}, []any{len(first.sets), first.more})
	w.check("again, the same", first.jtis(), w.poll(at, say{"maxEvents": 2}).jtis())
	all := w.poll(at, say{})
	w.check("all of three", []any{3, false}, []any{len(all.sets), all.more})
}

// TestAcknowledgeOnly: maxEvents 0 gives nothing, and does not wait.
func TestAcknowledgeOnly(t *testing.T) {
	w := newWorld(t)
	_, at := pollStream(w, 3)
	first := w.poll(at, say{"maxEvents": 2})
	w.check("acknowledged", polled{sets: map[string]set{}, more: true}.more, w.poll(at, say{"maxEvents": 0, "ack": first.jtis()}).more)
	last := w.poll(at, say{})
	if len(last.sets) != 1 || slices.Contains(first.jtis(), last.jtis()[0]) {
		t.Errorf("left: %v", last.jtis())
	}
	w.check("acknowledged", `{"sets":{}}`, string(w.call("POST", at, say{"maxEvents": 0, "ack": append(last.jtis(), "never", "never")}).is(200).body))
	w.check("nothing left", `{"sets":{}}`, string(w.call("POST", at, say{"returnImmediately": true}).is(200).body))
}

// TestPollAndAcknowledge: both at once.
func TestPollAndAcknowledge(t *testing.T) {
	w := newWorld(t)
	_, at := pollStream(w, 3)
	seen := map[string]bool{}
	p := w.poll(at, say{"maxEvents": 1})
	for range 3 {
		for _, jti := range p.jtis() {
			seen[jti] = true
		}
		p = w.poll(at, say{"maxEvents": 1, "ack": p.jtis(), "returnImmediately": true})
	}
	w.check("each once", []int{3, 0}, []int{len(seen), len(p.sets)})
}

// TestSetErrs: what the receiver refuses is put aside, with its words.
func TestSetErrs(t *testing.T) {
	w := newWorld(t)
	id, at := pollStream(w, 2)
	refused := w.poll(at, say{"maxEvents": 1}).jtis()[0]
	p := w.poll(at, say{"returnImmediately": true, "setErrs": say{refused: say{"err": "invalid_request", "description": "what is this?\n"}, "never": say{"err": "x"}}})
	w.check("the other one", []any{1, false}, []any{len(p.sets), slices.Contains(p.jtis(), refused)})
	letters, err := w.service.DeadLetters(t.Context(), id, 0, 10)
	w.must(err)
	if len(letters) != 1 || letters[0].JTI != refused || letters[0].Reason != "invalid_request: what is this? " {
		t.Errorf("put aside: %+v", letters)
	}
}

// TestLongPoll: an answer waits for an event, and not for ever.
func TestLongPoll(t *testing.T) {
	w := newWorld(t)
	id, at := pollStream(w, 0)
	before := w.clock.waiting()
	waits := func(what string, happens func()) polled {
		t.Helper()
		var p polled
		var all sync.WaitGroup
		all.Go(func() { p = w.poll(at, say{"returnImmediately": false}) })
		w.eventually(what, func() bool { return w.clock.waiting() > before })
		happens()
		all.Wait()
		before = w.clock.waiting()
		return p
	}
	p := waits("a poll waits", func() { w.call("POST", ssf.VerifyPath, say{"stream_id": id, "state": "now"}).is(204) })
	if len(p.sets) != 1 || p.sets[p.jtis()[0]].kind() != transmit.Verification {
		t.Errorf("came: %v", p)
	}
	w.poll(at, say{"maxEvents": 0, "ack": p.jtis()})
	p = waits("another poll waits", func() { w.clock.move(time.Minute) })
	w.check("nothing came", 0, len(p.sets))
}

// TestPollsAreBounded: a client cannot hold more than its part of the server.
func TestPollsAreBounded(t *testing.T) {
	w := newWorld(t)
	_, at := pollStream(w, 0)
	before := w.clock.waiting()
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { w.poll(at, say{}) })
	}
	w.eventually("ten polls wait", func() bool { return w.clock.waiting() >= before+20 })
	w.check("one more", "1", w.call("POST", at, say{}).is(429).header.Get("Retry-After"))
	w.clock.move(time.Minute)
	all.Wait()
	w.poll(at, say{"returnImmediately": true})
}

// TestPollBodies: what a poll cannot be.
func TestPollBodies(t *testing.T) {
	w := newWorld(t)
	_, at := pollStream(w, 0)
	many := make([]string, 10_001)
	for _, body := range []say{
		{"maxEvents": -1}, {"maxEvents": 1.5}, {"maxEvents": "1"}, {"maxEvents": 1e30}, {"returnImmediately": 1}, {"ack": "x"}, {"ack": []any{1}},
		{"ack": many}, {"setErrs": []any{}}, {"setErrs": say{"x": "y"}}, {"setErrs": say{"x": nil}}, {"setErrs": say{"x": say{}}},
		{"setErrs": say{"x": say{"err": "a", "description": 1}}},
	} {
		w.call("POST", at, body).is(400)
	}
}
