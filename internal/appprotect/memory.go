package appprotect

import (
	"sync"

	"ringfence/internal/apprules"
	"ringfence/internal/device"
)

// maxRemembered bounds how many registrations are kept in memory: some tens of
// megabytes.
const maxRemembered = 1 << 15

// memory keeps registrations with their last state. Where it may not be trusted
// it keeps nothing, and each slot it gives out is empty and thrown away.
type memory struct {
	trusted bool
	max     int

	mu    sync.Mutex // guards slots
	slots map[device.ID]*slot
}

// slot is one registration's place. Its fields are for whoever holds its lock.
type slot struct {
	mu sync.Mutex
	// registration and state are as in the database; nil where that is not known.
	registration *Registration
	state        *State
	// sent is what ruling makes for this registration.
	ruling *ruling
	sent   *apprules.Effective
	// gone says that the slot was taken out of the memory.
	gone bool
}

func newMemory(trusted bool, most int) *memory {
	return &memory{trusted: trusted, max: most, slots: make(map[device.ID]*slot)}
}

// lock gives a registration's slot, locked. Check-ins of one registration wait
// for one another here; those of others do not.
func (m *memory) lock(id device.ID) *slot {
	if !m.trusted {
		s := &slot{}
		s.mu.Lock()
		return s
	}
	for {
		m.mu.Lock()
		s := m.slots[id]
		if s == nil {
			m.makeRoom()
			s = &slot{}
			m.slots[id] = s
		}
		m.mu.Unlock()
		s.mu.Lock()
		if !s.gone {
			return s
		}
		s.mu.Unlock()
	}
}

// makeRoom takes out slots that nobody holds. The caller holds m.mu. If it looks
// in vain the memory grows by one.
func (m *memory) makeRoom() {
	tries := 64
	for id, s := range m.slots {
		if len(m.slots) < m.max || tries == 0 {
			return
		}
		tries--
		if s.mu.TryLock() {
			s.gone = true
			delete(m.slots, id)
			s.mu.Unlock()
		}
	}
}

// forget makes whoever uses the slot next read the database. It is to be called
// after each change of a registration by other ways than its slot, whether or
// not that is known to have succeeded.
func (m *memory) forget(id device.ID) {
	if !m.trusted {
		return
	}
	m.mu.Lock()
	s := m.slots[id]
	m.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unload()
}

func (s *slot) unload() { s.registration, s.state, s.ruling, s.sent = nil, nil, nil, nil }

// expanded gives what the registration is sent by a ruling. The caller holds the
// lock, and the registration is loaded.
func (s *slot) expanded(b *ruling) *apprules.Effective {
	if s.ruling != b {
		s.ruling = b
		s.sent, _ = b.expanded(s.registration)
	}
	return s.sent
}
