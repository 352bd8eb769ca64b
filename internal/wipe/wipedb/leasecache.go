package wipedb

import (
	"context"
	"slices"
	"sync"
	"time"

	"ringfence/internal/wipe"
)

// leaseAge is how old leases may be that other processes can change.
const leaseAge = 2 * time.Second

// leaseCache remembers the leases, which each check-in of each phone asks for.
// Where this process alone writes they are exact: whoever changes them forgets
// them here. Else they are read again when they are old; one caller does so,
// while the others get what there was.
type leaseCache struct {
	exact bool
	now   func() time.Time // nil: nothing may be remembered, unless exact

	loading sync.Mutex // held by the one who reads where there is nothing yet
	mu      sync.Mutex // guards what follows
	leases  []wipe.GroupLease
	loaded  bool
	readAt  time.Time
	busy    bool   // somebody reads them again
	changes uint64 // how often they were forgotten
}

// get gives the leases, from the database if need be.
func (c *leaseCache) get(ctx context.Context, read func(context.Context) ([]wipe.GroupLease, error)) ([]wipe.GroupLease, error) {
	if !c.exact && c.now == nil {
		return read(ctx)
	}
	leases, good, mine := c.look()
	if good {
		return leases, nil
	}
	if !mine { // there are none yet: everybody waits for one
		c.loading.Lock()
		defer c.loading.Unlock()
		if leases, good, _ = c.look(); good {
			return leases, nil
		}
	}
	return c.refresh(ctx, read)
}

// look gives what is remembered, and whether it is good enough. If it is there
// but old, the caller is the one who reads it again.
func (c *leaseCache) look() (leases []wipe.GroupLease, good, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.loaded:
		return nil, false, false
	case c.exact || c.busy || c.now().Before(c.readAt.Add(leaseAge)):
		return slices.Clone(c.leases), true, false
	default:
		c.busy = true
		return nil, false, true
	}
}

// refresh reads them. What was changed meanwhile is not remembered.
func (c *leaseCache) refresh(ctx context.Context, read func(context.Context) ([]wipe.GroupLease, error)) ([]wipe.GroupLease, error) {
	c.mu.Lock()
	before := c.changes
	c.mu.Unlock()
	leases, err := read(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
	if err == nil && c.changes == before {
		c.leases, c.loaded = leases, true
		if c.now != nil {
			c.readAt = c.now()
		}
	}
	return slices.Clone(leases), err
}

// forget is for who has changed them.
func (c *leaseCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loaded = false
	c.changes++
}
