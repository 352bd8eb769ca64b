package bell

import (
	"slices"
	"sync"

	"ringfence/internal/device"
)

// Several is one ear for many devices, which remembers which of them were rung.
// What it remembers is bounded by what it listens to.
type Several struct {
	wake chan struct{}

	mu   sync.Mutex // guards rung and all
	rung map[device.ID]struct{}
	all  bool
}

// SubscribeSeveral gives an ear for the rings of all these devices, which hears
// rings for everybody also where there are none, and the function that ends the
// subscription. Subscribe first, then read the state.
func (b *Bell) SubscribeSeveral(ids []device.ID) (s *Several, cancel func()) {
	s = &Several{wake: make(chan struct{}, 1), rung: make(map[device.ID]struct{})}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.several == nil {
		b.several = make(map[*Several]struct{})
		b.among = make(map[device.ID][]*Several)
	}
	b.several[s] = struct{}{}
	for _, id := range ids {
		b.among[id] = append(b.among[id], s)
	}
	return s, func() { b.leave(s, ids) }
}

func (b *Bell) leave(s *Several, ids []device.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.several, s)
	for _, id := range ids {
		left := slices.DeleteFunc(b.among[id], func(other *Several) bool { return other == s })
		if len(left) == 0 {
			delete(b.among, id)
			continue
		}
		b.among[id] = left
	}
}

// Rings gives a channel that holds at most one ring: there is something to take.
func (s *Several) Rings() <-chan struct{} { return s.wake }

// Take gives the devices that were rung since the last Take, in no order; all is
// true when everybody was rung.
func (s *Several) Take() (ids []device.ID, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.rung {
		ids = append(ids, id)
	}
	all = s.all
	clear(s.rung)
	s.all = false
	return ids, all
}

func (s *Several) ring(id device.ID) {
	s.mu.Lock()
	s.rung[id] = struct{}{}
	s.mu.Unlock()
	ear(s.wake).wake()
}

func (s *Several) ringAll() {
	s.mu.Lock()
	s.all = true
	s.mu.Unlock()
	ear(s.wake).wake()
}
