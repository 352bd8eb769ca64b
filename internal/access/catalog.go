package access

import (
	"context"
	"sync"
)

// catalog gives the policies as they are now.
type catalog struct {
	policies Policies
	compile  func(Stored) (*Snapshot, error)
	// trusted: nobody else changes the policies, so that what was read holds
	// until forget.
	trusted bool

	// reading is held by whoever reads all policies, so that one change costs one
	// reading, however many decisions wait for it.
	reading sync.Mutex

	mu      sync.RWMutex // guards what follows
	current *Snapshot
	edition uint64 // raised by forget
}

// latest gives a snapshot that is not older than the call.
func (c *catalog) latest(ctx context.Context) (*Snapshot, error) {
	known, _ := c.known()
	if c.trusted {
		if known != nil {
			return known, nil
		}
		return c.read(ctx, 0)
	}
	generation, err := c.policies.Generation(ctx)
	if err != nil {
		return nil, err
	}
	if known != nil && known.generation >= generation {
		return known, nil
	}
	return c.read(ctx, generation)
}

// read gives a snapshot of at least this generation.
func (c *catalog) read(ctx context.Context, generation uint64) (*Snapshot, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	known, edition := c.known()
	if known != nil && known.generation >= generation {
		return known, nil
	}
	stored, err := c.policies.Current(ctx)
	if err != nil {
		return nil, err
	}
	made, err := c.compile(stored)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// What was read before forget may be what was to be forgotten.
	if c.edition == edition {
		c.current = made
	}
	return made, nil
}

func (c *catalog) known() (*Snapshot, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.current, c.edition
}

// forget makes the next caller read the policies. It is to be called after each
// change of them, whether or not that is known to have succeeded.
func (c *catalog) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.edition++
	c.current = nil
}
