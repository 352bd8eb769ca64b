// Package bell wakes a device's open streams. A ring carries no data: it says
// that something changed and that the listener should look again. Rings merge,
// and a missed one is harmless, because listeners also look on a slow
// tick: [Watch] is how a stream listens.
package bell

import (
	"slices"
	"sync"

	"ringfence/internal/device"
)

// Bell holds the open ears of this process. The zero value is ready to use.
type Bell struct {
	mu   sync.Mutex // guards what follows, and every list in it
	ears map[device.ID][]ear
	// several are the ears for many devices, among the same by device.
	several map[*Several]struct{}
	among   map[device.ID][]*Several
}

// ear holds at most one ring. A device has one or a few: a list is smaller than
// a set, and there may be tens of thousands.
type ear chan struct{}

// Subscribe gives a channel that holds at most one ring for the device, and
// the function that ends the subscription. Subscribe first, then read the
// state: a change after the read then always rings.
func (b *Bell) Subscribe(id device.ID) (rings <-chan struct{}, cancel func()) {
	e := make(ear, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ears == nil {
		b.ears = make(map[device.ID][]ear)
	}
	b.ears[id] = append(b.ears[id], e)
	return e, func() { b.unsubscribe(id, e) }
}

func (b *Bell) unsubscribe(id device.ID, e ear) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := slices.DeleteFunc(b.ears[id], func(other ear) bool { return other == e })
	if len(left) == 0 {
		delete(b.ears, id)
		return
	}
	b.ears[id] = left
}

// Ring wakes every open stream of one device.
func (b *Bell) Ring(id device.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.ears[id] {
		e.wake()
	}
	for _, s := range b.among[id] {
		s.ring(id)
	}
}

// RingAll wakes every open stream.
func (b *Bell) RingAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ears := range b.ears {
		for _, e := range ears {
			e.wake()
		}
	}
	for s := range b.several {
		s.ringAll()
	}
}

// Listening counts the open subscriptions; one for several devices is one.
func (b *Bell) Listening() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.several)
	for _, ears := range b.ears {
		n += len(ears)
	}
	return n
}

func (e ear) wake() {
	select {
	case e <- struct{}{}:
	default: // a ring is waiting already
	}
}
