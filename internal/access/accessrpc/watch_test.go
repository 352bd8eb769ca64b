package accessrpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"ringfence/internal/access"
	"ringfence/internal/bell"
	"ringfence/internal/device"
	accessv1 "ringfence/proto/mdm/access/v1"
)

var errDrained = errors.New("drained")

// gate decides by the real core on phones that a test changes.
type gate struct {
	cacheFor time.Duration
	// held, where set, is waited for by each decision after the first ones.
	held chan struct{}

	mu       sync.Mutex // guards what follows
	phones   map[device.ID]*access.Device
	policies []access.Spec
	err      error
	decided  int
	again    map[device.ID]int
}

// compliantPhones is a policy for which phones must be compliant.
var compliantPhones = access.Spec{
	State: access.On, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{All: true},
	Grant: access.Grant{Controls: []access.Control{access.CompliantDevice}},
}

func newGate(phones int) *gate {
	g := &gate{phones: map[device.ID]*access.Device{}, policies: []access.Spec{compliantPhones}, again: map[device.ID]int{}, cacheFor: time.Minute}
	for i := range phones {
		g.phones[phoneOf(i)] = &access.Device{
			ID: phoneOf(i), Epoch: 1, User: "ada",
			Compliance: access.Verdict{Fitness: access.Fit, EvidenceAt: time.Now()},
		}
	}
	return g
}

func phoneOf(i int) device.ID { return device.ID(fmt.Sprintf("phone-%04d", i)) }

func (g *gate) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}

// judge gives a phone another verdict.
func (g *gate) judge(i int, f access.Fitness) {
	g.set(func() {
		d := *g.phones[phoneOf(i)]
		d.Compliance.Fitness, d.Compliance.EvidenceAt = f, time.Now()
		g.phones[phoneOf(i)] = &d
	})
}

func (g *gate) Decide(_ context.Context, q access.Question) (access.Answer, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.decided++
	return g.answer(q)
}

