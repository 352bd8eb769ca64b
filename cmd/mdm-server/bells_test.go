package main

import (
	"testing"

	"ringfence/internal/bell"
	"ringfence/internal/device"
	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// TestBellsApart: a policy for apps calls in no phone and a policy for phones no
// app, or each change of either would have the whole of the other look; a ring
// for one id is heard wherever it is listened for.
func TestBellsApart(t *testing.T) {
	p := provide(t)
	s := install(t, dbtest.DSN(t, sqldb.SQLite), trusting(p)).start(t)
	a := s.admin(t)
	const id device.ID = "00000000000000000000000000000001"
	ears := make(map[string]<-chan struct{})
	for name, b := range map[string]*bell.Bell{"phones": s.parts.bell, "apps": s.parts.appBell} {
		rings, cancel := b.Subscribe(id)
		defer cancel()
		ears[name] = rings
	}
	hears := func(what string, want ...string) {
		t.Helper()
		heard := 0
		for name, rings := range ears {
			select {
			case <-rings:
				heard++
			default:
				continue
			}
			if len(want) == 1 && want[0] != name {
				t.Errorf("%s rings %s", what, name)
			}
		}
		if heard != len(want) {
			t.Errorf("%s rings %d, want %q", what, heard, want)
		}
	}
	a.guard(t, "mail", map[string]any{})
	hears("a policy for apps", "apps")
	a.apply(t, pinPolicy("all", 6))
	hears("a policy for phones", "phones")
	bells{s.parts.bell, s.parts.appBell}.Ring(id)
	hears("an order", "phones", "apps")
}
