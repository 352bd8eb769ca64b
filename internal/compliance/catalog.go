package compliance

import (
	"context"
	"sync"
	"time"
)

// loadTimeout bounds one look at the policies.
const loadTimeout = 15 * time.Second

// catalog gives the snapshot of the policies. Callers that arrive while the
// database is being read share the next reading, so that a doorbell heard by
// ten thousand streams costs two readings, not ten thousand; none of them gets
// a reading that began before it asked.
type catalog struct {
	policies Policies
	recalled Recalls
	// trusted: nobody else changes the policies, so that a snapshot holds
	// until forget.
	trusted bool

	mu      sync.Mutex // guards what follows
	current *snapshot
	doubted bool     // current may be outdated
	edition uint64   // raised by forget
	running bool     // a goroutine is reading
	next    *reading // the one that newcomers wait for

	// recalls is for every snapshot. Readings alone add to it, one at a time.
	recalls recallBook
}

// reading is one look at the policies. snap and err are set before done is
// closed.
type reading struct {
	done chan struct{}
	snap *snapshot
	err  error
}

// latest gives a snapshot that is not older than the call.
func (c *catalog) latest(ctx context.Context) (*snapshot, error) {
	c.mu.Lock()
	if c.trusted && c.current != nil && !c.doubted {
		defer c.mu.Unlock()
		return c.current, nil
	}
	if c.next == nil {
		c.next = &reading{done: make(chan struct{})}
	}
	if !c.running {
		c.running = true
		go c.read(context.WithoutCancel(ctx))
	}
	r := c.next
	c.mu.Unlock()
	select {
	case <-r.done:
		return r.snap, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// at gives a snapshot of at least the marks that the caller has just read.
func (c *catalog) at(ctx context.Context, m Marks) (*snapshot, error) {
	c.mu.Lock()
	snap := c.current
	c.mu.Unlock()
	if snap != nil && snap.generation >= m.Generation && c.recalls.number() >= m.Recalls {
		return snap, nil
	}
	return c.latest(ctx)
}

// forget makes the next caller look whether there are other policies, or more
// recalls.
func (c *catalog) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.edition++
	c.doubted = true
}

// read serves readings until nobody waits for one.
func (c *catalog) read(ctx context.Context) {
	for {
		c.mu.Lock()
		r, known, edition := c.next, c.current, c.edition
		c.next = nil
		c.running = r != nil
		c.mu.Unlock()
		if r == nil {
			return
		}
		r.snap, r.err = c.load(ctx, known)
		c.mu.Lock()
		// What was read before forget may be what was to be forgotten.
		if r.err == nil && c.edition == edition {
			c.current, c.doubted = r.snap, false
		}
		c.mu.Unlock()
		close(r.done)
	}
}

// load reads the policies if they are not the known ones, and new recalls.
func (c *catalog) load(ctx context.Context, known *snapshot) (*snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	m, err := c.policies.Marks(ctx)
	if err != nil {
		return nil, err
	}
	if last := c.recalls.number(); m.Recalls > last {
		more, err := c.recalled.Recalls(ctx, last)
		if err != nil {
			return nil, err
		}
		c.recalls.add(more)
	}
	if known != nil && m.Generation == known.generation {
		return known, nil
	}
	policies, generation, err := c.policies.Live(ctx)
	if err != nil {
		return nil, err
	}
	return newSnapshot(policies, generation, &c.recalls), nil
}