func (g *gate) Reconsider(_ context.Context, q access.Question) (access.Answer, error) {
	if g.held != nil {
		<-g.held
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.again[q.Device]++
	return g.answer(q)
}

func (g *gate) answer(q access.Question) (access.Answer, error) {
	if g.err != nil {
		return access.Answer{}, g.err
	}
	r := access.Ruleset{CacheFor: g.cacheFor}
	for i, s := range g.policies {
		r.Policies = append(r.Policies, access.Policy{Name: fmt.Sprintf("p%d", i), Revision: 1, Spec: s})
	}
	snapshot, err := access.Compile(r)
	if err != nil {
		return access.Answer{}, err
	}
	return decide(snapshot, access.Facts{Device: g.phones[q.Device]}, time.Now()), nil
}

func (g *gate) WhatIf(context.Context, access.Supposition) (access.Answer, error) {
	return access.Answer{}, errors.New("nobody asks")
}

// stream is a client's end.
type stream struct {
	grpc.ServerStream
	ctx context.Context
	// full, where set, is waited for by Send: a client that does not read.
	full chan struct{}

	mu   sync.Mutex // guards sent
	sent []*accessv1.WatchDecisionsResponse
}

func (s *stream) Context() context.Context { return s.ctx }

func (s *stream) Send(r *accessv1.WatchDecisionsResponse) error {
	if s.full != nil {
		select {
		case <-s.full:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, r)
	return nil
}

// take gives what was sent since the last time, as "index outcome".
func (s *stream) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, r := range s.sent {
		all = append(all, fmt.Sprintf("%d %v", r.GetIndex(), access.Outcome(r.GetDecision().GetOutcome())))
	}
	s.sent = nil
	return all
}

// opened is a stream that is watched.
type opened struct {
	*stream
	t      *testing.T
	gate   *gate
	bell   *bell.Bell
	drain  chan struct{}
	ended  chan error
	cancel context.CancelFunc
}

func watching(n int) *accessv1.WatchDecisionsRequest {
	r := &accessv1.WatchDecisionsRequest{}
	for i := range n {
		r.SignIns = append(r.SignIns, &accessv1.SignIn{DeviceId: string(phoneOf(i))})
	}
	return r
}

func open(t *testing.T, g *gate, r *accessv1.WatchDecisionsRequest, change func(*Config, *stream)) *opened {
	t.Helper()
	o := &opened{t: t, gate: g, bell: new(bell.Bell), drain: make(chan struct{}), ended: make(chan error, 1), stream: new(stream)}
	o.ctx, o.cancel = context.WithCancel(t.Context())
	c := Config{
		Service: g, Bell: o.bell, Now: time.Now, Tick: time.Hour, Drained: errDrained,
		Recheck:  func(context.Context) error { return nil },
		Draining: func(context.Context) <-chan struct{} { return o.drain },
	}
	if change != nil {
		change(&c, o.stream)
	}
	go func() { o.ended <- NewServer(c).WatchDecisions(r, o.stream) }()
	synctest.Wait()
	return o
}

func (o *opened) want(what string, sent ...string) {
	o.t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(sent, o.take()); diff != "" {
		o.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (o *opened) ends(want error) {
	o.t.Helper()
	if err := <-o.ended; !errors.Is(err, want) {
		o.t.Errorf("ended with %v, want %v", err, want)
	}
	if n := o.bell.Listening(); n != 0 {
		o.t.Errorf("%d still listen", n)
	}
}

// TestWatch: each answer is told at the beginning, and when it is another.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(3)
		o := open(t, g, watching(3), nil)
		o.want("at once", "0 allow", "1 allow", "2 allow")
		o.bell.Ring(phoneOf(1))
		o.want("a ring and no change")
		g.judge(1, access.Unfit)
		o.want("a change and no ring")
		o.bell.Ring("phone-9999")
		o.want("a ring for another")
		o.bell.Ring(phoneOf(1))
		o.want("a change", "1 allow-with")
		g.judge(1, access.Fit)
		o.bell.Ring(phoneOf(1))
		o.want("and back", "1 allow")
		g.set(func() { g.policies = append(g.policies, blocking) })
		o.bell.RingAll()
		o.want("another policy", "0 deny", "1 deny", "2 deny")
		g.set(func() {
			if g.decided != 3 || g.again[phoneOf(1)] != 4 || g.again[phoneOf(0)] != 1 {
				t.Errorf("decided %d times, and again %v", g.decided, g.again)
			}
		})
		g.set(func() { g.err = access.ErrMoved })
		o.bell.Ring(phoneOf(0))
		o.ends(access.ErrMoved)
	})
}

var blocking = access.Spec{
	State: access.On, IncludePeople: access.People{Everyone: true}, Apps: access.Apps{All: true},
	Grant: access.Grant{Controls: []access.Control{access.Block}},
}

// TestWatchTime: what changes by time alone is told at that time, and nothing in
// between.
func TestWatchTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		g.set(func() { g.phones[phoneOf(1)].Compliance.ChangesAt = time.Now().Add(90*time.Second + 1) })
		o := open(t, g, watching(2), nil)
		o.want("at once", "0 allow", "1 allow")
		<-time.After(90 * time.Second)
		o.want("a moment before")
		<-time.After(1 + time.Nanosecond)
		o.want("the verdict has lapsed", "1 allow-with")
		<-time.After(24 * time.Hour)
		o.want("the evidence is stale", "0 allow-with")
		o.cancel()
		o.ends(context.Canceled)
	})
}

// TestWatchWithoutCache: answers that may not be kept at all are looked at on the
// tick, and not all the time.
func TestWatchWithoutCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		g.cacheFor = 1
		o := open(t, g, watching(1), nil)
		<-time.After(time.Second)
		synctest.Wait()
		g.set(func() {
			if n := g.again[phoneOf(0)]; n > int(time.Second/leastTurn) {
				t.Errorf("decided %d times in a second", n)
			}
		})
		o.cancel()
		o.ends(context.Canceled)
	})
}

// TestWatchTick: a ring that nobody heard costs a tick.
func TestWatchTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		g.cacheFor = 24 * time.Hour
		o := open(t, g, watching(1), nil)
		o.want("at once", "0 allow")
		g.judge(0, access.Unfit)
		<-time.After(47 * time.Minute)
		o.want("before the tick")
		<-time.After(26 * time.Minute)
		o.want("after the tick", "0 allow-with")
		o.cancel()
		o.ends(context.Canceled)
	})
}

