package appprotect

import (
	"sync"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// maxCallers bounds how many certificates are remembered: some 30 MB.
const maxCallers = 1 << 16

// callers remembers which certificates let whom in, by serial number. It can be
// trusted only where no one else changes the database. It remembers no refusals:
// strangers must not push apps out of it. A nil one remembers nothing.
//
// What is read before a change must not be remembered after it, or an app that
// has signed out would stay in. So a reader takes a ticket first, and each
// change makes the tickets given before it void.
type callers struct {
	limit int

	mu       sync.RWMutex // guards what follows
	changes  uint64
	bySerial map[string]identity.Caller
	serials  map[device.ID][]string
}

func newCallers(limit int) *callers {
	return &callers{
		limit: limit, bySerial: make(map[string]identity.Caller), serials: make(map[device.ID][]string),
	}
}

// get gives who is let in by the certificate if that is remembered, and else the
// ticket with which to put what is read from now on.
func (c *callers) get(serial string) (caller identity.Caller, known bool, ticket uint64) {
	if c == nil {
		return identity.Caller{}, false, 0
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	caller, known = c.bySerial[serial]
	return caller, known, c.changes
}

// put remembers what was read, unless the ticket is void.
func (c *callers) put(ticket uint64, caller identity.Caller) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.bySerial[caller.Serial]; known || c.changes != ticket {
		return
	}
	if len(c.bySerial) >= c.limit {
		for _, other := range c.bySerial {
			c.drop(other.Device)
			break
		}
	}
	c.bySerial[caller.Serial] = caller
	c.serials[caller.Device] = append(c.serials[caller.Device], caller.Serial)
}

// forget is to be called after each end of an epoch, whether or not it is known
// to have succeeded.
func (c *callers) forget(id device.ID) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.drop(id)
}

// drop forgets the certificates of a registration. The caller holds the lock.
func (c *callers) drop(id device.ID) {
	for _, serial := range c.serials[id] {
		delete(c.bySerial, serial)
	}
	delete(c.serials, id)
}
