package appprotect

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
	"ringfence/internal/fault"
	"ringfence/internal/identity"
)

// life is several accounts in whatever happens to them, on one server that may
// remember or two that may not, with what should be so.
type life struct {
	w        *world
	servers  []*Service
	accounts []*account
	// epochs are all there ever were.
	epochs []*epoch
}

// account is one person in one app on one phone.
type account struct {
	app  *app
	id   device.ID
	last *epoch
}

// epoch is one epoch of an account, with its certificates.
type epoch struct {
	number  device.Epoch
	lasts   bool
	callers []identity.Caller
	// heard is the number of the last report, and rooted what it said.
	heard  uint64
	rooted bool
}

// TestLife: whatever happens in whatever order, a certificate lets in just while
// its epoch lasts, epochs only grow, reports only go forward, and every verdict is
// on the last report.
func TestLife(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		cached := rapid.Bool().Draw(r, "cached")
		w := newWorld(t, cached)
		l := &life{w: w, servers: []*Service{w.s}}
		if !cached {
			l.servers = append(l.servers, w.replica(false))
		}
		w.policy("all", "launch.rooted=block")
		eve := Person{Issuer: issuer, Subject: "sub-eve", Name: "eve@example.com"}
		for _, p := range []Person{bob, eve} {
			for _, tag := range []string{oneTag, otherTag} {
				a := w.mail(p)
				a.tag = tag
				l.accounts = append(l.accounts, &account{app: a})
			}
		}
		r.Repeat(map[string]func(*rapid.T){
			"register": l.register, "renew": l.renew, "check in": l.checkIn, "leave": l.leave,
			"end": l.end, "sweep": l.sweep, "time": func(r *rapid.T) { w.pass(time.Minute) }, "": l.check,
		})
	})
}

func (l *life) server(r *rapid.T) *Service { return rapid.SampledFrom(l.servers).Draw(r, "server") }

func (l *life) account(r *rapid.T) *account {
	return l.accounts[rapid.IntRange(0, len(l.accounts)-1).Draw(r, "account")]
}

// anyone is any certificate that there ever was.
func (l *life) anyone(r *rapid.T) (*epoch, identity.Caller) {
	if len(l.epochs) == 0 {
		r.Skip()
	}
	e := l.epochs[rapid.IntRange(0, len(l.epochs)-1).Draw(r, "epoch")]
	return e, rapid.SampledFrom(e.callers).Draw(r, "certificate")
}

func (l *life) register(r *rapid.T) {
	a := l.account(r)
	a.app.s = l.server(r)
	if err := a.app.register(); err != nil {
		r.Fatal(err)
	}
	next := &epoch{number: 1, lasts: true, callers: []identity.Caller{a.app.caller}}
	if a.last != nil {
		next.number, a.last.lasts = a.last.number+1, false
	} else {
		a.id = a.app.admitted.ID
	}
	if got := a.app.admitted; got.ID != a.id || got.Epoch != next.number {
		r.Fatalf("epoch %d of %s, want %d of %s", got.Epoch, got.ID, next.number, a.id)
	}
	a.last, l.epochs = next, append(l.epochs, next)
}

func (l *life) renew(r *rapid.T) {
	e, caller := l.anyone(r)
	s := l.server(r)
	granted, err := s.Renew(l.w.t.Context(), caller, csrOf(l.w.t, newKey(l.w.t)))
	l.expect(r, e, err)
	if err == nil {
		caller.Serial = serialOf(l.w.t, granted.Chain)
		e.callers = append(e.callers, caller)
	}
}

// expect wants an error just where the epoch is over.
func (l *life) expect(r *rapid.T, e *epoch, err error) {
	if e.lasts != (err == nil) || err != nil && !errors.Is(err, ErrEnded) {
		r.Fatalf("epoch %d, lasting %t: %v", e.number, e.lasts, err)
	}
}

func (l *life) checkIn(r *rapid.T) {
	e, caller := l.anyone(r)
	number := uint64(max(1, int(e.heard)+rapid.IntRange(-2, 2).Draw(r, "number")))
	report := l.w.report()
	report.ObservedAt = t0
	bad := rapid.Bool().Draw(r, "rooted")
	if bad {
		rooted(&report)
	}
	answer, err := l.server(r).CheckIn(l.w.t.Context(), caller, CheckInRequest{Number: number, Report: report})
	if e.lasts && (number < e.heard || number == e.heard && bad != e.rooted) {
		if fault.ReasonOf(err) != "REPORT_OVERTAKEN" {
			r.Fatalf("report %d after %d: %v", number, e.heard, err)
		}
		return
	}
	l.expect(r, e, err)
	if err == nil {
		e.heard, e.rooted = number, bad
		if want := standingOf(bad); answer.Verdict.Standing != want {
			r.Fatalf("stands on %s, want %s", answer.Verdict.Standing, want)
		}
	}
}

func standingOf(rooted bool) apprules.Standing {
	if rooted {
		return apprules.StandingBlock
	}
	return apprules.StandingOK
}

func (l *life) leave(r *rapid.T) {
	e, caller := l.anyone(r)
	l.expect(r, e, l.server(r).Leave(l.w.t.Context(), caller, nil))
	e.lasts = false
}

func (l *life) end(r *rapid.T) {
	e, caller := l.anyone(r)
	if err := l.server(r).End(l.w.t.Context(), caller.Device, caller.Epoch, EndWiped, "order"); err != nil {
		r.Fatal(err)
	}
	e.lasts = false
}

func (l *life) sweep(r *rapid.T) {
	if _, err := l.server(r).Sweep(l.w.t.Context()); err != nil {
		r.Fatal(err)
	}
}

// check is what is always so.
func (l *life) check(r *rapid.T) {
	for _, e := range l.epochs {
		for _, caller := range e.callers {
			for i, s := range l.servers {
				got, err := s.Identify(l.w.t.Context(), caller.Serial)
				l.expect(r, e, err)
				if err == nil && fmt.Sprint(got) != fmt.Sprint(caller) {
					r.Fatalf("server %d takes %+v for %+v", i, caller, got)
				}
			}
		}
	}
	for _, a := range l.accounts {
		if a.last == nil {
			continue
		}
		stored := l.w.store.byID[a.id]
		if stored.Epoch != a.last.number || stored.Lasts() != a.last.lasts {
			r.Fatalf("stored epoch %d, lasting %t, want %d, %t", stored.Epoch, stored.Lasts(), a.last.number, a.last.lasts)
		}
		s := l.w.store.states[a.id]
		switch {
		case !a.last.lasts && s.Version != 0:
			r.Fatal("a state outlives its epoch")
		case a.last.lasts && s.Number != a.last.heard:
			r.Fatalf("number %d is stored, %d was heard", s.Number, a.last.heard)
		case s.Number > 0 && s.Verdict.Standing != standingOf(a.last.rooted):
			r.Fatalf("stored standing %s", s.Verdict.Standing)
		}
	}
}
