package bell

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/device"
)

func taken(s *Several) ([]device.ID, bool) {
	ids, all := s.Take()
	slices.Sort(ids)
	return ids, all
}

func TestSeveral(t *testing.T) {
	var b Bell
	both, cancelBoth := b.SubscribeSeveral([]device.ID{"device-one", "device-two", "device-one"})
	none, cancelNone := b.SubscribeSeveral(nil)
	if got := b.Listening(); got != 2 {
		t.Errorf("Listening = %d, want 2", got)
	}

	b.Ring("device-two")
	b.Ring("device-one")
	b.Ring("device-one")
	b.Ring("device-three")
	if !rung(both.Rings()) || rung(both.Rings()) || rung(none.Rings()) {
		t.Error("rings should merge into one, for whoever listens to the device")
	}
	ids, all := taken(both)
	if diff := cmp.Diff([]device.ID{"device-one", "device-two"}, ids); diff != "" || all {
		t.Errorf("all %v (-want +got):\n%s", all, diff)
	}
	if ids, all := taken(both); len(ids) > 0 || all {
		t.Errorf("taken twice: %v, %v", ids, all)
	}

	b.RingAll()
	for name, s := range map[string]*Several{"both": both, "none": none} {
		if ids, all := taken(s); !rung(s.Rings()) || len(ids) > 0 || !all {
			t.Errorf("%s: %v, %v", name, ids, all)
		}
	}

	cancelBoth()
	b.Ring("device-one")
	b.RingAll()
	if rung(both.Rings()) {
		t.Error("heard after the end")
	}
	cancelBoth()
	cancelNone()
	if got := b.Listening(); got != 0 || len(b.among) > 0 {
		t.Errorf("Listening = %d, %d devices, want none", got, len(b.among))
	}
}

// TestSeveralMissNothing: what is rung while somebody takes is there at the next
// ring, or with this one.
func TestSeveralMissNothing(t *testing.T) {
	var b Bell
	ids := []device.ID{"device-1", "device-2", "device-3"}
	s, cancel := b.SubscribeSeveral(ids)
	defer cancel()
	var ringing sync.WaitGroup
	for _, id := range ids {
		ringing.Go(func() {
			for range 100 {
				b.Ring(id)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		ringing.Wait()
		b.RingAll()
		close(done)
	}()
	seen, over := map[device.ID]bool{}, false
	for !over {
		<-s.Rings()
		rung, all := s.Take()
		for _, id := range rung {
			seen[id] = true
		}
		over = all
	}
	<-done
	if len(seen) != len(ids) {
		t.Errorf("heard of %v", seen)
	}
}
