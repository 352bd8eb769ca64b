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
	// trusted: nobody else changes the policies, so that a snapshot holds
	// until forget.
	trusted bool

	mu      sync.Mutex // guards what follows
	current *snapshot
	edition uint64   // raised by forget
	running bool     // a goroutine is reading
	next    *reading // the one that newcomers wait for
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
	if c.trusted && c.current != nil {
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

// at gives a snapshot of at least a generation that the caller has just read.
func (c *catalog) at(ctx context.Context, generation uint64) (*snapshot, error) {
	c.mu.Lock()
	snap := c.current
	c.mu.Unlock()
	if snap != nil && snap.generation >= generation {
		return snap, nil
	}
	return c.latest(ctx)
}

// forget makes the next caller read the policies again.
func (c *catalog) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.edition++
	c.current = nil
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
			c.current = r.snap
		}
		c.mu.Unlock()
		close(r.done)
	}
}

// load reads the policies if they are not the known ones.
func (c *catalog) load(ctx context.Context, known *snapshot) (*snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	if known != nil {
		generation, err := c.policies.Generation(ctx)
		if err != nil || generation == known.generation {
			return known, err
		}
	}
	policies, generation, err := c.policies.Live(ctx)
	if err != nil {
		return nil, err
	}
	return newSnapshot(policies, generation), nil
}