// TestWatchRingsForAll: the first counts at once, of a storm some do, and the last
// is not lost.
func TestWatchRingsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		o := open(t, g, watching(1), nil)
		o.want("at once", "0 allow")
		for range 1000 {
			o.bell.RingAll()
			<-time.After(time.Millisecond)
		}
		g.judge(0, access.Unfit)
		o.bell.RingAll()
		<-time.After(betweenAll)
		o.want("the last of a storm", "0 allow-with")
		g.set(func() {
			if n := g.again[phoneOf(0)]; n > 12 {
				t.Errorf("decided %d times in a second", n)
			}
		})
		o.cancel()
		o.ends(context.Canceled)
	})
}

// TestWatchSlowClient: who does not read holds nobody up, and hears of the newest
// answers alone when reading again.
func TestWatchSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		full := make(chan struct{})
		o := open(t, g, watching(2), func(_ *Config, s *stream) { s.full = full })
		full <- struct{}{}
		full <- struct{}{}
		o.want("at once", "0 allow", "1 allow")
		g.judge(0, access.Unfit)
		o.bell.Ring(phoneOf(0))
		synctest.Wait() // and stuck
		for i := range 1000 {
			g.judge(0, []access.Fitness{access.Fit, access.Unfit}[i%2])
			g.judge(1, []access.Fitness{access.Fit, access.Unfit}[i%2])
			o.bell.Ring(phoneOf(0))
			o.bell.Ring(phoneOf(1))
			o.bell.RingAll()
		}
		close(full)
		o.want("reading again", "0 allow-with", "1 allow-with")
		o.cancel()
		o.ends(context.Canceled)
	})
}

// TestWatchUrgent: a ring goes before what is only due again.
func TestWatchUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(maxWatched)
		o := open(t, g, watching(maxWatched), nil)
		if n := len(o.take()); n != maxWatched {
			t.Fatalf("%d answers", n)
		}
		g.held = make(chan struct{})
		o.bell.RingAll()
		synctest.Wait() // in the first round of many
		g.judge(999, access.Unfit)
		o.bell.Ring(phoneOf(999))
		for range 2 * perRound {
			g.held <- struct{}{}
		}
		o.want("in the second round", "999 allow-with")
		close(g.held)
		close(o.drain)
		o.ends(errDrained)
	})
}

// TestWatchEnds: however a stream ends, nothing listens on, and it looks up in the
// middle of much work.
func TestWatchEnds(t *testing.T) {
	broken := errors.New("broken")
	synctest.Test(t, func(t *testing.T) {
		o := open(t, newGate(1), watching(1), nil)
		close(o.drain)
		o.ends(errDrained)

		o = open(t, newGate(1), watching(1), func(c *Config, _ *stream) {
			c.Recheck = func(context.Context) error { return broken }
		})
		o.ends(broken)
		if sent := o.take(); len(sent) > 0 {
			t.Errorf("told somebody who may not listen: %v", sent)
		}

		o = open(t, newGate(1), watching(1), func(_ *Config, s *stream) { s.full = make(chan struct{}) })
		o.cancel()
		o.ends(context.Canceled)
	})
	_, err := NewServer(Config{}).newWatch(watching(maxWatched + 1))
	wantInvalid(t, err, "sign_ins")
	_, err = NewServer(Config{}).newWatch(watching(0))
	wantInvalid(t, err, "sign_ins")
	r := watching(3)
	r.SignIns[2].Address = "here"
	_, err = NewServer(Config{}).newWatch(r)
	wantInvalid(t, err, "sign_ins[2].address")
}

