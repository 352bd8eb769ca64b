package enroll

import (
	"hash/maphash"
	"sync"
)

const (
	// cacheShards keeps callers out of each other's way.
	cacheShards = 64
	// The limits bound what is remembered: above them, any one is forgotten for
	// a new one. The phones' holds a large fleet in some 26 MB, the records' in
	// some 50 MB.
	phoneCacheLimit  = 1 << 16
	recordCacheLimit = 1 << 16
	adminCacheLimit  = 1 << 10
)

// cache remembers what the database says: which certificates let whom in, by
// serial number, and the records of devices, by id. It can be trusted only where
// no one else changes the database. It remembers nothing of what there is not:
// strangers must not push phones out of it. A nil cache remembers nothing.
//
// What is read before a change must not be remembered after it, or a retired
// phone would stay in. So a reader takes a ticket first, and each change to the
// shard makes the tickets given before it void. And from before the change is
// written until after it, nothing is remembered: whoever is told of a change by
// the record, in the moment it is committed, finds nothing older here.
type cache[V any] struct {
	seed   maphash.Seed
	limit  int // a shard's
	shards [cacheShards]cacheShard[V]
}

type cacheShard[V any] struct {
	mu      sync.RWMutex // guards all below
	changes uint64
	// changing counts the changes that are under way.
	changing int
	kept     map[string]V
	_        [64]byte // keeps neighbours' locks in other cache lines
}

// ticket is the right to remember what is read from now on.
type ticket struct{ changes uint64 }

func newCache[V any](limit int) *cache[V] {
	c := &cache[V]{seed: maphash.MakeSeed(), limit: max(1, limit/cacheShards)}
	for i := range c.shards {
		c.shards[i].kept = make(map[string]V)
	}
	return c
}

func (c *cache[V]) shard(key string) *cacheShard[V] {
	return &c.shards[maphash.String(c.seed, key)%cacheShards]
}

// get gives what is remembered under a key.
func (c *cache[V]) get(key string) (v V, ok bool) {
	if c == nil {
		return v, false
	}
	s := c.shard(key)
	s.mu.RLock()
	v, ok = s.kept[key]
	s.mu.RUnlock()
	return v, ok
}

// ticket is to be taken before the database is read.
func (c *cache[V]) ticket(key string) ticket {
	if c == nil {
		return ticket{}
	}
	s := c.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return ticket{changes: s.changes}
}

// put remembers what was read, unless the ticket is void.
func (c *cache[V]) put(t ticket, key string, v V) {
	if c == nil {
		return
	}
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes != t.changes || s.changing > 0 {
		return
	}
	if len(s.kept) >= c.limit {
		for other := range s.kept {
			delete(s.kept, other)
			break
		}
	}
	s.kept[key] = v
}

// change is to be called before a change of what is kept under these keys is
// written, and what it gives after that, whether or not it is known to have
// succeeded. Empty keys are none.
func (c *cache[V]) change(keys ...string) (done func()) {
	if c == nil {
		return func() {}
	}
	for _, key := range keys {
		c.forget(key, 1)
	}
	return func() {
		for _, key := range keys {
			c.forget(key, -1)
		}
	}
}

// forget forgets a key, as a change begins (1) or ends (-1).
func (c *cache[V]) forget(key string, changing int) {
	if key == "" {
		return
	}
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	s.changing += changing
	delete(s.kept, key)
}
