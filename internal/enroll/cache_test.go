package enroll

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringfence/internal/identity"
)

func TestCache(t *testing.T) {
	c := newCache[identity.Caller](1000)
	phone := identity.Caller{Kind: identity.Device, Device: "device-1", Serial: "a1"}

	c.put(c.ticket("a1"), "a1", phone)
	if got, ok := c.get("a1"); !ok || !cmp.Equal(got, phone) {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := c.get("b2"); ok {
		t.Error("remembers what it was not told")
	}
	c.change("a1", "")()
	if _, ok := c.get("a1"); ok {
		t.Error("remembers what it was to forget")
	}

	// Read before the change, told after it.
	before := c.ticket("a1")
	c.change("a1")()
	c.put(before, "a1", phone)
	if _, ok := c.get("a1"); ok {
		t.Error("remembers what was read before the change")
	}

	// Nothing is remembered while changes are under way, whoever has begun.
	c.put(c.ticket("a1"), "a1", phone)
	first, second := c.change("a1"), c.change("a1")
	first()
	c.put(c.ticket("a1"), "a1", phone)
	if _, ok := c.get("a1"); ok {
		t.Error("remembers while a change is under way")
	}
	second()
	c.put(c.ticket("a1"), "a1", phone)
	if _, ok := c.get("a1"); !ok {
		t.Error("remembers nothing any more")
	}
}

func TestCacheIsBounded(t *testing.T) {
	const limit = 2 * cacheShards
	c := newCache[identity.Caller](limit)
	for i := range 50 * limit {
		serial := fmt.Sprintf("%x", i)
		c.put(c.ticket(serial), serial, identity.Caller{Serial: serial})
		if _, ok := c.get(serial); !ok {
			t.Fatal("the newest was not remembered")
		}
	}
	n := 0
	for i := range c.shards {
		n += len(c.shards[i].kept)
	}
	if n > limit {
		t.Errorf("remembers %d, at most %d are allowed", n, limit)
	}
}

func TestNilCache(t *testing.T) {
	var c *cache[identity.Caller]
	c.put(c.ticket("a1"), "a1", identity.Caller{Serial: "a1"})
	c.change("a1")()
	if _, ok := c.get("a1"); ok {
		t.Error("remembers")
	}
}

// TestCacheNeverOutlivesAChange lets readers and a change run into each other:
// from the moment it is written, nobody may be let in any more.
func TestCacheNeverOutlivesAChange(t *testing.T) {
	for range 200 {
		c := newCache[identity.Caller](1000)
		var mu sync.Mutex // stands for the database
		valid := true
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for range 20 {
					ticket := c.ticket("a1")
					mu.Lock()
					read := valid
					mu.Unlock()
					if read {
						c.put(ticket, "a1", identity.Caller{Serial: "a1"})
					}
				}
			})
		}
		done := c.change("a1")
		mu.Lock()
		valid = false
		mu.Unlock()
		if _, ok := c.get("a1"); ok {
			t.Fatal("whoever hears of the change at once finds what was before")
		}
		done()
		readers.Wait()
		if _, ok := c.get("a1"); ok {
			t.Fatal("a certificate that was retired still lets its holder in")
		}
	}
}

func BenchmarkIdentifyCached(b *testing.B) {
	s := New(Config{Cache: true})
	s.phones.put(s.phones.ticket("a1"), "a1", identity.Caller{Kind: identity.Device, Device: "device-1", Serial: "a1"})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Identify(b.Context(), "a1"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
