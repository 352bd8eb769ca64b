package enroll

import (
	"hash/maphash"
	"sync"

	"ringfence/internal/identity"
)

const (
	// cacheShards keeps callers out of each other's way.
	cacheShards = 64
	// The limits bound what is remembered: above them, any one is forgotten for
	// a new one. The phones' holds a large fleet in some 26 MB.
	phoneCacheLimit = 1 << 16
	adminCacheLimit = 1 << 10
)

// cache remembers which certificates let whom in, by serial number. It can be
// trusted only where no one else changes the database. It remembers no refusals:
// strangers must not push phones out of it. A nil cache remembers nothing.
//
// What is read before a change must not be remembered after it, or a retired
// phone would stay in. So a reader takes a ticket first, and each change to the
// shard makes the tickets given before it void.
type cache struct {
	seed   maphash.Seed
	limit  int // a shard's
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu      sync.RWMutex // guards all below
	changes uint64
	callers map[string]identity.Caller
	_       [64]byte // keeps neighbours' locks in other cache lines
}

// ticket is the right to remember what is read from now on.
type ticket struct{ changes uint64 }

func newCache(limit int) *cache {
	c := &cache{seed: maphash.MakeSeed(), limit: max(1, limit/cacheShards)}
	for i := range c.shards {
		c.shards[i].callers = make(map[string]identity.Caller)
	}
	return c
}

func (c *cache) shard(serial string) *cacheShard {
	return &c.shards[maphash.String(c.seed, serial)%cacheShards]
}

// get gives who is let in by the certificate, if it is remembered.
func (c *cache) get(serial string) (identity.Caller, bool) {
	if c == nil {
		return identity.Caller{}, false
	}
	s := c.shard(serial)
	s.mu.RLock()
	caller, ok := s.callers[serial]
	s.mu.RUnlock()
	return caller, ok
}

// ticket is to be taken before the database is read.
func (c *cache) ticket(serial string) ticket {
	if c == nil {
		return ticket{}
	}
	s := c.shard(serial)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return ticket{changes: s.changes}
}

// put remembers what was read, unless the ticket is void.
func (c *cache) put(t ticket, caller identity.Caller) {
	if c == nil {
		return
	}
	s := c.shard(caller.Serial)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes != t.changes {
		return
	}
	if len(s.callers) >= c.limit {
		for other := range s.callers {
			delete(s.callers, other)
			break
		}
	}
	s.callers[caller.Serial] = caller
}

// forget is to be called after each change of what these certificates are
// worth, whether or not it is known to have succeeded.
func (c *cache) forget(serials ...string) {
	if c == nil {
		return
	}
	for _, serial := range serials {
		if serial == "" {
			continue
		}
		s := c.shard(serial)
		s.mu.Lock()
		s.changes++
		delete(s.callers, serial)
		s.mu.Unlock()
	}
}
