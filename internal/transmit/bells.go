package transmit

import "sync"

// Bells wake those who hand over: one bell a stream, and one for the set of
// streams. They carry no data, and a missed ring is harmless, because everybody
// looks on a slow tick too. The zero value is ready to use.
type Bells struct {
	mu      sync.Mutex                            // guards what follows
	ears    map[string]map[chan struct{}]struct{} // by stream
	streams chan struct{}                         // rung when streams change
}

// Ring says that something waits for these streams.
func (b *Bells) Ring(streams ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range streams {
		for ear := range b.ears[id] {
			wake(ear)
		}
	}
}

// changed says that a stream was made, changed or dropped: everybody looks.
func (b *Bells) changed() {
	wake(b.set())
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ears := range b.ears {
		for ear := range ears {
			wake(ear)
		}
	}
}

// set is the bell of the set of streams, for the one who keeps it.
func (b *Bells) set() chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams == nil {
		b.streams = make(chan struct{}, 1)
	}
	return b.streams
}

// listen gives a channel that holds at most one ring for a stream, and the
// function that ends it.
func (b *Bells) listen(id string) (rings <-chan struct{}, cancel func()) {
	ear := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ears == nil {
		b.ears = make(map[string]map[chan struct{}]struct{})
	}
	if b.ears[id] == nil {
		b.ears[id] = make(map[chan struct{}]struct{})
	}
	b.ears[id][ear] = struct{}{}
	return ear, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ears[id], ear)
		if len(b.ears[id]) == 0 {
			delete(b.ears, id)
		}
	}
}

func wake(ear chan struct{}) {
	select {
	case ear <- struct{}{}:
	default: // a ring is waiting already
	}
}
