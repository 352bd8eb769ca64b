package lease

import (
	"testing"
	"time"
)

// TestBootNotKnown: a phone that does not know its boot for a while, at contact or
// later, is not taken for one that was silent for as long as it is switched on.
func TestBootNotKnown(t *testing.T) {
	const month = 30 * 24 * time.Hour
	known := func(since, up time.Duration) Reading {
		return Reading{Wall: epoch.Add(since), Boot: "1", Up: month + up}
	}
	unknown := func(since time.Duration) Reading { return Reading{Wall: epoch.Add(since)} }
	for name, c := range map[string]struct {
		readings []Reading
		proven   time.Duration
		wiped    bool
	}{
		"at contact":            {[]Reading{unknown(0), known(time.Minute, time.Minute)}, time.Minute, false},
		"at contact, and long":  {[]Reading{unknown(0), known(time.Minute, time.Minute), known(21*time.Hour, 21*time.Hour)}, 21 * time.Hour, true},
		"once":                  {[]Reading{known(0, 0), unknown(time.Hour), known(2*time.Hour, 2*time.Hour)}, 2 * time.Hour, false},
		"every other time":      {[]Reading{known(0, 0), unknown(7 * time.Hour), known(8*time.Hour, 8*time.Hour), unknown(15 * time.Hour), known(16*time.Hour, 16*time.Hour)}, 16 * time.Hour, false},
		"and off in between":    {[]Reading{known(0, 0), unknown(time.Hour), {Wall: epoch.Add(10 * time.Hour), Boot: "2", Up: time.Hour}}, 10 * time.Hour, false},
		"never":                 {[]Reading{unknown(0), unknown(40 * time.Hour)}, 40 * time.Hour, false},
		"never again":           {[]Reading{known(0, 0), unknown(40 * time.Hour)}, 0, false},
		"and the clock set":     {[]Reading{unknown(0), known(100*month, time.Minute)}, 100 * month, false},
		"known all the time":    {[]Reading{known(0, 0), known(20*time.Hour, 20*time.Hour)}, 20 * time.Hour, true},
		"it was on for a month": {[]Reading{known(0, 0), {Wall: epoch.Add(month), Boot: "2", Up: month}}, month, true},
	} {
		s := Begin(c.readings[0])
		for _, r := range c.readings[1:] {
			s = s.Observe(r)
		}
		if s.Proven() != c.proven || s.Wipes(wipeAfter) != c.wiped {
			t.Errorf("%s: proven %v, wiped %v, want %v, %v", name, s.Proven(), s.Wipes(wipeAfter), c.proven, c.wiped)
		}
		if last := c.readings[len(c.readings)-1].Wall.Sub(epoch); s.Longest() < last {
			t.Errorf("%s: the longest is %v, it may have been %v", name, s.Longest(), last)
		}
	}
}
