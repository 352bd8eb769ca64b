package lease

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	lockAfter = 5 * time.Hour
	wipeAfter = 20 * time.Hour
)

// world is a phone, and the time as it really is.
type world struct {
	now  time.Duration // since the world began
	off  time.Duration // how far the clock on the wall is ahead
	boot int
	up   time.Duration

	contact time.Duration // when it was
	on      time.Duration // for how long the phone was on since, as far as it was looked at
	unseen  time.Duration // on, since the last look
	silence Silence
}

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func (w *world) clocks() Reading {
	return Reading{Wall: epoch.Add(w.now + w.off), Boot: strconv.Itoa(w.boot), Up: w.up}
}

// pass lets time pass on a phone that is on.
func (w *world) pass(d time.Duration) {
	w.now, w.up, w.unseen = w.now+d, w.up+d, w.unseen+d
}

// look is what the agent does at every start and each minute; what it keeps goes
// by way of the disk.
func (w *world) look(t fataler) {
	w.silence = onDisk(t, w.silence.Observe(w.clocks()))
	w.on, w.unseen = w.on+w.unseen, 0
}

// reboot switches the phone off and on again; its agent starts a little later.
func (w *world) reboot(off, starting time.Duration) {
	w.now += off
	w.boot, w.up, w.unseen = w.boot+1, 0, 0
	w.pass(starting)
}

func (w *world) reach() {
	w.silence, w.contact, w.on, w.unseen = Begin(w.clocks()), w.now, 0, 0
}

// real is for how long there was silence.
func (w *world) real() time.Duration { return w.now - w.contact }

type fataler interface{ Fatal(args ...any) }

func onDisk(t fataler, s Silence) (read Silence) {
	raw, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(raw, &read)
	}
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func newWorld() *world {
	w := &world{boot: 1}
	w.reach()
	return w
}

// event is something that happens to a phone.
type event struct {
	what string
	d    time.Duration // how long, or how far
}

// apply lets it happen, and lets the agent look afterwards.
func (w *world) apply(t fataler, e event) {
	switch e.what {
	case "tick":
		w.pass(e.d)
	case "agent away": // the phone stays on
		w.pass(e.d)
	case "switched off":
		w.reboot(e.d, 20*time.Second)
	case "agent late": // the phone is switched off and on, and the agent starts much later
		w.reboot(time.Minute, e.d)
	case "set ahead", "set back":
		w.off += e.d
	case "set while off":
		w.off += e.d
		w.reboot(time.Minute, 20*time.Second)
	case "contact":
		w.reach()
	}
	w.look(t)
}

func events(kinds ...string) *rapid.Generator[[]event] {
	spans := map[string][2]time.Duration{
		"tick": {time.Second, time.Minute}, "agent away": {time.Minute, 8 * time.Hour}, "switched off": {time.Second, 9 * time.Hour},
		"agent late": {time.Second, 3 * time.Hour},
		"set ahead":  {time.Second, 1000 * time.Hour}, "set back": {-1000 * time.Hour, -time.Second}, "set while off": {-1000 * time.Hour, 1000 * time.Hour},
		"set back a little": {-6 * time.Minute, -time.Second}, "contact": {0, 0},
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event {
		what := rapid.SampledFrom(kinds).Draw(t, "what")
		span := spans[what]
		// Short ones alone would hardly ever come to an end of the lease.
		d := span[1] - (span[1]-span[0])/time.Duration(rapid.IntRange(1, 40).Draw(t, "part"))
		d -= time.Duration(rapid.Int64Range(0, int64(d-span[0])).Draw(t, "less"))
		if what == "set back a little" {
			what = "set back"
		}
		return event{what, d}
	}), 1, 60)
}

// TestNeverTooEarly: whatever was done to the clock of a phone that was on,
// nothing is wiped before the silence was as long as it must be.
func TestNeverTooEarly(t *testing.T) {
	all := events("tick", "tick", "agent away", "agent late", "switched off", "set ahead", "set back", "contact")
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for _, e := range all.Draw(t, "events") {
			w.apply(t, e)
			if w.silence.Wipes(wipeAfter) && w.real() < wipeAfter {
				t.Fatalf("wiped after %v: %+v", w.real(), w.silence)
			}
			if w.silence.Proven() > w.real() {
				t.Fatalf("after %v, %v is taken for proven", w.real(), w.silence.Proven())
			}
		}
	})
}

// TestNeverBeforeATenth: not even a clock that was set while the phone was off
// wipes anything before the phone was on for a tenth of the term.
func TestNeverBeforeATenth(t *testing.T) {
	all := events("tick", "agent away", "agent late", "switched off", "set ahead", "set back", "set while off", "contact")
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for _, e := range all.Draw(t, "events") {
			w.apply(t, e)
			if w.silence.Wipes(wipeAfter) && w.on < wipeAfter/onShare {
				t.Fatalf("wiped after %v, on for %v: %+v", w.real(), w.on, w.silence)
			}
		}
	})
}

// TestAlwaysInTime: with a clock that is right, the work side is locked and wiped
// exactly when the silence is as long as it must be, for the wipe also the tenth.
func TestAlwaysInTime(t *testing.T) {
	all := events("tick", "tick", "agent away", "agent late", "switched off", "contact")
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for _, e := range all.Draw(t, "events") {
			w.apply(t, e)
			if got, want := w.silence.Locks(lockAfter) != "", w.real() >= lockAfter; got != want {
				t.Fatalf("after %v: locked %v, want %v: %+v", w.real(), got, want, w.silence)
			}
			want := w.real() >= wipeAfter && w.on >= wipeAfter/onShare
			if got := w.silence.Wipes(wipeAfter); got != want {
				t.Fatalf("after %v, on for %v: wiped %v, want %v: %+v", w.real(), w.on, got, want, w.silence)
			}
		}
	})
}

