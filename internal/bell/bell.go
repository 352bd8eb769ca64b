// Package bell wakes a device's open streams. A ring carries no data: it says
// that something changed and that the listener should look again. Rings merge,
// and a missed one is harmless, because listeners also look on a slow tick.
package bell

import (
	"sync"

	"ringfence/internal/device"
)

// Bell holds the open ears of this process. The zero value is ready to use.
type Bell struct {
	mu   sync.Mutex // guards ears and every set in it
	ears map[device.ID]map[*ear]struct{}
}

type ear struct{ ring chan struct{} }

// Subscribe gives a channel that holds at most one ring for the device, and
// the function that ends the subscription. Subscribe first, then read the
// state: a change after the read then always rings.
func (b *Bell) Subscribe(id device.ID) (rings <-chan struct{}, cancel func()) {
	e := &ear{ring: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ears == nil {
		b.ears = make(map[device.ID]map[*ear]struct{})
	}
	if b.ears[id] == nil {
		b.ears[id] = make(map[*ear]struct{}, 1)
	}
	b.ears[id][e] = struct{}{}
	return e.ring, func() { b.unsubscribe(id, e) }
}

func (b *Bell) unsubscribe(id device.ID, e *ear) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.ears[id], e)
	if len(b.ears[id]) == 0 {
		delete(b.ears, id)
	}
}

// Ring wakes every open stream of one device.
func (b *Bell) Ring(id device.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := range b.ears[id] {
		e.wake()
	}
}

// RingAll wakes every open stream.
func (b *Bell) RingAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ears := range b.ears {
		for e := range ears {
			e.wake()
		}
	}
}

// Listening counts the open subscriptions.
func (b *Bell) Listening() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, ears := range b.ears {
		n += len(ears)
	}
	return n
}

func (e *ear) wake() {
	select {
	case e.ring <- struct{}{}:
	default: // a ring is waiting already
	}
}
