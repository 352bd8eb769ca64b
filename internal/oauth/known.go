package oauth

import (
	"context"
	"sync"
)

// known remembers clients between changes. A nil one remembers nothing.
type known struct {
	mu      sync.Mutex
	changes uint64
	clients map[string]Client
}

// forget is called after each change, whether it succeeded or not.
func (k *known) forget() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes++
	k.clients = nil
}

// client gives a client from memory, or else from the store. Ids that nobody has
// are not remembered: anybody can make some up.
func (k *known) client(ctx context.Context, id string, from Store) (Client, error) {
	if k == nil {
		return from.Client(ctx, id)
	}
	k.mu.Lock()
	c, ok := k.clients[id]
	before := k.changes
	k.mu.Unlock()
	if ok {
		return c, nil
	}
	c, err := from.Client(ctx, id)
	if err != nil || !c.RevokedAt.IsZero() {
		return c, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changes != before {
		return c, nil // read before the change: good for this answer, no more
	}
	if k.clients == nil {
		k.clients = make(map[string]Client)
	}
	k.clients[id] = c
	return c, nil
}
