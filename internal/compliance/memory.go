package compliance

import (
	"maps"
	"slices"
	"sync"

	"ringfence/internal/device"
)

// maxRemembered bounds how many devices' states are kept in memory: some tens
// of megabytes.
const maxRemembered = 1 << 15

// memory keeps the last state of devices. Where it may not be trusted it keeps
// nothing, and each slot it gives out is empty and thrown away.
type memory struct {
	trusted bool
	max     int

	mu    sync.Mutex // guards what follows
	slots map[device.ID]*slot
	// unwritten names the slots that are dirty.
	unwritten map[device.ID]struct{}
}

// slot is one device's place. Its fields are for whoever holds its lock.
type slot struct {
	mu sync.Mutex
	// loaded says that state is as in the database, save for what dirty says.
	loaded bool
	// dirty says that state has a later look than the database.
	dirty bool
	// gone says that the slot was taken out of the memory.
	gone  bool
	state State
}

// lock gives a device's slot, locked. Check-ins of one device wait for one
// another here; those of others do not.
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

// makeRoom takes out one slot that nobody holds and that the database knows
// all about. The caller holds m.mu. If it looks in vain the memory grows by
// one, until the next flush lets it shrink.
func (m *memory) makeRoom() {
	tries := 64
	for id, s := range m.slots {
		if len(m.slots) < m.max || tries == 0 {
			return
		}
		tries--
		if !s.mu.TryLock() {
			continue
		}
		if !s.dirty {
			s.gone = true
			delete(m.slots, id)
		}
		s.mu.Unlock()
	}
}

// markUnwritten notes a slot that has become dirty. The caller holds its lock.
func (m *memory) markUnwritten(id device.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unwritten[id] = struct{}{}
}

// takeUnwritten gives up to limit devices whose slots became dirty, and
// forgets that they did.
func (m *memory) takeUnwritten(limit int) []device.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := make([]device.ID, 0, min(limit, len(m.unwritten)))
	for id := range maps.Keys(m.unwritten) {
		if len(ids) == limit {
			break
		}
		ids = append(ids, id)
		delete(m.unwritten, id)
	}
	slices.Sort(ids)
	return ids
}

// unload makes the slot read the database the next time it is used.
func (s *slot) unload() { s.loaded, s.dirty, s.state = false, false, State{} }
