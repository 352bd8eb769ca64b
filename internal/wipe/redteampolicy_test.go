package wipe

import (
	"testing"
	"time"
)

// TestThiefOfPolicies: a policy under which every verdict says that the data shall
// go takes what the breaker lets through, and not one work account more: neither
// within the day, nor on a later one, because it takes two persons to close it.
// Every app checks in once an hour, and acts at once.
func TestThiefOfPolicies(t *testing.T) {
	for _, fleet := range []int{100, 1000} {
		x := newThief(t, 365*dayLong, 1)
		x.owns(fleet, true)
		for range 26 {
			for _, id := range x.ids {
				f := x.w.facts[id]
				if _, err := x.w.WipeByPolicy(x.ctx, id, f.Epoch, "theft"); err == nil {
					x.fetches(t, f)
				}
			}
			if _, err := x.w.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			x.w.now = x.w.now.Add(time.Hour)
		}
		l := DefaultLimits()
		want := max(int(l.BreakerFloor), fleet*int(l.BreakerPercent)/100)
		if got := len(x.taken); got != want || len(x.w.store.orders) != want+1 {
			t.Errorf("of %d, %d were wiped by %d orders, want %d, and one that is paused", fleet, got, len(x.w.store.orders), want)
		}
		for id := range x.taken {
			if x.w.facts[id].App == "" {
				t.Errorf("device %s was wiped by a policy", id)
			}
		}
	}
}
