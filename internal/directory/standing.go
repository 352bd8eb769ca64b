package directory

import (
	"context"
	"slices"
	"sync"
)

// Standing is what the organisation says of whoever has a name.
type Standing struct {
	// Known: there is, or was, an account of that name.
	Known bool
	// Active: there is one, and it may be used.
	Active bool
	// Groups are the keys of the display names of the groups it is in, sorted.
	Groups []string
}

// Standing gives the standing of a user name, in any case. A name that nobody
// has told of is the zero Standing: whether that means yes or no is for whoever
// asks.
func (s *Service) Standing(ctx context.Context, userName string) (Standing, error) {
	key := Key(userName)
	if !PlainUserName(key) {
		return Standing{}, nil
	}
	st, ticket, ok := s.known.get(key)
	if ok {
		return st, nil
	}
	st, err := s.c.Store.Standing(ctx, key)
	if err != nil {
		return Standing{}, err
	}
	s.known.put(ticket, key, st)
	return st, nil
}

// standingsLimit bounds what is remembered: above it, any one is forgotten for a
// new one.
const standingsLimit = 1 << 16

// standings remembers standings by key. What is read before a change must not
// be remembered after it: each change makes the tickets given before it void. A
// nil one remembers nothing.
type standings struct {
	mu      sync.RWMutex // guards all below
	changes uint64
	known   map[string]Standing
}

func newStandings() *standings { return &standings{known: make(map[string]Standing)} }

// get gives what is remembered, or a ticket for what is about to be read.
func (k *standings) get(key string) (Standing, uint64, bool) {
	if k == nil {
		return Standing{}, 0, false
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	st, ok := k.known[key]
	return st.clone(), k.changes, ok
}

func (k *standings) put(ticket uint64, key string, st Standing) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changes != ticket {
		return
	}
	if len(k.known) >= standingsLimit {
		for other := range k.known {
			delete(k.known, other)
			break
		}
	}
	k.known[key] = st.clone()
}

// forget forgets everything: changes are rare beside the questions.
func (k *standings) forget() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes++
	clear(k.known)
}

// clone keeps callers from changing what is remembered.
func (st Standing) clone() Standing {
	st.Groups = slices.Clone(st.Groups)
	return st
}
