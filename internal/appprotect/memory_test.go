package appprotect

import (
	"fmt"
	"testing"

	"ringfence/internal/device"
	"ringfence/internal/identity"
)

// TestCallersAreBounded: whom there is no room for is looked up again.
func TestCallersAreBounded(t *testing.T) {
	c := newCallers(10)
	for i := range 100 {
		_, _, ticket := c.get("x")
		c.put(ticket, identity.Caller{Device: device.ID(fmt.Sprint(i % 40)), Serial: fmt.Sprint(i)})
		c.put(ticket, identity.Caller{Device: device.ID(fmt.Sprint(i % 40)), Serial: fmt.Sprint(i)})
	}
	listed := 0
	for _, serials := range c.serials {
		listed += len(serials)
	}
	if len(c.bySerial) > 10 || len(c.bySerial) == 0 || listed != len(c.bySerial) {
		t.Errorf("%d remembered, %d listed", len(c.bySerial), listed)
	}
	if _, known, _ := c.get("99"); !known {
		t.Error("the last one is forgotten")
	}
}

// TestStaleCallerIsNotRemembered: an app that signs out between a look and its
// remembering does not stay in.
func TestStaleCallerIsNotRemembered(t *testing.T) {
	c := newCallers(10)
	_, _, ticket := c.get("aa")
	c.forget("0001")
	c.put(ticket, identity.Caller{Device: "0001", Serial: "aa"})
	if _, known, _ := c.get("aa"); known {
		t.Error("it is let in")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory(true, 10)
	held := m.lock("held")
	for i := range 100 {
		m.lock(device.ID(fmt.Sprint(i))).mu.Unlock()
	}
	if len(m.slots) > 10 {
		t.Errorf("%d slots", len(m.slots))
	}
	if held.gone || m.slots["held"] != held {
		t.Error("a slot was taken out of somebody's hands")
	}
	held.mu.Unlock()
	// One that was taken out is never given again.
	taken := m.lock("taken")
	taken.gone = true
	delete(m.slots, "taken")
	taken.mu.Unlock()
	if again := m.lock("taken"); again == taken {
		t.Error("it is given again")
	}
}

// TestMemoryWithoutTrust keeps nothing.
func TestMemoryWithoutTrust(t *testing.T) {
	m := newMemory(false, 10)
	first, second := m.lock("a"), m.lock("a")
	if first == second || len(m.slots) != 0 {
		t.Error("it is kept")
	}
	m.forget("a")
}
