package bell

import (
	"sync"
	"testing"

	"ringfence/internal/device"
)

func rung(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestRing(t *testing.T) {
	var b Bell
	one, cancelOne := b.Subscribe("device-one")
	again, cancelAgain := b.Subscribe("device-one")
	two, cancelTwo := b.Subscribe("device-two")
	defer cancelTwo()

	b.Ring("device-one")
	b.Ring("device-one")
	b.Ring("nobody-home")
	if !rung(one) || !rung(again) || rung(two) {
		t.Error("Ring should wake every stream of its device and no other")
	}
	if rung(one) {
		t.Error("rings should merge")
	}

	cancelOne()
	b.RingAll()
	if rung(one) || !rung(again) || !rung(two) {
		t.Error("RingAll should wake what is subscribed and nothing else")
	}
	cancelAgain()
	cancelAgain()
	if got := b.Listening(); got != 1 {
		t.Errorf("Listening = %d, want 1", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	var b Bell
	var wg sync.WaitGroup
	for i := range 8 {
		id := device.ID("device-" + string(rune('a'+i%2)))
		wg.Go(func() {
			for range 200 {
				_, cancel := b.Subscribe(id)
				b.Ring(id)
				b.RingAll()
				cancel()
			}
		})
	}
	wg.Wait()
	if got := b.Listening(); got != 0 {
		t.Errorf("Listening = %d, want 0", got)
	}
}