// TestWatchMany: streams that come and go while everything changes leave nothing
// behind, and each ends with the newest answer.
func TestWatchMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, b := newGate(4), new(bell.Bell)
		server := NewServer(Config{
			Service: g, Bell: b, Now: time.Now, Tick: time.Hour,
			Recheck:  func(context.Context) error { return nil },
			Draining: func(context.Context) <-chan struct{} { return nil },
		})
		var all sync.WaitGroup
		var streams []*stream
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 200 {
			s := &stream{ctx: ctx}
			if i%2 == 0 {
				var short context.CancelFunc
				s.ctx, short = context.WithTimeout(ctx, time.Duration(i)*time.Millisecond)
				defer short()
			} else {
				streams = append(streams, s)
			}
			all.Go(func() { _ = server.WatchDecisions(watching(4), s) })
		}
		var changing sync.WaitGroup
		for i := range 4 {
			changing.Go(func() {
				for n := range 51 {
					g.judge(i, []access.Fitness{access.Unfit, access.Fit}[n%2])
					b.Ring(phoneOf(i))
					<-time.After(time.Duration(i+1) * time.Millisecond)
				}
			})
		}
		changing.Wait()
		synctest.Wait()
		for i, s := range streams {
			last := map[uint32]accessv1.Outcome{}
			s.mu.Lock()
			for _, r := range s.sent {
				last[r.GetIndex()] = r.GetDecision().GetOutcome()
			}
			s.mu.Unlock()
			for index := range uint32(4) {
				if last[index] != accessv1.Outcome_OUTCOME_ALLOW_WITH {
					t.Errorf("stream %d: the last answer to %d is %v", i, index, last[index])
				}
			}
		}
		cancel()
		all.Wait()
		if n := b.Listening(); n != 0 {
			t.Errorf("%d still listen", n)
		}
	})
}

// TestNews: what is worth telling, and what is not.
func TestNews(t *testing.T) {
	base := func() (*access.Device, access.Spec) { return pinTooShort(time.Hour), compliantPhones }
	tests := map[string]struct {
		change         func(*access.Device, *access.Spec)
		news, explains bool
	}{
		"nothing":        {func(*access.Device, *access.Spec) {}, false, false},
		"a check-in":     {func(d *access.Device, _ *access.Spec) { d.Compliance.EvidenceAt, d.Compliance.Version = t0, 10 }, false, false},
		"the record":     {func(d *access.Device, _ *access.Spec) { d.Version++ }, false, false},
		"compliant":      {func(d *access.Device, _ *access.Spec) { d.Compliance.Fitness = access.Fit }, true, true},
		"another reason": {func(d *access.Device, _ *access.Spec) { d.Compliance.Findings[0].Rule = "patch" }, false, true},
		"stale":          {func(d *access.Device, _ *access.Spec) { d.Compliance.EvidenceAt = t0.Add(-25 * time.Hour) }, false, true},
		"more is owed": {func(_ *access.Device, s *access.Spec) {
			s.Grant.Controls = append(s.Grant.Controls, access.MFA)
			s.Grant.Operator = access.AllOf
		}, true, true},
		"a choice": {func(_ *access.Device, s *access.Spec) {
			s.Grant.Controls = append(s.Grant.Controls, access.MFA)
			s.Grant.Operator = access.AnyOf
		}, true, true},
		"each time":    {func(_ *access.Device, s *access.Spec) { s.Session.EverySignIn = true }, true, true},
		"sooner":       {func(_ *access.Device, s *access.Spec) { s.Session.SignInFrequency = time.Hour }, true, true},
		"a label":      {func(_ *access.Device, s *access.Spec) { s.Session.Labels = []string{"limited"} }, true, true},
		"only reports": {func(_ *access.Device, s *access.Spec) { s.State = access.ReportOnly }, true, true},
	}
	for name, tt := range tests {
		d, s := base()
		before := answer(t, d, s)
		d, s = base()
		s.Grant.Controls = append([]access.Control(nil), s.Grant.Controls...)
		tt.change(d, &s)
		after := answer(t, d, s)
		for _, explain := range []bool{false, true} {
			was, _ := newsOf(&before, explain)
			is, _ := newsOf(&after, explain)
			if want := tt.news || explain && tt.explains; (was != is) != want {
				t.Errorf("%s, explained %v: news %v, want %v", name, explain, was != is, want)
			}
		}
	}
	a, b := answer(t, nil, compliantPhones), answer(t, nil, compliantPhones)
	b.SignIn.Person.Name = "bob"
	was, _ := newsOf(&a, false)
	if is, _ := newsOf(&b, false); was == is {
		t.Error("another person is no news")
	}
}