// TestSetBackExtendsNothing: of two phones to which the same happens, one of which
// has its clock set back now and then while it is on, that one is locked and wiped
// no later.
func TestSetBackExtendsNothing(t *testing.T) {
	all := events("tick", "tick", "agent away", "agent late", "switched off", "set back", "set back a little", "contact")
	rapid.Check(t, func(t *rapid.T) {
		honest, set := newWorld(), newWorld()
		for _, e := range all.Draw(t, "events") {
			set.apply(t, e)
			if e.what != "set back" {
				honest.apply(t, e)
			}
			if honest.silence.Locks(lockAfter) != "" && set.silence.Locks(lockAfter) == "" {
				t.Fatalf("after %v only the honest phone is locked: %+v", honest.real(), set.silence)
			}
			if honest.silence.Wipes(wipeAfter) && !set.silence.Wipes(wipeAfter) {
				t.Fatalf("after %v only the honest phone is wiped: %+v", honest.real(), set.silence)
			}
		}
	})
}

// TestSilenceNeverFalls: but by contact.
func TestSilenceNeverFalls(t *testing.T) {
	all := events("tick", "agent away", "agent late", "switched off", "set ahead", "set back", "set while off")
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for _, e := range all.Draw(t, "events") {
			before := w.silence
			w.apply(t, e)
			if w.silence.Longest() < before.Longest() || w.silence.Proven() < before.Proven() || before.Locks(lockAfter) != "" && w.silence.Locks(lockAfter) == "" {
				t.Fatalf("%+v became %+v", before, w.silence)
			}
		}
	})
}

// TestSilence goes through single cases.
func TestSilence(t *testing.T) {
	for name, c := range map[string]struct {
		events []event
		locked string
		wiped  bool
	}{
		"nothing happens":                        {nil, "", false},
		"a minute":                               {[]event{{"tick", time.Minute}}, "", false},
		"just before the lock":                   {[]event{{"agent away", lockAfter - time.Second}}, "", false},
		"the lock":                               {[]event{{"agent away", lockAfter}}, "there was no contact for 5h0m0s", false},
		"just before the wipe":                   {[]event{{"agent away", wipeAfter - time.Second}}, "there was no contact for 5h0m0s", false},
		"the wipe":                               {[]event{{"agent away", wipeAfter}}, "there was no contact for 5h0m0s", true},
		"off for a year":                         {[]event{{"switched off", 365 * 24 * time.Hour}}, "there was no contact for 5h0m0s", false},
		"off for a year, then on for a tenth":    {[]event{{"switched off", 365 * 24 * time.Hour}, {"agent away", 2 * time.Hour}}, "there was no contact for 5h0m0s", true},
		"set ahead by a year, and on":            {[]event{{"set ahead", 365 * 24 * time.Hour}, {"agent away", 3 * time.Hour}}, "there was no contact for 5h0m0s", false},
		"set ahead by mistake, and right again":  {[]event{{"set ahead", time.Hour}, {"set back", -time.Hour}}, "the clock was set back", false},
		"set right by a little":                  {[]event{{"set back", -4 * time.Minute}}, "", false},
		"set back a little, twice":               {[]event{{"set back", -4 * time.Minute}, {"set back", -4 * time.Minute}}, "the clock was set back", false},
		"set back a little, and the lock":        {[]event{{"set back", -4 * time.Minute}, {"agent away", lockAfter}}, "there was no contact for 5h0m0s", false},
		"set back, and contact":                  {[]event{{"set back", -time.Hour}, {"contact", 0}}, "", false},
		"set back while off, before the reading": {[]event{{"tick", time.Minute}, {"set while off", -time.Hour}}, "the clock was set back", false},
		"contact after all":                      {[]event{{"agent away", wipeAfter}, {"contact", 0}}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for _, e := range c.events {
				w.apply(t, e)
			}
			if got := w.silence.Locks(lockAfter); got != c.locked {
				t.Errorf("locked: %q, want %q", got, c.locked)
			}
			if got := w.silence.Wipes(wipeAfter); got != c.wiped {
				t.Errorf("wiped: %v, want %v", got, c.wiped)
			}
			if w.silence.Locks(0) != "" && c.locked != "the clock was set back" || w.silence.Wipes(0) {
				t.Error("a lease without terms has some")
			}
		})
	}
}

// TestUnknownUptime: a phone that does not know for how long it is on locks, and
// wipes nothing.
func TestUnknownUptime(t *testing.T) {
	s := Begin(Reading{Wall: epoch})
	for day := range 400 {
		s = s.Observe(Reading{Wall: epoch.AddDate(0, 0, day)})
	}
	if s.Wipes(wipeAfter) || s.Locks(lockAfter) == "" {
		t.Errorf("%+v", s)
	}
}

// TestSilenceIsBounded: no clock makes the sums overflow.
func TestSilenceIsBounded(t *testing.T) {
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	s := Begin(Reading{Wall: epoch})
	for i := range 10 {
		s = s.Observe(Reading{Wall: far, Boot: strconv.Itoa(2 * i), Up: 1 << 62})
		s = s.Observe(Reading{Wall: time.Time{}, Boot: strconv.Itoa(2*i + 1), Up: 1})
	}
	if back := Begin(Reading{Wall: far}).Observe(Reading{Wall: time.Time{}, Boot: "1", Up: 1}); back.Off != 0 {
		t.Errorf("a clock that was set back counts %v", back.Off)
	}
	if s.Proven() < 0 || s.Longest() < 0 || s.Proven() > forever || s.Seen < 0 || s.Off < 0 {
		t.Errorf("%+v", s)
	}
}
