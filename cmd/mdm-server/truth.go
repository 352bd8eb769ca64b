package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"ringfence/internal/audit"
	"ringfence/internal/bell"
	"ringfence/internal/compliance"
	"ringfence/internal/device"
)

// How a change reaches the doors. Whoever asks is answered by what is stored and
// known at that moment: there is nothing to wait for. Whoever listens is woken by
// the record: every change has its entry, in its own transaction, so that
// following the record misses nothing. Three things make that quick: the database
// tells when the record grows, a change of policies starts the sweep that judges
// by it, and an alarm is set for verdicts that turn by themselves.

// recordGrew is the one bell of the record: it wakes all who follow it.
const recordGrew device.ID = "record"

// everyTick is how often the record is looked at without having been told that
// it has grown: another server may have written.
const everyTick = time.Second

// feed rings the watchers of decisions for every entry of the record, and keeps
// the history of facts. Of a phone whose record was purged it forgets what it, or
// a decision, has kept on the way there.
type feed struct {
	record interface {
		Following(ctx context.Context, after uint64, actions []string, most int) ([]audit.Entry, uint64, error)
	}
	size     func(ctx context.Context) (uint64, error)
	bell     *bell.Bell
	remember func(ctx context.Context, ids []device.ID) error
	forget   func(ctx context.Context, id device.ID) error
	note     func(ctx context.Context, chore string, err error)
}

// feedBatch is how many entries are looked at at once.
const feedBatch = 500

// run follows the record from its end until ctx ends.
func (f *feed) run(ctx context.Context, grew <-chan struct{}) {
	at, begun := uint64(0), false
	tick := time.NewTicker(everyTick)
	defer tick.Stop()
	for ctx.Err() == nil {
		if !begun {
			size, err := f.size(ctx)
			f.note(ctx, "follow the record", err)
			at, begun = size, err == nil
			f.bell.RingAll() // whatever happened before
		}
		if begun {
			at = f.catchUp(ctx, at)
		}
		select {
		case <-ctx.Done():
		case <-grew:
		case <-tick.C:
		}
	}
}

// catchUp looks at all entries after one, and gives the last it has seen.
func (f *feed) catchUp(ctx context.Context, at uint64) uint64 {
	for ctx.Err() == nil {
		entries, upTo, err := f.record.Following(ctx, at, nil, feedBatch)
		f.note(ctx, "follow the record", err)
		if err != nil || upTo <= at {
			return at
		}
		ids, all := concerned(entries)
		if all {
			f.bell.RingAll()
		}
		for _, id := range ids {
			f.bell.Ring(id)
		}
		f.note(ctx, "keep the history of facts", f.remember(ctx, ids))
		for _, e := range entries {
			if id, ok := strings.CutPrefix(e.Target, "device/"); ok && e.Action == "enroll.purge" {
				f.note(ctx, "forget a phone", f.forget(ctx, device.ID(id)))
			}
		}
		at = upTo
	}
	return at
}

// concerned gives the phones and registrations that entries are about, and
// whether some are about what everybody is judged by.
func concerned(entries []audit.Entry) (ids []device.ID, all bool) {
	for _, e := range entries {
		kind, name, _ := strings.Cut(e.Target, "/")
		switch kind {
		case "device", "registration":
			ids = append(ids, device.ID(name))
		case "administrator", // a gateway's credential may have ended, and its streams with it
			"access-policy", "access-location", "policy", "app-policy", "app", "user", "group", "certificate":
			all = true
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), all
}

// kicking is a bell that also starts a sweep when everybody is rung: then what
// everybody is judged by has changed.
type kicking struct {
	*bell.Bell
	kick func()
}

func (k kicking) RingAll() {
	k.Bell.RingAll()
	k.kick()
}

// judgeAll sees to it that what everybody is judged by counts at once: a sweep
// comes before its time, and who watches decisions has them decided again. The
// record has rung before, maybe while somebody still remembered what was.
func (p *parts) judgeAll() {
	p.access.bell.RingAll()
	select {
	case p.sweepNow <- struct{}{}:
	default: // one is asked for already
	}
}

// alarm judges phones at the moment their verdicts turn by themselves. The sweep
// would find them too, some time later.
type alarm struct {
	compliance *compliance.Service
	now        func() time.Time
	note       func(ctx context.Context, chore string, err error)
}

// alarmAhead is how far ahead the alarm looks, alarmEvery how often: a verdict that
// turns sooner after it was given than alarmEvery may be left to the sweep.
const (
	alarmAhead = 3 * alarmEvery
	alarmEvery = 5 * time.Second
)

func (a *alarm) run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := a.turn(ctx)
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// turn judges who is due, and gives how long to wait.
func (a *alarm) turn(ctx context.Context) time.Duration {
	turns, err := a.compliance.Turns(ctx, a.now().Add(alarmAhead))
	a.note(ctx, "look for verdicts that turn", err)
	wait := alarmEvery
	for _, t := range turns {
		left := t.At.Sub(a.now())
		if left > 0 {
			wait = min(wait, left)
			continue
		}
		a.note(ctx, "judge a phone whose time has come", a.compliance.Judge(ctx, t.Device))
	}
	return wait
}
